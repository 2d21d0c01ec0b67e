"""Where learning curves reach a score, and what is made of cells; trainings are not run here."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3]))

from benchmarks.from_scratch import FINE_TUNED, FROM_SCRATCH, Cell, in_words, ratios, reached, read_cells, read_sets


def cell(start: str, size: int, test: float, *, seed: int = 0, rate: float = 1e-4, validation: float = 0.5) -> Cell:
    return Cell(
        data="x",
        start=start,
        size=size,
        seed=seed,
        learning_rate=rate,
        epochs=1,
        batch_examples=16,
        best_step=1,
        total_steps=1,
        stop_reason="",
        validation=validation,
        test=test,
        seconds=1.0,
    )


def test_a_score_is_reached_between_two_points_of_the_logarithm() -> None:
    found = reached({100: 0.5, 400: 0.7}, 0.6)
    assert found.size == pytest.approx(200) and found.bound == ""
    assert reached({100: 0.5, 400: 0.7}, 0.71).bound == "at least"
    assert reached({100: 0.5, 400: 0.7}, 0.4).bound == "at most"


def test_a_curve_that_wavers_counts_by_its_best_point() -> None:
    found = reached({100: 0.5, 200: 0.3, 800: 0.7}, 0.6)
    assert found.size == pytest.approx(400)


def test_planted_curves_give_the_ratio_that_was_planted() -> None:
    """From random weights the same scores come with ten times the examples."""
    cells = [cell(FINE_TUNED, size, score, seed=seed) for seed in (0, 1) for size, score in ((100, 0.6), (300, 0.8))]
    cells += [
        cell(FROM_SCRATCH, size, score, seed=seed)
        for seed in (0, 1)
        for size, score in ((100, 0.2), (1000, 0.6), (2000, 0.7))
    ]
    first, second = ratios(cells)
    assert first["ratio"] == pytest.approx(10) and first["lowest"] == first["highest"] == pytest.approx(10)
    assert second["bound"] == "at least" and second["ratio"] == pytest.approx(2000 / 300)
    assert "at least 6.7 x" in in_words([second]) and "at least" not in in_words([first])


def test_the_range_is_that_over_pairs_of_seeds_and_the_rate_is_chosen_on_validation() -> None:
    cells = [cell(FINE_TUNED, 100, 0.6, seed=seed) for seed in (0, 1)]
    cells += [cell(FROM_SCRATCH, size, score) for size, score in ((100, 0.2), (1000, 0.6), (4000, 0.8))]
    cells += [cell(FROM_SCRATCH, size, score, seed=1) for size, score in ((100, 0.2), (1000, 0.4), (4000, 0.6))]
    cells += [cell(FROM_SCRATCH, 100, 0.9, rate=1e-3, validation=0.4)]  # better on the test, worse on validation
    (found,) = ratios(cells)
    assert (found["lowest"], found["highest"]) == (pytest.approx(10), pytest.approx(40))
    assert found["lowest"] < found["ratio"] < found["highest"]
    assert ratios([one for one in cells if one.start == FINE_TUNED]) == []


def test_cells_are_read_again_without_a_line_that_was_cut_off(tmp_path: Path) -> None:
    kept, line = tmp_path / "cells.jsonl", json.dumps(asdict(cell(FINE_TUNED, 100, 0.6)))
    kept.write_text(f"{line}\n{line[:20]}", encoding="utf-8")
    assert read_cells(kept) == [cell(FINE_TUNED, 100, 0.6)]
    assert read_cells(tmp_path / "none") == []


def test_sets_share_no_text(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    texts = [f"text {k % 90}" if k % 2 else f"Text  {k % 90} " for k in range(200)]
    rows.write_text("".join(json.dumps({"text": one, "label": "a"}) + "\n" for one in texts), encoding="utf-8")
    sets = read_sets(rows, num_validation=20, num_test=30)
    folded = [{" ".join(text.lower().split()) for text, _ in some} for some in (sets.train, sets.validation, sets.test)]
    assert [len(one) for one in folded] == [40, 20, 30] and len(set.union(*folded)) == 90
    assert sets == read_sets(rows, num_validation=20, num_test=30)
