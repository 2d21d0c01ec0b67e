"""D128: the base does not know the language of the texts.

What: the tokens that the base needs for a word, over training and validation texts. Over 3 and the base writes these
words letter by letter (science.md 3.5); over 5 % of tokens that stand for the unknown say the same. Where words are
written without spaces (Chinese, Japanese, Thai and their like), two characters count as a word.
Why it matters: a base that never met the language has to learn it from your rows, and every text takes more time,
memory and money.
What to do: choose a base that was taught the language; `--base` takes any.
"""

from __future__ import annotations

import re

from sintonia.records import Finding

CODE = "D128"
_MOST_TOKENS_A_WORD = 3.0
_MOST_UNKNOWN = 0.05
_LEAST_WORDS = 200
_LETTERS_A_WORD = 2
_WITHOUT_SPACES = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_WORD = re.compile(
    rf"[^\W\d_{_WITHOUT_SPACES}]+(?:['’\u0300-\u036f\u0900-\u0dff]+[^\W\d_{_WITHOUT_SPACES}]*)*|\d|[^\w\s{_WITHOUT_SPACES}]"
)
_LETTER_WITHOUT_SPACES = re.compile(f"[{_WITHOUT_SPACES}]")


def count_words(text: str) -> int:
    """Words, digits and marks, as many as a tokenizer that knows the language needs tokens at least.

    >>> count_words("The card is lost.")
    5
    >>> count_words("打开厨房的灯")
    3
    """
    if text.isascii():
        return len(_WORD.findall(text))
    num_letters = len(_LETTER_WITHOUT_SPACES.findall(text))
    return len(_WORD.findall(text)) + (num_letters + 1) // _LETTERS_A_WORD


def check_fertility(num_tokens: int, num_words: int, num_unknown: int, num_texts: int) -> tuple[Finding, ...]:
    """A warning above 3 tokens a word, or above 5 % unknown tokens.

    Tokens of whole texts, without the special ones; words by `count_words`, of the same texts.
    """
    if num_words < _LEAST_WORDS:
        return ()
    if num_unknown > _MOST_UNKNOWN * num_tokens:
        what = f"cannot read {num_unknown / num_tokens:.0%} of the tokens of these {num_texts:,} texts"
    elif num_tokens > _MOST_TOKENS_A_WORD * num_words:
        what = f"needs {num_tokens / num_words:.1f} tokens for a word of these {num_texts:,} texts (under 2 is usual)"
    else:
        return ()
    return (
        Finding(
            code=CODE,
            severity="warning",
            count=num_texts,
            message=f"the base {what}: it was not taught their language",
            hint="choose a base that knows the language with `--base`",
        ),
    )
