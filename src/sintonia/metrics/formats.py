"""The formats that written answers can be declared to have, and whether a text is valid in one.

It never says whether an answer is right, and never fetches what a schema refers to.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sintonia.errors import UsageError, nearest

KINDS: dict[str, str] = {
    "json": "any JSON value",
    "json:SCHEMA_FILE": "JSON that fits a JSON Schema",
    "sql": "SQL statements, in any dialect",
    "regex:PATTERN": "a text that a regular expression matches as a whole",
}
"""How a format is declared, and what it is."""

SLOWEST_SECONDS = 1.0
"""Of one match of a pattern. Some patterns take longer than the universe has; an answer beyond it is not valid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A declared format."""

    declared: str
    """As it stands in the recipe."""
    title: str
    """In prose: `valid JSON`."""
    is_valid: Callable[[str], bool]
    """Whether an answer is valid. Spaces and line breaks around it do not count; words or marks around it do."""


def parse_format(declared: str) -> Format:
    """The format that a recipe declares.

    Raises:
        UsageError: no such format, a schema that cannot be read or used, a pattern that is none.
    """
    kind, colon, rest = declared.partition(":")
    if declared == "json":
        return Format(declared=declared, title="valid JSON", is_valid=_is_json)
    if declared == "sql":
        return Format(declared=declared, title="valid SQL", is_valid=_sql())
    if kind == "json" and rest:
        from sintonia.metrics.schemas import fits_schema

        check = fits_schema(rest, _pattern_matches)
        return Format(declared=declared, title="valid JSON by the schema", is_valid=lambda text: _fits(check, text))
    if kind == "regex" and rest:
        return Format(declared=declared, title="matching the pattern", is_valid=_pattern(rest))
    if colon and kind in ("json", "regex"):
        raise UsageError(f"the format `{declared}` lacks what follows the colon", expected=_kinds())
    raise UsageError(
        f"there is no format `{declared}`", expected=_kinds(), hint=f"did you mean {nearest(kind, KINDS, 1)}?"
    )


def _kinds() -> str:
    return "; ".join(f"`{name}`: {words}" for name, words in KINDS.items())


def _is_json(text: str) -> bool:
    try:
        read_json(text)
    except (ValueError, RecursionError):
        return False
    return True


def _fits(check: Callable[[Any], bool], text: str) -> bool:
    try:
        return check(read_json(text))
    except (ArithmeticError, ValueError, RecursionError):
        return False


def read_json(text: str) -> Any:
    """A JSON value by the standard; Python's own reader lets NaN and Infinity pass. Raises ValueError."""
    return json.loads(text.strip(), parse_constant=_refuse)


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def _pattern(pattern: str) -> Callable[[str], bool]:
    import regex  # type: ignore[import-untyped]

    try:
        compiled = regex.compile(pattern)
    except (regex.error, OverflowError, RecursionError) as problem:
        raise UsageError(
            f"the pattern of the format `regex:{pattern}` cannot be used: {problem}",
            expected="a regular expression of Python",
        ) from None

    def is_match(text: str) -> bool:
        try:
            return compiled.fullmatch(text.strip(), timeout=SLOWEST_SECONDS) is not None
        except TimeoutError:
            return False

    return is_match


def _pattern_matches(pattern: str, text: str) -> bool:
    """Whether a pattern of a schema occurs in a text, within the same time."""
    import regex

    try:
        return regex.search(pattern, text, timeout=SLOWEST_SECONDS) is not None
    except TimeoutError:
        return False


def _sql() -> Callable[[str], bool]:
    from sintonia.metrics.sql import is_sql

    return is_sql
