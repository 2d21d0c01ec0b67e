"""D127: labels that look wrong.

What: confident learning (Northcutt et al. 2021; cleanlab's `prune_by_noise_rate`) on out-of-fold probabilities of a
closed-form classifier on frozen features, near-copies in one fold (science.md 3.2). Before a word is said, 5 % of
the labels are made wrong on purpose, in memory: how well these stand out (area under the curve, AUC) decides what
may be claimed. From .97 (against right labels: corrected for the errors there already, or a perfect scorer would be
at .90 with 20 % of them) a percentage and a list; from .90 a list, of which half or fewer will be truly wrong; below,
the 50 likeliest for review and no percentage. Only what looks as wrong as nine in ten of the planted errors is
listed. The percentage is the middle between two counts, by half and by nine in ten of the planted errors: what is
hard makes the second too high, errors of one kind make the first too low. Cleanlab's own count, which takes what is
hard for wrong, only bounds it (smart-home intents as they are: 12 % by cleanlab's count, 1.5 % so; with 10 % errors
planted 22 % and 12 %). When two in ten labels are wrong in one and the same way, it says too little.
Why it matters: a model is taught the wrong labels too, and a test with wrong labels hides what it can do. Planted
errors fall on any class, real ones on classes that are alike: real ones are harder to find than the test says.
What to do: `sintonia check --review` goes through the list. Nothing is ever removed by itself. Labels of the test
are a person's to change, never a model's: that would favour the model.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sintonia.prepare.audit import MAX_PLACES, rows_in_words
from sintonia.records import Finding, Place
from sintonia.statistics.label_noise import OutOfFold, assign_folds, given_confidence, planted_test

CODE = "D127"
CLAIM_AUC = 0.97
LIST_AUC = 0.90
MOST_NOISE_FRACTION = 0.4
"""Above this the errors already there drown the planted ones: nothing is claimed."""
REVIEWED = 50
_MOST_ROWS = 20_000
_MIN_ROWS = 50
_MIN_IN_CLASS = 5
_WARNING_FRACTION = 0.02
_LISTED_TO_SAID = 1.5
"""Rows listed for each that is said to be wrong, at most: what is only hard comes last in the list."""
_LISTED_AT_LEAST = 10
_HARDLY_ANY = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspects:
    """Rows whose label looks wrong, the likeliest first; arrays of the same length."""

    positions: np.ndarray
    """Rows, as positions in what was given."""
    suggested: np.ndarray
    """The label that fits better, as its position in the labels."""
    confidence: np.ndarray
    """Probability of the given label, from 0 to 1."""
    auc: float
    """How well planted errors stand out; what may be claimed of this list."""
    noise_range: tuple[float, float] | None
    """Least and most share of all labels that look wrong, where it may be claimed."""

    @property
    def noise_fraction(self) -> float | None:
        """The share that is said: the middle of the range."""
        return sum(self.noise_range) / 2 if self.noise_range else None


def check_label_errors(
    features: np.ndarray, targets: np.ndarray, groups: Sequence[object], places: Sequence[Place], seed: int = 0
) -> tuple[tuple[Finding, ...], Suspects | None]:
    """At most one finding, and the rows to review; None where too few rows can be judged.

    `features` (rows, hidden) of the frozen base, `targets` label positions, `groups` what must share a fold, `places`
    where each row stands. Above 20,000 rows an even draw of them is looked at.
    """
    rows = _judged(np.asarray(targets), seed)
    given, codes = np.unique(np.asarray(targets)[rows], return_inverse=True)
    _, numbers = np.unique(np.asarray([str(groups[int(row)]) for row in rows]), return_inverse=True)
    if len(rows) < _MIN_ROWS or len(given) < 2 or numbers.max() < 1:
        return (), None
    model = OutOfFold(np.asarray(features[rows], dtype=np.float32), assign_folds(numbers, codes, seed), len(given))
    probabilities = model.probabilities(codes)
    test = planted_test(model, codes, len(given), seed)
    confidence = given_confidence(probabilities, codes)
    is_claimed = test.corrected_auc >= CLAIM_AUC and test.noise_fraction <= MOST_NOISE_FRACTION
    is_listed = is_claimed or test.auc >= LIST_AUC
    counted = _counted(codes, probabilities)
    noise_range = (min(test.noise_range[0], counted), min(test.noise_range[1], counted))
    order = np.argsort(confidence, kind="stable")
    if is_listed:
        flagged = _flagged(codes, probabilities) & (confidence <= test.looks_wrong_below)
        most = len(rows) if not is_claimed else round(_LISTED_TO_SAID * sum(noise_range) / 2 * len(rows))
        order = order[flagged[order]][: max(_LISTED_AT_LEAST, most)]
    else:
        order = order[probabilities.argmax(axis=1)[order] != codes[order]][:REVIEWED]
    suspects = Suspects(
        positions=rows[order],
        suggested=given[probabilities[order].argmax(axis=1)],
        confidence=confidence[order],
        auc=test.corrected_auc if is_claimed else test.auc,
        noise_range=noise_range if is_claimed else None,
    )
    return _findings(suspects, places, len(rows)), suspects


def _judged(targets: np.ndarray, seed: int) -> np.ndarray:
    """Rows of classes that have enough rows to be learned from the others; an even draw when they are many."""
    counts = np.bincount(targets)
    rows = np.flatnonzero(counts[targets] >= _MIN_IN_CLASS)
    if len(rows) > _MOST_ROWS:
        drawn = np.sort(np.random.default_rng(seed).choice(rows, _MOST_ROWS, replace=False))
        rows = drawn[np.bincount(targets[drawn], minlength=len(counts))[targets[drawn]] >= _MIN_IN_CLASS]
    return rows


def _flagged(targets: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    from cleanlab.filter import find_label_issues

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # One job: cleanlab would otherwise fork a process a core for a tenth of a second's work.
        return np.asarray(find_label_issues(targets, probabilities, filter_by="prune_by_noise_rate", n_jobs=1))


def _counted(targets: np.ndarray, probabilities: np.ndarray) -> float:
    """Cleanlab's estimate of the share of wrong labels; it also counts what is hard, so it can only be too high."""
    from cleanlab.count import estimate_joint

    return float(1 - np.trace(estimate_joint(targets, probabilities)))


def _findings(suspects: Suspects, places: Sequence[Place], num_rows: int) -> tuple[Finding, ...]:
    count, noise = len(suspects.positions), suspects.noise_fraction
    if count == 0:
        return ()
    looked = "" if num_rows == len(places) else f" of {rows_in_words(num_rows)} looked at"
    stands_out = f"errors planted as a test stand out with an area of {suspects.auc:.3f}"
    hint = "go through them with `sintonia check --review`; nothing is removed by itself"
    if noise is not None:
        message = f"{_share_in_words(suspects.noise_range)} labels look wrong; the likeliest are listed ({count:,})"
    elif suspects.auc >= LIST_AUC:
        message = f"{count:,} labels may be wrong; expect roughly half of them, or fewer, to be truly wrong"
    else:
        message = f"cannot tell wrong labels from hard ones with this base; the likeliest are listed ({count})"
        hint = "look at them when you know the data well; a better base tells more"
    return (
        Finding(
            code=CODE,
            severity="warning" if (suspects.noise_range or (0.0,))[0] >= _WARNING_FRACTION else "note",
            count=count,
            message=f"{message}{looked} ({stands_out})",
            hint=hint,
            places=tuple(places[int(position)] for position in suspects.positions[:MAX_PLACES]),
        ),
    )


def _share_in_words(noise_range: tuple[float, float] | None) -> str:
    low, high = noise_range or (0.0, 0.0)
    if (low + high) / 2 < _HARDLY_ANY:
        return "hardly any"
    between = f" ({100 * low:.1f} to {100 * high:.1f} %)" if high - low >= _HARDLY_ANY else ""
    return f"about {50 * (low + high):.1f} %{between} of the"
