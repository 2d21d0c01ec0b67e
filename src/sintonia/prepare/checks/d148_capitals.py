"""D148: capital letters tell some tags from others, and the base reads them as small ones.

What: compares how often the words of each tag begin with a capital letter, where the tokenizer of the base makes the
same of `A` and `a`.
Why it matters: names are told from other words by their capitals first of all, and no training gives them back to a
base that does not get to see them; words and their neighbours alone may then do better.
What to do: choose a base that reads capitals (in its name often `cased`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from sintonia.records import Example, Finding
from sintonia.tasks import tag

CODE = "D148"
_LEAST_WORDS = 20
"""Of a tag, below which nothing is said of how its words are written."""
_TELLING_FRACTION = 0.3


def check_capitals(
    tokenizer: Any, examples: Sequence[Example], targets: Sequence[np.ndarray], units: Sequence[tag.Units]
) -> tuple[Finding, ...]:
    """A warning where the shares of capital letters of two tags are far apart, and the base sees no capitals."""
    if not _reads_small(tokenizer):
        return ()
    words, capitals = Counter[int](), Counter[int]()
    for one, goal, places in zip(examples, targets, units, strict=True):
        text = tag.inputs(one)
        for target, (start, _) in zip(goal.tolist(), places, strict=True):
            if target != tag.NOT_LEARNED and text[start].isalpha():
                words[target] += 1
                capitals[target] += text[start].isupper()
    shares = [capitals[target] / count for target, count in words.items() if count >= _LEAST_WORDS]
    if len(shares) < 2 or max(shares) - min(shares) < _TELLING_FRACTION:
        return ()
    return (
        Finding(
            code=CODE,
            severity="warning",
            count=capitals.total(),
            message=f"the base reads capital letters as small ones, and they tell tags apart here: {max(shares):.0%} "
            f"of the words of one tag begin with a capital, and {min(shares):.0%} of those of another",
            hint="choose a base that reads capitals: its name often says `cased`",
        ),
    )


def _reads_small(tokenizer: Any) -> bool:
    normalizer = tokenizer.backend_tokenizer.normalizer
    return normalizer is not None and normalizer.normalize_str("A") == "a"
