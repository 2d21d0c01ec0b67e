"""What `benchmarks.search_cost` makes of its cells: a planted miss of each mark, and a clean control."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.search_cost import read_cells, result_of, table_of


def cells(*, found: int, best: int, search_cpu: float) -> list[dict[str, Any]]:
    """100 validation examples, of which so many are right; the right ones are the first, as far as they go."""

    def answers(count: int) -> dict[str, Any]:
        return {"correct": [k < count for k in range(100)], "losses": [0.1 if k < count else 2.0 for k in range(100)]}

    first = {"purpose": "first turn", "cpu": 10.0, "seconds": 30.0, **answers(70)}
    later = [{"purpose": "search", "cpu": 9.0, "seconds": 20.0, **answers(count)} for count in (found - 1, found)]
    values = {"training.learning_rate": 1e-4}
    search = {
        "kind": "search",
        "set": "trec",
        "configurations": 27,
        "values": values,
        "cpu": search_cpu,
        "seconds": 60.0,
        "turns": [first, *later],
    }
    grid = [
        {"kind": "grid", "set": "trec", "values": [1, 1, 16], "cpu": 11.0, "seconds": 30.0, **answers(count)}
        for count in (60, best)
    ]
    return [search, *grid, {**search, "set": "sst2"}]


def test_the_marks_are_met_where_it_was_cheap_and_good() -> None:
    found = result_of(cells(found=80, best=80, search_cpu=20.0), "trec")
    assert found is not None
    assert found["trainings"] == pytest.approx(3.8) and found["grid_trainings"] == pytest.approx(2.2)
    assert (found["found"], found["best"], found["behind"]) == (0.8, 0.8, 0.0)
    assert "cost met, score met" in table_of([found])


def test_each_mark_is_missed_where_it_is_missed() -> None:
    dear = result_of(cells(found=80, best=80, search_cpu=40.0), "trec")
    poor = result_of(cells(found=80, best=90, search_cpu=20.0), "trec")
    others = cells(found=89, best=90, search_cpu=20.0)
    others[2]["correct"].reverse()
    near = result_of(others, "trec")
    assert dear and poor and near
    assert "cost MISSED, score met" in table_of([dear])
    assert "cost met, score MISSED" in table_of([poor]), "ten points behind, with an error of three"
    assert "score met" in table_of([near]), "one point behind, with answers that differ on twenty"


def test_a_set_without_a_grid_has_no_result_and_a_cut_line_is_passed_over(tmp_path: Path) -> None:
    known = cells(found=80, best=80, search_cpu=20.0)
    lines = "\n".join(json.dumps(one) for one in known)
    (tmp_path / "cells.jsonl").write_text(lines + '\n{"kind": "gr', encoding="utf-8")
    assert read_cells(tmp_path) == known and result_of(known, "sst2") is None and read_cells(tmp_path / "no") == []
