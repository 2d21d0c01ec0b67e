"""Verdicts on simulated answers whose truth is known: E1, E2, E3, E6, E7, E8 of science.md 9, seeded.

Each case that must never find a difference has a control beside it that must find one.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from sintonia.evaluate.compare import Answers, Rule, compare
from sintonia.evaluate.judge import JudgeInput, judge
from sintonia.metrics import METRICS
from sintonia.records import Rung, Scorecard, Verdict
from sintonia.settings import EvaluationSettings
from sintonia.statistics import level_of_opening, midp, minimum_detectable_effect

ACCURACY, MACRO_F1 = METRICS["accuracy"], METRICS["macro_f1"]
FIRST = level_of_opening(1)
RULE = Rule(level=FIRST, margin=0.01, draws=400)


def drawn(rng: np.random.Generator, num_examples: int, fixed: float, broken: float, copies: int = 1) -> Answers:
    """Answers where the tuned model truly fixes and breaks these shares; groups are `copies` equal rows."""
    num_groups = num_examples // copies
    kinds = np.repeat(rng.choice(4, num_groups, p=[fixed, broken, 0.4, 0.6 - fixed - broken]), copies)
    return Answers(
        targets=("yes",) * len(kinds),
        base=tuple(np.where((kinds == 1) | (kinds == 2), "yes", "no").tolist()),
        tuned=tuple(np.where((kinds == 0) | (kinds == 2), "yes", "no").tolist()),
        groups=tuple(str(i // copies) for i in range(len(kinds))),
    )


def judged(answers: Answers, openings: int = 1, draws: int = 500, metric: str = "accuracy") -> Verdict:
    ids = tuple(str(i) for i in range(len(answers.targets)))

    def card(subject: str, predictions: tuple[str, ...]) -> Scorecard:
        return Scorecard(
            subject=subject,
            split="test",
            scores=(),
            ids=ids,
            targets=answers.targets,
            predictions=predictions,
        )

    rung = Rung(name="base", score=0.5, needs_training=False, description="")
    return judge(
        JudgeInput(
            tuned=card("tuned", answers.tuned),
            rungs=((rung, card("base", answers.base)),),
            base_name="base",
            best_rung_name="base",
            groups=answers.groups,
            evaluation=EvaluationSettings(),
            labels=tuple(sorted(set(answers.targets))),
            primary_metric=metric,
            openings=openings,
            draws=draws,
        )
    )


def test_e1_the_same_model_is_never_better_or_worse() -> None:
    rng = np.random.default_rng(1)
    for number in range(200):
        num_examples = int(rng.integers(50, 1001))
        targets = rng.choice(list("abcdef"), num_examples)
        same = tuple(np.where(rng.random(num_examples) < 0.8, targets, "a").tolist())
        answers = Answers(
            targets=tuple(targets.tolist()),
            base=same,
            tuned=same,
            groups=tuple(map(str, range(num_examples))),
        )
        verdict = judged(answers, draws=50, metric=("accuracy", "macro_f1")[number % 2])
        assert verdict.outcome == ("equivalent" if num_examples >= 299 else "inconclusive")
        assert verdict.primary.p_value == verdict.secondary[0].p_value == 1.0


def test_e2_equal_models_are_rarely_called_different() -> None:
    rng, found = np.random.default_rng(2), Counter[str]()
    for number in range(1_000):
        num_examples, disagreement = (50, 100, 200, 300, 500)[number % 5], (0.1, 0.2, 0.3, 0.4)[number % 4]
        answers = drawn(rng, num_examples, disagreement / 2, disagreement / 2)
        found[compare(ACCURACY, answers, RULE).outcome] += 1
    assert found["better"] <= 25 and found["better"] + found["worse"] <= 50
    # A rule that never speaks would pass too: the level is to be used, not just kept.
    assert found["better"] + found["worse"] >= 8


def rare_class_answers(rng: np.random.Generator, num_examples: int, tuned_accuracy: float) -> Answers:
    """Four labels, one with 3 % of the examples; the base is right 70 % of the time."""
    labels = np.array(list("abcd"))
    targets = labels[rng.choice(4, num_examples, p=[0.4, 0.3, 0.27, 0.03])]

    def answered(share: float) -> tuple[str, ...]:
        is_right = rng.random(num_examples) < share
        return tuple(np.where(is_right, targets, labels[rng.integers(0, 4, num_examples)]).tolist())

    return Answers(
        targets=tuple(targets.tolist()),
        base=answered(0.7),
        tuned=answered(tuned_accuracy),
        groups=tuple(map(str, range(num_examples))),
    )


def test_e2_holds_for_macro_f1_with_a_rare_class() -> None:
    rng = np.random.default_rng(22)
    outcomes = Counter(
        compare(MACRO_F1, rare_class_answers(rng, (60, 150, 300)[i % 3], 0.7), RULE).outcome for i in range(300)
    )
    assert outcomes["better"] + outcomes["worse"] <= 19
    control = [compare(MACRO_F1, rare_class_answers(rng, 300, 0.95), RULE).outcome for _ in range(20)]
    assert control.count("better") >= 18


@pytest.mark.parametrize(("num_examples", "disagreement"), [(100, 0.3), (300, 0.1), (300, 0.3), (800, 0.3)])
def test_e3_a_gain_of_the_detectable_size_is_found_in_four_of_five(num_examples: int, disagreement: float) -> None:
    rng = np.random.default_rng(3)
    gain = minimum_detectable_effect(disagreement, num_examples, FIRST)
    fixed, broken = (disagreement + gain) / 2, (disagreement - gain) / 2
    outcomes = Counter(compare(ACCURACY, drawn(rng, num_examples, fixed, broken), RULE).outcome for _ in range(300))
    assert 0.72 <= outcomes["better"] / 300 <= 0.88
    assert outcomes["worse"] == 0


def test_a_difference_as_large_as_the_margin_is_rarely_called_equivalent() -> None:
    rng, found = np.random.default_rng(33), Counter[str]()
    for number in range(400):
        num_examples, fixed, broken = ((300, 0.01, 0.0), (500, 0.01, 0.0), (1000, 0.015, 0.005))[number % 3]
        found[compare(ACCURACY, drawn(rng, num_examples, fixed, broken), RULE).outcome] += 1
    assert found["equivalent"] <= 32
    wide = Rule(level=FIRST, margin=0.05, draws=500)
    control = [compare(ACCURACY, drawn(rng, 1000, 0.05, 0.05), wide).outcome for _ in range(20)]
    assert control.count("equivalent") >= 18


def test_e6_thirty_examples_decide_nothing_and_say_how_many_would() -> None:
    rng = np.random.default_rng(6)
    for _ in range(20):
        verdict = judged(drawn(rng, 30, 0.2, 0.1))
        assert verdict.outcome == "inconclusive"
        assert "too few for a verdict" in verdict.sentence and "would take about" in verdict.sentence
        if verdict.primary.fixed != verdict.primary.broken:
            assert verdict.primary.examples_needed is not None and verdict.primary.examples_needed >= 50


def test_e7_copies_in_groups_do_not_make_a_difference() -> None:
    rng = np.random.default_rng(7)
    grouped, naive = Counter[str](), Counter[str]()
    for _ in range(200):
        answers = drawn(rng, 300, 0.15, 0.15, copies=4)
        alone = Answers(
            targets=answers.targets,
            base=answers.base,
            tuned=answers.tuned,
            groups=tuple(map(str, range(300))),
        )
        grouped[compare(ACCURACY, answers, RULE).outcome] += 1
        naive[compare(ACCURACY, alone, RULE).outcome] += 1
    assert grouped["better"] + grouped["worse"] <= 16 and grouped["better"] <= 10
    # The control: taken row by row, the same answers are called different about every fourth time.
    assert naive["better"] + naive["worse"] >= 36


def test_e7_holds_for_macro_f1() -> None:
    rng, found = np.random.default_rng(77), Counter[str]()
    for _ in range(120):
        once = rare_class_answers(rng, 75, 0.7)
        targets, base, tuned = (tuple(np.repeat(part, 4).tolist()) for part in (once.targets, once.base, once.tuned))
        groups = tuple(str(i // 4) for i in range(300))
        answers = Answers(targets=targets, base=base, tuned=tuned, groups=groups)
        found[compare(MACRO_F1, answers, RULE).outcome] += 1
    assert found["better"] + found["worse"] <= 9


def test_e8_ten_openings_of_one_test_stay_honest() -> None:
    rng, num_fooled, num_fooled_without = np.random.default_rng(8), 0, 0
    rules = [Rule(level=level_of_opening(k), margin=0.01, draws=500) for k in range(1, 11)]
    for _ in range(500):
        is_base_right = rng.random(100) < 0.7
        base = np.where(is_base_right, "yes", "no")
        is_fooled, is_fooled_without = False, False
        for rule in rules:
            # A candidate as good as the base: it breaks as large a share of answers as it fixes.
            is_changed = rng.random(100) < np.where(is_base_right, 0.15 / 0.7, 0.15 / 0.3)
            tuned = np.where(is_changed, np.where(is_base_right, "no", "yes"), base)
            fixed, broken = int((is_changed & ~is_base_right).sum()), int((is_changed & is_base_right).sum())
            if fixed <= broken or midp(fixed, broken) >= 0.05:
                # No rule here calls that better; the bootstrap would only cost time.
                continue
            answers = Answers(
                targets=("yes",) * 100,
                base=tuple(base.tolist()),
                tuned=tuple(tuned.tolist()),
                groups=tuple(map(str, range(100))),
            )
            is_fooled |= compare(ACCURACY, answers, rule).outcome == "better"
            is_fooled_without = True
        num_fooled += is_fooled
        num_fooled_without += is_fooled_without
    assert num_fooled <= 40
    assert num_fooled_without >= 80
