"""The split as it is recorded beside the data, so that later rows and later runs move no row of it.

The record holds hashes of texts and groups, never a text. A split by another group column has its own record.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sintonia.errors import StorageError
from sintonia.files import read_lines, write_atomic
from sintonia.prepare.normalise import short_hash
from sintonia.prepare.split import Fractions, Recorded
from sintonia.records import Split
from sintonia.sealed import folders_of_data

_SETS: tuple[Split, ...] = ("train", "validation", "test")


def read_recorded(data: Path, group: str | None) -> tuple[Recorded | None, Path | None]:
    """The recorded split of a data file, and where it was found.

    What is recorded beside the data comes before what was added under SINTONIA_HOME.

    Raises:
        StorageError: the record is damaged.
    """
    found = [
        (path, _parse(path, lines))
        for folder in folders_of_data(data)
        if (lines := read_lines(path := folder / _name(group)))
    ]
    if not found:
        return None, None
    sets: dict[str, Split] = {}
    for _, recorded in reversed(found):
        sets |= recorded.sets
    return Recorded(fractions=found[0][1].fractions, sets=sets), found[0][0]


def write_recorded(folder: Path, group: str | None, recorded: Recorded) -> Path:
    """Writes the whole record, or leaves the old one as it was."""
    head = {"validation_fraction": recorded.fractions.validation, "test_fraction": recorded.fractions.test}
    lines = [json.dumps({"schema": 1}), json.dumps(head)]
    lines += [f'{{"key": "{key}", "set": "{split}"}}' for key, split in sorted(recorded.sets.items())]
    path = folder / _name(group)
    write_atomic(path, ("\n".join(lines) + "\n").encode())
    return path


def _name(group: str | None) -> str:
    return "split.jsonl" if group is None else f"split-by-{short_hash(group)}.jsonl"


def _parse(path: Path, lines: list[dict[str, Any]]) -> Recorded:
    try:
        fractions = Fractions(
            validation=float(str(lines[0]["validation_fraction"])), test=float(str(lines[0]["test_fraction"]))
        )
        sets = {str(line["key"]): _SETS[_SETS.index(line["set"])] for line in lines[1:]}
    except (KeyError, ValueError):
        raise StorageError(
            f"`{path}` is not a record of a split", hint="restore it from a copy; without it the sets would change"
        ) from None
    return Recorded(fractions=fractions, sets=sets)
