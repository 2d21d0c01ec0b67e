"""D147: for some words the tokenizer of the base has no token of their own.

What: counts the words of training and validation texts that the tokenizer leaves out (characters that cannot be seen,
accents alone) or takes together with the word before them (emoji side by side).
Why it matters: nothing is known of such a word; it takes the tag that its neighbours ask for.
What to do: take out characters that cannot be seen; for much of other scripts choose a base that knows them.
"""

from __future__ import annotations

from sintonia.records import Finding

CODE = "D147"


def check_words_without_tokens(num_silent: int, num_words: int) -> tuple[Finding, ...]:
    """A note up to 1 % of the words, a warning above."""
    if not num_silent:
        return ()
    return (
        Finding(
            code=CODE,
            severity="warning" if num_silent * 100 > num_words else "note",
            count=num_silent,
            message=f"for {num_silent:,} of {num_words:,} words the tokenizer of the base has no token of their own: "
            "they take the tag that their neighbours ask for",
            hint="take out characters that cannot be seen, or choose a base that knows the script",
        ),
    )
