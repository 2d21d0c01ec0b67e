"""D111: texts are longer than the model reads at once.

What: counts the training and validation texts with more than `training.max_tokens`, and says what is read of them: the
beginning, both ends, or windows.
Why it matters: what is cut is never seen; when the answer stands there, the model cannot learn it. Who loads the model
with another tool reads the beginning of a text.
What to do: raise `training.max_tokens` (the base has a limit of its own), take another `training.long_texts`, or
shorten the texts yourself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sintonia.records import Finding

if TYPE_CHECKING:
    from sintonia.models.tokens import Tokens

CODE = "D111"
_HINT = "raise `training.max_tokens` if the base reads more"


def check_truncation(tokens: Tokens, max_tokens: int, long_texts: str) -> tuple[Finding, ...]:
    """A note up to 5 % of the texts, or where nothing is cut; a warning above."""
    num_texts, num_long = len(tokens.ids), len(tokens.long)
    if num_long == 0:
        return ()
    found = {"head": _cut_at_the_end, "head_tail": _cut_in_the_middle, "windows": _read_in_windows}
    message, hint = found[long_texts](num_texts, tokens, max_tokens)
    return (
        Finding(
            code=CODE,
            severity="warning" if tokens.num_truncated / num_texts > 0.05 else "note",
            count=num_long,
            message=message,
            hint=hint,
        ),
    )


def _share(num: int, num_texts: int) -> str:
    return f"{num} of {num_texts} texts ({num / num_texts:.1%})"


def _cut_at_the_end(num_texts: int, tokens: Tokens, max_tokens: int) -> tuple[str, str]:
    return (
        f"{_share(len(tokens.long), num_texts)} are cut at {max_tokens} tokens",
        "raise `training.max_tokens` if the end of the text matters, or take `training.long_texts=head_tail`",
    )


def _cut_in_the_middle(num_texts: int, tokens: Tokens, max_tokens: int) -> tuple[str, str]:
    return (
        f"{_share(len(tokens.long), num_texts)} are longer than {max_tokens} tokens: the first quarter and the last "
        "three quarters of so many are read, and what lies between is cut",
        f"{_HINT}, or take `training.long_texts=windows` where what lies between matters",
    )


def _read_in_windows(num_texts: int, tokens: Tokens, max_tokens: int) -> tuple[str, str]:
    from sintonia.models.tokens import MOST_WINDOWS  # late: checks are listed without torch

    message = (
        f"{_share(len(tokens.long), num_texts)} are longer than {max_tokens} tokens: read in windows whose features "
        "are averaged"
    )
    if not tokens.cut:
        return f"{message}; nothing is cut", "`training.long_texts=head_tail` is quicker, and reads both ends"
    return f"{message}; of {len(tokens.cut)} the end is cut, after {MOST_WINDOWS} windows", _HINT
