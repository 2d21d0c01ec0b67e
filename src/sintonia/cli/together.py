"""Which options of one command go together: a command that does one of several things says so in one table.

It knows no option by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sintonia.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One thing that a command can be asked for, by an option of its own."""

    beside: Mapping[str, str] = field(default_factory=dict)
    """Options that belong to it; one that it cannot do without is given as people type it (`--out FOLDER`)."""
    idle_without: Mapping[str, str] = field(default_factory=dict)
    """Of these an option that does nothing without a further one, by which it is given as people type it."""
    as_in: str = ""
    """How the option itself is typed where it takes a value, as an example."""


def refuse_mixed(deeds: Mapping[str, Deed], given: Mapping[str, Any]) -> None:
    """Refuses two things at once, an option without the one it belongs to, and one that lacks what it needs.

    `given` holds every option of the command by its name; None, False and an empty list are not given.

    Raises:
        UsageError: which two, and what goes together.
    """
    names = [name for name, value in given.items() if value not in (None, []) and value is not False]
    asked = [name for name in names if name in deeds]
    if len(asked) > 1:
        raise UsageError(f"`{asked[0]}` and `{asked[1]}` are two things to do", hint="ask for one at a time")
    for name in names:
        if name not in deeds and not (asked and name in deeds[asked[0]].beside):
            _refuse_stray(deeds, name, given[name], asked)
    for name in asked:
        for option, as_typed in deeds[name].beside.items():
            if as_typed and option not in names:
                raise UsageError(f"`{name}` needs `{as_typed}` beside it", hint=f"as in `{_typed(deeds, name)}`")
        for option, as_typed in deeds[name].idle_without.items():
            needed = as_typed.partition(" ")[0]
            if option in names and needed not in names:
                raise UsageError(
                    f"`{option}` does nothing for `{name}` without `{needed}`",
                    hint=f"add {as_typed}: {name} {as_typed} {option}; or leave out {option}",
                )


def _refuse_stray(deeds: Mapping[str, Deed], name: str, value: Any, asked: list[str]) -> None:
    """An option that stands without the one it belongs to."""
    owners = [deed for deed, one in deeds.items() if name in one.beside]
    if not owners:
        return
    told = " or ".join(f"`{owner}`" for owner in owners)
    if asked:
        raise UsageError(f"`{name}` does not go with `{asked[0]}`", hint=f"it belongs to {told}")
    owner = owners[0]
    if deeds[owner].as_in:
        raise UsageError(f"`{name}` needs `{deeds[owner].as_in}` beside it", hint=f"as in `{_typed(deeds, owner)}`")
    needed = deeds[owner].idle_without.get(name)
    as_typed = " ".join(filter(None, [owner, needed, name, "" if value is True else str(value)]))
    raise UsageError(f"`{name}` belongs to {told}", hint=f"add {owner}: {as_typed}")


def _typed(deeds: Mapping[str, Deed], name: str) -> str:
    """`--scale 0.6 --out FOLDER`."""
    return " ".join([deeds[name].as_in or name, *filter(None, deeds[name].beside.values())])
