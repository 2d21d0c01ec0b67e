"""The benchmark of few examples: the same draw for both, cells computed once, and a bar that can be missed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import few_shot
from benchmarks.few_shot import compute, make_draw, ours, read_cells, summary
from benchmarks.setfit_peer import Draw, drawn_pairs
from tests.tiny import make_rows, write_rows


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One set of four labels, of one file."""
    write_rows(tmp_path / "rows.jsonl", make_rows(200))
    monkeypatch.setattr(few_shot, "DATA", tmp_path)
    monkeypatch.setattr(few_shot, "SETS", {"made up": ("rows.jsonl", "")})
    return tmp_path


def cell(subject: str, number: int, accuracy: float, seconds: float) -> dict[str, object]:
    return {
        "set": "made up",
        "draw": number,
        "examples": 8,
        "subject": subject,
        "accuracy": accuracy,
        "seconds": seconds,
    }


def test_a_draw_has_so_many_of_each_label_and_asks_nothing_that_was_taught(data: Path) -> None:
    draw = make_draw("made up", 3, 8)
    assert [draw.goal.count(k) for k in range(4)] == [8, 8, 8, 8]
    assert len(draw.asked) == len(draw.wanted) == 200 - 32 and not set(draw.asked) & set(draw.texts)
    assert make_draw("made up", 3, 8) == draw and make_draw("made up", 4, 8) != draw


def test_pairs_of_the_peer_are_alike_and_apart_in_equal_number(data: Path) -> None:
    draw = make_draw("made up", 0, 3)
    pairs = list(drawn_pairs(draw, 5))
    target = dict(zip(draw.texts, draw.goal, strict=True))
    assert len(pairs) == 2 * 5 * 12 and sum(alike for _, _, alike in pairs) == 60
    assert all((target[one] == target[other]) == bool(alike) and one != other for one, other, alike in pairs)


def test_cells_are_computed_once_and_who_begins_changes(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, int]] = []

    def told(name: str, draw: Draw) -> tuple[float, float]:
        calls.append((name, draw.number))
        return 0.5, 1.0

    monkeypatch.setattr(few_shot, "ours", lambda draw, method: told(method, draw))
    monkeypatch.setattr(few_shot, "setfit", lambda draw: told("setfit", draw))
    out = data / "cells.jsonl"
    draws = [("made up", 0), ("made up", 1)]
    compute(out, draws, 2, ["contrastive", "setfit"])
    assert calls == [("setfit", 0), ("contrastive", 0), ("contrastive", 1), ("setfit", 1)]
    out.write_text("\n".join(out.read_text().splitlines()[:3]) + '\n{"set": "made u')  # killed while it wrote
    compute(out, draws, 2, ["contrastive", "setfit"])
    assert calls[4:] == [("setfit", 1)] and len(read_cells(out)) == 4


@pytest.mark.parametrize(
    ("gain", "seconds", "passes"), [(0.0, 1.0, True), (-0.009, 1.0, True), (-0.02, 1.0, False), (0.1, 3.0, False)]
)
def test_the_bar_is_a_point_and_no_more_time(gain: float, seconds: float, passes: bool) -> None:
    cells = [cell("setfit", k, 0.5 + k / 10, 2.0) for k in range(4)]
    cells += [cell("contrastive", k, 0.5 + k / 10 + gain, seconds) for k in range(4)]
    told = summary(cells, 8)["made up"]["contrastive"]
    assert told["passes"] is passes and told["gain"] == pytest.approx(gain)
    assert told["gain_standard_error"] == pytest.approx(0.0)  # the spread of the draws is in both


def test_a_line_of_a_killed_run_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "cells.jsonl"
    path.write_text(json.dumps(cell("setfit", 0, 0.5, 1.0)) + '\n{"set": "made')
    assert len(read_cells(path)) == 1


def test_ours_is_the_training_of_the_product(data: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(few_shot, "BASE", f"file:{tiny_base}")
    accuracy, seconds = ours(make_draw("made up", 1, 8), "contrastive")
    assert 0.2 < accuracy <= 1 and seconds > 0
