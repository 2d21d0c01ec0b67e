"""What a column of dates means: numbers, ISO dates, or day, month and year in one order, the same in all rows.

A column that may be read in two orders is never guessed at.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

Clock = Callable[[str], float | None]
"""From the text of a cell to seconds since 1970, or to the number it holds; None where it is neither."""

_ORDERS = {"day first": "%d{0}%m{0}%Y", "month first": "%m{0}%d{0}%Y", "year first": "%Y{0}%m{0}%d"}
_SIGNS = "/.-"
_HOURS = ("", " %H:%M", " %H:%M:%S")


def clocks_of(texts: Iterable[str]) -> dict[str, Clock]:
    """The ways to read a column, by name, that read most of its values; several when it could be either.

    >>> list(clocks_of(["2024-03-12", "2024-04-01"]))
    ['ISO 8601']
    >>> list(clocks_of(["12/03/2024", "25/04/2024"]))
    ['day first']
    >>> list(clocks_of(["12/03/2024", "11/04/2024"]))
    ['day first', 'month first']
    """
    values = [text for text in texts if text]
    most = max((sum(clock(text) is not None for text in values) for clock in CLOCKS.values()), default=0)
    if most * 2 <= len(values):
        return {}
    return {name: clock for name, clock in CLOCKS.items() if sum(clock(text) is not None for text in values) == most}


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _iso(text: str) -> float | None:
    if text.isdecimal():
        return None
    try:
        return _seconds(datetime.fromisoformat(text))
    except ValueError:
        return None


def _ordered(order: str) -> Clock:
    forms = tuple(order.format(sign) + hour for sign in _SIGNS for hour in _HOURS)

    def clock(text: str) -> float | None:
        for form in forms:
            try:
                return _seconds(datetime.strptime(text, form))
            except ValueError:
                continue
        return None

    return clock


def _seconds(moment: datetime) -> float:
    """UTC where it says no zone."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


CLOCKS: dict[str, Clock] = {
    "number": _number,
    "ISO 8601": _iso,
    **{name: _ordered(order) for name, order in _ORDERS.items() if name != "year first"},
    "year first": _ordered(_ORDERS["year first"].replace("{0}", "/")),
}
