"""The sets as files of the run: training and validation first, the test sealed last."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sintonia.files import sha256_file, write_lines
from sintonia.prepare.audit import SETS, Audit, Dropped
from sintonia.prepare.rows import Rows
from sintonia.prepare.sets.folds import Fold
from sintonia.records import Example, ExampleSet, Part, Place, SetAside
from sintonia.runs import RunFolder
from sintonia.sealed import ONE_PART, folder_of_part, seal
from sintonia.tasks import TASKS

Content = Callable[[Any, Any], dict[str, Any] | None]
"""From what goes in and what should come out to what an example keeps of them beside two texts."""
Target = Callable[[Any], str]
"""From what an example keeps to what should be said of it."""


def write_and_seal(run: RunFolder, data: Path, audit: Audit, folds: Sequence[Fold] = ()) -> tuple[Part, ...]:
    """Writes the sets of each part, the tests last; from here on nobody reads a test until it is opened."""
    names = group_names(audit.rows, audit.groups, audit.num_added)
    sets = {fold.name: {split: fold.positions(split) for split in SETS} for fold in folds}
    sets = sets or {ONE_PART: {split: audit.in_set(split) for split in SETS}}
    shape = _Shape(content=content_of(audit.task), target=target_of(audit.task), fields=audit.fields)
    learned: dict[str, list[ExampleSet]] = {}
    for part, positions in sets.items():
        paths = [(f"{folder_of_part(part)}/{split}.jsonl", positions[split]) for split in SETS[:2]]
        learned[part] = [
            _write_set(run, path, _examples(audit.rows, names, held, shape), len(held)) for path, held in paths
        ]
    tests = {part: tuple(_examples(audit.rows, names, positions["test"], shape)) for part, positions in sets.items()}
    sealed = seal(run, tests, data=data)
    return tuple(
        Part(name=part, train=train, validation=validation, test=sealed[part])
        for part, (train, validation) in learned.items()
    )


def content_of(task: str) -> Content:
    """What the examples of a task keep; nothing where the task can only be audited."""
    return TASKS[task].whole_content if task in TASKS else lambda _asked, _answer: None


def target_of(task: str) -> Target | None:
    """What should be said of an example, where that is not the answer of its row: of two answers, which is better."""
    return getattr(TASKS[task], "target_of", None) if task in TASKS else None


def write_set_aside(path: Path, dropped: Sequence[Dropped]) -> None:
    """Every row that is not used, with the reason."""
    write_lines(path, (SetAside(place=Place(file=one.file, line=one.line), reason=one.reason) for one in dropped))


def group_names(rows: Rows, groups: np.ndarray, num_added: int = 0) -> list[str]:
    """A name for the group of each row that does not depend on the order of the rows: its smallest key of a text.

    The last `num_added` rows name only groups of none but such rows, so that every other group keeps its name.
    """
    smallest = np.full(int(groups.max(initial=0)) + 1, np.iinfo(np.uint64).max, dtype=np.uint64)
    is_old = np.arange(len(rows)) < len(rows) - num_added
    names_itself = ~is_old & ~np.isin(groups, groups[is_old])
    for named in (is_old, names_itself):
        np.minimum.at(smallest, groups[named], rows.text_keys[named])
    return [f"{name:016x}" for name in smallest[groups].tolist()]


def data_id(columns: dict[str, str], audit: Audit) -> str:
    """Stands for what is learned from: the rows of each set and the columns, not their order or their file."""
    digest = hashlib.sha256(repr(sorted(columns.items())).encode())
    with np.errstate(over="ignore"):
        mixed = audit.rows.text_keys * np.uint64(0x9E3779B97F4A7C15) ^ audit.rows.target_keys
        is_more = audit.rows.input_keys != audit.rows.text_keys  # of a conversation: its roles, weights and tools
        mixed = mixed + np.where(is_more, audit.rows.input_keys * np.uint64(0x94D049BB133111EB), np.uint64(0))
        mixed = mixed * np.uint64(0xBF58476D1CE4E5B9) + audit.sets.astype(np.uint64)
    digest.update(np.sort(mixed).tobytes())
    return digest.hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class _Shape:
    """What the examples of a run keep of their rows: all of a conversation, and some columns that play no part."""

    content: Content
    target: Target | None
    fields: tuple[str, ...]


def _write_set(run: RunFolder, relative: str, examples: Iterator[Example], count: int) -> ExampleSet:
    write_lines(run.file(relative), examples)
    return ExampleSet(path=relative, count=count, sha256=sha256_file(run.file(relative)))


def _examples(rows: Rows, names: list[str], positions: np.ndarray, shape: _Shape) -> Iterator[Example]:
    for position, row in zip(positions.tolist(), rows.only(positions).scan(), strict=True):
        content = shape.content(row.input, row.target)
        yield Example(
            id=row.id,
            input=row.text,
            target=shape.target(content) if shape.target else row.answer,
            group=names[position],
            place=Place(file=row.file, line=row.line),
            content=content,
            fields={name: (row.fields or {}).get(name, "") for name in shape.fields},
        )
