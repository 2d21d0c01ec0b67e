"""The formats that written answers can be declared to have, and whether a text is valid in one.

It never says whether an answer is right, and never fetches what a schema refers to.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
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
MOST_SLOW, SHORT_SECONDS = 3, 0.05
"""After so many matches that took too long, each other one gets only that time."""
_AT_ONCE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A declared format."""

    declared: str
    """As it stands in the recipe."""
    title: str
    """In prose: `valid JSON`."""
    is_valid: Callable[[str], bool]
    """Whether an answer is valid. Spaces and line breaks around it do not count; words or marks around it do."""
    is_slow: Callable[[str], bool] = lambda _: False
    """Whether an answer counts as not valid because a pattern took too long on it."""


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

        watch = _Watch()
        check = fits_schema(rest, watch.occurs)
        return _watched(declared, "valid JSON by the schema", watch, lambda text: _fits(check, text))
    if kind == "regex" and rest:
        return _matching(rest)
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


class _Watch:
    """Gives matches their time, and less of it once some were slow; counts those that were not done in it."""

    def __init__(self) -> None:
        self.num_slow = 0

    def within_time(self, match: Callable[[float], Any]) -> bool:
        """Whether it matches; not, where that took too long."""
        try:
            return match(SLOWEST_SECONDS if self.num_slow < MOST_SLOW else SHORT_SECONDS) is not None
        except TimeoutError:
            self.num_slow += 1
            return False

    def occurs(self, pattern: str, text: str) -> bool:
        """Whether a pattern of a schema occurs in a text."""
        import regex  # type: ignore[import-untyped]

        return self.within_time(lambda seconds: regex.search(pattern, text, timeout=seconds))


def _watched(declared: str, title: str, watch: _Watch, check: Callable[[str], bool]) -> Format:
    """A format that looks at each answer once, and knows on which of them a pattern was too slow."""
    known, slow = dict[str, bool](), set[str]()

    def is_valid(text: str) -> bool:
        if text not in known:
            before = watch.num_slow
            known[text] = check(text)
            if watch.num_slow > before:
                slow.add(text)
        return known[text]

    return Format(
        declared=declared, title=title, is_valid=is_valid, is_slow=lambda text: not is_valid(text) and text in slow
    )


@lru_cache(maxsize=_AT_ONCE)
def _matching(pattern: str) -> Format:
    """The same of a pattern alone, so that what is slow is waited for once, whoever asks."""
    import regex

    try:
        compiled = regex.compile(pattern)
    except (regex.error, OverflowError, RecursionError) as problem:
        raise UsageError(
            f"the pattern of the format `regex:{pattern}` cannot be used: {problem}",
            expected="a regular expression of Python",
        ) from None

    watch = _Watch()

    def is_match(text: str) -> bool:
        return watch.within_time(lambda seconds: compiled.fullmatch(text.strip(), timeout=seconds))

    return _watched(f"regex:{pattern}", "matching the pattern", watch, is_match)


def _sql() -> Callable[[str], bool]:
    from sintonia.metrics.sql import is_sql

    return is_sql
