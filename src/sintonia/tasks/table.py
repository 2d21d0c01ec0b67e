"""The table of tasks: the built-in ones by their files, and those of other packages by their entry points."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, cast

from sintonia.errors import UsageError
from sintonia.recipe import TASK_GROUP
from sintonia.tasks.task import HeadTask, Task

BUILT_IN = ("classify", "multilabel", "chat", "regress", "embed", "tag", "prefer", "pretrain")
"""Each in the file of its name."""


class _Table(Mapping[str, Task]):
    """Tasks by their names; a module is imported when it is asked for."""

    def __getitem__(self, name: str) -> Task:
        if name in BUILT_IN:
            return cast(Task, import_module(f"sintonia.tasks.{name}"))
        return _from_elsewhere()[name]

    def __iter__(self) -> Iterator[str]:
        yield from (*BUILT_IN, *_from_elsewhere())

    def __len__(self) -> int:
        return len(BUILT_IN) + len(_from_elsewhere())


TASKS: Mapping[str, Task] = _Table()
"""Every task by its name."""


@cache
def _from_elsewhere() -> dict[str, Task]:
    """The tasks of other packages.

    Raises:
        UsageError: one cannot be imported, has the name of another, or lacks what a task must have.
    """
    found: dict[str, Task] = {}
    for point in entry_points(group=TASK_GROUP):
        where = f"entry point `{point.name} = {point.value}`"
        if point.name in BUILT_IN or point.name in found:
            raise UsageError(f"two tasks are called `{point.name}`", where=where, hint="uninstall one of them")
        try:
            task = point.load()
        except Exception as error:  # whatever the package of somebody else's does wrong
            told = (str(error).splitlines() or [type(error).__name__])[0]
            raise UsageError(f"the task `{point.name}` cannot be loaded: {told}", where=where) from None
        _refuse_unlike(task, point.name, where)
        found[point.name] = task
    return found


def _refuse_unlike(task: Any, name: str, where: str) -> None:
    """Tasks of other packages are learned by an encoder with a head on texts: nothing else is made for any task.

    Raises:
        UsageError: a name is missing, or the task is another kind of task.
    """
    hint = "CONTRIBUTING.md says what a task must have"
    missing = [f"`{one}`" for one in _NEEDED if not hasattr(task, one)]
    if missing:
        raise UsageError(f"the task `{name}` has no {', '.join(missing)}", where=where, hint=hint)
    if name != task.NAME:
        raise UsageError(f"the entry point `{name}` leads to a task that calls itself `{task.NAME}`", where=where)
    if task.BASE != "encoder" or task.LEVEL != "text":
        expected = '`BASE = "encoder"` and `LEVEL = "text"`'
        raise UsageError(f"the task `{name}` has no head on texts", expected=expected, where=where, hint=hint)


_NAMES = (name for kind in (Task, HeadTask) for name in (*kind.__annotations__, *vars(kind)))
_NEEDED = (*(name for name in _NAMES if not name.startswith("_")), "FORMS")
"""What a task of another package has: also the forms of its rows, for which ours have a room."""
