"""Texts that wait for a label, written for Label Studio and Argilla, and labelled rows read back from any known form.

The forms themselves are in `prepare/forms/`: what writes one stands beside what reads it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sintonia.errors import DataError, UsageError, nearest
from sintonia.files import write_atomic
from sintonia.prepare.forms import argilla, find_form, label_studio
from sintonia.prepare.forms.form import Unusable
from sintonia.prepare.readers import open_source
from sintonia.prepare.table import look_at
from sintonia.records import Waiting
from sintonia.settings import DataSettings

TOOLS: dict[str, tuple[Callable[[Waiting], dict[str, Any]], Callable[[Sequence[str]], str], str]] = {
    "label-studio": (label_studio.task_of, label_studio.interface_of, ".xml"),
    "argilla": (argilla.record_of, argilla.settings_of, ".settings.json"),
}
"""By tool: what is written of a text, what the tool has to be told of the labels, and how that file's name ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadAnswers:
    """What another tool has answered."""

    rows: tuple[tuple[str, str], ...]
    """Text and label."""
    num_open: int
    """Rows without an answer that can be used."""
    form: str


def write_waiting(tool: str, file: Path, waiting: Sequence[Waiting], labels: Sequence[str]) -> Path:
    """Writes the texts, with suggestions as predictions, for a tool, and beside them its labelling interface.

    Gives the path of the interface: Label Studio's XML, or the settings of Argilla's data set.

    Raises:
        UsageError: the tool is unknown, the file is there already, or it is named as the interface is.
    """
    refuse_tool(tool)
    told_of, told, ending = TOOLS[tool]
    beside = file.with_name(file.stem + ending)
    if beside.name.lower() == file.name.lower():
        raise UsageError(
            f"`{file}` is what the labelling interface beside the texts is called",
            expected="a file `NAME.json`",
            hint=f"take `{file.with_suffix('.json')}`",
            where="--export",
        )
    for path in (file, beside):
        if path.exists():
            raise UsageError(f"`{path}` is there already", hint="name a new file", where="--export")
    body = json.dumps([told_of(one) for one in waiting], ensure_ascii=False, indent=1, allow_nan=False)
    write_atomic(file, f"{body}\n".encode())
    write_atomic(beside, f"{told(labels)}\n".encode())
    return beside


def refuse_tool(tool: str) -> None:
    """Raises UsageError unless texts can be written for it."""
    if tool not in TOOLS:
        raise UsageError(
            f"texts cannot be written for `{tool}`",
            expected=" or ".join(f"`{name}`" for name in TOOLS),
            hint=f"did you mean {nearest(tool, TOOLS)}?",
            where="--export",
        )


def read_answers(file: Path, asked: Mapping[str, str]) -> ReadAnswers:
    """The labelled rows of a file in any form of the task classify; rows without an answer are counted.

    Raises:
        UsageError: there is no such file, or no such column.
        DataError: it cannot be read, or no row has an answer.
    """
    if not file.exists():
        raise UsageError(f"there is no file `{file}`", hint="check the path", where="--import")
    source = open_source(file)
    form, match = find_form(look_at(source), DataSettings(path=str(file), columns=dict(asked)), "classify")
    rows, num_open = list[tuple[str, str]](), 0
    for row in source.read():
        try:
            parsed = form.parse(row, match.columns)
        except Unusable:
            num_open += 1
            continue
        rows.append((parsed.text, str(parsed.target)))
    if not rows:
        raise DataError(
            f"none of its {num_open:,} rows has an answer",
            where=str(file),
            expected="rows that were labelled",
            hint="export them from the tool after labelling",
        )
    return ReadAnswers(rows=tuple(rows), num_open=num_open, form=form.name)
