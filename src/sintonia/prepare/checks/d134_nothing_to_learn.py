"""D134: examples with nothing to learn in them.

What: counts the training and validation examples without a single learned token: their answers are cut away, every
answer has the weight 0, or the chat template does not take the conversation. They are left out.
Why it matters: what leaves nothing to learn is lost from the training set; other tools average over no token there,
and go on with a loss that is no number.
What to do: raise `training.max_tokens` where answers are cut away; for a template that does not take the conversations
change their roles, or take another template with `chat.template`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sintonia.models.language.template import Rendered
from sintonia.prepare.audit import MAX_PLACES, percent
from sintonia.records import Finding, Place

CODE = "D134"


def check_nothing_to_learn(rendered: Sequence[Rendered], places: Sequence[Place]) -> tuple[Finding, ...]:
    """One finding for all examples without a learned token; `places` are theirs, in the same order."""
    empty = [(one, place) for one, place in zip(rendered, places, strict=True) if not one.row.num_learned]
    if not empty:
        return ()
    reasons = Counter(_reason(one) for one, _ in empty)
    why = "; ".join(f"{count:,} because {reason}" for reason, count in reasons.most_common(3))
    share = percent(len(empty), len(rendered))
    return (
        Finding(
            code=CODE,
            severity="warning",
            count=len(empty),
            message=f"{len(empty):,} of {len(rendered):,} examples ({share}) teach nothing and are left out: {why}",
            hint="raise `training.max_tokens` where answers are cut away; for a template, take another `chat.template`",
            places=tuple(place for _, place in empty[:MAX_PLACES]),
        ),
    )


def _reason(one: Rendered) -> str:
    if one.row.num_cut_answer:
        return "the answer is cut away"
    return f"the chat template does not take them ({one.reason})" if one.reason else "no answer in them counts"
