"""What a run has seen, put into the register of lineage: its data when prepared, other files when judged on."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from sintonia.prepare import take_seen
from sintonia.prepare.sets.seen import SEEN_FILE
from sintonia.privacy.lineage import LINEAGE, Entry, Leaves, Lineage, Register, RowReading, keys_of, leaves_of
from sintonia.records import Example, Prepared, Teaching
from sintonia.runs import TEACHING, RunFolder
from sintonia.settings import Recipe


def register_prepared(run: RunFolder, prepared: Prepared) -> None:
    """Puts the sets of a run that was just prepared as `prepared` into the register, and their roots into the run."""
    sets = take_seen(run)
    if sets:
        _register(run, sets, prepared)
        run.file(SEEN_FILE).unlink(missing_ok=True)


def register_judged_on(run: RunFolder, name: str, examples: Iterable[Example], file: Path) -> None:
    """Puts the examples of another file, which the model of a run was judged on, into the register."""
    _register(run, {name: leaves_of_examples(examples)}, run.read("prepared.json", Prepared), file)


def leaves_of_examples(examples: Iterable[Example]) -> Leaves:
    """The leaves of examples that were read from a file of the run."""
    known = list(examples)
    contents = np.array([int(one.id, 16) for one in known], dtype=np.uint64)
    return leaves_of(keys_of(one.input for one in known), contents)


def entry_of(run: RunFolder, name: str, prepared: Prepared | None = None) -> Entry:
    """A run as the register has it, without its sets; `prepared` says how its rows were read at last."""
    recipe = run.recipe()
    asked = recipe.data
    paths = (asked.path, asked.validation, asked.test, *asked.added, asked.production)
    files = tuple(str(Path(one).absolute()) for one in paths if one)
    teaching = run.read(TEACHING, Teaching)
    teacher = str((run.place / teaching.run).resolve()) if teaching else ""
    readings = [reading_of(recipe)]
    if prepared:
        resolved = replace(recipe, task=prepared.task, data=replace(asked, columns=prepared.columns))
        readings.append(reading_of(resolved))
    if teaching and teaching.columns:
        readings.append(RowReading(task=recipe.task, columns=tuple(sorted(teaching.columns.items()))))
    return Entry(
        id=name,
        path=str(run.place),
        files=files,
        sets=(),
        base=recipe.base,
        teacher=teacher,
        readings=tuple(dict.fromkeys(readings)),
    )


def reading_of(recipe: Recipe) -> RowReading:
    """How a recipe asks for its rows to be read."""
    asked = recipe.data
    columns = tuple(sorted(asked.columns.items()))
    return RowReading(task=recipe.task, columns=columns, group=asked.group or "", passage_bytes=asked.passage_bytes)


def _register(run: RunFolder, sets: dict[str, Leaves], prepared: Prepared | None, judged: Path | None = None) -> None:
    known = run.read(LINEAGE, Lineage)
    name = known.id if known else secrets.token_hex(8)
    found = replace(entry_of(run, name, prepared), judged=(str(judged.absolute()),) if judged else ())
    entry = Register().put(found, sets)
    run.write(LINEAGE, Lineage(id=name, sets=entry.sets))
