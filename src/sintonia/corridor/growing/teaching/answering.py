"""The teacher answers the texts of the pool, batch by batch; each answer is on disk before the next batch is asked.

A walk that was interrupted goes on after the last row that it has written. It trains nothing and opens no test.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sintonia.corridor.doors.pairing import FinishedRun, read_finished
from sintonia.corridor.growing.teaching.beginning import read_pool
from sintonia.corridor.turns import candidate_id, read_sets
from sintonia.corridor.walk import Walk
from sintonia.errors import DataError, SintoniaError, StorageError
from sintonia.evaluate.scoring.teaching import Ask, Unsaid, common_system, open_teacher
from sintonia.files import sha256_file, storage_errors, write_atomic
from sintonia.prepare import UNWRITTEN, Unanswered, answer_writer
from sintonia.prepare.table import shown
from sintonia.records import Answered, Teaching
from sintonia.resources.pace import duration
from sintonia.runs import ANSWERED, RunFolder

_AT_ONCE = {"chat": 16}
_USUALLY_AT_ONCE = 256
"""Texts between two writings."""
_QUIET_SECONDS = 5.0
"""Least time between two words about how far it is."""
_LINE = "line_of_pool"
"""The column of the answers that says where in the pool a row stands."""
_WORK = "cache/answers.jsonl"
"""The batches that were answered, in the order of the pool."""


def answer_all(walk: Walk, teaching: Teaching) -> None:
    """Writes the rows with the teacher's answers and what became of the pool, from where an earlier walk stopped.

    Raises:
        StorageError: the teacher or the pool is not what it was when the run began.
        DataError: the teacher has no answer to any text.
    """
    known = open_teacher_of(walk.run, teaching)
    _refuse_changed_pool(teaching)
    walk.run.write(ANSWERED, _Answering(walk, known, teaching).answer_all())
    walk.run.file(_WORK).unlink(missing_ok=True)


def open_teacher_of(run: RunFolder, teaching: Teaching) -> FinishedRun:
    """The run of the teacher, found to be as it was.

    Raises:
        StorageError: it is gone, or its model is another one by now.
    """
    hint = "bring it back as it was, or begin a new run"
    try:
        known = read_finished(RunFolder.open(run.place / teaching.run))
    except SintoniaError as error:
        raise StorageError(f"the teacher cannot be read: {error.what}", hint=hint, where=teaching.run) from None
    if candidate_id(known.run, (known.turn,)) != teaching.candidate:
        raise StorageError("the teacher keeps another model than when this run began", hint=hint, where=teaching.run)
    return known


def _refuse_changed_pool(teaching: Teaching) -> None:
    pool = Path(teaching.pool)
    hint = "bring it back as it was, or begin a new run"
    if not pool.exists():
        raise StorageError("the pool is gone", where=teaching.pool, hint=hint)
    with storage_errors(pool):
        is_changed = bool(teaching.pool_sha256) and sha256_file(pool) != teaching.pool_sha256
    if is_changed:
        raise StorageError("the pool was changed since this run began", where=teaching.pool, hint=hint)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What became of a row of the pool: the values of a training row, or why there is none."""

    line: int
    values: dict[str, Any] | None = None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """Rows that were answered together: one line of the file of work."""

    answers: tuple[_Answer, ...]
    seconds: float


class _Answering:
    """The rows of a pool on their way through the teacher."""

    def __init__(self, walk: Walk, known: FinishedRun, teaching: Teaching) -> None:
        self._walk, self._known, self._teaching = walk, known, teaching
        self._task = known.prepared.task
        self._writer = answer_writer(known.prepared, known.turn.recipe.data)
        self._pool = read_pool(known, Path(teaching.pool), teaching.columns)
        self._train = read_sets(known.run, known.prepared.parts[0])[0]

    def answer_all(self) -> Answered:
        """Answers what is not answered yet, writes the rows as one file, and says what became of all."""
        run = self._walk.run
        for note in (*self._teaching.notes, *self._notes()):
            self._walk.tell("teach", note)
        done = sum(len(one.answers) for one in run.lines(_WORK, _Batch))
        if done:
            self._walk.tell("teach", f"{done:,} texts were answered before; {len(self._pool.rows) - done:,} are left")
        if done < len(self._pool.rows):
            self._answer(self._pool.rows[done:])
        batches = run.lines(_WORK, _Batch)
        answers = [one for batch in batches for one in batch.answers]
        rows = [one.values | {_LINE: one.line} for one in answers if one.values is not None]
        aside = Counter(one.why for one in answers if one.why)
        if not rows:
            raise DataError(
                f"the teacher gave none of {len(answers):,} texts a target: "
                + "; ".join(f"{count:,} {why}" for why, count in aside.items()),
                expected="texts such as it was tuned on",
                where=self._teaching.pool,
                hint="the teacher is unsure of them: give texts such as it was tuned on, or take a better teacher",
            )
        lines = (json.dumps(one, ensure_ascii=False, allow_nan=False) + "\n" for one in rows)
        write_atomic(run.file(self._teaching.answers), (line.encode() for line in lines))
        unsaid = self._labels_never_given([one for one in answers if one.values is not None])
        for note in unsaid:
            self._walk.tell("teach", note)
        return Answered(
            rows_in=self._pool.rows_in,
            rows_answered=len(rows),
            set_aside={**self._pool.set_aside, **aside},
            notes=(*self._notes(), *unsaid),
            seconds=sum(batch.seconds for batch in batches),
        )

    def _notes(self) -> tuple[str, ...]:
        if self._task != "chat":
            return self._pool.notes
        how = "behind the system message of the teacher's rows" if common_system(self._train) else "alone"
        return (*self._pool.notes, f"prompts: each text stands {how}")

    def _labels_never_given(self, answers: Sequence[_Answer]) -> tuple[str, ...]:
        """Which labels no text got: of them the pool teaches nothing."""
        if self._task != "classify":
            return ()
        column = self._writer.columns["target"]
        given = {(one.values or {})[column] for one in answers}
        missing = [f"`{shown(one)}`" for one in self._known.prepared.labels if one not in given]
        return (f"the teacher gave no text the label {', '.join(missing[:12])}",) if missing else ()

    def _answer(self, left: Sequence[Unanswered]) -> None:
        asked, known = self._known.turn.recipe.evaluation.new_tokens, self._known
        new_tokens = asked if isinstance(asked, int) else None
        ask = open_teacher(known.run.file(known.turn.candidate.weights), self._train, new_tokens)
        began = told = time.monotonic()
        size = _AT_ONCE.get(self._task, _USUALLY_AT_ONCE)
        for start in range(0, len(left), size):
            self._answer_batch(ask, left[start : start + size])
            num_done, now = min(start + size, len(left)), time.monotonic()
            if now - told >= _QUIET_SECONDS and num_done < len(left):
                told = now
                seconds = (now - began) / num_done * (len(left) - num_done)
                words = f"{num_done:,} of {len(left):,} texts are answered, {duration(seconds)} left"
                self._walk.tell("teach", words)

    def _answer_batch(self, ask: Ask, batch: Sequence[Unanswered]) -> None:
        began, answers = time.monotonic(), []
        inputs = [one.texts[0] if len(one.texts) == 1 else (one.texts[0], one.texts[1]) for one in batch]
        for one, answer in zip(batch, ask(inputs), strict=True):
            is_said = not isinstance(answer, Unsaid)
            values = self._writer.row(one, answer) if is_said else None
            why = "" if values is not None else UNWRITTEN if is_said else answer.why
            answers.append(_Answer(line=one.line, values=values, why=why))
        self._walk.run.append(_WORK, _Batch(answers=tuple(answers), seconds=time.monotonic() - began))
