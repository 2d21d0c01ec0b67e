"""Several parts pooled: an example that was tested twice is one example, and chance alone is not called better."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from sintonia.evaluate import JudgeInput, judge
from sintonia.evaluate.answers import count_repeats
from sintonia.evaluate.compare import Answers, Rule, compare
from sintonia.evaluate.pooled import pool_cards, pool_rungs
from sintonia.evaluate.score import plain_scorecard
from sintonia.metrics import METRICS
from sintonia.records import Example, Place, Rung, Scorecard
from sintonia.settings import EvaluationSettings
from sintonia.statistics import level_of_opening

LEVEL = level_of_opening(1)
RULE = Rule(level=LEVEL, margin=0.01, draws=400)
ACCURACY = METRICS["accuracy"]


def words(is_right: np.ndarray) -> tuple[str, ...]:
    """`yes` is always the target."""
    return tuple("yes" if one else "no" for one in is_right)


def two_repeats(base: np.ndarray, tuned: np.ndarray, groups: tuple[str, ...] | None = None) -> Answers:
    """Arrays (2, examples) of right answers, laid out as pooled parts are: repeat after repeat."""
    num_examples = base.shape[1]
    names = groups or tuple(str(k) for k in range(num_examples))
    return Answers(
        targets=("yes",) * (2 * num_examples),
        base=words(base.ravel()),
        tuned=words(tuned.ravel()),
        groups=names * 2,
        repeats=2,
    )


def as_if_all_were_examples(answers: Answers) -> Answers:
    """The mistake to guard against: each test of an example counts as an example of its own."""
    return dataclasses.replace(answers, groups=tuple(map(str, range(len(answers.targets)))), repeats=1)


def test_the_same_answers_twice_say_what_they_say_once() -> None:
    random = np.random.default_rng(0)
    base, tuned = random.random((1, 120)) < 0.6, random.random((1, 120)) < 0.75
    twice = compare(ACCURACY, two_repeats(np.repeat(base, 2, axis=0), np.repeat(tuned, 2, axis=0)), RULE)
    once = compare(
        ACCURACY,
        Answers(
            targets=("yes",) * 120,
            base=words(base[0]),
            tuned=words(tuned[0]),
            groups=tuple(str(k) for k in range(120)),
        ),
        RULE,
    )
    assert twice.outcome == once.outcome
    for name in ("base", "tuned", "difference"):
        one, two = (getattr(found.comparison, name) for found in (once, twice))
        assert (two.value, two.low, two.high) == pytest.approx((one.value, one.low, one.high))
    plain = ("p_value", "fixed", "broken", "examples", "examples_needed", "minimum_detectable_effect")
    assert [getattr(twice.comparison, name) for name in plain] == pytest.approx(
        [getattr(once.comparison, name) for name in plain]
    )


def test_fixed_and_broken_are_counted_in_examples() -> None:
    base = np.array([[0, 0, 0, 1, 1, 1] + [1] * 60] * 2, dtype=bool)
    tuned = np.array([[1, 1, 0, 0, 1, 1] + [1] * 60, [1, 0, 0, 0, 0, 1] + [1] * 60], dtype=bool)
    found = compare(ACCURACY, two_repeats(base, tuned), RULE).comparison
    assert found.examples == 66
    assert (found.fixed, found.broken) == (2, 2)  # 3 fixed and 3 broken in 2 passes: 1.5 and 1.5


def test_fifty_examples_tested_twice_are_not_a_hundred() -> None:
    base, tuned = np.zeros((2, 49), dtype=bool), np.ones((2, 49), dtype=bool)
    assert compare(ACCURACY, two_repeats(base, tuned), RULE).outcome == "inconclusive"
    base, tuned = np.zeros((2, 50), dtype=bool), np.ones((2, 50), dtype=bool)
    assert compare(ACCURACY, two_repeats(base, tuned), RULE).outcome == "better"


def by_chance(seed: int) -> Answers:
    """120 rows, twice, no true difference: the base answers alike both times, the tuned models nearly (0.8)."""
    random = np.random.default_rng(seed)
    hard = random.normal(size=120)
    base = np.tile(0.5 * hard + random.normal(size=120) * 0.75**0.5 < 0.25, (2, 1))
    own = 0.5 * hard + random.normal(size=120) * 0.75**0.5
    tuned = 0.8**0.5 * own + 0.2**0.5 * random.normal(size=(2, 120)) < 0.25
    return two_repeats(base, tuned)


def test_chance_is_called_better_no_more_often_than_the_level_allows() -> None:
    answers = [by_chance(seed) for seed in range(1000)]
    outcomes = [compare(ACCURACY, one, RULE).outcome for one in answers]
    assert outcomes.count("better") <= LEVEL * 1000
    assert outcomes.count("worse") <= LEVEL * 1000
    naive = [compare(ACCURACY, as_if_all_were_examples(one), RULE).outcome for one in answers]
    wrong = naive.count("better") + naive.count("worse")
    assert wrong > 2 * LEVEL * 1000, "counting an example twice must be seen to fail, or this test proves nothing"


def test_a_true_difference_is_found() -> None:
    found = []
    for seed in range(40):
        random = np.random.default_rng(seed)
        base = np.tile(random.random(120) < 0.5, (2, 1))
        found.append(compare(ACCURACY, two_repeats(base, random.random((2, 120)) < 0.75), RULE).outcome)
    assert found.count("better") >= 36


def test_groups_stay_whole_over_both_repeats() -> None:
    """Six groups of twenty rows, all right in both repeats, are six things seen and not 240."""
    groups = tuple(f"group {k // 20}" for k in range(120))
    base, tuned = np.zeros((2, 120), dtype=bool), np.ones((2, 120), dtype=bool)
    found = compare(ACCURACY, two_repeats(base, tuned, groups), RULE).comparison
    assert found.p_value == pytest.approx(2 * 0.5**6 / 2)


def example(number: int, target: str) -> Example:
    return Example(id=f"e{number}", input="", target=target, group=f"g{number}", place=Place(file="f", line=number))


def parts_of(num_examples: int) -> list[tuple[Example, ...]]:
    """Two repeats of two folds."""
    rows = [example(k, "yes" if k % 2 else "no") for k in range(num_examples)]
    return [tuple(rows[::2]), tuple(rows[1::2]), tuple(rows[: num_examples // 2]), tuple(rows[num_examples // 2 :])]


def pooled(answer: str) -> tuple[Scorecard, list[tuple[tuple[Rung, Scorecard], ...]], tuple[Example, ...]]:
    parts = parts_of(60)
    examples = tuple(one for part in parts for one in part)
    tuned = [plain_scorecard("tuned", "test", part, [one.target for one in part]) for part in parts]
    rungs = []
    for part in parts:
        card = plain_scorecard("majority", "test", part, [answer] * len(part))
        rungs.append(((Rung(name="majority", score=-1.0, needs_training=False, description=""), card),))
    return pool_cards(tuned, examples), rungs, examples


def test_pooled_scores_are_those_of_all_answers_and_of_half_as_many_examples() -> None:
    tuned, rungs, examples = pooled("yes")
    assert len(tuned.ids) == 120 and {one.num_examples for one in tuned.scores} == {60}
    (rung, card), *_ = pool_rungs(rungs, examples, "accuracy")
    assert rung.score == 0.5
    assert card.ids == tuned.ids


def test_a_verdict_on_a_recipe_says_that_the_model_saved_was_not_tested() -> None:
    tuned, rungs, examples = pooled("yes")
    given = JudgeInput(
        tuned=tuned,
        rungs=pool_rungs(rungs, examples, "accuracy"),
        base_name="majority",
        best_rung_name="majority",
        groups=tuple(one.group for one in examples),
        evaluation=EvaluationSettings(),
        labels=("no", "yes"),
        primary_metric="accuracy",
        openings=1,
        models=4,
        draws=200,
    )
    verdict = judge(given)
    assert verdict.primary.examples == 60
    assert "the tuned models get 100.0 % of 60 unseen examples right" in verdict.sentence
    assert "itself it was not tested" in verdict.sentence
    assert [one.code for one in verdict.causes] == ["E306"]
    with pytest.raises(ValueError, match="scored twice"):
        judge(dataclasses.replace(given, models=1))


def test_examples_must_be_tested_equally_often() -> None:
    assert count_repeats(["a", "b", "b", "a"]) == 2
    with pytest.raises(ValueError, match="more often than others"):
        count_repeats(["a", "b", "b"])
