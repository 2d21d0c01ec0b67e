"""Another file of the kind that a run has learned from: read in its form, and held against what was trained on.

It moves no row of the run, records nothing, and fits nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from sintonia.errors import DataError, UsageError
from sintonia.normalise import normalised, short_hash
from sintonia.prepare.audit import MAX_PLACES, named, percent, rows_in_words
from sintonia.prepare.examples import Reading, check_usable, find_repeats
from sintonia.prepare.forms import FORMS
from sintonia.prepare.near import NearPairs, near_pairs
from sintonia.prepare.near.passages import find_passages
from sintonia.prepare.readers import open_source
from sintonia.prepare.rows import Labelled, Rows
from sintonia.prepare.sets.fields import FieldColumns
from sintonia.prepare.sets.leaks import Leaks, find_leaks
from sintonia.prepare.sets.place import OF_CONVERSATIONS, largest_cluster, near_ids
from sintonia.prepare.sets.split import TEST, TRAIN, tie_together, ties_of
from sintonia.prepare.sets.write import content_of, group_names, target_of
from sintonia.prepare.table import Source, of_file, shown
from sintonia.records import Example, Finding, Place, Prepared
from sintonia.settings import DataSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class AnotherFile:
    """The examples of a file that can be tested on, and what became of the other rows."""

    examples: tuple[Example, ...]
    rows_in: int
    findings: tuple[Finding, ...]
    near_copies: tuple[str, ...]
    """Ids of examples that have a near-copy among what was trained on."""


def read_another(file: Path, asked: DataSettings, prepared: Prepared, learned: Sequence[Example]) -> AnotherFile:
    """Reads a file with the form and columns of a run; `learned` is what the model of the run has seen.

    Rows that cannot be used, that repeat another, or whose text is trained on are taken out and counted.

    Raises:
        UsageError: there is no such file.
        DataError: it cannot be read in this way, or no row is left.
    """
    if not file.exists():
        raise UsageError(f"there is no file `{file}`", hint="check the path", where="--on")
    form, columns = FORMS[prepared.form], prepared.columns
    source = open_source(file, is_prose=form.cut is not None)
    _check_columns(source, columns)
    # The file is not the one that was split: no time column cuts it, and reviews of it alone are applied.
    passage_bytes = asked.passage_bytes
    settings = DataSettings(path=str(file), columns=columns, group=asked.group, passage_bytes=passage_bytes)
    fields = FieldColumns(learned[0].fields if learned else ())
    reading = Reading(form=form, columns=columns, asked=settings, fields=fields)
    rows = Rows.keep(chain(reading.labelled(source, file.name), map(_as_row, learned)), has_classes=False)
    count, num_rows = reading.counts[0][1], reading.counts[0][0]
    check_usable(str(file), reading.dropped, num_rows)
    near = _near(rows, prepared.task)
    leaks = find_leaks(rows, np.where(np.arange(len(rows)) < count, TEST, TRAIN).astype(np.int8), near)
    own = rows.only(np.arange(count))
    first = find_repeats(own, np.zeros(count, dtype=np.int8))
    used = np.setdiff1d(np.flatnonzero(first == np.arange(count)), leaks.tested)
    if not len(used):
        raise DataError(
            f"of {num_rows:,} rows, {len(leaks.tested):,} have a text that the model was trained on, and none is left",
            expected="rows that are new to the model",
            where=str(file),
            hint="take a file that is not, and is not made from, what the run has learned from",
        )
    groups = _groups(own, _among_first(near, count), settings, prepared.task)
    all_names = group_names(own, groups)
    names = [all_names[position] for position in used.tolist()]
    examples = tuple(_examples(own.only(used), names, fields.names(), prepared.task))
    is_near = np.isin(used, leaks.near).tolist()
    return AnotherFile(
        examples=examples,
        rows_in=num_rows,
        findings=_findings(own, reading, used, leaks, prepared.labels),
        near_copies=tuple(one.id for one, held in zip(examples, is_near, strict=True) if held),
    )


def _check_columns(source: Source, columns: dict[str, str]) -> None:
    first = next(iter(source.read()), None)
    if first is None:
        raise DataError("there is no row in it", expected="rows like those of the run", where=str(source.path))
    missing = [f"`{shown(name)}`" for name in columns.values() if name not in first.values]
    if missing:
        raise DataError(
            f"there is no column {' and no '.join(missing)}",
            expected="the columns of the data file of the run",
            where=f"{source.path}:{first.line}",
            hint=f"it has {of_file(list(first.values))}: rename them",
        )


def _as_row(example: Example) -> Labelled:
    """What was trained on, as far as texts are compared."""
    return Labelled(
        line=example.place.line,
        input=example.input,
        target=example.target,
        text=example.input,
        answer=example.target,
        text_key=short_hash(normalised(example.input)),
    )


def _near(rows: Rows, task: str) -> NearPairs:
    """Pairs of near-copies; passages that many conversations share are left out first."""
    passages = find_passages(rows.texts() if task in OF_CONVERSATIONS else (), largest_cluster(len(rows)))
    return near_pairs(passages.left_out(rows.texts()) if passages.shared else rows.texts())


def _groups(rows: Rows, near: NearPairs, asked: DataSettings, task: str) -> np.ndarray:
    """What belongs together among the rows of the file, as in a split."""
    passages = find_passages(rows.texts() if task in OF_CONVERSATIONS else (), largest_cluster(len(rows)))
    return tie_together(ties_of(rows, near_ids(asked, near, passages.twins(rows.answer_keys))))


def _among_first(pairs: NearPairs, count: int) -> NearPairs:
    """The pairs of which both lie among the first rows."""
    held = (pairs.first < count) & (pairs.second < count)
    return NearPairs(pairs.first[held], pairs.second[held], pairs.similarity[held])


def _examples(rows: Rows, groups: list[str], fields: tuple[str, ...], task: str) -> Iterator[Example]:
    keep, say = content_of(task), target_of(task)
    for group, row in zip(groups, rows.scan(), strict=True):
        content = keep(row.input, row.target)
        yield Example(
            id=row.id,
            input=row.text,
            target=say(content) if say else row.answer,
            group=group,
            place=Place(file=row.file, line=row.line),
            content=content,
            fields={name: (row.fields or {}).get(name, "") for name in fields},
        )


def _findings(
    rows: Rows, reading: Reading, used: np.ndarray, leaks: Leaks, labels: tuple[str, ...]
) -> tuple[Finding, ...]:
    """What must be known about the rows: set aside, trained on, nearly so, of a class that was never taught."""
    num_rows, tested = reading.counts[0][0], leaks.tested
    kinds = Counter("dropped in a review" if one.kind == "reviewed" else "unusable" for one in reading.dropped)
    kinds["the same as another"] = len(rows) - len(np.union1d(used, tested))
    told = ", ".join(f"{number:,} {kind}" for kind, number in kinds.items() if number) or "none"
    reviewed = len(reading.relabelled)
    told += f"; {reviewed:,} have the target that a review gave them" if reviewed else ""
    aside = Finding(
        code="D101",
        severity="note",
        count=kinds.total() + reviewed,
        message=f"{kinds.total():,} of {num_rows:,} rows are set aside: {told}",
        hint="unusable rows have no input or no target where the others have theirs",
    )
    answers = {} if not labels else {int(one): rows.row(int(one)).answer for one in used}
    unseen = [position for position, answer in answers.items() if answer not in labels]
    classes = named(sorted({answers[position] for position in unseen}))
    near = np.intersect1d(leaks.near, used)
    torn = _contradicting(rows, used) if labels else used[:0]
    found = (
        _finding("D103", rows, torn, f"{percent(len(torn), len(used))} of what is tested"),
        _finding("D113", rows, tested, f"{percent(len(tested), num_rows)} of the file"),
        _finding("D114", rows, near, f"{percent(len(near), len(used))} of what is tested"),
        _finding("D132", rows, unseen, classes),
    )
    return tuple(one for one in (aside, *found) if one.count)


def _contradicting(rows: Rows, used: np.ndarray) -> np.ndarray:
    """Which of the rows that are used have a text that is there with another target too."""
    _, texts = np.unique(rows.text_keys[used], return_inverse=True)
    pairs = np.unique(np.stack([texts.astype(np.uint64), rows.target_keys[used]]), axis=1)
    return used[np.bincount(pairs[0].astype(np.int64))[texts] > 1]


_WORDS = {
    "D103": (
        "the text occurs with different targets, so no model can be right on all of them; they count as they stand",
        "correct the targets of the listed lines",
    ),
    "D113": (
        "the text is one that the model was trained on; taken out",
        "on these the model is asked what it was told; take rows that it has not seen",
    ),
    "D114": ("nearly the same as a text that the model was trained on", "a gain must also show on the others"),
    "D132": (
        "of a class that was never taught; counted as wrong",
        "add training rows of these classes, or spell the classes in one way",
    ),
}
"""What is found, and what to do."""


def _finding(code: str, rows: Rows, positions: Sequence[int] | np.ndarray, which: str) -> Finding:
    held, (message, hint) = [int(one) for one in positions], _WORDS[code]
    return Finding(
        code=code,
        severity="note" if code == "D114" else "warning",
        count=len(held),
        message=f"{rows_in_words(len(held))} ({which}): {message}",
        hint=hint,
        places=tuple(Place(file=rows.file_of(one), line=int(rows.lines[one])) for one in held[:MAX_PLACES]),
    )
