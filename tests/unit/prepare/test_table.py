"""A look at a file: its columns, its length, and an even draw of its rows, bounded in number and in size."""

from __future__ import annotations

from pathlib import Path

import pytest

from sintonia.errors import DataError
from sintonia.prepare.table import Row, Source, look_at


def _source(rows: list[Row]) -> Source:
    return Source(path=Path("rows.jsonl"), container="jsonl", read=lambda: iter(rows))


def test_a_small_file_is_held_whole_and_in_order() -> None:
    table = look_at(_source([Row(k + 1, {"a": k} if k % 2 else {"a": k, "b": 1}) for k in range(50)]))
    assert (table.num_rows, table.columns) == (50, ("a", "b"))
    assert [row.line for row in table.rows] == list(range(1, 51))


def test_a_large_file_is_drawn_evenly() -> None:
    table = look_at(_source([Row(k, {"a": k}) for k in range(60_000)]))
    lines = [row.line for row in table.rows]
    assert (table.num_rows, len(lines), len(set(lines))) == (60_000, 20_000, 20_000)
    assert lines == sorted(lines)
    assert abs(sum(line < 20_000 for line in lines) - 6_667) < 300


def test_large_rows_are_held_in_bounded_memory() -> None:
    text = "x" * 1_000_000
    table = look_at(_source([Row(k, {"a": text}) for k in range(500)]))
    assert table.num_rows == 500
    assert 16 <= len(table.rows) <= 64
    assert max(row.line for row in table.rows) > 250


def test_too_many_columns_are_refused() -> None:
    rows = [Row(k, {f"c{number}": 1 for number in range(k * 100, k * 100 + 100)}) for k in range(1, 20)]
    with pytest.raises(DataError, match="more than 1,000 columns"):
        look_at(_source(rows))
