"""Before the first step: what the base has to say about the training rows, and how fast it is on this machine.

It looks at training and validation rows only, and trains nothing that is kept.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sintonia.corridor.billing.reading import count_conversations, paces_of_rows, paces_of_texts
from sintonia.corridor.billing.trial import try_steps, words_seconds
from sintonia.corridor.billing.work import Counted, tokens_kept, work_of
from sintonia.corridor.planning import (
    AnswerLength,
    PlanGround,
    filled_and_planned,
    lengths_of_rows,
    plan_of,
    read_ground,
    refuse_idle_patience,
    write_answer_length,
    write_ground,
)
from sintonia.corridor.turns import read_sets
from sintonia.corridor.walk import Walk
from sintonia.corridor.worth import weigh_worth
from sintonia.evaluate.written.writing import Prompt, before_last_answer, prompts_of, tokens_to_give
from sintonia.metrics import METRICS
from sintonia.metrics.table import BUILT_IN
from sintonia.models.language.losses import Engine
from sintonia.models.language.rows import TokenRow
from sintonia.records import Base, Example, Finding, Prepared, Resources
from sintonia.resolve import resolve
from sintonia.resources.estimate import SetSizes, estimate_parts, estimate_turn, shape_of, workload_of
from sintonia.resources.plan import language_peak_parts
from sintonia.resources.whole import Paces, Work, encoder_run_bytes, language_run_bytes
from sintonia.runs import RunFolder
from sintonia.settings import Recipe
from sintonia.tasks import TASKS, inputs_of, spoken

if TYPE_CHECKING:
    from sintonia.models.language.saved import OpenLanguageModel

MOST_TRIED = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What was found, and what the promise is made from."""

    findings: tuple[Finding, ...]
    estimate: Resources
    """Of the trainings alone, by the pace of reading: memory and disk are those of the whole run."""
    paces: Paces | None = None
    work: Work | None = None
    """None in a run that was begun before they were measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looked:
    """What a look at the rows gives: findings, lengths, and the paces of what is not trained."""

    findings: tuple[Finding, ...]
    counted: Counted
    paces: Paces


def examine(walk: Walk, base: Base, prepared: Prepared) -> tuple[Recipe, Examined]:
    """The recipe with every `auto` filled and planned for, and what was found; a resumed run reads it.

    Raises:
        UsageError: early stopping that could never act was asked for, in a run that begins.
    """
    run, recipe = walk.run, walk.run.recipe()
    filled, resolved = resolve(recipe, base, prepared)
    examined = run.read("cache/examined.json", Examined)
    if examined is None:
        refuse_idle_patience(recipe, filled)  # a run that was begun before this was refused is gone on with
    run.write_resolved(resolved)
    if examined is None:
        with walk.stage("examine", "looking at the training rows with the base"):
            examined = look_with_base(run, base, prepared, filled)
        run.write("cache/examined.json", examined)
    run.write_resolved(filled_and_planned(run, recipe, base, prepared)[1])
    return filled, examined


def look_with_base(run: RunFolder, base: Base, prepared: Prepared, filled: Recipe) -> Examined:
    """What needs the base: label signal or what is learned of conversations, truncation, the paces of this machine."""
    sets = read_sets(run, prepared.parts[0])
    _try_own_metrics(sets[0])
    look = _look_at_conversations if TASKS[prepared.task].BASE == "language" else _look_at_texts
    looked = look(run, base, prepared, filled, sets)
    counted, paces = looked.counted, looked.paces
    sizes = SetSizes(
        num_train=counted.num_train, num_validation=counted.num_validation, longest_tokens=counted.longest_tokens
    )
    turn = estimate_turn(filled, base, sizes, paces.forward_seconds * counted.mean)
    plan = plan_of(run, run.recipe(), filled)
    if plan is not None:
        turn = dataclasses.replace(turn, peak_memory_bytes=plan.peak_memory_bytes)
    whole_bytes = _run_bytes(run, filled, prepared, counted, turn)
    if base.kind == "language":  # base and candidate are open together when it is judged, also with a head
        whole_bytes = max(whole_bytes, language_run_bytes(turn.peak_memory_bytes, 4 * base.num_parameters, 0))
    turn = dataclasses.replace(turn, peak_memory_bytes=whole_bytes)
    return Examined(
        findings=looked.findings,
        estimate=estimate_parts(turn, len(prepared.parts)),
        paces=_with_steps(paces, try_steps(run, base, prepared, _planned(run, base, prepared), sets)),
        work=work_of(filled, prepared, counted, base.num_layers),
    )


def _run_bytes(run: RunFolder, filled: Recipe, prepared: Prepared, counted: Counted, turn: Resources) -> int:
    """The most memory of the whole run, not of its training alone."""
    ground = read_ground(run)
    if ground is None:
        return encoder_run_bytes(turn.peak_memory_bytes)
    shape = ground.shape
    parts = language_peak_parts(shape, workload_of(filled, shape, ground.lengths, can_fuse=ground.can_fuse))
    kept = 8 * shape.num_layers * shape.pair_width * tokens_kept(counted, prepared.parts[0].test.count)
    return language_run_bytes(turn.peak_memory_bytes, parts["weights"] + parts["cache"], kept)


def _planned(run: RunFolder, base: Base, prepared: Prepared) -> Recipe:
    return filled_and_planned(run, run.recipe(), base, prepared)[0]


def _with_steps(looked: Paces, tried: Paces | None) -> Paces:
    """With what was measured in real steps, where some could be tried."""
    if tried is None:
        return looked
    return dataclasses.replace(
        looked,
        forward_seconds=tried.forward_seconds or looked.forward_seconds,
        step_seconds=tried.step_seconds,
        update_seconds=tried.update_seconds,
        begin_seconds=tried.begin_seconds,
        open_seconds=min(looked.open_seconds, tried.begin_seconds),  # the first to open loads libraries too
        disk_seconds=tried.disk_seconds,
        checkpoint_bytes=tried.checkpoint_bytes,
        counted=tried.counted,
    )


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


def _look_at_texts(run: RunFolder, base: Base, prepared: Prepared, filled: Recipe, sets: Sets) -> _Looked:
    from sintonia.models.open import open_base
    from sintonia.models.tokens import tokenize
    from sintonia.prepare.examine import examine

    train, validation = sets
    began = time.monotonic()
    opened = open_base(base, int(filled.training.max_tokens))
    opened.model.read_as(filled)
    open_seconds = time.monotonic() - began
    findings, longest = examine(run, opened, train, validation, prepared)

    inputs = inputs_of(TASKS[prepared.task], train)
    rows = tokenize(opened.tokenizer, inputs, opened.max_tokens, opened.model.reading).ids
    paces, anchor_tokens = paces_of_texts(opened, rows)
    counted = Counted(
        num_train=len(train),
        num_validation=len(validation),
        train_tokens=sum(map(len, rows)),
        longest_tokens=longest,
        anchor_tokens=anchor_tokens,
    )
    paces = dataclasses.replace(
        paces, open_seconds=open_seconds, words_seconds=words_seconds(TASKS[prepared.task], prepared.labels, train)
    )
    if TASKS[prepared.task].HAS_CLASSES:
        weigh_worth(run, opened, (prepared, filled), train)
    return _Looked(findings=findings, counted=counted, paces=paces)


def _look_at_conversations(run: RunFolder, base: Base, prepared: Prepared, filled: Recipe, sets: Sets) -> _Looked:
    from sintonia.models.language.saved import open_language_base
    from sintonia.prepare.examine_conversations import examine_conversations

    task = TASKS[prepared.task]
    sets = (spoken(task, sets[0]), spoken(task, sets[1]))
    began = time.monotonic()
    opened = open_language_base(base, int(filled.training.max_tokens), filled.chat.template)
    open_seconds = time.monotonic() - began
    findings, train, validation = examine_conversations(run, opened, *sets)
    prompts = _prompts(opened, filled, sets[0], train)
    write_answer_length(run, AnswerLength(new_tokens=tokens_to_give(prompts)))
    engine = Engine(opened.causal, micro_tokens=int(filled.training.micro_tokens), is_fused=filled.training.fused)
    learned = [row for row in train if row.num_learned]
    shape, lengths = shape_of(base, opened.causal.config), lengths_of_rows(learned, int(filled.training.max_tokens))
    write_ground(run, PlanGround(shape=shape, lengths=lengths, can_fuse=engine.is_fused))
    asked = () if filled.evaluation.decoding == "none" else prompts
    paces = dataclasses.replace(paces_of_rows(opened, engine, learned, asked), open_seconds=open_seconds)
    if prepared.task == "chat":
        weigh_worth(run, opened, (prepared, filled), sets[0])
    return _Looked(
        findings=findings, counted=count_conversations(opened, filled, (learned, validation), prompts), paces=paces
    )


def _prompts(
    opened: OpenLanguageModel, filled: Recipe, examples: Sequence[Example], rows: Sequence[TokenRow]
) -> list[Prompt | None]:
    """Of training examples; `rows` are the same as tokens, which say it where only answers are learned."""
    if filled.chat.learn != "answers":
        return prompts_of(opened, examples, 1)
    pairs = zip(examples, rows, strict=True)
    return [before_last_answer(row) if one.whole.get("messages") else None for one, row in pairs]
