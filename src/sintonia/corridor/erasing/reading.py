"""The ways in which runs have read their rows: by the register, and by recipes that can be opened. It reads no data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from sintonia.corridor.erasing.seeing import reading_of
from sintonia.errors import SintoniaError
from sintonia.privacy.lineage import Entry, RowReading
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe
from sintonia.tasks import TASKS
from sintonia.vault import has_key_at_hand, is_vault


def readings_of(
    entries: Sequence[Entry], files: Sequence[Path], columns: Mapping[str, str] | None = None
) -> dict[RowReading, str]:
    """The distinct readings of all runs, each with one of the files where a run on that file has it, else nothing.

    Files are renamed and copied, so the readings of every run are tried. `columns` are another way, in any task.
    """
    named = {str(one): str(one) for one in files} | {str(one.resolve()): str(one) for one in files}
    found: dict[RowReading, str] = {}
    for entry in entries:
        own = next((named[one] for one in entry.files if one in named), "")
        for reading in _of_entry(entry):
            found[reading] = found.get(reading) or own
    if columns:
        given = tuple(sorted(columns.items()))
        found |= {
            one: found.get(one, "") for one in (RowReading(task=task, columns=given) for task in ("auto", *TASKS))
        }
    return found


def as_recipes(readings: Mapping[RowReading, str] | Iterable[RowReading]) -> tuple[Recipe, ...]:
    """The recipes that read rows so."""
    paths = readings if isinstance(readings, Mapping) else dict.fromkeys(readings, "")
    return tuple(
        Recipe(
            task=one.task,
            data=DataSettings(
                path=path, columns=dict(one.columns), group=one.group or None, passage_bytes=one.passage_bytes
            ),
        )
        for one, path in paths.items()
    )


def _of_entry(entry: Entry) -> tuple[RowReading, ...]:
    """As the register has them; of a run that is older, by its recipe, where it can be opened. A vault stays shut."""
    path = Path(entry.path)
    if entry.readings or not path.is_dir() or (is_vault(path) and not has_key_at_hand(path)):
        return entry.readings
    try:
        return (reading_of(RunFolder(path).recipe()),)
    except SintoniaError:
        return ()
