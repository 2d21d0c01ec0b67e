"""The five-valued rule, its refusals and its words, on answers planted by count."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sintonia.evaluate.compare import Answers, Evidence, Rule, compare, decide, score_alone
from sintonia.evaluate.judge import JudgeInput, judge
from sintonia.metrics import METRICS
from sintonia.records import Interval, Rung, Scorecard
from sintonia.settings import EvaluationSettings
from sintonia.statistics import level_of_opening, midp

FIRST = level_of_opening(1)
RULE = Rule(level=FIRST, margin=0.01, draws=2_000)
BASE, PROBE = "zero-shot by label names", "logistic probe"


def predictions(right: np.ndarray | list[bool]) -> tuple[str, ...]:
    """Right and wrong answers to targets that alternate between two labels."""
    other = {"on": "off", "off": "on"}
    goal = targets(len(right))
    return tuple(target if is_right else other[target] for target, is_right in zip(goal, right, strict=True))


def targets(count: int) -> tuple[str, ...]:
    return tuple("on" if i % 2 else "off" for i in range(count))


def planted(fixed: int, broken: int, both: int, neither: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Predictions of base and tuned with these counts."""
    base = [False] * fixed + [True] * broken + [True] * both + [False] * neither
    tuned = [True] * fixed + [False] * broken + [True] * both + [False] * neither
    return predictions(base), predictions(tuned)


def card(subject: str, answers: tuple[str, ...]) -> Scorecard:
    ids = tuple(f"x{i}" for i in range(len(answers)))
    goal = targets(len(answers))
    return Scorecard(subject=subject, split="test", scores=(), ids=ids, targets=goal, predictions=answers)


def given(
    base: tuple[str, ...], tuned: tuple[str, ...], probe: tuple[str, ...] | None = None, **changes: object
) -> JudgeInput:
    rungs = tuple(
        (Rung(name=name, score=0.5, needs_training=name == PROBE, description=""), card(name, answers))
        for name, answers in ((BASE, base), (PROBE, probe or base))
    )
    plain = JudgeInput(
        tuned=card("tuned", tuned),
        rungs=rungs,
        base_name=BASE,
        best_rung_name=PROBE,
        groups=tuple(f"g{i}" for i in range(len(tuned))),
        evaluation=EvaluationSettings(),
        labels=("off", "on"),
        primary_metric="accuracy",
        openings=1,
        draws=2_000,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


# ---------------------------------------------------------------- the rule


def evidence(low: float, high: float, p_value: float, num_examples: int = 300) -> Evidence:
    interval = Interval(value=(low + high) / 2, low=low, high=high)
    return Evidence(difference=interval, equivalence=interval, p_value=p_value, num_examples=num_examples)


@pytest.mark.parametrize(
    ("low", "high", "p_value", "expected"),
    [
        (0.01, 0.05, 0.001, "better"),
        (-0.05, -0.01, 0.001, "worse"),
        (0.01, 0.05, 0.04, "inconclusive"),
        (-0.01, 0.05, 0.001, "inconclusive"),
        (0.0, 0.05, 0.001, "inconclusive"),
        (-0.009, 0.009, 0.5, "equivalent"),
        (0.001, 0.009, 0.04, "equivalent"),
        (0.001, 0.009, 0.001, "better"),
        (-0.01, 0.009, 0.5, "inconclusive"),
    ],
)
def test_the_rule_needs_both_p_value_and_interval(low: float, high: float, p_value: float, expected: str) -> None:
    assert decide(evidence(low, high, p_value), RULE) == expected


def test_p_value_equal_to_the_level_is_not_enough() -> None:
    assert decide(evidence(0.1, 0.2, FIRST), RULE) == "inconclusive"


def test_fewer_than_fifty_examples_decide_nothing() -> None:
    assert decide(evidence(0.3, 0.9, 1e-9, num_examples=49), RULE) == "inconclusive"
    assert decide(evidence(0.3, 0.9, 1e-9, num_examples=50), RULE) == "better"


def test_a_metric_where_less_is_better_turns_the_rule_round() -> None:
    fewer = replace(evidence(-0.05, -0.01, 0.001), higher_is_better=False)
    assert decide(fewer, RULE) == "better"
    assert decide(replace(evidence(0.01, 0.05, 0.001), higher_is_better=False), RULE) == "worse"


def test_impossible_rules_are_refused() -> None:
    for wrong in ({"margin": -0.1}, {"confidence": 1.0}, {"level": 0.0}, {"draws": 0}):
        with pytest.raises(ValueError, match="impossible"):
            Rule(**({"level": 0.03, "margin": 0.01} | wrong))  # type: ignore[arg-type]


# ---------------------------------------------------------------- comparisons


def test_counts_and_p_value_are_those_of_the_answers() -> None:
    verdict = judge(given(*planted(30, 10, 150, 10)))
    primary = verdict.primary
    assert (primary.fixed, primary.broken, primary.examples) == (30, 10, 200)
    assert primary.p_value == pytest.approx(midp(30, 10), abs=1e-12)
    assert primary.difference.value == pytest.approx(0.1)
    assert (primary.base.value, primary.tuned.value) == pytest.approx((0.8, 0.9))
    assert primary.minimum_detectable_effect == pytest.approx(3.0064 * (0.2 / 200) ** 0.5, abs=1e-5)
    assert verdict.outcome == "better" and primary.examples_needed is None
    assert verdict.level == FIRST and verdict.test_openings == 1


def test_swapping_base_and_tuned_turns_the_verdict_round() -> None:
    base, tuned = planted(30, 10, 150, 10)
    forth, back = judge(given(base, tuned)), judge(given(tuned, base))
    assert (forth.outcome, back.outcome) == ("better", "worse")
    assert forth.primary.p_value == back.primary.p_value
    assert forth.primary.difference.low == pytest.approx(-back.primary.difference.high, abs=0.01)


def test_examples_needed_follow_the_power_formula() -> None:
    primary = judge(given(*planted(30, 22, 140, 8))).primary
    assert primary.examples_needed == pytest.approx(9.0387 * (52 / 200) / 0.04**2, abs=1)


def test_no_difference_needs_no_number_of_examples() -> None:
    verdict = judge(given(*planted(20, 20, 50, 10)))
    assert verdict.primary.examples_needed is None and verdict.primary.p_value == 1.0
    assert verdict.outcome == "inconclusive" and "difference of 1.0 points (the margin)" in verdict.sentence


def test_ten_identical_answers_do_not_prove_equivalence_but_a_thousand_do() -> None:
    few = judge(given(*planted(0, 0, 55, 5)))
    assert few.outcome == "inconclusive"
    assert few.primary.difference.low < -0.03 and few.primary.difference.high > 0.03
    many = judge(given(*planted(0, 0, 900, 100)))
    assert many.outcome == "equivalent" and many.primary.p_value == 1.0


def test_all_correct_still_has_an_interval() -> None:
    verdict = judge(given(*planted(0, 0, 100, 0)))
    for comparison in (verdict.primary, *verdict.secondary):
        assert comparison.tuned.value == 1.0 and 0.9 < comparison.tuned.low < 0.98
        assert comparison.tuned.high == 1.0


def test_one_group_decides_nothing_however_large() -> None:
    verdict = judge(given(*planted(280, 0, 20, 0), groups=("all",) * 300))
    assert verdict.outcome == "inconclusive" and verdict.primary.p_value == 0.5
    assert verdict.secondary[0].p_value == 1.0 and verdict.primary.minimum_detectable_effect == 1.0
    assert "E305" in {finding.code for finding in verdict.causes}


def test_copies_of_an_example_count_once() -> None:
    base, tuned = planted(32, 8, 200, 60)
    alone = judge(given(base, tuned))
    grouped = judge(given(base, tuned, groups=tuple(f"g{i // 8}" for i in range(300))))
    assert alone.primary.p_value == pytest.approx(midp(32, 8)) and alone.outcome == "better"
    assert grouped.primary.p_value == pytest.approx(midp(4, 1))
    assert grouped.outcome == "inconclusive"
    assert (grouped.primary.fixed, grouped.primary.broken) == (32, 8)


def test_later_openings_are_stricter() -> None:
    answers = planted(20, 7, 150, 23)
    assert judge(given(*answers)).outcome == "better"
    second = judge(given(*answers, openings=2))
    assert second.outcome == "inconclusive" and second.level == pytest.approx(0.0076, abs=1e-4)
    assert second.primary.minimum_detectable_effect > judge(given(*answers)).primary.minimum_detectable_effect
    assert "opening 2" in second.sentence


def test_macro_f1_is_judged_by_randomisation_and_kept_as_secondary() -> None:
    answers = planted(40, 10, 140, 10)
    verdict = judge(given(*answers, primary_metric="macro_f1"))
    assert verdict.primary.metric == "macro_f1" and verdict.outcome == "better"
    assert [comparison.metric for comparison in verdict.secondary] == ["accuracy"]
    assert verdict.secondary[0].p_value == pytest.approx(midp(40, 10))
    assert verdict.primary.p_value == pytest.approx(midp(40, 10), abs=0.005)
    goal = targets(200)
    expected = [METRICS["macro_f1"].function(goal, part) for part in answers]
    assert [verdict.primary.base.value, verdict.primary.tuned.value] == pytest.approx(expected)
    assert verdict.primary.minimum_detectable_effect == pytest.approx(3.0 * (0.25 / 200) ** 0.5, rel=0.15)


def test_asking_for_a_narrow_interval_does_not_loosen_the_rule() -> None:
    answers = planted(14, 6, 100, 10)
    loose = judge(given(*answers, evaluation=EvaluationSettings(confidence=0.5)))
    assert loose.primary.difference.low > 0 and loose.outcome == "inconclusive"
    groups = tuple(map(str, range(130)))
    both = Answers(targets=targets(130), base=answers[0], tuned=answers[1], groups=groups)
    lenient = Rule(level=0.5, margin=0.01, confidence=0.5, draws=2_000)
    assert compare(METRICS["accuracy"], both, lenient).outcome == "inconclusive"


def test_scores_outside_a_comparison_use_the_same_intervals() -> None:
    answers = predictions([True] * 95 + [False] * 5)
    alone = Answers(targets=targets(100), base=answers, tuned=answers, groups=tuple(map(str, range(100))))
    found = score_alone(METRICS["accuracy"], alone, RULE)
    assert found.value == 0.95 and found.num_examples == 100
    assert (found.low, found.high) == pytest.approx((0.888, 0.978), abs=0.003)


# ---------------------------------------------------------------- invalid, worth tuning, records


def test_invalid_reasons_dominate_everything() -> None:
    verdict = judge(given(*planted(150, 0, 50, 0), invalid_reasons=("the reloaded model predicts otherwise",)))
    assert verdict.outcome == "invalid" and verdict.worth_tuning.outcome == "invalid"
    assert verdict.sentence.startswith("No verdict, because the reloaded model predicts otherwise")
    assert "etter" not in verdict.sentence


def test_worth_tuning_is_judged_by_the_same_rule_against_the_other_rung() -> None:
    base, tuned = planted(120, 5, 60, 15)
    verdict = judge(given(base, tuned, probe=tuned))
    assert verdict.outcome == "better" and verdict.worth_tuning.outcome == "inconclusive"
    assert verdict.worth_tuning.best_rung == PROBE and verdict.worth_tuning.p_value == 1.0
    assert verdict.worth_tuning.difference.value == 0
    assert f"`{PROBE}` gets 90.0 %" in verdict.sentence
    assert judge(given(base, tuned, probe=base)).worth_tuning.outcome == "better"
    best = predictions([True] * 200)
    assert judge(given(base, tuned, probe=best)).worth_tuning.outcome == "worse"


def test_the_verdict_passes_on_what_it_was_given() -> None:
    verdict = judge(given(*planted(60, 2, 100, 38), accepted=("D105",), turn=3))
    assert verdict.accepted == ("D105",) and verdict.turn == 3 and verdict.base == BASE
    assert [rung.name for rung in verdict.rungs] == [BASE, PROBE]
    assert verdict.causes == () and "D105" in verdict.sentence


def test_the_same_input_gives_the_same_verdict() -> None:
    answers = given(*planted(30, 22, 140, 8), primary_metric="macro_f1")
    assert judge(answers) == judge(answers)


def test_cautions_name_rare_and_absent_labels_and_a_worn_test() -> None:
    answers = planted(10, 2, 6, 0)
    verdict = judge(given(*answers, primary_metric="macro_f1", labels=("off", "on", "dim"), openings=4))
    codes = {finding.code: finding for finding in verdict.causes}
    assert set(codes) == {"E301", "E302", "E303", "E304", "E305"}
    assert "off (9)" in codes["E302"].message and "dim" in codes["E303"].message
    assert all(finding.severity == "warning" and finding.hint for finding in verdict.causes)


# ---------------------------------------------------------------- refusals


def test_scorecards_that_cannot_be_compared_are_refused() -> None:
    plain = given(*planted(10, 5, 60, 5))
    validation = replace(plain.tuned, split="validation")
    reordered = replace(plain.tuned, ids=plain.tuned.ids[::-1])
    twice = replace(plain.tuned, ids=("x0",) * 80)
    for change, words in [
        ({"tuned": validation}, "validation"),
        ({"tuned": reordered}, "same examples"),
        ({"tuned": twice}, "twice"),
        ({"groups": ("a",)}, "groups"),
        ({"base_name": "nobody"}, "no rung"),
        ({"best_rung_name": "nobody"}, "no rung"),
        ({"rungs": plain.rungs[:1] * 2}, "same name"),
        ({"primary_metric": "charm"}, "unknown metric"),
        ({"openings": 0}, "from 1"),
    ]:
        with pytest.raises(ValueError, match=words):
            judge(replace(plain, **change))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="as many"):
        Answers(targets=("a",), base=("a",), tuned=(), groups=("g",))


# ---------------------------------------------------------------- words


def test_the_sentence_carries_every_number() -> None:
    sentence = judge(given(*planted(170, 2, 125, 13))).sentence
    assert sentence.startswith(
        "Better: the tuned model gets 95.2 % of 310 unseen examples right, "
        "the base (`zero-shot by label names`) 41.0 %: +54.2 points (95 % interval 4"
    )
    assert sentence.endswith("; it fixes 170 answers and breaks 2.")


@pytest.mark.parametrize(
    ("counts", "start", "part"),
    [
        ((2, 30, 160, 8), "Worse: ", "keep the base"),
        ((3, 3, 4000, 100), "No difference that matters: ", "under 1.0 points do not matter"),
        ((12, 8, 100, 10), "Not decided: ", "can only find differences from about"),
        ((12, 0, 20, 1), "Not decided, since 33 unseen examples are too few for a verdict: ", "examples"),
        ((15, 1, 3000, 100), "Better, but only slightly: ", "+0.4 points"),
    ],
)
def test_each_outcome_opens_with_its_word(counts: tuple[int, int, int, int], start: str, part: str) -> None:
    sentence = judge(given(*planted(*counts))).sentence
    assert sentence.startswith(start) and part in sentence


def test_the_sentence_never_rounds_to_a_claim() -> None:
    assert "99.98 %" in judge(given(*planted(0, 1, 4099, 0))).sentence
    assert ": -0.02 points (" in judge(given(*planted(1, 2, 4000, 0))).sentence
    assert ": 0.0 points (" in judge(given(*planted(3, 3, 4000, 0))).sentence


def test_macro_f1_is_explained_in_the_sentence() -> None:
    sentence = judge(given(*planted(60, 2, 100, 38), primary_metric="macro_f1")).sentence
    assert "macro-F1 (every class counts the same) of 80.0 out of 100" in sentence


def test_compare_says_how_many_examples_the_margin_takes() -> None:
    base, tuned = planted(0, 0, 55, 5)
    answers = Answers(targets=targets(60), base=base, tuned=tuned, groups=tuple(map(str, range(60))))
    assert compare(METRICS["accuracy"], answers, RULE).examples_for_margin == 299


def test_few_groups_can_detect_little_even_without_disagreement() -> None:
    groups = tuple(str(i // 10) for i in range(120))
    verdict = judge(given(*planted(0, 0, 110, 10), groups=groups))
    assert verdict.primary.minimum_detectable_effect == pytest.approx(6 / 12)


def test_a_gain_on_near_copies_only_is_not_believed() -> None:
    base, tuned = planted(fixed=80, broken=0, both=60, neither=60)  # the first 80 are fixed
    copies = frozenset(f"x{number}" for number in range(100))
    assert judge(given(base, tuned)).outcome == "better"
    verdict = judge(given(base, tuned, near_copies=copies))
    assert verdict.outcome == "inconclusive"
    assert "100 of 200 test examples have a near-copy in training" in verdict.sentence
    assert "E307" in {one.code for one in verdict.causes}


def test_a_gain_that_others_show_too_is_believed() -> None:
    base, tuned = planted(fixed=80, broken=0, both=60, neither=60)
    every_other = frozenset(f"x{number}" for number in range(0, 200, 2))
    few = frozenset(f"x{number}" for number in range(20))
    for copies in (every_other, few):
        verdict = judge(given(base, tuned, near_copies=copies))
        assert verdict.outcome == "better"
        assert "E307" not in {one.code for one in verdict.causes}


def test_where_nearly_all_have_copies_nothing_is_shown() -> None:
    base, tuned = planted(fixed=80, broken=0, both=60, neither=60)
    assert judge(given(base, tuned, near_copies=frozenset(f"x{k}" for k in range(160)))).outcome == "inconclusive"
