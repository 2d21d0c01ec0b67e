"""Before the first step: what the base has to say about the training rows, and what the training will cost.

It looks at training and validation rows only, and trains nothing.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sintonia.corridor.planning import AnswerLength, PlanGround, plan_of, write_answer_length, write_ground
from sintonia.corridor.turns import read_sets
from sintonia.evaluate.written.writing import Prompt, before_last_answer, prompts_of, tokens_to_give
from sintonia.metrics import METRICS
from sintonia.metrics.table import BUILT_IN
from sintonia.models.language.batches import sequences_of, shared_length
from sintonia.models.language.losses import Engine
from sintonia.models.language.rows import TokenRow
from sintonia.records import Base, Example, Finding, Prepared, Resources
from sintonia.resources.estimate import SetSizes, estimate_parts, estimate_turn, shape_of
from sintonia.resources.plan import Lengths
from sintonia.runs import RunFolder
from sintonia.settings import Recipe

if TYPE_CHECKING:
    from sintonia.models.language.saved import OpenLanguageModel

_PACE_SECONDS, _PACE_ROWS = 5.0, 4
"""How long the pace of a language model is measured, in groups of so many rows."""
_MOST_LENGTHS = 256
MOST_TRIED = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What was found, and the estimate of the whole run."""

    findings: tuple[Finding, ...]
    estimate: Resources


def look_with_base(run: RunFolder, base: Base, prepared: Prepared, filled: Recipe) -> Examined:
    """What needs the base: label signal or what is learned of conversations, truncation, the pace of this machine."""
    train, validation = read_sets(run, prepared.parts[0])
    _try_own_metrics(train)
    look = _look_at_conversations if prepared.task == "chat" else _look_at_texts
    findings, sizes, pace = look(run, base, prepared, filled, (train, validation))
    turn, plan = estimate_turn(filled, base, sizes, pace), plan_of(run, run.recipe(), filled)
    if plan is not None:
        turn = dataclasses.replace(turn, peak_memory_bytes=plan.peak_memory_bytes)
    estimate = estimate_parts(turn, len(prepared.parts))
    return Examined(findings=findings, estimate=estimate)


def _try_own_metrics(examples: Sequence[Example]) -> None:
    """Computes what the recipe adds on a few training targets, so that code that fails does so before any training.

    Raises:
        UsageError: the metric's own code fails.
    """
    targets = [one.target for one in examples[:MOST_TRIED]]
    for name, metric in METRICS.items():
        if name not in BUILT_IN and metric.reads in ("texts", "answers"):
            for answers in (targets, [""] * len(targets)):
                metric.function(targets, answers)


Sets = tuple[Sequence[Example], Sequence[Example]]
Looked = tuple[tuple[Finding, ...], SetSizes, float]
"""Findings, sizes, and the seconds of one forward pass of one example."""


def _look_at_texts(run: RunFolder, base: Base, prepared: Prepared, filled: Recipe, sets: Sets) -> Looked:
    from sintonia.models.open import open_base
    from sintonia.prepare.examine import examine

    train, validation = sets
    opened = open_base(base, int(filled.training.max_tokens))
    began = time.monotonic()
    findings, longest = examine(run, opened, train, validation, prepared)
    pace = (time.monotonic() - began) / len(train)
    return findings, SetSizes(num_train=len(train), num_validation=len(validation), longest_tokens=longest), pace


def _look_at_conversations(run: RunFolder, base: Base, _: Prepared, filled: Recipe, sets: Sets) -> Looked:
    from sintonia.models.language.saved import open_language_base
    from sintonia.prepare.examine_conversations import examine_conversations

    opened = open_language_base(base, int(filled.training.max_tokens), filled.chat.template)
    findings, train, validation = examine_conversations(run, opened, *sets)
    write_answer_length(run, AnswerLength(new_tokens=tokens_to_give(_prompts(opened, filled, sets[0], train))))
    engine = Engine(opened.causal, micro_tokens=int(filled.training.micro_tokens), is_fused=filled.training.fused)
    learned = [row for row in train if row.num_learned]
    sizes = SetSizes(
        num_train=len(learned),
        num_validation=len(validation),
        longest_tokens=max(len(row.ids) for row in (*learned, *validation)),
    )
    shape, lengths = shape_of(base, opened.causal.config), _lengths(learned, int(filled.training.max_tokens))
    write_ground(run, PlanGround(shape=shape, lengths=lengths, can_fuse=engine.is_fused))
    return findings, sizes, _pace(engine, learned)


def _prompts(
    opened: OpenLanguageModel, filled: Recipe, examples: Sequence[Example], rows: Sequence[TokenRow]
) -> list[Prompt | None]:
    """Of training examples; `rows` are the same as tokens, which say it where only answers are learned."""
    if filled.chat.learn != "answers":
        return prompts_of(opened, examples, 1)
    pairs = zip(examples, rows, strict=True)
    return [before_last_answer(row) if one.whole.get("messages") else None for one, row in pairs]


def _lengths(rows: Sequence[TokenRow], max_tokens: int) -> Lengths:
    lengths = sorted((len(row.ids) for row in rows), reverse=True)
    return Lengths(
        longest=tuple(lengths[:_MOST_LENGTHS]),
        max_tokens=max_tokens,
        learned_fraction=sum(row.num_learned for row in rows) / sum(lengths),
        shared_tokens=shared_length(sequences_of(rows)),
    )


def _pace(engine: Engine, rows: Sequence[TokenRow]) -> float:
    """Seconds of a forward pass of one row, scaled by tokens from a few of them to all."""
    began, num_tokens = time.monotonic(), 0
    for start in range(0, len(rows), _PACE_ROWS):
        few = rows[start : start + _PACE_ROWS]
        engine.losses(few)
        num_tokens += sum(len(row.ids) for row in few)
        if time.monotonic() - began > _PACE_SECONDS:
            break
    per_token = (time.monotonic() - began) / num_tokens
    return per_token * sum(len(row.ids) for row in rows) / len(rows)
