"""Asks a judge about all pairs, each in both orders, and gives up in time. A judge that fails never stops a run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from sintonia.errors import SintoniaError
from sintonia.evaluate.pairwise.judges import Judge, open_judge
from sintonia.evaluate.pairwise.kinship import is_same_base, kinship
from sintonia.evaluate.pairwise.planning import JudgePlan
from sintonia.evaluate.pairwise.question import Pair, question_of
from sintonia.evaluate.pairwise.summing import preference_of
from sintonia.evaluate.pairwise.telling import incomplete, judge_findings, kin_finding, not_asked
from sintonia.evaluate.written.writing import drawn
from sintonia.records import Base, Choice, Finding, Preference, Preferred

MOST_SECONDS = 900.0
"""For all questions together; a single call to an endpoint has its own limit."""
_BASE_FIRST: dict[str | None, Choice] = {"A": "base", "B": "tuned", "tie": "tie", None: "unreadable"}
_TUNED_FIRST: dict[str | None, Choice] = {"A": "tuned", "B": "base", "tie": "tie", None: "unreadable"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What a judge said, and what has to be known about it."""

    preference: Preference | None
    """None where it said nothing."""
    findings: tuple[Finding, ...]


def ask_judge(plan: JudgePlan, pairs: Sequence[Pair], base: Base, *, most_seconds: float = MOST_SECONDS) -> Opinion:
    """Which answers a judge prefers, of at most `plan.num_examples` examples, drawn by a hash of their ids.

    `base` is the model that was tuned. What goes wrong with the judge is a finding (E317), never an error.
    """
    kept = drawn([one.id for one in pairs], plan.num_examples)
    chosen = [one for one in pairs if one.id in kept]
    if not chosen:
        return Opinion(preference=None, findings=(not_asked("there are no written answers to compare"),))
    try:
        if is_same_base(plan, base):
            hint = "take a judge of another family: models prefer what they would have written themselves"
            return Opinion(preference=None, findings=(not_asked("it is the base that was tuned", hint),))
        kin, judge = kinship(plan, base), open_judge(plan)
    except SintoniaError as error:
        return Opinion(preference=None, findings=(not_asked(error.what, error.hint),))
    asked, trouble = _ask_all(judge, chosen, most_seconds)
    if not asked:
        return Opinion(preference=None, findings=(trouble or not_asked("no pair was judged"),))
    preference = preference_of(plan.name, asked, len(chosen))
    findings = (*([trouble] if trouble else []), *([kin_finding(kin)] if kin else []), *judge_findings(preference))
    return Opinion(preference=preference, findings=findings)


def _ask_all(judge: Judge, pairs: Sequence[Pair], most_seconds: float) -> tuple[list[Preferred], Finding | None]:
    """What was said until all pairs were judged, or something went wrong; the pairs are not sorted by anything."""
    ends, asked = time.monotonic() + most_seconds, list[Preferred]()
    for pair in pairs:
        if time.monotonic() > ends:
            why = f"the {most_seconds / 60:.0f} minutes that it is given were over"
            return asked, incomplete(len(asked), len(pairs), why, "take a faster judge, or `evaluation.judge_examples`")
        try:
            asked.append(_ask(judge, pair))
        except SintoniaError as error:
            if not asked:
                return asked, not_asked(error.what, error.hint)
            return asked, incomplete(len(asked), len(pairs), error.what, error.hint)
    return asked, None


def _ask(judge: Judge, pair: Pair) -> Preferred:
    """One pair in both orders; an answer wins only where both say so."""
    if pair.is_identical:
        base_first = tuned_first = outcome = _BASE_FIRST["tie"]
    else:
        base_first = _BASE_FIRST[judge.reply(question_of(pair, is_tuned_first=False))]
        tuned_first = _TUNED_FIRST[judge.reply(question_of(pair, is_tuned_first=True))]
        outcome = base_first if base_first == tuned_first else "tie"
        if "unreadable" in (base_first, tuned_first):
            outcome = "unreadable"
    return Preferred(
        id=pair.id,
        group=pair.group,
        base_first=base_first,
        tuned_first=tuned_first,
        outcome=outcome,
        base_length=len(pair.base.strip()),
        tuned_length=len(pair.tuned.strip()),
        is_asked=not pair.is_identical,
    )
