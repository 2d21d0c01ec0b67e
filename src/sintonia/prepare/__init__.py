"""The room that prepares: reads the data, audits every row, splits by group, seals the test last.

It holds no model and embeds nothing. After the sealing no test row is read again until the pipeline opens it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from sintonia.errors import DataError
from sintonia.files import sha256_file, write_lines
from sintonia.prepare.audit import Audit
from sintonia.prepare.checks import run_checks
from sintonia.prepare.checks.d104_imbalance import is_imbalanced
from sintonia.prepare.columns import choose_columns
from sintonia.prepare.examples import (
    Dropped,
    Labelled,
    check_enough,
    check_targets,
    check_usable,
    drop_repeats,
    label_rows,
)
from sintonia.prepare.readers import read_table
from sintonia.prepare.recorded import read_recorded, write_recorded
from sintonia.prepare.smart_home import write_smart_home
from sintonia.prepare.split import SplitRows, split_rows
from sintonia.prepare.table import Table, shown
from sintonia.records import Example, ExampleSet, Part, Place, Prepared, SetAside, Split
from sintonia.runs import RunFolder
from sintonia.sealed import seal, writing_beside
from sintonia.settings import Recipe
from sintonia.tasks import TASKS

__all__ = ["prepare", "write_smart_home"]

_NAMES: dict[Split, str] = {"train": "training", "validation": "validation", "test": "sealed test"}


def prepare(recipe: Recipe, run: RunFolder) -> Prepared:
    """Reads, audits, splits and seals the data of a recipe; the sets are written into the run folder.

    The split is decided by hashes and by what is recorded beside the data, never by the seed.

    Raises:
        DataError: the data cannot be used, with the file and line.
        UsageError: the recipe names a column or a role that does not exist.
        StorageError: a file cannot be read or written.
    """
    data = Path(recipe.data.path)
    task = "classify" if recipe.task == "auto" else recipe.task
    table = read_table(data)
    columns, column_notes = choose_columns(table, TASKS[task]().COLUMNS, recipe.data)
    kept, lost = _usable_rows(table, columns, recipe)
    placed, split_note = _split_and_record(data, recipe.data.group, kept)
    _check_sets(table, placed)
    audit = _audit(table, recipe, kept, lost, placed)
    counts = audit.counts("train")
    return Prepared(
        data_id=_data_id(columns, audit),
        task=task,
        labels=tuple(sorted(counts)),
        columns=columns,
        primary_metric=audit.primary_metric,
        findings=run_checks(audit),
        parts=(_write_and_seal(run, data, audit),),
        notes=(*table.notes, *column_notes, *_task_notes(recipe, columns, audit), _sizes(recipe, audit), split_note),
        rows_in=audit.rows_in,
        rows_used=len(audit.rows),
        rows_set_aside=len(audit.dropped),
        label_counts={label: counts[label] for label in sorted(counts)},
    )


def _usable_rows(table: Table, columns: dict[str, str], recipe: Recipe) -> tuple[list[Labelled], list[Dropped]]:
    """Rows to learn from, and rows set aside; data that are no use at all are refused here."""
    labelled, unusable = label_rows(table, columns, recipe.data.group)
    check_usable(table, labelled, unusable)
    check_targets(table, columns["target"], labelled, is_task_asked=recipe.task != "auto")
    kept, repeated = drop_repeats(labelled)
    check_enough(table, kept, [*unusable, *repeated])
    return kept, [*unusable, *repeated]


def _split_and_record(data: Path, group: str | None, rows: Sequence[Labelled]) -> tuple[SplitRows, str]:
    """The split, recorded beside the data before anything uses it."""
    with writing_beside(data) as folder:
        recorded, path = read_recorded(data, group)
        placed = split_rows(rows, recorded)
        if path is None or placed.record != recorded:
            path = write_recorded(folder, group, placed.record)
    verb = "taken from" if recorded and placed.record.fractions == recorded.fractions else "recorded in"
    return placed, f"split: {verb} `{path}`; rows added later move no row of it"


def _check_sets(table: Table, placed: SplitRows) -> None:
    counts = Counter(placed.sets)
    empty = [name for split, name in _NAMES.items() if not counts[split]]
    if empty:
        raise DataError(
            f"the rows fall into {len(set(placed.groups))} groups, too few for three sets: no row for "
            f"{' and '.join(empty)}",
            expected="many small groups",
            where=str(table.path),
            hint="choose another group column, or none",
        )


def _audit(table: Table, recipe: Recipe, kept: list[Labelled], lost: list[Dropped], placed: SplitRows) -> Audit:
    unplaced = [
        Dropped(line=kept[position].line, kind=kind, reason=reason)
        for kind, reasons in (("bridging", placed.bridging), ("orphaned", placed.orphaned))
        for position, reason in reasons.items()
    ]
    used = [one for one in zip(kept, placed.sets, placed.groups, strict=True) if one[1]]
    automatic = "macro_f1" if is_imbalanced(Counter(row.target for row, _, _ in used)) else "accuracy"
    asked = recipe.evaluation.primary_metric
    return Audit(
        file=table.path.name,
        rows_in=len(table.rows),
        rows=tuple(row for row, _, _ in used),
        sets=tuple(split for _, split, _ in used if split),
        groups=tuple(group for _, _, group in used),
        dropped=tuple(sorted([*lost, *unplaced], key=lambda one: one.line)),
        primary_metric=automatic if asked == "auto" else asked,
    )


def _task_notes(recipe: Recipe, columns: dict[str, str], audit: Audit) -> tuple[str, ...]:
    classes = len(audit.counts())
    why = "as asked" if recipe.task != "auto" else f"`{shown(columns['target'])}` holds {classes} repeated values"
    metric = "as asked"
    if recipe.evaluation.primary_metric == "auto":
        metric = "a class is rare" if audit.primary_metric == "macro_f1" else "no class is rare"
    return (f"task: classify, {why}", f"primary metric: {audit.primary_metric}, {metric}")


def _sizes(recipe: Recipe, audit: Audit) -> str:
    sizes = ", ".join(f"{audit.sets.count(split):,} {name}" for split, name in _NAMES.items())
    by = f"the column `{shown(recipe.data.group)}`" if recipe.data.group else "text"
    return f"split: {sizes}; equal by {by} stays together"


def _write_and_seal(run: RunFolder, data: Path, audit: Audit) -> Part:
    """Writes the sets, the test last; from here on nobody reads it until it is opened."""
    sets: dict[Split, list[Example]] = {"train": [], "validation": [], "test": []}
    for row, split, group in zip(audit.rows, audit.sets, audit.groups, strict=True):
        place = Place(file=audit.file, line=row.line)
        sets[split].append(Example(id=row.id, input=row.input, target=row.target, group=group, place=place))
    aside = [SetAside(place=Place(file=audit.file, line=one.line), reason=one.reason) for one in audit.dropped]
    write_lines(run.file("data/set_aside.jsonl"), aside)
    train, validation = (_write_set(run, split, sets[split]) for split in ("train", "validation"))
    return Part(name="whole", train=train, validation=validation, test=seal(run, tuple(sets["test"]), data=data))


def _write_set(run: RunFolder, split: str, examples: list[Example]) -> ExampleSet:
    relative = f"data/{split}.jsonl"
    write_lines(run.file(relative), examples)
    return ExampleSet(path=relative, count=len(examples), sha256=sha256_file(run.file(relative)))


def _data_id(columns: dict[str, str], audit: Audit) -> str:
    """Stands for what is learned from: the rows of each set and the columns, not their order or their file."""
    digest = hashlib.sha256(repr(sorted(columns.items())).encode())
    used = zip(audit.rows, audit.sets, audit.groups, strict=True)
    digest.update("\n".join(sorted(f"{split} {row.id} {group}" for row, split, group in used)).encode())
    return digest.hexdigest()[:16]
