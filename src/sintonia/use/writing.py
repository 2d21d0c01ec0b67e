"""Answers as a file: CSV, JSONL or Parquet, with the columns of the input kept. It is whole or not there at all.

Cells of a CSV that a spreadsheet would compute begin with an apostrophe. Nothing is answered here.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from sintonia.errors import UsageError
from sintonia.files import write_atomic

COMPUTED = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""How a cell begins that a spreadsheet takes for a formula."""
_NUMBER = re.compile(r"[-+]?[0-9]+(?:[.,][0-9]+)?(?:[eE][-+]?[0-9]+)?")
PREFIX = "sintonia_"
"""Before the names of all answers where a column of the input has the name of one."""
_AT_ONCE = 1000
_SPAN = ("start", "end", "label", "text")

Rows = Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]]
"""The columns of each input, and what was answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The columns of a file of answers."""

    inputs: Mapping[str, frozenset[str]]
    """Those that are kept, with the kinds of their values (names of Python's types)."""
    answers: tuple[str, ...]
    """Names in an answer, `probabilities` and `spans` among them."""
    labels: tuple[str, ...] = ()
    """Those that have a probability each."""

    @property
    def prefix(self) -> str:
        """What stands before the names of answers, so that none is that of a column of the input."""
        prefix = ""
        while set(self.inputs) & {f"{prefix}{name}" for name in (*self.flat, *self.answers)}:
            prefix += PREFIX
        return prefix

    @property
    def flat(self) -> tuple[str, ...]:
        """The names of answers where a cell holds one value: each label has a column of its own."""
        probabilities = tuple(f"probability:{one}" for one in self.labels)
        return tuple(name for one in self.answers for name in (probabilities if one == "probabilities" else (one,)))


def format_of(path: Path) -> str:
    """`csv`, `jsonl` or `parquet`, by how the name ends.

    Raises:
        UsageError: another ending.
    """
    if path.suffix.lower() not in _WRITERS:
        expected = f"a name that ends in {', '.join(_WRITERS)}"
        raise UsageError(f"answers cannot be written as `{path.name}`", expected=expected, where="--out")
    return path.suffix.lower().removeprefix(".")


def write_answers(path: Path, rows: Rows, columns: Columns) -> int:
    """Writes a file of answers, readable by its owner alone, and gives how many there are.

    Raises:
        UsageError: its name has another ending.
        StorageError: it cannot be written; then nothing is there.
    """
    write = _WRITERS[f".{format_of(path)}"]
    count = 0

    def counted() -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
        nonlocal count
        for row in rows:
            count += 1
            yield row

    write_atomic(path, write(counted(), columns))
    return count


def safe_cell(value: Any) -> Any:
    """A cell of a CSV that no spreadsheet computes; numbers stay as they are, also those that are written out.

    >>> safe_cell("=1+1"), safe_cell(-0.5), safe_cell("-0.5"), safe_cell("-1+1"), safe_cell("rain")
    ("'=1+1", -0.5, '-0.5', "'-1+1", 'rain')
    """
    is_computed = isinstance(value, str) and value.startswith(COMPUTED) and not _NUMBER.fullmatch(value)
    return f"'{value}" if is_computed else value


def _csv(rows: Rows, columns: Columns) -> Iterator[bytes]:
    names = [*columns.inputs, *(f"{columns.prefix}{name}" for name in columns.flat)]
    line = io.StringIO()
    writer = csv.writer(line, lineterminator="\r\n")
    writer.writerow([safe_cell(name) for name in names])
    for values, answer in rows:
        cells = [_plain(values.get(name)) for name in columns.inputs]
        writer.writerow([safe_cell(one) for one in (*cells, *map(_plain, _flat(answer, columns)))])
        yield line.getvalue().encode("utf-8", errors="backslashreplace")
        line.seek(0)
        line.truncate()
    yield line.getvalue().encode()


def _jsonl(rows: Rows, columns: Columns) -> Iterator[bytes]:
    for values, answer in rows:
        said = {f"{columns.prefix}{name}": answer.get(name) for name in columns.answers}
        body = {**{name: _numbered(values.get(name)) for name in columns.inputs}, **said}
        yield (json.dumps(body, ensure_ascii=False, default=str) + "\n").encode("utf-8", errors="backslashreplace")


def _parquet(rows: Rows, columns: Columns) -> Iterator[bytes]:
    import pyarrow as arrow
    from pyarrow import parquet

    schema, sink, coming = _schema(columns), _Sink(), iter(rows)
    names = schema.names
    with parquet.ParquetWriter(arrow.PythonFile(sink, mode="w"), schema) as writer:
        while some := list(islice(coming, _AT_ONCE)):
            cells = [[*_typed(values, columns), *_flat(answer, columns)] for values, answer in some]
            held = [list(one) for one in zip(*cells, strict=True)]
            arrays = [arrow.array(one, type=schema.field(name).type) for name, one in zip(names, held, strict=True)]
            writer.write_batch(arrow.RecordBatch.from_arrays(arrays, schema=schema))
            yield sink.taken()
    yield sink.taken()


def _schema(columns: Columns) -> Any:
    import pyarrow as arrow

    span = arrow.struct(
        [("start", arrow.int64()), ("end", arrow.int64())] + [(one, arrow.string()) for one in _SPAN[2:]]
    )
    of_answers = {
        "confidence": arrow.float64(),
        "is_out_of_scope": arrow.bool_(),
        "spans": arrow.list_(span),
        "tags": arrow.list_(arrow.string()),
        "embedding": arrow.list_(arrow.float32()),
    }
    fields = [(name, getattr(arrow, _kind(kinds))()) for name, kinds in columns.inputs.items()]
    for name in columns.flat:
        kind = arrow.float64() if name.startswith("probability:") else of_answers.get(name, arrow.string())
        fields.append((f"{columns.prefix}{name}", kind))
    return arrow.schema(fields)


def _kind(kinds: frozenset[str]) -> str:
    """The type that holds all values of a column; what is mixed becomes text."""
    if kinds == {"bool"}:
        return "bool_"
    if "float" in kinds and kinds <= {"float", "int"}:
        return "float64"
    return "int64" if kinds == {"int"} else "string"


def _typed(values: Mapping[str, Any], columns: Columns) -> list[Any]:
    cells = []
    for name, kinds in columns.inputs.items():
        value = values.get(name)
        is_text = _kind(kinds) == "string" and value is not None
        cells.append(str(_plain(value)) if is_text else value)
    return cells


def _flat(answer: Mapping[str, Any], columns: Columns) -> list[Any]:
    cells: list[Any] = []
    for name in columns.answers:
        value = answer.get(name)
        if name == "probabilities":
            cells += [None if value is None else value.get(label) for label in columns.labels]
        else:
            cells.append(value)
    return cells


def _plain(value: Any) -> Any:
    """What one cell of text can hold: lists and objects as JSON."""
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return value if value is None or isinstance(value, str | int | float) else str(value)


def _numbered(value: Any) -> Any:
    """JSON knows no number that is none."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


class _Sink(io.RawIOBase):
    """Takes the bytes of a file that is written forwards, and gives them away piece by piece."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._place = 0

    def writable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Bytes that were written."""
        return self._place

    def write(self, piece: Any) -> int:
        """Keeps some bytes until they are taken."""
        self._pieces.append(bytes(piece))
        self._place += len(self._pieces[-1])
        return len(self._pieces[-1])

    def taken(self) -> bytes:
        """The bytes since the last time."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


_WRITERS: dict[str, Callable[[Rows, Columns], Iterator[bytes]]] = {
    ".csv": _csv,
    ".jsonl": _jsonl,
    ".parquet": _parquet,
}
