"""D110: the labels cannot be predicted from the texts.

What: a closed-form linear classifier on frozen features, cross-validated over groups, against the same with the
labels shuffled 100 times (Ojala & Garriga 2010; science.md 3.1). At most 2,000 training rows.
Why it matters: when shuffled labels are predicted as well as the real ones, there is nothing to learn, and a
tuned model can only memorise.
What to do: look at some rows: is it the right column, are the labels shifted against the texts? Correct the labels
first; training longer does not help.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sintonia.records import Finding

CODE = "D110"
PERMUTATIONS = 100
_MOST_ROWS = 2_000
_FOLDS = 5
_RIDGE = 1.0
_LEVEL = 0.05


def find_missing_signal(signal: tuple[float, float], num_rows: int) -> tuple[Finding, ...]:
    """A stop finding when p > .05, from what `label_signal` has measured on so many rows."""
    accuracy, p_value = signal
    if np.isnan(p_value):
        message = "the label signal could not be measured: all training rows are of one group"
        hint = "take another `data.group`, or none: no split can be honest with one group"
        return (Finding(code=CODE, severity="warning", message=message, hint=hint),)
    if p_value <= _LEVEL:
        return ()
    return (
        Finding(
            code=CODE,
            severity="stop",
            count=num_rows,
            message=(
                f"the labels cannot be predicted from the texts: a simple model finds {accuracy:.1%} of them "
                f"(mean over the classes), no better than with shuffled labels (p = {p_value:.2f})"
            ),
            hint=(
                "look at some rows: are the labels those of these texts? Fine-tuning is unlikely to help; "
                f"`--accept {CODE}` goes on in spite of it"
            ),
        ),
    )


def label_signal(
    features: np.ndarray, targets: np.ndarray, groups: Sequence[str], num_labels: int, seed: int = 0
) -> tuple[float, float]:
    """Cross-validated balanced accuracy, and the share of shufflings that do at least as well (p)."""
    generator = np.random.default_rng(seed)
    rows = generator.permutation(len(targets))[:_MOST_ROWS]
    features, targets = features[rows], targets[rows]
    names = {group: index for index, group in enumerate(sorted({groups[int(k)] for k in rows}))}
    fold_of_name = generator.permutation(len(names)) % _FOLDS
    folds = np.array([fold_of_name[names[groups[int(k)]]] for k in rows])
    smoothers = [_smoother(features, folds, fold) for fold in range(_FOLDS) if 0 < (folds == fold).sum() < len(rows)]
    if not smoothers:
        return float("nan"), float("nan")

    def balanced(labels: np.ndarray) -> float:
        hits, counts = np.zeros(num_labels), np.zeros(num_labels)
        for inside, outside, smoother in smoothers:
            one_hot = np.eye(num_labels)[labels[inside]]
            weights = 1.0 / np.maximum(one_hot.sum(axis=0), 1.0)
            scores = smoother @ ((one_hot - one_hot.mean(axis=0)) * weights**0.5)
            right = scores.argmax(axis=1) == labels[outside]
            np.add.at(hits, labels[outside], right)
            np.add.at(counts, labels[outside], 1)
        return float((hits[counts > 0] / counts[counts > 0]).mean())

    observed = balanced(targets)
    # Shuffling whole rows: exact duplicates are gone by now, and groups are kept apart by the folds.
    null = [balanced(generator.permutation(targets)) for _ in range(PERMUTATIONS)]
    return observed, (sum(value >= observed for value in null) + 1) / (PERMUTATIONS + 1)


def _smoother(features: np.ndarray, folds: np.ndarray, fold: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(rows inside, rows outside, matrix from one-hot labels inside to ridge scores outside)."""
    inside, outside = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
    centre = features[inside].mean(axis=0)
    known, new = (features[inside] - centre).astype(np.float64), (features[outside] - centre).astype(np.float64)
    gram = known.T @ known + _RIDGE * np.eye(known.shape[1])
    return inside, outside, new @ np.linalg.solve(gram, known.T)
