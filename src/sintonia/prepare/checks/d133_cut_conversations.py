"""D133: conversations are longer than the model reads.

What: counts the training and validation examples that are cut at `training.max_tokens`, at the end, and says what is
cut: answers, which are learned, or only what leads to them. Above 20 % of the examples with a cut answer it is a stop.
Why it matters: from a cut answer the model learns to begin and not to end; one that is cut away teaches nothing.
What to do: a larger `training.max_tokens`, as far as the base reads and memory lasts; or shorter examples.
"""

from __future__ import annotations

from collections.abc import Sequence

from sintonia.models.language.rows import TokenRow
from sintonia.prepare.audit import MAX_PLACES, percent
from sintonia.records import Finding, Place

CODE = "D133"
STOP_FRACTION = 0.2


def check_cut(rows: Sequence[TokenRow], places: Sequence[Place], max_tokens: int) -> tuple[Finding, ...]:
    """One finding for all examples that are cut; `places` are theirs, in the same order."""
    is_cut = [row.num_cut_prompt + row.num_cut_answer > 0 for row in rows]
    if not any(is_cut):
        return ()
    num_cut, num_answers = sum(is_cut), sum(row.num_cut_answer > 0 for row in rows)
    lost, whole = sum(row.num_cut_answer for row in rows), sum(row.num_learned + row.num_cut_answer for row in rows)
    longest = max(len(row.ids) + row.num_cut_prompt + row.num_cut_answer for row in rows)
    cut = f"{num_cut:,} of {len(rows):,} examples ({percent(num_cut, len(rows))}) are cut at {max_tokens:,} tokens"
    what = "only what leads to an answer, no answer"
    if num_answers:
        what = f"in {num_answers:,} of them the answer, {percent(lost, whole)} of all that is to be learned"
    return (
        Finding(
            code=CODE,
            severity="stop" if num_answers > STOP_FRACTION * len(rows) else "warning",
            count=num_cut,
            message=f"{cut}: {what}",
            hint=f"`training.max_tokens={longest}` cuts nothing, if the base reads so many; or shorten the examples",
            places=tuple(place for place, one in zip(places, is_cut, strict=True) if one)[:MAX_PLACES],
        ),
    )
