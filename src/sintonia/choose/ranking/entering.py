"""Which bases may be ranked: those of the catalog that are on this machine, the embedded one, and those named.

It opens and fetches nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sintonia.choose.base import is_here
from sintonia.errors import SintoniaError
from sintonia.models.catalog import Entry, catalog, default_base, find_entry
from sintonia.models.shape import read_shape
from sintonia.models.sources import locate
from sintonia.models.sources.storage import is_offline
from sintonia.tasks import TASKS

LICENCES = ("commercial",)
"""What may be asked of a licence: that the base may be used to earn money."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contenders:
    """Bases to be ranked, by the names that they are known or were named by."""

    names: tuple[str, ...]
    """Smaller ones first, as far as the catalog tells; those that were named last."""
    num_elsewhere: int
    """Bases of the catalog for this task that are not on this machine."""


def contenders(task: str, named: Sequence[str] = (), *, is_fetching: bool = True) -> Contenders:
    """The bases that may be ranked for a task.

    With `is_fetching` the embedded one counts also where it is not on this machine yet.

    Raises:
        UsageError: one that was named is none, or there is no base for this task at all.
    """
    default = default_base(task)
    known = {name: entry for name, entry in catalog().items() if name == default or _is_for(entry, task)}
    here = [name for name, entry in known.items() if is_here(entry) or (is_fetching and name == default)]
    here.sort(key=lambda name: (known[name].num_parameters or 0, name))
    references = {known[name].reference for name in here}
    extra: list[str] = []
    for name in named:
        entry = find_entry(name)
        if entry.reference not in references:
            references.add(entry.reference)
            extra.append(name)
    return Contenders(names=(*here, *extra), num_elsewhere=len(set(known) - set(here) - set(extra)))


def usual_base(task: str) -> str:
    """What `auto` stands for where no ranking says otherwise: the default of the task.

    Where nothing may be fetched and the default is not on this machine, it is the smallest of those that are.

    Raises:
        UsageError: there is no base for this task at all.
    """
    default = default_base(task)
    if not is_offline() or is_here(find_entry(default)):
        return default
    return next(iter(contenders(task, is_fetching=False).names), default)


def refused_by_licence(name: str, asked: str) -> str:
    """Why the licence of a base does not allow what is asked; empty where it does, or nothing is asked."""
    entry = find_entry(name)
    if not asked or entry.commercial in ("yes", "with conditions"):
        return ""
    if entry.commercial == "no":
        return f"its licence ({entry.licence}) does not allow commercial use"
    return f"nothing says that its licence ({entry.licence}) allows commercial use"


def _is_for(entry: Entry, task: str) -> bool:
    """Whether an entry of the catalog can learn a task, by what the catalog or else its files say."""
    if entry.kind:
        return entry.kind == TASKS[task].BASE
    if entry.tasks:
        return task in entry.tasks
    try:
        return is_here(entry) and read_shape(locate(entry)).kind == TASKS[task].BASE
    except SintoniaError:  # what is wrong with it is said by whoever names it
        return False
