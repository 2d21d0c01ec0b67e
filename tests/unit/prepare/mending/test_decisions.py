"""Decisions of a review: kept beside the data, the newest counts, applied wherever the row stands."""

from __future__ import annotations

import random

import pytest

from sintonia.errors import StorageError
from sintonia.prepare import read_decisions, write_decision
from sintonia.settings import DataSettings
from tests.unit.prepare.bench import Bench, many_rows


def test_a_decision_follows_its_row_and_moves_no_other(bench: Bench) -> None:
    rows = many_rows(320)
    path = bench.write(rows)
    bench.prepare(path)
    before = bench.where()
    ids = {one.input: one.id for examples in bench.sets().values() for one in examples}
    write_decision(path, ids[rows[0]["text"]], "drop")
    write_decision(path, ids[rows[1]["text"]], "relabel", "other")
    random.Random(0).shuffle(rows)
    prepared = bench.prepare(bench.write(rows))
    after = {one.input: one.target for examples in bench.sets().values() for one in examples}
    first, second = many_rows(2)
    assert first["text"] not in after
    assert after[second["text"]] == "other"
    assert (prepared.rows_used, prepared.rows_set_aside) == (319, 1)
    assert bench.where() == {text: split for text, split in before.items() if text != first["text"]}
    assert [one.reason for one in bench.set_aside()] == ["dropped in a review"]
    (finding,) = [one for one in prepared.findings if one.code == "D101"]
    assert "1 row dropped in a review" in finding.message


def test_the_newest_decision_counts(bench: Bench) -> None:
    path = bench.write(many_rows(60))
    for action, target in (("drop", None), ("relabel", "x"), ("keep", None)):
        write_decision(path, "0123456789abcdef", action, target)
    assert read_decisions(path)["0123456789abcdef"].action == "keep"
    write_decision(path, "0123456789abcdef", "undo")
    assert read_decisions(path) == {}


def test_a_damaged_decision_is_refused_by_name(bench: Bench) -> None:
    path = bench.write(many_rows(60))
    write_decision(path, "0123456789abcdef", "keep")
    with (path.with_name(path.name + ".sintonia") / "decisions.jsonl").open("a") as stream:
        stream.write('{"row": "1"}\n')
    with pytest.raises(StorageError, match=r"decisions\.jsonl.* no decision"):
        bench.prepare(path)


def test_decisions_are_about_the_data_file_and_no_other(bench: Bench) -> None:
    rows = many_rows(420)
    path, test = bench.write(rows[:320]), bench.write([*rows[320:], rows[0]], "test.jsonl")
    bench.prepare(path)
    ids = {one.place.line: one.id for examples in bench.sets().values() for one in examples}
    write_decision(path, ids[1], "relabel", "other")
    bench.prepare_data(DataSettings(path=str(path), test=str(test)))
    (kept,) = [one for one in bench.sets()["test"] if one.input == rows[0]["text"]]
    assert kept.target == rows[0]["label"]
