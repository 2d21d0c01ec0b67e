"""The one entry: everything behind a verdict, from two scorecards and the examples, kept as JSON and read again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from sintonia.evaluate.inspect import InspectInput, Library, inspect
from sintonia.evaluate.inspect.classes import class_scores, top_confusions
from sintonia.evaluate.score import make_scorecard
from sintonia.files import from_json, to_json
from sintonia.records import Details, Example, Place, Scorecard
from sintonia.statistics import wilson
from sintonia.statistics.calibration import Temperature, scaled_probabilities, squared_errors

LABELS = ("a", "b", "c", "d")
PLACE = Place(file="a.csv", line=1)
WORDS = ("apple", "bread", "cheese", "dates")


def rows(count: int, prefix: str = "x") -> tuple[Example, ...]:
    randomness = np.random.default_rng(len(prefix))
    return tuple(
        Example(
            id=f"{prefix}{k}",
            input=f"{WORDS[k % 4]} " * int(randomness.integers(1, 9)),
            target=LABELS[k % 4],
            group=f"{prefix}{k}",
            place=PLACE,
        )
        for k in range(count)
    )


def scored(examples: tuple[Example, ...], skill: float, scale: float, seed: int) -> Scorecard:
    randomness = np.random.default_rng(seed)
    goal = np.array([LABELS.index(one.target) for one in examples])
    logits = randomness.normal(0, 1, (len(examples), 4))
    logits[np.arange(len(goal)), goal] += skill
    chances = scaled_probabilities(scale * logits, None)
    card = make_scorecard("tuned", "test", examples, LABELS, chances)
    return replace(card, squared_errors=tuple(squared_errors(chances, goal).tolist()))


def given(**changes: object) -> InspectInput:
    examples = rows(200)
    plain = InspectInput(
        tuned=scored(examples, 2.0, 4.0, 1),
        base=scored(examples, 0.8, 1.0, 2),
        examples=examples,
        library=Library(examples=rows(80, "train")),
        primary_metric="accuracy",
        temperature=Temperature(value=1.0, num_examples=120),
    )
    return replace(plain, **changes)


def test_everything_is_told_and_survives_its_file() -> None:
    details, told = inspect(given())
    assert {one.column for one in details.slices} == {"length", "class"}
    assert len(details.classes) == 4
    assert 0 < len(details.confusions) <= 5
    assert details.calibration is not None
    assert {one.kind for one in details.errors} == {"fixed", "broken", "both wrong"}
    assert {one.code for one in told} == {"E311"}
    near = details.errors[0].neighbours
    assert len(near) == 3
    assert {one.target for one in near} == {details.errors[0].target}, "the same word is the same class here"
    assert from_json(Details, to_json(details)) == details


def test_a_language_model_that_wrote_nothing_has_slices_only() -> None:
    full = given()
    bare = {"predictions": (), "confidences": (), "squared_errors": (), "num_bytes": (5,) * 200}
    cards = [replace(one, **bare, correct=(False,) * 200) for one in (full.tuned, full.base)]
    details, told = inspect(
        replace(full, tuned=cards[0], base=cards[1], primary_metric="bits_per_byte", detect=lambda texts: ["it"] * 200)
    )
    assert (details.classes, details.confusions, details.calibration, details.errors) == ((), (), None, ())
    assert {one.column for one in details.slices} == {"length"}
    assert told == ()


def test_cards_of_other_examples_are_refused() -> None:
    full = given()
    with pytest.raises(ValueError, match="not the same"):
        inspect(replace(full, examples=full.examples[::-1]))


def test_classes_are_those_of_scikit_learn() -> None:
    full = given()
    found = class_scores(full.base, full.tuned, full.tuned.ids)
    precision, recall, f1, support = precision_recall_fscore_support(full.tuned.targets, full.tuned.predictions)
    assert [one.precision.value for one in found] == pytest.approx(precision.tolist())
    assert [one.recall.value for one in found] == pytest.approx(recall.tolist())
    assert [one.f1.value for one in found] == pytest.approx(f1.tolist())
    assert [one.num_examples for one in found] == support.tolist()
    first = found[0]
    right = round(first.recall.value * first.num_examples)
    assert (first.recall.low, first.recall.high) == pytest.approx(wilson(right, first.num_examples), abs=0.02)
    base = precision_recall_fscore_support(full.base.targets, full.base.predictions)[1]
    assert [one.base_recall for one in found] == pytest.approx(base.tolist())


def test_confusions_are_the_most_frequent_first() -> None:
    card = Scorecard(
        subject="tuned",
        split="test",
        scores=(),
        ids=tuple("12345678"),
        targets=("a", "a", "a", "b", "b", "c", "c", "c"),
        predictions=("b", "b", "a", "a", "c", "c", "c", "d"),
    )
    assert [(one.target, one.prediction, one.count) for one in top_confusions(card, 2)] == [
        ("a", "b", 2),
        ("b", "a", 1),
    ]


def test_repeats_count_once_in_classes() -> None:
    full = given()
    columns = ("ids", "targets", "predictions", "losses", "confidences", "squared_errors")
    cards = [replace(one, **{name: getattr(one, name) * 2 for name in columns}) for one in (full.base, full.tuned)]
    once = class_scores(full.base, full.tuned, full.tuned.ids)
    assert [one.num_examples for one in class_scores(*cards, cards[0].ids)] == [one.num_examples for one in once]
    assert top_confusions(cards[1]) == top_confusions(full.tuned)
