"""D135: the chat template leaves something out of the conversations, or moves it.

What: counts the training and validation examples with tools or calls of tools that the template writes nothing about;
with a system message that it has no place for, which is put into the first message of the user; and with earlier
answers that it writes otherwise once the conversation goes on (thinking that is dropped), which are not learned. Also
a template that writes nothing at the end of an answer.
Why it matters: what is not written is not learned: a model cannot learn to call tools that it never sees, and without
an end of the turn it does not learn to stop. Other tools say nothing.
What to do: take a base, or a template with `chat.template`, that knows tools; a conversation of several answers can be
given as several examples, one for each answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from sintonia.models.language.template import CALLS, EARLIER, SYSTEM, TOOLS, Rendered
from sintonia.prepare.audit import MAX_PLACES, rows_in_words
from sintonia.records import Finding, Place

CODE = "D135"
_SAID = {
    TOOLS: ("offer tools that the chat template writes nothing about", "take a template that knows tools"),
    CALLS: ("call tools, which the chat template writes nothing about", "take a template that knows tools"),
    SYSTEM: (
        "have a system message, which the chat template has no place for: it is put before the first user message",
        "do the same when you use the model",
    ),
    EARLIER: (
        "have earlier answers that the chat template writes otherwise once the conversation goes on: only those "
        "that it writes as it prompts for them are learned",
        "give such a conversation as several examples, one for each answer",
    ),
}


def check_template(rendered: Sequence[Rendered], places: Sequence[Place], end_mark: str) -> tuple[Finding, ...]:
    """One finding for each thing that the template leaves out or moves; `places` are those of the examples."""
    found = []
    for trouble, (said, hint) in _SAID.items():
        here = [place for one, place in zip(rendered, places, strict=True) if trouble in one.troubles]
        if here:
            found.append(_finding(len(here), f"{rows_in_words(len(here))} {said}", hint, here))

    if not end_mark:
        said = "the chat template writes nothing at the end of an answer: the model does not learn to stop"
        found.append(_finding(len(rendered), said, "take a template that ends each turn", []))
    return tuple(found)


def _finding(count: int, message: str, hint: str, places: Sequence[Place]) -> Finding:
    first = tuple(places[:MAX_PLACES])
    return Finding(code=CODE, severity="warning", count=count, message=message, hint=hint, places=first)
