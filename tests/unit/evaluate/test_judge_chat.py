"""The verdict on conversations: direction, margin, exact answers gained and lost, parts, leaks, and its words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sintonia.evaluate import JudgeInput, invalid_reasons, judge
from sintonia.evaluate.pooled import pool_cards, pool_rungs
from sintonia.evaluate.score import language_scorecard
from sintonia.evaluate.units import BITS, POINTS
from sintonia.files import from_json, to_json
from sintonia.records import Example, Place, Rung, Scorecard, Verdict
from sintonia.settings import EvaluationSettings
from sintonia.tasks import chat

RNG = np.random.default_rng(0)
COUNT = 240
BYTES = RNG.integers(10, 90, COUNT)
BASE_NATS = BYTES * RNG.gamma(8.0, 0.09, COUNT)


def examples_of(count: int = COUNT) -> tuple[Example, ...]:
    return tuple(
        Example(id=f"e{k}", input="ask", target=f"answer {k}", group=f"g{k}", place=Place(file="f", line=k + 1))
        for k in range(count)
    )


def card(subject: str, nats: np.ndarray, exact: np.ndarray | None = None) -> Scorecard:
    correct = np.zeros(len(nats), dtype=bool) if exact is None else exact
    columns = (nats.tolist(), BYTES[: len(nats)].tolist(), correct.tolist())
    return language_scorecard(subject, "test", examples_of(len(nats)), columns)


def given(tuned: np.ndarray, few_shot: float = 0.9, **changes: object) -> JudgeInput:
    """The tuned model against the base, which does better with answered examples (`few_shot` of its bits)."""
    noise = np.random.default_rng(1).lognormal(0, 0.05, len(tuned))
    cards = {
        "zero-shot": card("zero-shot", BASE_NATS[: len(tuned)]),
        "few-shot": card("few-shot", few_shot * BASE_NATS[: len(tuned)] * noise),
        "token frequencies": card("token frequencies", 3.0 * BASE_NATS[: len(tuned)]),
    }
    plain = JudgeInput(
        tuned=card("tuned", tuned),
        rungs=tuple(
            (
                Rung(name=name, score=one.scores[0].value, needs_training=name == "token frequencies", description=""),
                one,
            )
            for name, one in cards.items()
        ),
        base_name="few-shot" if few_shot < 1 else "zero-shot",
        best_rung_name="token frequencies",
        groups=tuple(f"g{k}" for k in range(len(tuned))),
        evaluation=EvaluationSettings(margin=0.02),
        labels=(),
        primary_metric="bits_per_byte",
        openings=1,
        metrics=chat.METRICS,
        draws=1_000,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def gained(share: float, spread: float = 0.1, seed: int = 2) -> np.ndarray:
    return BASE_NATS * (1 - share) * np.random.default_rng(seed).lognormal(-(spread**2) / 2, spread, COUNT)


@pytest.mark.parametrize(
    ("share", "outcome", "start"),
    [
        (0.5, "better", "Better: "),
        (-0.5, "worse", "Worse: "),
        (0.1, "equivalent", "No difference that matters: "),
    ],
)
def test_fewer_bits_are_better(share: float, outcome: str, start: str) -> None:
    verdict = judge(given(gained(share, spread=0.05)))
    assert verdict.outcome == outcome and verdict.sentence.startswith(start)
    assert verdict.base == "few-shot" and verdict.primary.metric == "bits_per_byte"
    assert (verdict.primary.difference.value < -0.1) == (share == 0.5)
    assert [one.metric for one in verdict.secondary] == ["exact_match"]
    assert from_json(Verdict, to_json(verdict)) == verdict


def test_the_margin_is_a_share_of_the_base() -> None:
    plain = judge(given(gained(0.13, spread=0.02)))
    wide = judge(given(gained(0.13, spread=0.02), evaluation=EvaluationSettings(margin=0.2)))
    assert (plain.outcome, wide.outcome) == ("better", "better")
    assert "but only slightly" not in plain.sentence and "but only slightly" in wide.sentence


def test_fixed_and_broken_are_exact_answers() -> None:
    base, tuned = np.zeros(COUNT, dtype=bool), np.zeros(COUNT, dtype=bool)
    base[:12], tuned[5:40] = True, True
    asked = given(gained(0.5), few_shot=1.0)
    rungs = tuple((rung, replace(one, correct=tuple(base.tolist()))) for rung, one in asked.rungs)
    verdict = judge(replace(asked, tuned=card("tuned", gained(0.5), tuned), rungs=rungs))
    assert (verdict.primary.fixed, verdict.primary.broken) == (28, 5)
    assert (verdict.secondary[0].fixed, verdict.secondary[0].broken) == (28, 5)
    assert verdict.secondary[0].difference.value == pytest.approx(23 / COUNT)
    assert "28 answers become exact, letter by letter, and 5 no longer are" in verdict.sentence


def test_exact_match_can_be_the_primary_metric() -> None:
    exact = np.zeros(COUNT, dtype=bool)
    exact[:60] = True
    asked = given(gained(0.5), few_shot=1.0, primary_metric="exact_match")
    verdict = judge(replace(asked, tuned=card("tuned", gained(0.5), exact)))
    assert verdict.outcome == "better" and verdict.primary.difference.value == 0.25
    assert "gives 25.0 % of 240 unseen answers letter by letter" in verdict.sentence
    assert [one.metric for one in verdict.secondary] == ["bits_per_byte"]


def test_the_sentence_says_the_unit_once_and_that_nobody_read_the_answers() -> None:
    sentence = judge(given(gained(0.4), few_shot=1.0)).sentence
    assert sentence.count("Bits per byte say how") == 1 and "0 is sure of every letter" in sentence
    assert "finds them far more likely" in sentence and "240 unseen examples take" in sentence
    assert "Nobody read the answers as text" in sentence
    assert " points" not in sentence and "right, the base" not in sentence
    assert "nan" not in sentence and "inf" not in sentence


def test_a_slight_change_is_not_called_a_large_one() -> None:
    slight = judge(given(gained(0.03, spread=0.02), few_shot=1.0))
    assert slight.outcome == "better" and "finds them slightly more likely" in slight.sentence
    lost = judge(given(gained(-0.3), few_shot=1.0))
    assert (
        lost.outcome == "worse" and "finds them far less likely" in lost.sentence and "keep the base" in lost.sentence
    )


def test_what_is_not_decided_says_what_would_decide_it() -> None:
    verdict = judge(given(gained(0.0, spread=0.6), few_shot=1.0))
    assert verdict.outcome == "inconclusive"
    assert "can only find differences from about" in verdict.sentence and "bits per byte" in verdict.sentence
    assert "would take about" in verdict.sentence


def test_the_floor_must_be_beaten_for_tuning_to_be_worth_it() -> None:
    assert judge(given(gained(0.5))).worth_tuning.outcome == "better"
    floor = judge(given(gained(0.5), best_rung_name="zero-shot"))
    assert floor.worth_tuning.outcome == "better" and floor.worth_tuning.difference.value < 0
    lost = judge(given(gained(-3.0, spread=0.05), few_shot=1.0))
    assert lost.worth_tuning.outcome == "worse"


def test_a_gain_on_near_copies_alone_is_not_believed() -> None:
    copied = np.arange(COUNT) < 120
    tuned = np.where(copied, 0.2, 1.0) * BASE_NATS * np.random.default_rng(5).lognormal(0, 0.1, COUNT)
    asked = given(tuned, few_shot=1.0)
    assert judge(asked).outcome == "better"
    verdict = judge(replace(asked, near_copies=frozenset(f"e{k}" for k in range(120))))
    assert verdict.outcome == "inconclusive" and "E307" in {one.code for one in verdict.causes}
    assert judge(replace(asked, near_copies=frozenset(f"e{k}" for k in range(110, 230)))).outcome == "better"


def test_cards_of_another_text_or_without_bytes_are_refused() -> None:
    asked = given(gained(0.5))
    shorter = tuple((rung, replace(one, num_bytes=(1, *one.num_bytes[1:]))) for rung, one in asked.rungs)
    with pytest.raises(ValueError, match="same text"):
        judge(replace(asked, rungs=shorter))
    bare = tuple((rung, replace(one, losses=(), num_bytes=())) for rung, one in asked.rungs)
    with pytest.raises(ValueError, match="0 predictions"):
        judge(replace(asked, rungs=bare))


def test_parts_are_pooled_and_an_example_that_was_tested_twice_is_one() -> None:
    examples = examples_of(60)
    parts = [examples[::2], examples[1::2], examples[:30], examples[30:]]
    together = tuple(one for part in parts for one in part)

    def of(part: tuple[Example, ...], share: float, subject: str) -> Scorecard:
        positions = [int(one.id[1:]) for one in part]
        columns = ((share * BASE_NATS[positions]).tolist(), BYTES[positions].tolist(), [share < 1] * len(part))
        return language_scorecard(subject, "test", part, columns)

    tuned = pool_cards([of(part, 0.5, "tuned") for part in parts], together)
    ladder = [
        ((Rung(name="zero-shot", score=9.0, needs_training=False, description=""), of(part, 1.0, "zero-shot")),)
        for part in parts
    ]
    rungs = pool_rungs(ladder, together, "bits_per_byte")
    assert tuned.scores[0].num_examples == 60 and len(tuned.num_bytes) == len(tuned.correct) == 120
    assert rungs[0][0].score == pytest.approx(BASE_NATS[:60].sum() / np.log(2) / BYTES[:60].sum(), abs=1e-12)
    verdict = judge(
        replace(
            given(gained(0.5)),
            tuned=tuned,
            rungs=rungs,
            base_name="zero-shot",
            best_rung_name="zero-shot",
            groups=tuple(one.group for one in together),
            models=4,
        )
    )
    assert verdict.outcome == "better" and verdict.primary.examples == 60 and verdict.primary.fixed == 60
    assert "the tuned models find them far more likely" in verdict.sentence
    assert "60 answers become exact" in verdict.sentence


def test_the_ends_of_a_narrow_interval_are_told_apart() -> None:
    assert BITS.differences(-0.03, -0.034, -0.026) == ("-0.030", "-0.034", "-0.026")
    assert BITS.differences(-0.4, -0.5, -0.3) == ("-0.40", "-0.50", "-0.30")
    assert BITS.differences(0.0, 0.0, 0.0) == ("0.00", "0.00", "0.00") and BITS.score(0.0001) == "0.0001"
    assert POINTS.differences(0.001, 0.0011, 0.0012) == ("+0.1", "+0.1", "+0.1")


def test_gates_for_labels_do_not_misfire_and_a_leak_is_told_in_bits() -> None:
    tuned = card("tuned", gained(0.5))
    validation = replace(card("tuned", gained(0.9)), split="validation")
    assert invalid_reasons(tuned, (), validation) == ()
    (reason,) = invalid_reasons(tuned, [f"e{k}" for k in range(24)], validation)
    assert "24 of 240 test examples (10.0%)" in reason and "bits per byte, on the others" in reason
