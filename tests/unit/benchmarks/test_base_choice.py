"""The experiment compares what it says: orders over the bases that count, goes on where it stopped, marks as given."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3]))

from benchmarks import base_choice as bench
from benchmarks.base_choice import LAYERS, Cell, cells, compare, measure_missing, read_cells, summary

NAMES = [f"minilm-{number}" for number in LAYERS]


def lines(probes: dict[str, float], truths: dict[int, dict[str, float]]) -> dict[tuple[str, str, str, int], dict]:
    found = {}
    for name, value in probes.items():
        scores = {"h_score": value, "log_me": value, "probe": value}
        found["scores", "set", name, 0] = {"scores": scores}
    for seed, values in truths.items():
        for name, accuracy in values.items():
            found["truth", "set", name, seed] = {"accuracy": accuracy}
    return found


def falling(first: float = 0.9) -> dict[str, float]:
    return {name: first - 0.05 * k for k, name in enumerate(NAMES)}


def test_the_same_order_is_one_and_the_opposite_minus_one() -> None:
    same = compare(lines(falling(), {1: falling(0.8), 2: falling(0.7)}), "set", [1, 2])
    assert same["tau"] == pytest.approx(1.0) and same["is_best_in_first_three"] and same["lost_by_first"] == 0
    assert same["tau_between_seeds"] == pytest.approx(1.0) and same["tau_by_size"] == pytest.approx(1.0)
    opposite = {name: -value for name, value in falling().items()}
    turned = compare(lines(falling(), {1: opposite}), "set", [1])
    assert turned["tau"] == pytest.approx(-1.0) and not turned["is_best_in_first_three"]
    assert turned["lost_by_first"] == pytest.approx(0.25)


def test_bases_at_random_are_ranked_and_do_not_count() -> None:
    known = lines({**falling(), "random-6": 0.99}, {1: falling()})
    found = compare(known, "set", [1])
    assert found["order_of_all"][0] == "random-6" and found["tau"] == pytest.approx(1.0)
    assert found["is_best_in_first_three"]


def test_a_set_that_is_not_whole_is_not_told() -> None:
    known = lines(falling(), {1: falling(), 2: dict(list(falling().items())[:3])})
    assert compare(known, "set", [1, 2])["seeds"] == [1]
    assert compare(lines(falling(), {2: dict(list(falling().items())[:3])}), "set", [2]) == {}


def test_the_marks_are_met_only_together() -> None:
    good = {"tau": 0.8, "tau_by_size": 0.1, "is_best_in_first_three": True}
    assert summary([good, good])["is_met"]
    assert not summary([good, {**good, "tau": 0.1}])["is_met"]
    assert not summary([good, {**good, "is_best_in_first_three": False}])["is_met"]


def test_it_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, measured = cells(["set"], [1]), []
    assert len(plan) == 8 + 6

    def measure(cell: Cell, folder: Path) -> dict[str, float]:
        measured.append(cell)
        return {"seconds": 0.0, "accuracy": 0.5}

    monkeypatch.setattr(bench, "measure", measure)
    monkeypatch.setattr(bench, "make_base", lambda name, folder: folder)
    measure_missing(plan[:5], tmp_path, 5.0)
    with (tmp_path / "cells.jsonl").open("a") as stream:
        stream.write('{"kind": "scor')
    known = read_cells(tmp_path / "cells.jsonl")
    assert len(known) == 5
    (tmp_path / "cells.jsonl").write_text("".join(json.dumps(one) + "\n" for one in known.values()))
    measure_missing(plan, tmp_path, 5.0)
    assert measured == plan
    measure_missing([Cell(kind="truth", data="set", base="late", seed=9)], tmp_path, -1.0)
    assert measured == plan, "the minutes are over"


def test_without_the_data_it_says_so(capsys: pytest.CaptureFixture[str], monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bench, "FOLDER", tmp_path)
    assert bench.main([]) == 0
    assert "skipped" in capsys.readouterr().err
