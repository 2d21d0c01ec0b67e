"""D111: texts are longer than the model reads.

What: counts the training and validation texts that are cut at `training.max_tokens`, at the end.
Why it matters: what is cut is never seen; when the answer stands at the end, the model cannot learn it.
What to do: raise `training.max_tokens` (the base has a limit of its own), or shorten the texts yourself.
"""

from __future__ import annotations

from sintonia.records import Finding

CODE = "D111"


def check_truncation(num_truncated: int, num_texts: int, max_tokens: int) -> tuple[Finding, ...]:
    """A note up to 5 % of the texts, a warning above."""
    if num_truncated == 0:
        return ()
    share = num_truncated / num_texts
    return (
        Finding(
            code=CODE,
            severity="warning" if share > 0.05 else "note",
            count=num_truncated,
            message=f"{num_truncated} of {num_texts} texts ({share:.1%}) are cut at {max_tokens} tokens",
            hint="raise `training.max_tokens` if the end of the text matters",
        ),
    )
