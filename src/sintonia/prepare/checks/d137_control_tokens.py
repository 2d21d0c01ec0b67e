"""D137: control tokens of the base stand in the texts.

What: counts the training and validation examples in whose own words there is a control token of the base, such as
`<|im_end|>` or `</s>`, where no chat template put it; a note when only plain texts hold them.
Why it matters: the tokenizer does not tell a typed mark from a real one. It ends a turn or begins another in the middle
of a text, the model learns to stop there, and whoever types it can speak as the system.
What to do: take the marks out, or write them otherwise (`<| im_end |>`). In plain texts that were written with a
template already, they are meant.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sintonia.models.language.template import Template
from sintonia.prepare.audit import MAX_PLACES, percent
from sintonia.records import Finding, Place

CODE = "D137"
_MOST_NAMED = 3


def check_control_tokens(
    contents: Sequence[Mapping[str, Any]], places: Sequence[Place], template: Template
) -> tuple[Finding, ...]:
    """One finding for all examples with such a token; `places` are theirs, in the same order."""
    typed = [template.typed_controls(content) for content in contents]
    here = [(tokens, content, place) for tokens, content, place in zip(typed, contents, places, strict=True) if tokens]
    if not here:
        return ()
    counts = Counter(token for tokens, _, _ in here for token in sorted(tokens))
    named = ", ".join(f"`{token}` in {count:,}" for token, count in counts.most_common(_MOST_NAMED))
    more = f" and {len(counts) - _MOST_NAMED} more tokens" if len(counts) > _MOST_NAMED else ""
    is_in_messages = any("text" not in content for _, content, _ in here)
    return (
        Finding(
            code=CODE,
            severity="warning" if is_in_messages else "note",
            count=len(here),
            message=f"{len(here):,} of {len(contents):,} examples ({percent(len(here), len(contents))}) hold control "
            f"tokens of the base in their own words, which are read as real ones: {named}{more}",
            hint="take them out of the texts, or write them otherwise; in texts that a template wrote they are meant",
            places=tuple(place for _, _, place in here[:MAX_PLACES]),
        ),
    )
