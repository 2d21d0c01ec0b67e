"""What cheap means reach before training: closed forms against sklearn, nothing judged by what it was fitted on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sintonia.evaluate.beforehand.closed_form import discriminant_answers, ridge_answers
from sintonia.evaluate.beforehand.conversations import FEWEST_CONVERSATIONS, MOST_CONVERSATIONS, look_at_conversations
from sintonia.evaluate.language import Weigher
from sintonia.models.language.saved import open_language_base
from sintonia.records import Base, Beforehand, Example, Place
from sintonia.statistics.agreement import beyond_chance
from tests.tiny import make_conversations


def planted(
    num_rows: int = 300, num_classes: int = 4, spread: float = 0.6
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features around a centre for each class, targets, five folds."""
    generator = np.random.default_rng(0)
    targets = generator.integers(0, num_classes, num_rows)
    centres = 0.6 * generator.normal(size=(num_classes, 16))
    features = (centres[targets] + generator.normal(size=(num_rows, 16))).astype(np.float32)
    return features, targets, np.arange(num_rows) % 5


def test_the_discriminant_is_that_of_sklearn_out_of_each_fold() -> None:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    features, targets, folds = planted()
    expected = np.empty_like(targets)
    for fold in range(5):
        inside = folds != fold
        # Almost no shrinkage in ours, none in theirs: the same classifier.
        theirs = LinearDiscriminantAnalysis(solver="lsqr").fit(features[inside], targets[inside])
        expected[~inside] = theirs.predict(features[~inside])
    assert (discriminant_answers(features, targets, folds, 1e-9) == expected).mean() > 0.99


def test_a_class_that_a_fold_was_not_taught_is_not_answered_and_breaks_nothing() -> None:
    features, targets, folds = planted()
    targets[folds == 0] = 4
    targets[folds != 0] %= 4
    answers = discriminant_answers(features, targets, folds, 0.1)
    assert 4 not in answers[folds == 0] and set(answers) <= {0, 1, 2, 3, 4}


@pytest.mark.parametrize("is_ridge", [True, False])
def test_rows_are_judged_by_fits_that_have_not_seen_them(is_ridge: bool) -> None:
    """Features that only name their row: whoever sees a row in the fit has its label by heart."""
    from scipy.sparse import csr_array

    generator = np.random.default_rng(1)
    targets, rows = generator.integers(0, 2, 200), np.eye(200, dtype=np.float32)
    folds = np.arange(200) % 5
    if is_ridge:
        answers = ridge_answers(csr_array(rows), targets, folds)
    else:
        answers = discriminant_answers(rows, targets, folds, 0.5)
    assert (answers == targets).mean() < 0.65


def test_agreement_beyond_chance_is_measured_in_deviations_of_shufflings() -> None:
    generator = np.random.default_rng(2)
    answers = generator.choice(list("abc"), 300, p=[0.8, 0.1, 0.1])
    labels = np.where(generator.random(300) < 0.3, answers, generator.choice(list("abd"), 300, p=[0.6, 0.2, 0.2]))
    shuffled = [(answers == generator.permutation(labels)).sum() for _ in range(4000)]
    expected = ((answers == labels).sum() - np.mean(shuffled)) / np.std(shuffled)
    assert beyond_chance(list(answers), list(labels)) == pytest.approx(expected, rel=0.08)
    assert beyond_chance(["a"] * 50, ["a"] * 49 + ["b"]) == 0.0, "a common label earns nothing"


def _conversations(count: int) -> list[Example]:
    rows = enumerate(make_conversations(count))
    return [
        Example(
            id=str(k),
            input=row["prompt"],
            target=row["completion"],
            group=str(k),
            place=Place(file="x", line=k + 1),
            content={
                "messages": [
                    {"role": "user", "content": row["prompt"]},
                    {"role": "assistant", "content": row["completion"]},
                ]
            },
        )
        for k, row in rows
    ]


def _look(folder: Path, count: int) -> Beforehand:
    base = Base(
        reference=f"file:{folder}",
        revision="",
        licence="",
        num_parameters=30_000,
        num_layers=2,
        hidden_size=32,
        max_tokens=512,
        why=(),
        estimated_memory_bytes=0,
        kind="language",
    )
    import dataclasses

    from sintonia.models.catalog import find_entry
    from sintonia.models.sources import locate

    revision = locate(find_entry(base.reference)).revision
    opened = open_language_base(dataclasses.replace(base, revision=revision), 256, "auto")
    return look_at_conversations(Weigher(opened), _conversations(count))


def test_a_base_with_random_weights_sees_nothing_in_conversations(tiny_language_model: Path) -> None:
    found = _look(tiny_language_model, 80)
    assert found.evidence == "not found"
    zero, few = found.tried
    assert (zero.name, zero.shots, few.name, few.shots) == ("zero-shot", 0, "few-shot", 4)
    assert zero.num_measured == few.num_measured == MOST_CONVERSATIONS
    assert zero.score > 3 and zero.exact_fraction == 0.0


def test_of_few_conversations_nothing_is_claimed(tiny_language_model: Path) -> None:
    found = _look(tiny_language_model, FEWEST_CONVERSATIONS - 2)
    assert found.evidence == "not asked" and found.num_train == FEWEST_CONVERSATIONS - 2
