"""A judge model, where the recipe names one: tried before anything is trained, asked about what was written.

What it says, or that it says nothing, changes no verdict.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from sintonia.corridor.closing.behind import Seen, in_order
from sintonia.corridor.closing.writing import why_nothing
from sintonia.errors import RunFailed, Unavailable, UsageError
from sintonia.evaluate.pairwise import (
    JudgePlan,
    ask_judge,
    not_asked,
    pairs_of,
    plan_judging,
    told_preference,
    try_judge,
)
from sintonia.evaluate.written.findings import NOTHING_HINT
from sintonia.records import Finding
from sintonia.settings import Recipe

PREFERENCE = "preference.json"
"""Its name in the folder of the turn that is shipped."""


_WHERE = "evaluation.judge"


def refuse_judge(recipe: Recipe) -> None:
    """Refuses a judge that there is not, that texts may not be sent to, or that does not answer.

    Raises:
        UsageError: which of these.
    """
    from sintonia.choose import can_learn

    expected = "a language model as for `base`, or `http(s)://HOST/v1#MODEL`"
    try:
        plan = _plan(recipe)
    except UsageError as error:
        raise UsageError(error.what, expected=expected, hint=error.hint, where=_WHERE) from None
    if plan is None:
        return
    if plan.endpoint is None and not can_learn(dataclasses.replace(recipe, base=plan.name), "chat"):
        raise UsageError(f"`{plan.name}` cannot write", expected=expected, hint="`smollm2`", where=_WHERE)
    try:
        try_judge(plan)
    except RunFailed as error:
        hint = "; ".join(filter(None, [error.hint, "or leave the judge out: the verdict does not rest on it"]))
        raise Unavailable(f"the judge does not answer: {error.what}", hint=hint, where=_WHERE) from None


def _plan(recipe: Recipe) -> JudgePlan | None:
    asked = recipe.evaluation
    return plan_judging(asked.judge, asked.judge_examples, is_redacted=recipe.privacy.redact)


def ask_opinion(seen: Seen, tell: Callable[[str], None]) -> tuple[Finding, ...]:
    """What must be known of the judge, as findings; what it prefers is told, and kept beside the turn."""
    asked, run = seen.shipped.recipe, seen.benches[0].run
    try:
        plan = _plan(asked)
    except UsageError as error:  # SINTONIA_OFFLINE was set since, or the key changed: no reason to lose the verdict
        return (not_asked(error.what, error.hint),)
    if plan is None:
        return ()
    base = seen.written.side.card(seen.base_name) if seen.written else None
    if seen.written is None:
        return (not_asked(f"nothing was written: {why_nothing(asked.evaluation.decoding)}", NOTHING_HINT),)
    if base is None:
        return (not_asked(f"the base that the verdict is against (`{seen.base_name}`) did not write"),)
    if plan.notice:
        tell(plan.notice)
    tuned = seen.written.side.tuned
    pairs = pairs_of(in_order(seen.examples, tuned.ids), base, tuned)
    opinion = ask_judge(plan, pairs, seen.benches[0].base.record)
    if opinion.preference is not None:
        told = dataclasses.replace(opinion.preference, told=told_preference(opinion.preference))
        run.write(f"{run.turn(seen.shipped.number)}/{PREFERENCE}", told)
        tell(told.told)
    return opinion.findings
