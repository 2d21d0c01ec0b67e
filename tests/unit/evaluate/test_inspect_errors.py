"""The error browser: what is fixed, broken and both wrong, in which order, beside which training examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sintonia.evaluate.inspect.errors import LONGEST_TEXT, Library, find_errors
from sintonia.records import Example, Place, Scorecard

PLACE = Place(file="a.csv", line=1)
RIGHT = {"fixed": (False, True), "broken": (True, False), "both wrong": (False, False), "both right": (True, True)}


def example(one: str, text: str = "some words", target: str = "on", group: str | None = None) -> Example:
    return Example(id=one, input=text, target=target, group=group or one, place=PLACE)


TRAINING = (
    example("t0", "turn on the light", "light"),
    example("t1", "turn on the light now", "light"),
    example("t2", "open the garage door", "door"),
    example("t3", "what is the weather", "weather"),
    example("t4", "play music", "music"),
)


def cards(kinds: Sequence[str], confidences: Sequence[float] = ()) -> tuple[Scorecard, Scorecard]:
    found = []
    for side, subject in enumerate(("base", "tuned")):
        found.append(
            Scorecard(
                subject=subject,
                split="test",
                scores=(),
                ids=tuple(f"x{k}" for k in range(len(kinds))),
                targets=("on",) * len(kinds),
                predictions=tuple("on" if RIGHT[kind][side] else f"no {subject}" for kind in kinds),
                confidences=tuple(confidences),
            )
        )
    return found[0], found[1]


def rows(count: int) -> tuple[Example, ...]:
    return tuple(example(f"x{k}") for k in range(count))


def test_kinds_are_told_apart_and_counted() -> None:
    kinds = ["fixed", "both right", "broken", "both wrong", "fixed"]
    cases, counts = find_errors(*cards(kinds), rows(5), Library(examples=TRAINING))
    assert [(one.id, one.kind) for one in cases] == [
        ("x0", "fixed"),
        ("x4", "fixed"),
        ("x2", "broken"),
        ("x3", "both wrong"),
    ]
    assert {one.kind: one.count for one in counts} == {"fixed": 2, "broken": 1, "both wrong": 1}
    assert (cases[2].base, cases[2].tuned, cases[2].target) == ("on", "no tuned", "on")


def test_sure_mistakes_come_first_and_fifty_are_kept() -> None:
    sure = np.random.default_rng(0).random(120)
    cases, counts = find_errors(*cards(["broken"] * 120, sure.tolist()), rows(120), Library(examples=TRAINING))
    assert [one.confidence for one in cases] == sorted(sure.tolist(), reverse=True)[:50]
    assert counts[0].count == 120


def test_without_confidences_unlikely_targets_come_first() -> None:
    base, tuned = cards(["broken", "broken", "fixed", "fixed"])
    tuned = replace(tuned, losses=(3.0, 9.0, 0.5, 0.1), num_bytes=(1, 10, 1, 1))
    cases, _ = find_errors(base, tuned, rows(4), Library(examples=TRAINING))
    assert [one.id for one in cases] == ["x3", "x2", "x0", "x1"]
    assert cases[0].confidence is None


def test_neighbours_share_words_where_no_features_are_given() -> None:
    shown = (example("x0", "please turn on the light in here"), example("x1", "zzz qqq"))
    first, second = find_errors(*cards(["broken", "broken"]), shown, Library(examples=TRAINING))[0]
    assert [one.id for one in first.neighbours] == ["t0", "t1", "t2"]
    assert first.neighbours[0].target == "light"
    similarities = [one.similarity for one in first.neighbours]
    assert similarities == sorted(similarities, reverse=True)
    assert all(0 < one <= 1 for one in similarities)
    assert second.neighbours == ()


def test_given_features_decide_the_neighbours() -> None:
    angles = {one.input: k for k, one in enumerate(TRAINING)}

    def features(texts: Sequence[str]) -> np.ndarray:
        turned = np.array([0.3 * angles.get(text, 2.1) for text in texts])
        return np.stack([7 * np.cos(turned), 7 * np.sin(turned)], axis=1).astype(np.float32)

    cases, _ = find_errors(*cards(["broken"]), rows(1), Library(examples=TRAINING, features=features))
    assert [one.id for one in cases[0].neighbours] == ["t2", "t3", "t1"]
    assert abs(cases[0].neighbours[0].similarity - np.cos(0.03)) < 1e-6


def test_nothing_of_its_own_group_is_shown_beside_an_example() -> None:
    shown = (example("x0", "turn on the light", group="t0"),)
    cases, _ = find_errors(*cards(["broken"]), shown, Library(examples=TRAINING))
    assert [one.id for one in cases[0].neighbours] == ["t1", "t2", "t3"]


def test_fewer_training_examples_than_neighbours() -> None:
    shown = (example("x0", "turn on the light"),)
    cases, _ = find_errors(*cards(["broken"]), shown, Library(examples=TRAINING[:1]))
    assert [one.id for one in cases[0].neighbours] == ["t0"]
    assert find_errors(*cards(["broken"]), shown, Library(examples=()))[0][0].neighbours == ()


def test_of_repeats_the_first_answer_is_shown() -> None:
    base, tuned = cards(["broken", "fixed", "fixed"])
    ids = ("x0", "x0", "x1")
    twice = tuple(example(one) for one in ids)
    cases, counts = find_errors(replace(base, ids=ids), replace(tuned, ids=ids), twice, Library(examples=TRAINING))
    assert [(one.id, one.kind) for one in cases] == [("x1", "fixed"), ("x0", "broken")]
    assert sum(one.count for one in counts) == 2


def test_what_was_right_is_taken_from_the_card_where_it_says_so() -> None:
    """Answers of a language model may be right without being the target letter by letter."""
    base, tuned = cards(["both wrong", "both wrong"])
    tuned = replace(tuned, correct=(True, False), num_bytes=(4, 4), losses=(1.0, 1.0))
    cases, _ = find_errors(base, tuned, rows(2), Library(examples=TRAINING))
    assert [one.kind for one in cases] == ["fixed", "both wrong"]


def test_where_nothing_was_written_there_are_no_errors_to_show() -> None:
    base, tuned = cards(["broken"])
    nothing = replace(tuned, predictions=(), correct=(False,))
    assert find_errors(base, nothing, rows(1), Library(examples=TRAINING)) == ((), ())


def test_long_texts_are_cut_and_texts_without_words_have_no_neighbours() -> None:
    shown = (example("x0", "word " * 2000),)
    cases, _ = find_errors(*cards(["broken"]), shown, Library(examples=(example("t0", "!!"), example("t1", "??"))))
    assert len(cases[0].input) == LONGEST_TEXT
    assert cases[0].input.endswith("…")
    assert cases[0].neighbours == ()
