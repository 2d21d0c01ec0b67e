"""What a training is begun with: the recipe filled, with the memory plan that is made for its longest examples.

It decides nothing itself: values come from `resolve`, the plan from `resources/plan.py`. Each turn has a plan of its
own, made from what was found at first of base and rows; a turn that is resumed keeps the plan it was begun with.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sintonia.errors import UsageError
from sintonia.metrics import METRICS
from sintonia.records import Base, Prepared, Resolved
from sintonia.resolve import SHORT_EPOCHS, TO_THE_END, resolve
from sintonia.resources.estimate import workload_of
from sintonia.resources.memory import free_bytes, held_bytes
from sintonia.resources.plan import LEAST_MICRO_TOKENS, LanguageShape, Lengths, Plan, plan_memory
from sintonia.runs import RunFolder
from sintonia.settings import Recipe, TrainingSettings

if TYPE_CHECKING:
    from sintonia.models.language.rows import TokenRow

_GROUND = "cache/plan-ground.json"
_ANSWERS = "cache/answers.json"
_MOST_LENGTHS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanGround:
    """What every plan of a run is made from, whatever the recipe of the turn."""

    shape: LanguageShape
    lengths: Lengths
    can_fuse: bool
    """Whether the layers of the base can be fused; False too where nobody has tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerLength:
    """How many tokens a model is given to write an answer, by what the training answers take."""

    new_tokens: int
    """0 where no training example has a prompt: then nothing can be written."""


def write_answer_length(run: RunFolder, found: AnswerLength) -> None:
    """Keeps it."""
    run.write(_ANSWERS, found)


def write_ground(run: RunFolder, ground: PlanGround) -> None:
    """Keeps what the plans of this run are made from."""
    run.write(_GROUND, ground)


def read_ground(run: RunFolder) -> PlanGround | None:
    """What the plans of this run are made from; None for what needs no plan."""
    return run.read(_GROUND, PlanGround)


def lengths_of_rows(rows: Sequence[TokenRow], max_tokens: int) -> Lengths:
    """How long rows are that teach something: the longest of them, what is learned, and the beginning they share."""
    from sintonia.models.language.batches import sequences_of, shared_length

    lengths = sorted((len(row.ids) for row in rows), reverse=True)
    return Lengths(
        longest=tuple(lengths[:_MOST_LENGTHS]),
        max_tokens=max_tokens,
        learned_fraction=sum(row.num_learned for row in rows) / sum(lengths),
        shared_tokens=shared_length(sequences_of(rows)),
    )


def plan_of(run: RunFolder, recipe: Recipe, filled: Recipe, *, is_first: bool = True) -> Plan | None:
    """How the training fits into the memory that is free now; None for what needs no plan.

    `recipe` says what was asked for, `filled` what that means. A later turn is never refused, since the run could not
    go on without it: it takes what needs least.

    Raises:
        UsageError: the first turn does not fit.
    """
    ground, asked = read_ground(run), recipe.training
    if ground is None:
        return None
    work = workload_of(filled, ground.shape, ground.lengths, can_fuse=ground.can_fuse)
    room = free_bytes() + held_bytes()
    try:
        return plan_memory(ground.shape, work, room, micro_tokens=asked.micro_tokens, checkpointing=asked.checkpointing)
    except UsageError as refused:
        if is_first:
            raise
        micro = LEAST_MICRO_TOKENS if asked.micro_tokens == "auto" else asked.micro_tokens
        again: Literal["on", "off"] = "off" if asked.checkpointing == "off" else "on"
        least = plan_memory(ground.shape, work, room, micro_tokens=micro, checkpointing=again)
        return dataclasses.replace(least, why=f"the least there is: {refused.what}")


def filled_and_planned(
    run: RunFolder, recipe: Recipe, base: Base, prepared: Prepared, turn: int | None = None
) -> tuple[Recipe, tuple[Resolved, ...]]:
    """The recipe without any `auto`, each setting with its origin; micro-batches and checkpointing as planned.

    Without a turn it is told what the first one is, or will be, begun with, and nothing is kept.

    Raises:
        UsageError: the recipe does not fit the base, the data or this machine.
    """
    filled, resolved = _with_answers(run, recipe, *resolve(recipe, base, prepared))
    kept = f"{run.turn(turn or 1)}/plan.json"
    plan = run.read(kept, Plan)
    if plan is None:
        plan = plan_of(run, recipe, filled, is_first=turn in (None, 1))
        if plan is not None and turn is not None:
            run.write(kept, plan)
    return (filled, resolved) if plan is None else _with_plan(recipe, filled, resolved, plan)


def _with_answers(
    run: RunFolder, recipe: Recipe, filled: Recipe, resolved: tuple[Resolved, ...]
) -> tuple[Recipe, tuple[Resolved, ...]]:
    """With the length of the answers that are written, where that is left to the training answers."""
    found, asked = run.read(_ANSWERS, AnswerLength), filled.evaluation
    if found is None or asked.decoding == "none":
        return filled, resolved
    if not found.new_tokens and METRICS[asked.primary_metric].reads in ("texts", "answers"):
        raise UsageError(
            f"`{asked.primary_metric}` reads written answers, and no training example has a prompt to answer",
            hint="leave `evaluation.primary_metric` on auto",
        )
    if recipe.evaluation.new_tokens != "auto" or not found.new_tokens:
        return filled, resolved
    why = "the longest training answer and a tenth more"
    name, value = "evaluation.new_tokens", found.new_tokens
    listed = (dataclasses.replace(one, value=value, origin=why) if one.setting == name else one for one in resolved)
    return dataclasses.replace(filled, evaluation=dataclasses.replace(asked, new_tokens=value)), tuple(listed)


def _with_plan(
    recipe: Recipe, filled: Recipe, resolved: tuple[Resolved, ...], plan: Plan
) -> tuple[Recipe, tuple[Resolved, ...]]:
    planned = {
        "micro_tokens": plan.micro_tokens,
        "checkpointing": "on" if plan.uses_checkpoints else "off",
    }
    changed: dict[str, Any] = {
        name: value for name, value in planned.items() if getattr(recipe.training, name) == "auto"
    }
    training = dataclasses.replace(filled.training, **changed)
    listed = tuple(
        dataclasses.replace(one, value=changed[one.setting.partition(".")[2]], origin=plan.why)
        if one.setting in {f"training.{name}" for name in changed}
        else one
        for one in resolved
    )
    return dataclasses.replace(filled, training=training), listed


def refuse_idle_patience(recipe: Recipe, filled: Recipe) -> None:
    """Refuses a patience that was asked for where nothing stops early. `filled` is the recipe without any `auto`.

    It is no part of `resolve`, because a later turn may come to so few epochs by itself.

    Raises:
        UsageError: it would have no effect.
    """
    if recipe.training.patience == TrainingSettings().patience or filled.training.early_stopping:
        return
    why, hint = "while `training.early_stopping` is off", "leave it out, or switch early stopping on"
    if recipe.training.early_stopping:
        why = f"with {filled.training.epochs:g} epochs: {TO_THE_END}"
        hint = f"leave it out, or take more than {SHORT_EPOCHS} `training.epochs`"
    raise UsageError(f"`training.patience` has no effect {why}", hint=hint)
