"""The understood rows of a data set: what is counted and compared in memory, the texts in an unnamed file.

A million rows take some fifty bytes each here, whatever their texts. The file has no name and is gone when the
process is, however it ends. It writes nothing else.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sintonia.files import storage_errors
from sintonia.normalise import short_hash

NO_CLASS = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A row that can be used: where it stands, what goes in, what should come out, both as plain text, other fields.

    Its keys stand for texts nobody reads in them: of the normalised input, and of its value in the group column.
    """

    line: int
    file: str = ""
    ordinal: int = 0
    """Which row of its file it is, counted from 0."""
    input: Any
    target: Any
    text: str
    answer: str
    votes: tuple[str, ...] = ()
    text_key: str
    group_key: str | None = None
    time: float = math.nan
    fields: dict[str, str] | None = None

    @property
    def id(self) -> str:
        """The same row has the same id in any file, at any line."""
        return short_hash(self.input_key, self.whole_target)

    @property
    def input_key(self) -> str:
        """Stands for all of the input: of a conversation also its tools, of words to be tagged also their case."""
        if self.input == self.text:
            return self.text_key
        return short_hash(json.dumps(self.input, sort_keys=True, ensure_ascii=False))

    @property
    def whole_target(self) -> str:
        """All of the target as text: of a preference the rejected answer too."""
        if isinstance(self.target, str):
            return self.target
        return json.dumps(self.target, sort_keys=True, ensure_ascii=False)


class Rows:
    """Rows in their order. Numbers are arrays over the rows; a row itself is read from the file when asked for."""

    def __init__(self, spool: _Spool, columns: dict[str, np.ndarray], names: _Names) -> None:
        self._spool = spool
        self._columns = columns
        self._names = names

    @classmethod
    def keep(cls, rows: Iterable[Labelled], *, has_classes: bool, folder: str | None = None) -> Rows:
        """Puts rows away, one after the other; `folder` is where the unnamed file lies."""
        spool = _Spool(folder)
        columns = {name: array(kind) for name, kind in _COLUMNS.items()}
        classes: dict[str, int] = {}
        files: dict[str, int] = {}
        for row in rows:
            values = (
                row.line,
                spool.add(row),
                int(row.text_key, 16),
                int(row.input_key, 16),
                int(short_hash(row.whole_target), 16),
                int(short_hash(row.answer), 16),
                int(row.group_key, 16) if row.group_key else 0,
                classes.setdefault(row.answer, len(classes)) if has_classes else NO_CLASS,
                files.setdefault(row.file, len(files)),
                row.time,
                row.ordinal,
            )
            for column, value in zip(columns.values(), values, strict=True):
                column.append(value)
        arrays = {name: np.frombuffer(column, dtype=column.typecode) for name, column in columns.items() if column}
        arrays = arrays or _nothing()
        names = sorted(classes)
        if names:  # in alphabetical order, whatever the order of the rows
            rank = np.argsort(np.array([classes[name] for name in names]))
            arrays["codes"] = rank[arrays["codes"]].astype(np.int32)
        return cls(spool, arrays, _Names(classes=tuple(names), files=tuple(files)))

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that `codes` counts, in alphabetical order; empty where the task has none."""
        return self._names.classes

    @property
    def lines(self) -> np.ndarray:
        """Line of each row, int64."""
        return self._columns["lines"]

    @property
    def text_keys(self) -> np.ndarray:
        """Hash of each normalised input, uint64."""
        return self._columns["text_keys"]

    @property
    def input_keys(self) -> np.ndarray:
        """Hash of each whole input, uint64; of a plain text the same as its text key."""
        return self._columns["input_keys"]

    @property
    def answer_keys(self) -> np.ndarray:
        """Hash of each answer, uint64."""
        return self._columns["answer_keys"]

    @property
    def ordinals(self) -> np.ndarray:
        """Which row of its file each one is, int64, counted from 0."""
        return self._columns["ordinals"]

    @property
    def target_keys(self) -> np.ndarray:
        """Hash of each whole target, uint64."""
        return self._columns["target_keys"]

    @property
    def group_keys(self) -> np.ndarray:
        """Hash of each value in the group column, uint64; 0 where there is none."""
        return self._columns["group_keys"]

    @property
    def codes(self) -> np.ndarray:
        """Position in `classes` of each row's target, int32; -1 where the task has no classes."""
        return self._columns["codes"]

    @property
    def times(self) -> np.ndarray:
        """Value of each row in the time column, float64; NaN where there is none."""
        return self._columns["times"]

    def file_of(self, position: int) -> str:
        """The file that a row stands in."""
        return self._names.files[int(self._columns["files"][position])]

    def only(self, positions: np.ndarray | Sequence[int]) -> Rows:
        """Some of the rows, in the order given; the texts are not copied."""
        chosen = np.asarray(positions, dtype=np.int64)
        return Rows(self._spool, {name: column[chosen] for name, column in self._columns.items()}, self._names)

    def row(self, position: int) -> Labelled:
        """One row."""
        return self._decode(position, self._spool.read(int(self._columns["offsets"][position])))

    def scan(self) -> Iterator[Labelled]:
        """All rows in their order."""
        for position, body in enumerate(self._spool.read_all(self._columns["offsets"])):
            yield self._decode(position, body)

    def texts(self) -> Iterator[str]:
        """The inputs as plain text, in the order of the rows."""
        for body in self._spool.read_all(self._columns["offsets"]):
            yield str(json.loads(body)[_TEXT])

    def text_at(self, position: int) -> str:
        """The input of one row as plain text."""
        return str(json.loads(self._spool.read(int(self._columns["offsets"][position])))[_TEXT])

    def draw(self, most: int) -> np.ndarray:
        """Positions of at most `most` rows, drawn evenly and always the same, in ascending order."""
        if len(self) <= most:
            return np.arange(len(self))
        return np.sort(np.random.default_rng(0).choice(len(self), most, replace=False))

    def _decode(self, position: int, body: bytes) -> Labelled:
        text, answer, entry, target, votes, fields = json.loads(body)
        return Labelled(
            line=int(self.lines[position]),
            file=self.file_of(position),
            input=text if entry is None else entry,
            target=answer if target is None else target,
            text=text,
            answer=answer,
            votes=tuple(votes),
            text_key=f"{int(self.text_keys[position]):016x}",
            group_key=f"{key:016x}" if (key := int(self.group_keys[position])) else None,
            ordinal=int(self.ordinals[position]),
            time=float(self.times[position]),
            fields=fields,
        )


_COLUMNS = {
    "lines": "q",
    "offsets": "q",
    "text_keys": "Q",
    "input_keys": "Q",
    "target_keys": "Q",
    "answer_keys": "Q",
    "group_keys": "Q",
    "codes": "i",
    "files": "i",
    "times": "d",
    "ordinals": "q",
}
"""Name and type of what is held of each row."""
_TEXT, _BLOCK_BYTES = 0, 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Names:
    """What the numbers of classes and files stand for."""

    classes: tuple[str, ...]
    files: tuple[str, ...]


def _nothing() -> dict[str, np.ndarray]:
    return {name: np.array([], dtype=kind) for name, kind in _COLUMNS.items()}


class _Spool:
    """The unnamed file: one JSON list a line, found again by where it begins."""

    def __init__(self, folder: str | None) -> None:
        self._folder = Path(folder or tempfile.gettempdir())
        with storage_errors(self._folder):
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - it lives as long as the rows do
        self._end = 0

    def add(self, row: Labelled) -> int:
        """Where the row begins."""
        begins = self._end
        entry = None if row.input == row.text else row.input
        target = None if row.target == row.answer else row.target
        body = [row.text, row.answer, entry, target, row.votes, row.fields]
        with storage_errors(self._folder):
            line = json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
            self._end += self._file.write(line)
        return begins

    def read(self, offset: int) -> bytes:
        """The line that begins there."""
        self._flush()
        pieces = []
        while True:
            piece = os.pread(self._file.fileno(), 4096 << min(len(pieces), 8), offset)
            end = piece.find(b"\n")
            pieces.append(piece if end < 0 else piece[:end])
            if end >= 0 or not piece:
                return b"".join(pieces)
            offset += len(piece)

    def read_all(self, offsets: np.ndarray) -> Iterator[bytes]:
        """The lines that begin there; a run through most of the file reads it in large pieces."""
        is_dense = len(offsets) > 1 and bool((np.diff(offsets) > 0).all())
        if not is_dense:
            yield from (self.read(int(offset)) for offset in offsets)
            return
        self._flush()
        wanted = iter(offsets.tolist())
        yield from _lines_at(self._file.fileno(), next(wanted), wanted)

    def _flush(self) -> None:
        with storage_errors(self._folder):
            self._file.flush()


def _lines_at(descriptor: int, offset: int, wanted: Iterator[int]) -> Iterator[bytes]:
    block, begins = b"", 0
    while True:
        end = block.find(b"\n", offset - begins) if begins <= offset < begins + len(block) else -1
        if end < 0:
            size = _BLOCK_BYTES
            while (end := (block := os.pread(descriptor, size, offset)).find(b"\n")) < 0 and len(block) == size:
                size *= 2
            begins = offset
        yield block[offset - begins : end]
        following = next(wanted, None)
        if following is None:
            return
        offset = following
