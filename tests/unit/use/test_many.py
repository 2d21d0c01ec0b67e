"""Many inputs: in order, each distinct one once, a bounded number in memory; and the files that answers become."""

from __future__ import annotations

import csv
import io
import json
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as parquet
import pytest

from sintonia.errors import UsageError
from sintonia.use import Columns, answered, write_answers
from sintonia.use.many import MOST_KNOWN

TEXT = frozenset(("str",))


def test_ten_thousand_answers_stand_in_the_order_of_their_inputs_each_computed_once() -> None:
    inputs = [f"text {k}" for k in np.random.default_rng(0).integers(0, 3000, 10_000)]
    asked: list[str] = []

    def upper(some: Sequence[str]) -> list[str]:
        asked.extend(some)
        return [one.upper() for one in some]

    assert list(answered(inputs, upper)) == [one.upper() for one in inputs]
    assert sorted(asked) == sorted(set(inputs)), "each of them once"


def test_what_is_held_in_memory_is_bounded() -> None:
    taken = 0

    def coming() -> Iterator[str]:
        nonlocal taken
        for k in range(10_000):
            taken = k + 1
            yield str(k)

    given = answered(coming(), list, chunk=100)
    for _ in range(250):
        next(given)
    assert taken == 300

    calls: list[int] = []

    def count(some: Sequence[str]) -> list[str]:
        calls.append(len(some))
        return list(some)

    around = [str(k) for k in range(MOST_KNOWN + 5000)]
    assert list(answered([*around, "0"], count, chunk=1000)) == [*around, "0"]
    assert sum(calls) == len(around) + 1, "the oldest was forgotten"


def test_kinds_of_inputs_are_told_apart() -> None:
    inputs = ["a", ("a", "b"), {"text": "a"}, {"text": "a", "tokens": [[0, 1]]}, {"messages": [{"role": "a"}]}, "a"]
    seen: list[Any] = []
    list(answered(inputs, lambda some: seen.extend(some) or list(some)))
    assert seen == inputs[:-1]


COLUMNS = Columns(
    inputs={"text": TEXT, "n": frozenset(("int",)), "mixed": frozenset(("int", "str"))},
    answers=("prediction", "confidence", "is_out_of_scope", "probabilities", "spans"),
    labels=("=a", "b"),
)
SPANS = [{"start": 0, "end": 1, "label": "X", "text": "="}]
ROWS = [
    ({"text": "=1+1", "n": 3, "mixed": 2}, {
        "prediction": "@b", "confidence": 0.75, "is_out_of_scope": False,
        "probabilities": {"=a": 0.25, "b": 0.75}, "spans": SPANS}),
    ({"text": 'two\nlines, "quoted"', "n": -4, "mixed": "x"}, {
        "prediction": "b", "confidence": 1e-9, "is_out_of_scope": True,
        "probabilities": {"=a": 1.0, "b": 1e-9}, "spans": []}),
    ({"text": "\tè", "n": None, "mixed": None}, {"prediction": "b"}),
]  # fmt: skip


def test_a_csv_holds_what_was_answered_and_no_formula(tmp_path: Path) -> None:
    assert write_answers(tmp_path / "a.csv", ROWS, COLUMNS) == 3
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as stream:
        header, *rows = list(csv.reader(stream))
    assert header == ["text", "n", "mixed", "prediction", "confidence", "is_out_of_scope", "probability:=a",
                      "probability:b", "spans"]  # fmt: skip
    assert rows[0] == ["'=1+1", "3", "2", "'@b", "0.75", "False", "0.25", "0.75", json.dumps(SPANS)]
    assert rows[1][:2] == ['two\nlines, "quoted"', "-4"] and float(rows[1][4]) == 1e-9
    assert rows[2][0] == "'\tè" and rows[2][1:3] == ["", ""]
    assert stat.S_IMODE((tmp_path / "a.csv").stat().st_mode) == 0o600


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r"])
def test_each_beginning_of_a_formula_is_kept_from_being_one(tmp_path: Path, begin: str) -> None:
    columns = Columns(inputs={f"{begin}c": TEXT}, answers=("prediction",))
    write_answers(tmp_path / "a.csv", [({f"{begin}c": f"{begin}x"}, {"prediction": f"{begin}y"})], columns)
    rows = list(csv.reader(io.StringIO((tmp_path / "a.csv").read_bytes().decode(), newline="")))
    assert rows == [[f"'{begin}c", "prediction"], [f"'{begin}x", f"'{begin}y"]]


def test_jsonl_holds_it_as_it_is(tmp_path: Path) -> None:
    write_answers(tmp_path / "a.jsonl", [*ROWS, ({"text": "x", "n": float("nan"), "mixed": [1]}, {})], COLUMNS)
    rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text(encoding="utf-8").split("\n")[:-1]]
    assert rows[0] == {**ROWS[0][0], **ROWS[0][1]} and rows[1]["spans"] == []
    assert rows[3]["n"] is None and rows[3]["mixed"] == [1]


def test_parquet_holds_it_with_types(tmp_path: Path) -> None:
    assert write_answers(tmp_path / "a.parquet", ROWS * 700, COLUMNS) == 2100
    table = parquet.read_table(tmp_path / "a.parquet")
    assert table.num_rows == 2100 and str(table.schema.field("n").type) == "int64"
    first, second, third = table.slice(0, 3).to_pylist()
    assert first["text"] == "=1+1" and first["mixed"] == "2" and first["spans"] == SPANS
    assert first["probability:=a"] == 0.25 and second["is_out_of_scope"] is True and third["n"] is None
    assert stat.S_IMODE((tmp_path / "a.parquet").stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_a_file_is_whole_or_not_there(tmp_path: Path, name: str) -> None:
    def broken() -> Iterator[Any]:
        yield from ROWS
        raise RuntimeError("in the middle")

    (tmp_path / name).write_text("what was there before")
    with pytest.raises(RuntimeError):
        write_answers(tmp_path / name, broken(), COLUMNS)
    assert [one.name for one in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "what was there before"


def test_a_column_of_the_input_is_never_written_over(tmp_path: Path) -> None:
    columns = Columns(inputs={"prediction": TEXT}, answers=("prediction", "probabilities"), labels=("a",))
    rows = [({"prediction": "mine"}, {"prediction": "a", "probabilities": {"a": 1.0}})]
    write_answers(tmp_path / "a.csv", rows, columns)
    write_answers(tmp_path / "a.jsonl", rows, columns)
    assert (tmp_path / "a.csv").read_text().splitlines() == [
        "prediction,sintonia_prediction,sintonia_probability:a", "mine,a,1.0"]  # fmt: skip
    assert json.loads((tmp_path / "a.jsonl").read_text())["prediction"] == "mine"


@pytest.mark.parametrize("name", ["a.xlsx", "a", "a.csv.gz"])
def test_other_endings_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        write_answers(tmp_path / name, ROWS, COLUMNS)
