"""Asks a judge model about what was written, where the recipe names one. What it says changes no verdict."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from sintonia.corridor.closing.behind import Seen, in_order
from sintonia.corridor.closing.writing import why_nothing
from sintonia.evaluate.pairwise import ask_judge, not_asked, pairs_of, plan_judging, told_preference
from sintonia.evaluate.written.findings import NOTHING_HINT
from sintonia.records import Finding

PREFERENCE = "preference.json"
"""Its name in the folder of the turn that is shipped."""


def ask_opinion(seen: Seen, tell: Callable[[str], None]) -> tuple[Finding, ...]:
    """What must be known of the judge, as findings; what it prefers is told, and kept beside the turn."""
    asked, run = seen.shipped.recipe, seen.benches[0].run
    evaluation = asked.evaluation
    plan = plan_judging(evaluation.judge, evaluation.judge_examples, is_redacted=asked.privacy.redact)
    if plan is None:
        return ()
    base = seen.written.side.card(seen.base_name) if seen.written else None
    if seen.written is None:
        return (not_asked(f"nothing was written: {why_nothing(evaluation.decoding)}", NOTHING_HINT),)
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
