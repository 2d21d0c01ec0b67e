"""What the verdict on a run says against believing its answers, carried into comparisons with other runs. Pure.

It computes no score, and never makes an outcome more certain than it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sintonia.records import Outcome

DOUBTS = ("E307", "E309")
"""Codes of the findings that forbid to call a gain one: memory of near-copies, answers that do not follow prompts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What must be known of a run before its scores are held against others'."""

    invalid_reasons: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    """Why a gain that was measured is not believed, each with its code."""
    accepted: tuple[str, ...] = ()
    """Codes of the stop findings that were met and accepted."""


SOUND = Standing()
"""Nothing is said against it."""
Named = Sequence[tuple[str, Standing]]
"""The runs of one side, by name."""


def settled(outcome: Outcome, first: Named, second: Named) -> Outcome:
    """The outcome of the second side against the first, as far as it can be believed.

    A gain that is doubted wins nothing, and is no ground to call two runs equal; a loser may be doubted.
    """
    if any(one.invalid_reasons for _, one in (*first, *second)):
        return "invalid"
    winners = {"better": second, "worse": first, "equivalent": (*first, *second)}.get(outcome, ())
    return "inconclusive" if any(one.doubts for _, one in winners) else outcome


def reasons(first: Named, second: Named) -> str:
    """Why there is no outcome, in words; empty when nothing is invalid."""
    told = _each(first, second)
    return "; ".join(f"`{name}` is invalid: {reason}" for name, one in told for reason in one.invalid_reasons)


def remarks(first: Named, second: Named) -> str:
    """Doubts and accepted findings as sentences that follow others; empty when there are none."""
    told = _each(first, second)
    doubts = [f"But of `{name}`: {doubt}." for name, one in told for doubt in one.doubts]
    accepted = [f"`{name}` was reached in spite of accepted findings: {', '.join(one.accepted)}." for name, one in told]
    in_spite = [text for text, (_, one) in zip(accepted, told, strict=True) if one.accepted]
    return "".join(f" {text}" for text in (*doubts, *in_spite))


def _each(first: Named, second: Named) -> list[tuple[str, Standing]]:
    return list(dict((*first, *second)).items())
