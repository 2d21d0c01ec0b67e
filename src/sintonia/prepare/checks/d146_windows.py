"""D146: texts are longer than what is read at once, and are read in windows.

What: counts the training and validation texts to be tagged that have more than `training.max_tokens` tokens.
Why it matters: nothing of them is cut, but what a word means is judged from its window alone.
What to do: raise `training.max_tokens` (the base has a limit of its own), or leave it so.
"""

from __future__ import annotations

from sintonia.records import Finding

CODE = "D146"


def check_windows(num_windowed: int, num_texts: int, max_tokens: int) -> tuple[Finding, ...]:
    """A note: no word is lost."""
    if not num_windowed:
        return ()
    share = num_windowed / num_texts
    return (
        Finding(
            code=CODE,
            severity="note",
            count=num_windowed,
            message=f"{num_windowed:,} of {num_texts:,} texts ({share:.1%}) are longer than {max_tokens} tokens: read "
            "in windows that overlap, nothing of them is cut",
            hint="a larger `training.max_tokens` shows the model more of them at once",
        ),
    )
