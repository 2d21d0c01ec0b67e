"""What a training is begun with: the recipe filled, with the memory plan that was made for the longest example.

It decides nothing itself: values come from `resolve`, the plan from `resources/plan.py`.
"""

from __future__ import annotations

import dataclasses

from sintonia.records import Base, Prepared, Resolved
from sintonia.resolve import resolve
from sintonia.resources.plan import Plan
from sintonia.runs import RunFolder
from sintonia.settings import Recipe

PLAN_FILE = "cache/plan.json"


def filled_and_planned(
    run: RunFolder, recipe: Recipe, base: Base, prepared: Prepared
) -> tuple[Recipe, tuple[Resolved, ...]]:
    """The recipe without any `auto`, each setting with its origin; micro-batches and checkpointing as planned.

    Raises:
        UsageError: the recipe does not fit the base, the data or this machine.
    """
    filled, resolved = resolve(recipe, base, prepared)
    plan = run.read(PLAN_FILE, Plan)
    if plan is None:
        return filled, resolved
    planned = {
        "micro_tokens": plan.micro_tokens,
        "checkpointing": "on" if plan.uses_checkpoints else "off",
    }
    changed = {name: value for name, value in planned.items() if getattr(recipe.training, name) == "auto"}
    training = dataclasses.replace(filled.training, **changed)
    listed = tuple(
        dataclasses.replace(one, value=changed[one.setting.partition(".")[2]], origin=plan.why)
        if one.setting in {f"training.{name}" for name in changed}
        else one
        for one in resolved
    )
    return dataclasses.replace(filled, training=training), listed
