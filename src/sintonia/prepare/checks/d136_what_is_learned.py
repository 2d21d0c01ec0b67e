"""D136: what is learned of the conversations.

What: says how many tokens are learned and how many are only read, by which chat template, and where one training
example is shown with its learned tokens marked (`data/rendered.txt`, not with `privacy.redact`).
Why it matters: a wrong mask is the commonest silent mistake of tuning a language model: the model learns the questions
too, or never learns to stop. Look at it once.
What to do: nothing, when the example looks right; else `chat.template` and `chat.learn`.
"""

from __future__ import annotations

from collections.abc import Sequence

from sintonia.models.language.rows import TokenRow
from sintonia.prepare.audit import percent
from sintonia.records import Finding

CODE = "D136"


def tell_what_is_learned(rows: Sequence[TokenRow], origin: str, shown_in: str | None) -> Finding:
    """A note, always; `shown_in` is the file with an example, if there is one."""
    num_learned, num_tokens = sum(row.num_learned for row in rows), sum(len(row.ids) for row in rows)
    share = percent(num_learned, num_tokens)
    where = f"; `{shown_in}` shows one example" if shown_in else ""
    return Finding(
        code=CODE,
        severity="note",
        count=len(rows),
        message=f"{num_learned:,} of {num_tokens:,} tokens ({share}) are learned, the rest is read; {origin}{where}",
        hint="look at the example once; `chat.template` and `chat.learn` say otherwise",
    )
