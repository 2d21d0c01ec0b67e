"""What energy and time of GPUs cost, by prices that a person gave. There are no others: no price, no money."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from typing import Any

from sintonia.errors import UsageError, nearest
from sintonia.files import home_folder, storage_errors
from sintonia.records import Energy, Money
from sintonia.settings import PricesSettings

FILE = "prices.toml"
"""In SINTONIA_HOME: the prices of a person, for all runs whose recipe says nothing else."""


def read_prices(asked: PricesSettings, home: Path | None = None) -> PricesSettings:
    """The prices of a recipe, and from a person's own file what the recipe leaves open.

    Raises:
        UsageError: the file is not TOML, or has other keys or values than prices.
        StorageError: it cannot be read.
    """
    path = (home or home_folder()) / FILE
    kept = _read(path) if path.is_file() else {}
    values = {name: getattr(asked, name) for name in _names()}
    return PricesSettings(**{name: kept.get(name) if value is None else value for name, value in values.items()})


def money_of(prices: PricesSettings, energy: Energy | None, gpu_hours: float = 0.0) -> Money | None:
    """What a run costs by these prices; None without a price, or where the energy it goes by is unknown."""
    if (prices.kwh is None or energy is None) and (prices.gpu_hour is None or not gpu_hours):
        return None
    rented = (prices.gpu_hour or 0.0) * gpu_hours
    kwh = prices.kwh or 0.0
    low, middle, high = (energy.low, energy.kwh, energy.high) if energy else (0.0, 0.0, 0.0)
    return Money(
        amount=kwh * middle + rented,
        low=kwh * low + rented,
        high=kwh * high + rented,
        currency=prices.currency or "",
    )


def _names() -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(PricesSettings))


def _read(path: Path) -> dict[str, Any]:
    with storage_errors(path):
        content = path.read_bytes()
    try:
        body = tomllib.loads(content.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        raise UsageError("this is not TOML", where=str(path), hint="for example `kwh = 0.30`") from None
    for name, value in body.items():
        if name not in _names():
            raise UsageError(
                f"unknown price `{name}`", where=str(path), hint=f"did you mean {nearest(name, _names())}?"
            )
        if not _is_price(name, value):
            expected = "a few letters" if name == "currency" else "a number from 0 on"
            raise UsageError(f"`{name}` is {value!r}", expected=expected, where=str(path))
    return body


def _is_price(name: str, value: Any) -> bool:
    if name == "currency":
        return isinstance(value, str) and 0 < len(value) <= 8
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")
