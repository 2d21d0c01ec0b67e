r"""Regular expressions in a tokenizer from outside: those that could take exponential time on a plain text are refused.

Tokenizers cut texts with an engine that tries one way after another. Where something is repeated without end within
what is repeated without end, as in `(a+)+`, or chosen within it, as in `(a|aa)*`, there are exponentially many ways;
one short text then takes for ever. No expression of a known tokenizer does that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sintonia.errors import UsageError
from sintonia.models.sources.trust import read_json_object

_PARTS = ("normalizer", "pre_tokenizer", "post_processor", "decoder")
_TOKEN = re.compile(r"\\.|\[\^?\]?|\]|\(|\)|\||\*|\+|\?|\{\d*,?\d*\}|.", re.DOTALL)
_ENDLESS = re.compile(r"[*+]|\{\d*,\}")


def check_expressions(path: Path) -> None:
    """Looks at every expression in a `tokenizer.json`.

    Raises:
        UsageError: one may take exponential time.
    """
    if not path.is_file():
        return
    body = read_json_object(path)
    for expression in _expressions([body.get(name) for name in _PARTS]):
        if may_take_for_ever(expression):
            raise UsageError(
                f"`{path}` cuts texts with an expression that can take for ever: it repeats what repeats itself",
                hint="take a model with a plain tokenizer",
            )


def may_take_for_ever(expression: str) -> bool:
    r"""Whether a group is repeated without end that repeats, or chooses, within.

    >>> may_take_for_ever(r"(?:[a-z]+)+"), may_take_for_ever(r"(?=(\d{3})+(?!\d))| ?\p{L}+")
    (True, False)
    """
    has_ways = [False]
    depth_of_class, last_has_ways = 0, False
    for found in _TOKEN.finditer(expression):
        token, closed = found[0], False
        if token.startswith("[") or (depth_of_class and token == "]"):
            depth_of_class += 1 if token != "]" else -1
        elif depth_of_class:
            continue
        elif token == "(":
            has_ways.append(False)
        elif token == ")" and len(has_ways) > 1:
            last_has_ways, closed = has_ways.pop(), True
            has_ways[-1] |= last_has_ways
        elif _ENDLESS.fullmatch(token):
            if last_has_ways:
                return True
            has_ways[-1] = True
        elif token in ("|", "?") and not expression[: found.start()].endswith("("):
            has_ways[-1] = True
        last_has_ways = last_has_ways and closed
    return False


def _expressions(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if isinstance(one.get("Regex"), str):
                yield one["Regex"]
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
