"""D145: spans begin or end within a word, or at a space.

What: counts the spans of the training and validation texts whose ends are no ends of words, as the model reads them.
Why it matters: what tags words can give no such answer: each of these spans counts as missed, whatever is learned.
What to do: move the ends of spans to those of words; take spaces at their ends away.
"""

from __future__ import annotations

from collections.abc import Sequence

from sintonia.records import Example, Finding
from sintonia.tasks import tag

CODE = "D145"
_MOST_PLACES = 20


def check_spans_within_words(examples: Sequence[Example], units: Sequence[tag.Units]) -> tuple[Finding, ...]:
    """A note up to 1 % of the spans, a warning above; `units` are the words of each example."""
    missed = [tag.num_unreachable(one, places) for one, places in zip(examples, units, strict=True)]
    num_spans, num_missed = sum(len(one.whole["spans"]) for one in examples), sum(missed)
    if not num_missed:
        return ()
    return (
        Finding(
            code=CODE,
            severity="warning" if num_missed * 100 > num_spans else "note",
            count=num_missed,
            message=f"{num_missed:,} of {num_spans:,} spans begin or end within a word, or at a space: no answer has "
            "such ends, so they count as missed",
            hint="move their ends to those of words",
            places=tuple(one.place for one, count in zip(examples, missed, strict=True) if count)[:_MOST_PLACES],
        ),
    )
