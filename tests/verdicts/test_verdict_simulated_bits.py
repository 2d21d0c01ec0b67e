"""Verdicts on simulated bits per byte whose truth is known: the level is kept, gains are found, groups are respected.

Each case that must never find a difference has a control beside it that must find one.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from sintonia.evaluate.answers import Answers
from sintonia.evaluate.compare import Compared, Rule, compare
from sintonia.metrics import METRICS
from sintonia.statistics import level_of_opening

BITS = METRICS["bits_per_byte"]
FIRST = level_of_opening(1)


def drawn(rng: np.random.Generator, num_examples: int, gain: float, copies: int = 1, spread: float = 0.25) -> Answers:
    """Answers of very unequal length; the tuned model takes `gain` of the base's bits off, each text differently."""
    num_groups = num_examples // copies
    num_bytes = np.maximum(2, rng.lognormal(3.6, 0.8, num_groups)).astype(int)
    base = num_bytes * rng.gamma(6.0, 0.15, num_groups) + rng.gamma(2.0, 1.0, num_groups)
    tuned = base * rng.lognormal(-(spread**2) / 2, spread, num_groups) * (1 - gain)
    columns = [
        tuple(zip(np.repeat(nats, copies).tolist(), np.repeat(num_bytes, copies).tolist(), strict=True))
        for nats in (base, tuned)
    ]
    return Answers(
        targets=("text",) * (num_groups * copies),
        base=columns[0],
        tuned=columns[1],
        groups=tuple(str(number // copies) for number in range(num_groups * copies)),
    )


def judged(answers: Answers, level: float = FIRST) -> Compared:
    margin = BITS.margin("auto", BITS.function(answers.targets, answers.base))
    return compare(BITS, answers, Rule(level=level, margin=margin, draws=400))


def test_no_gain_is_not_called_better() -> None:
    rng, found = np.random.default_rng(1), Counter[str]()
    for number in range(300):
        found[judged(drawn(rng, (60, 120, 250, 500)[number % 4], 0.0)).outcome] += 1
    assert found["better"] <= 9, found
    assert found["better"] + found["worse"] <= 18, found
    # A rule that never speaks would pass too: the level is to be used, not just kept.
    assert found["better"] + found["worse"] >= 1, found


def test_twice_the_detectable_gain_is_found_and_called_worse_the_other_way_round() -> None:
    rng, forth, back = np.random.default_rng(2), Counter[str](), Counter[str]()
    for _ in range(60):
        effect = judged(drawn(rng, 200, 0.0)).comparison.minimum_detectable_effect
        answers = drawn(rng, 200, 2 * effect / 1.35)
        found = judged(answers)
        forth[found.outcome] += 1
        if found.outcome == "better":
            assert found.comparison.difference.high < 0
        back[judged(replace(answers, base=answers.tuned, tuned=answers.base)).outcome] += 1
    assert forth["better"] >= 54 and forth["worse"] == 0, forth
    assert back["worse"] >= 54 and back["better"] == 0, back


def test_the_detectable_gain_is_found_in_about_four_of_five() -> None:
    rng, found = np.random.default_rng(3), Counter[str]()
    effects = [judged(drawn(rng, 300, 0.0)).comparison.minimum_detectable_effect for _ in range(20)]
    base = [BITS.function(("text",) * 300, drawn(rng, 300, 0.0).base) for _ in range(20)]
    gain = float(np.mean(effects) / np.mean(base))
    for _ in range(150):
        found[judged(drawn(rng, 300, gain)).outcome] += 1
    assert 0.65 <= found["better"] / 150 <= 0.92, found


def test_copies_in_groups_do_not_make_a_difference() -> None:
    rng, grouped, naive = np.random.default_rng(4), Counter[str](), Counter[str]()
    for _ in range(150):
        answers = drawn(rng, 300, 0.0, copies=4)
        grouped[judged(answers).outcome] += 1
        alone = replace(answers, groups=tuple(map(str, range(len(answers.groups)))))
        naive[judged(alone).outcome] += 1
    assert grouped["better"] + grouped["worse"] <= 13, grouped
    # The control: taken row by row, the same answers are called different about every fourth time.
    assert naive["better"] + naive["worse"] >= 25, naive


def test_the_same_model_is_equivalent_once_there_are_enough_examples() -> None:
    rng = np.random.default_rng(5)
    for num_examples, expected in ((30, "inconclusive"), (60, "inconclusive"), (400, "equivalent")):
        answers = drawn(rng, num_examples, 0.0)
        found = judged(replace(answers, tuned=answers.base))
        assert found.outcome == expected and found.comparison.p_value == 1.0
        assert found.comparison.difference.low < 0 < found.comparison.difference.high


def test_rounding_is_no_difference() -> None:
    answers = drawn(np.random.default_rng(6), 60, 0.0)
    rounded = tuple((nats * (1 + 1e-8), num_bytes) for nats, num_bytes in answers.base)
    assert judged(replace(answers, tuned=rounded)).outcome == "inconclusive"


def test_forty_nine_examples_decide_nothing_however_large_the_gain() -> None:
    rng = np.random.default_rng(7)
    assert judged(drawn(rng, 49, 0.5)).outcome == "inconclusive"
    assert judged(drawn(rng, 50, 0.5)).outcome == "better"


def test_one_conversation_is_no_evidence() -> None:
    answers = replace(drawn(np.random.default_rng(8), 200, 0.5), groups=("one",) * 200)
    found = judged(answers)
    assert found.outcome == "inconclusive" and found.comparison.p_value == 1.0
    assert found.comparison.minimum_detectable_effect >= found.comparison.base.value


def test_the_numbers_are_those_of_a_computation_by_hand() -> None:
    answers = drawn(np.random.default_rng(9), 120, 0.1)
    found = judged(answers).comparison
    nats, num_bytes = (np.array(column, dtype=np.float64) for column in zip(*answers.base, strict=True))
    tuned = np.array([one for one, _ in answers.tuned])
    assert found.base.value == pytest.approx(nats.sum() / math.log(2) / num_bytes.sum(), abs=1e-12)
    assert found.tuned.value == pytest.approx(tuned.sum() / math.log(2) / num_bytes.sum(), abs=1e-12)
    assert found.difference.value == pytest.approx(found.tuned.value - found.base.value, abs=1e-12)
    # With equal bytes, swapping the two models turns the sign of a group's nats: the null deviation is known.
    change = (tuned - nats) / math.log(2) / num_bytes.sum()
    signs = np.random.default_rng(0).choice([-1.0, 1.0], size=(20_000, 120))
    by_hand = (np.count_nonzero(np.abs(signs @ change) >= abs(change.sum()) - 1e-15) + 1) / 20_001
    exact = compare(BITS, answers, Rule(level=FIRST, margin=0.01, draws=20_000)).comparison.p_value
    assert exact == pytest.approx(by_hand, abs=0.01)
    # The delta method gives the standard error of a ratio of sums.
    share = change.sum() / num_bytes.sum()
    error = math.sqrt(((change - share * num_bytes) ** 2).sum())
    assert found.minimum_detectable_effect == pytest.approx(3.0064 * error, rel=0.15)
    assert found.difference.high - found.difference.low == pytest.approx(2 * 1.96 * error, rel=0.2)


def test_examples_needed_follow_from_the_standard_error() -> None:
    answers = drawn(np.random.default_rng(10), 80, 0.03, spread=0.3)
    found = judged(answers).comparison
    assert found.examples_needed is not None
    share = found.minimum_detectable_effect / abs(found.difference.value)
    assert found.examples_needed == pytest.approx(80 * share**2, rel=0.02)
