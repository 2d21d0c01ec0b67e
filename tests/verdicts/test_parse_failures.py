"""E37: parse failures of the base alone are told with both numbers, and a gain that is only the format is no verdict.

So is one on answers that the limit of tokens stopped (science.md 1.6). Simulated answers, judged as a run's are.
"""

from __future__ import annotations

import numpy as np
import pytest

from sintonia.evaluate import (
    JudgeInput,
    Said,
    judge,
    only_beginnings,
    read_by_both,
    unreadable,
    written_side,
)
from sintonia.evaluate.pooled import Side
from sintonia.metrics import parse_format
from sintonia.records import Example, Place, Verdict
from sintonia.settings import EvaluationSettings
from sintonia.tasks import chat

COUNT, SEEDS = 300, range(20)
FORMAT = parse_format("json")


def judged(
    seed: int, *, unread: float, right: tuple[float, float], metric: str = "normalised_match"
) -> tuple[Verdict, list[str]]:
    """A base of whose answers a share is no JSON, and which is else right as often as `right` says first."""
    generator = np.random.default_rng(seed)
    examples = tuple(
        Example(id=f"e{k}", input="ask", target=f'{{"a": {k}}}', group=f"g{k}", place=Place(file="f", line=k + 1))
        for k in range(COUNT)
    )

    def said(share: float, broken: float) -> tuple[Said, ...]:
        is_right, is_broken = generator.random(COUNT) < share, generator.random(COUNT) < broken
        texts = (one.target if here else '{"a": -1}' for one, here in zip(examples, is_right, strict=True))
        return tuple(Said(text=f"sure: {t}" if bad else t) for t, bad in zip(texts, is_broken, strict=True))

    texts = {"tuned": said(right[1], 0.0), "zero-shot": said(right[0], unread)}
    side = written_side(texts, examples, metric)
    return judge(_given(side, metric)), [one.message for one in unreadable(side, "zero-shot", FORMAT, metric)]


def _given(side: Side, metric: str) -> JudgeInput:
    return JudgeInput(
        tuned=side.tuned,
        rungs=side.rungs,
        base_name="zero-shot",
        best_rung_name="zero-shot",
        groups=side.groups,
        evaluation=EvaluationSettings(),
        labels=(),
        primary_metric=metric,
        openings=1,
        metrics=chat.METRICS,
        draws=500,
        written=side,
        readable=read_by_both(side, "zero-shot", FORMAT),
    )


def test_a_gain_that_is_only_the_format_is_never_a_verdict() -> None:
    found = [judged(seed, unread=0.2, right=(0.9, 0.9)) for seed in SEEDS]
    assert [verdict.outcome for verdict, _ in found] == ["invalid"] * len(SEEDS)
    for verdict, told in found:
        (reason,), (message,) = verdict.invalid_reasons, told
        assert "the same is not shown" in reason and "format_validity" in reason and reason in verdict.sentence
        assert "counted as wrong" in message and "both can be read" in message, "both metrics are shown"


def test_a_gain_that_is_also_there_where_both_can_be_read_is_one_and_the_failures_are_told() -> None:
    found = [judged(seed, unread=0.2, right=(0.5, 0.9)) for seed in SEEDS]
    assert {verdict.outcome for verdict, _ in found} == {"better"} and all(told for _, told in found)


def test_a_base_that_writes_no_answer_in_the_format_gives_no_verdict() -> None:
    verdict, _ = judged(0, unread=1.0, right=(0.9, 0.9))
    assert verdict.outcome == "invalid" and "only 0 of 300" in verdict.invalid_reasons[0]


@pytest.mark.parametrize("unread", [0.0, 0.03])
def test_few_parse_failures_change_nothing(unread: float) -> None:
    verdicts = [judged(seed, unread=unread, right=(0.5, 0.9)) for seed in range(5)]
    assert {(verdict.outcome, len(told)) for verdict, told in verdicts} == {("better", 0)}


def test_an_unreadable_tuned_model_is_worse_and_not_excused() -> None:
    generator = np.random.default_rng(1)
    examples = tuple(
        Example(id=f"e{k}", input="ask", target="{}", group=f"g{k}", place=Place(file="f", line=k + 1))
        for k in range(COUNT)
    )
    broken = generator.random(COUNT) < 0.4
    texts = {
        "tuned": tuple(Said(text="{" if bad else "{}") for bad in broken),
        "zero-shot": tuple(Said(text="{}") for _ in broken),
    }
    side = written_side(texts, examples, "normalised_match")
    assert read_by_both(side, "zero-shot", FORMAT) is None
    assert judge(_given(side, "normalised_match")).outcome == "worse"


def test_most_answers_stopped_by_the_limit_are_no_ground_for_a_verdict() -> None:
    ended, cut = Said(text="a"), Said(text="a", is_ended=False)
    (reason,) = only_beginnings([cut] * 51 + [ended] * 49, 1)
    assert "51.0% of the answers of the tuned model did not end within 1 token and" in reason
    assert "evaluation.new_tokens" in reason
    assert only_beginnings([cut] * 50 + [ended] * 50, 19) == ()
