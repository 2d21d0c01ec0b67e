"""JSON as strictly as the standard says, and no deeper or larger than a row may be. Parses text; reads no file.

No NaN, no number too large to be one, no repeated key, no half of a character, no NUL, at most 64 levels.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any, NoReturn

MAX_DEPTH = 64
_MAX_BRACKETS = 200_000
"""Lists and objects of one row: an empty one takes 30 times the memory of its two characters."""
_MAX_DIGITS = 300
"""What a longer number means, no float can hold."""
_LONG = 1024 * 1024
_RISKY_ESCAPE = re.compile(r"\\u(?:[dD][89a-fA-F]|0000)")
"""What may be half of a character, or a NUL."""
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


def _without_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("the same key twice")
    return values


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _whole(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise ValueError(f"a number of more than {_MAX_DIGITS} digits")
    return int(text)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("a number too large to be read")
    return number


_DECODER = json.JSONDecoder(
    object_pairs_hook=_without_repeated_keys, parse_constant=_refuse_constant, parse_float=_finite, parse_int=_whole
)


_ANYTHING = json.JSONDecoder(parse_int=len, parse_float=len)
"""Finds the end of what the strict decoder refuses."""


@dataclass(frozen=True, slots=True)
class Flawed:
    """JSON that can be read but not used, and why."""

    reason: str


def parse_object(text: str) -> dict[str, Any]:
    """One JSON object that is the whole text, blanks around it allowed.

    Raises:
        ValueError, RecursionError: why it is none; `reason` puts it in words.
    """
    text = text.strip(" \t\r\n")
    refuse_swarm(text)
    value, end = _DECODER.raw_decode(text)
    if end != len(text):
        raise json.JSONDecodeError("Extra data", text, end)
    return checked_object(value, text)


def parse_at(text: str, start: int) -> tuple[Any, int]:
    """The JSON value that begins at a place, and the place after it; a Flawed where it holds what no row may.

    Raises:
        JSONDecodeError: it is no JSON, or not whole.
        RecursionError: far deeper than 64 levels.
    """
    try:
        return _DECODER.raw_decode(text, start)
    except json.JSONDecodeError:
        raise
    except ValueError as error:
        return Flawed(reason(error)), _ANYTHING.raw_decode(text, start)[1]


def checked_object(value: Any, text: str) -> dict[str, Any]:
    """The value, when it is an object without what no row may hold; `text` is what it was parsed from."""
    if isinstance(value, Flawed):
        raise ValueError(value.reason)
    if not isinstance(value, dict):
        raise ValueError(f"it is {_kind(value)}, not an object")
    if text.count("[") + text.count("{") > MAX_DEPTH and _is_deep(value):
        raise ValueError(f"nested deeper than {MAX_DEPTH}")
    if "\\u" in text and _RISKY_ESCAPE.search(text):
        _refuse_characters(value)
    return value


def refuse_swarm(text: str) -> None:
    """Refuses, before parsing, a long text of very many lists and objects.

    Raises:
        ValueError: more than 200,000 of them.
    """
    if len(text) > _LONG and text.count("[") + text.count("{") > _MAX_BRACKETS:
        bare = _STRING.sub("", text)
        if bare.count("[") + bare.count("{") > _MAX_BRACKETS:
            raise ValueError(f"more than {_MAX_BRACKETS:,} lists and objects, or nested deeper than {MAX_DEPTH}")


def reason(error: ValueError | RecursionError) -> str:
    """Why a text cannot be read, without a word of its content."""
    if isinstance(error, RecursionError):
        return f"nested deeper than {MAX_DEPTH}"
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} in column {error.colno}".replace("Expecting", "expecting")
    return str(error)


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def _refuse_characters(value: Any) -> None:
    written = json.dumps(value, ensure_ascii=False)
    if "\\u0000" in written and "\0" in "".join(_texts(value)):
        raise ValueError("a NUL character")
    try:
        written.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("a lone surrogate, half of a character") from None


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for key, inner in value.items() for text in (key, *_texts(inner))]
    return [text for inner in value for text in _texts(inner)] if isinstance(value, list) else []


def _kind(value: Any) -> str:
    kinds = {list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")
