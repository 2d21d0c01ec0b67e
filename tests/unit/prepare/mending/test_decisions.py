"""Decisions of a review: kept beside the data, the newest counts, applied wherever the row stands."""

from __future__ import annotations

import random

from sintonia.prepare import read_decisions, write_decision
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
