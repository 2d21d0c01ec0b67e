"""The harness of E16-E21 and E38: it walks the product's own way without opening a test, and counts as it says."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).parents[3]))

from benchmarks.advice import cells as harness
from benchmarks.advice import regimes, rows
from benchmarks.advice.__main__ import main
from benchmarks.advice.experience import experience_of
from benchmarks.advice.marks import is_right, outcome_of, tables
from benchmarks.advice.paired import of_metric, of_values
from benchmarks.advice.regimes import Cell, Size, planned_cells
from sintonia.metrics import METRICS
from tests.tiny import make_rows, write_rows

CELL = Cell(model="M", experiment="E17", data="trec", seed=1)


@pytest.fixture
def small_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made-up rows in the place of a shared set, and few of them."""
    (tmp_path / "data" / "trec").mkdir(parents=True)
    write_rows(tmp_path / "data" / "trec" / "train.jsonl", make_rows(400))
    monkeypatch.setattr(rows, "FOLDER", tmp_path / "data")
    small = {name: Size(train=80, validation=60, epochs=2) for name in regimes.EXPERIMENTS}
    monkeypatch.setitem(regimes.SIZES, "M", small)


def line(experiment: str, found: list[str], *, size: float = 0.0, outcome: str = "", seed: int = 0) -> dict:
    remedy = {"setting": "training.learning_rate", "before": "1e-07", "after": "5e-05", "finding": "T202"}
    differences = [{"what": "accuracy", "size": size, "error": 0.01}, {"what": "loss", "size": size, "error": 0.01}]
    return {
        "model": "M",
        "experiment": experiment,
        "data": "trec",
        "seed": seed,
        "findings": [[code, "words"] for code in found],
        "stopped": "",
        "remedy": remedy | {"outcome": outcome, "differences": differences} if outcome else None,
        "metric": "accuracy",
        "before": 0.5,
        "seconds": 1.0,
    }


@pytest.mark.usefixtures("small_sets")
def test_a_cell_is_walked_and_no_test_is_opened(
    tiny_base: Path, private_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness, "BASES", {"M": f"file:{tiny_base}"})
    out = tmp_path / "cells.jsonl"
    harness.measure_missing([CELL], out, 5.0, tmp_path / "kept")
    with out.open("a") as stream:
        stream.write('{"model": "M", "exper')
    known = harness.read_cells(out)
    found = known[CELL.key]
    assert found["settings"]["training.learning_rate"] == regimes.TOO_LOW and is_right(found)
    assert (
        found["remedy"]["setting"] == "training.learning_rate"
        and found["settings_after"]["training.learning_rate"] > 2 * regimes.TOO_LOW
    )
    assert [one["what"] for one in found["remedy"]["differences"]] == ["accuracy", "loss", "right"]
    assert found["num_train"] == 80 and found["num_validation"] == 60 and len(found["curve"]) > 5
    kept = tmp_path / "kept" / "M-E17-trec-1"
    assert (kept / "turns/002/evaluations.jsonl").is_file() and not list(kept.rglob("*.safetensors"))
    assert not [path for path in (*private_home.rglob("*"), *kept.rglob("*")) if path.name.startswith("openings")]
    monkeypatch.setattr(harness, "measure", lambda *_: pytest.fail("a cell that is done was measured again"))
    harness.measure_missing([CELL], out, 5.0)


@pytest.mark.usefixtures("small_sets")
def test_a_single_step_is_one_and_its_remedy_is_more(tiny_base: Path) -> None:
    found = harness.measure(Cell(model="M", experiment="E21", data="trec", seed=0), f"file:{tiny_base}")
    assert found["steps"] == 1 and [one["step"] for one in found["curve"]] == [0, 1]
    assert found["remedy"]["setting"] == "training.epochs"


def test_a_remedy_in_force_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    first = SimpleNamespace(resolved=(SimpleNamespace(setting="training.epochs", value=3.0),))
    trial = object.__new__(harness._Trial)
    trial.run = trial.base = trial.prepared = None
    for value, differs in ((3.0, False), (6.0, True)):
        found = (SimpleNamespace(setting="training.epochs", value=value),)
        monkeypatch.setattr("sintonia.corridor.planning.filled_and_planned", lambda *_, found=found: (None, found))
        assert trial._differs(first, SimpleNamespace(recipe=None)) is differs


@pytest.mark.usefixtures("small_sets")
def test_rows_are_drawn_by_seed_and_never_twice() -> None:
    counts = {"train": 100, "validation": 50, "test": 20}
    drawn = rows.draw(CELL, counts)
    assert {name: len(some) for name, some in drawn.items()} == counts
    assert len({row["text"] for some in drawn.values() for row in some}) == 170
    assert rows.draw(CELL, counts) == drawn
    assert rows.draw(Cell(model="M", experiment="E17", data="trec", seed=2), counts) != drawn
    with pytest.raises(ValueError, match="too few"):
        rows.draw(CELL, {"train": 300, "validation": 90, "test": 20})


def test_the_plan_is_spread_over_sets_seed_by_seed() -> None:
    plan = planned_cells(["M", "L"], list(regimes.EXPERIMENTS), 2)
    assert len({one.key for one in plan}) == len(plan) == 2 * (4 * 5 + 6 + 2) + 2 * (4 * 4 + 2 + 1)
    assert all(one.seed == 0 and one.model == "M" for one in plan[:28])
    assert {one.experiment for one in plan[:6]} == set(regimes.EXPERIMENTS)


def test_the_settings_of_the_regimes() -> None:
    def asked(name: str) -> dict:
        return regimes.training_settings(Cell(model="M", experiment=name, data="trec", seed=0), 384, 16)

    usual = regimes.usual_rate("M", 384)
    assert asked("E16") == {"epochs": 50.0} and asked("E17") == {"learning_rate": 1e-7, "epochs": 4.0}
    assert asked("E18")["learning_rate"] == pytest.approx(1000 * usual) and asked("E19") == {"epochs": 3.0}
    assert 0 < asked("E21")["epochs"] * regimes.SIZES["M"]["E21"].train <= 16


def card(predictions: str) -> SimpleNamespace:
    targets = tuple("aabbaabb")
    return SimpleNamespace(ids=tuple(range(8)), targets=targets, predictions=tuple(predictions), num_bytes=())


def test_the_paired_difference_is_that_of_the_metric() -> None:
    found = of_metric(METRICS["accuracy"], card("abababab"), card("aabbaaba"))
    assert found.size == pytest.approx(7 / 8 - 4 / 8) and found.outcome == "improved"
    assert found.error == pytest.approx(of_values((1, 0, 0, 1) * 2, (1, 1, 1, 1, 1, 1, 1, 0), "x").error, rel=0.15)
    same = of_metric(METRICS["macro_f1"], card("abababab"), card("abababab"))
    assert (same.size, same.error, same.outcome) == (0.0, 0.0, "neither")
    assert of_metric(METRICS["macro_f1"], card("aabbaabb"), card("bbbbaaaa")).outcome == "worsened"


def test_bits_are_a_ratio_of_sums_and_less_is_better() -> None:
    def conversation(*losses: float) -> SimpleNamespace:
        return SimpleNamespace(ids=(0, 1, 2), targets=("x",) * 3, losses=losses, num_bytes=(10, 10, 80))

    found = of_metric(METRICS["bits_per_byte"], conversation(10, 10, 80), conversation(5, 9, 79))
    assert found.size == pytest.approx((7 / 100) / 0.6931, rel=1e-3) and found.error > 0


def test_what_is_right_and_what_counts_as_a_case() -> None:
    assert is_right(line("E16", ["T211", "T212"])) and not is_right(line("E16", ["T212"]))
    assert is_right(line("E17", ["T214"])) and not is_right(line("E17", ["T206"]))
    assert is_right(line("E18", []) | {"stopped": "a spike: the steps are too large"}) and not is_right(line("E18", []))
    assert is_right(line("E19", ["T211"])) and not is_right(line("E19", ["T210"]))
    assert is_right(line("E20", [])) and not is_right(line("E20", ["T211"]))
    assert is_right(line("E21", ["T203"], size=0.02, outcome="improved"))
    assert not is_right(line("E21", ["T203"], size=-0.02, outcome="worsened"))
    assert outcome_of(line("E16", ["T211"])) == "no setting advised"
    assert outcome_of(line("E18", []) | {"stopped": "not a finite number"}) == "stopped before"


def test_what_was_not_measured_did_not_improve(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line("E17", ["T202"], size=0.05, outcome="improved", seed=seed) for seed in range(23)]
    lines += [line("E16", ["T211"], seed=seed) for seed in range(10)]
    told = tables(dict(enumerate(lines)))
    assert "of 33 cases (at least 40 are asked for) 23 improved" in told and "0 worsened by as much" in told
    assert "(mark 10%): missed" in told and told.count("| met |") == 4 and "too few cells" not in told
    assert "| too few cells |" in tables(dict(enumerate(lines[:9])))
    lines += [line("E18", ["T201"], size=0.05, outcome="improved", seed=seed) for seed in range(7)]
    path = tmp_path / "cells.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in lines))
    assert main(["--table", str(path)]) == 0
    told = capsys.readouterr().out
    assert "of 40 cases" in told and "(mark 10%): met" in told and "| E38 | both | 40 | 30 of 40" in told


def test_the_experience_is_toml_with_quartiles() -> None:
    gains = (0.02, 0.04, -0.03, 0.06)
    outcomes = ("improved", "improved", "worsened", "improved")
    pairs = enumerate(zip(gains, outcomes, strict=True))
    known = {seed: line("E17", ["T202"], size=gain, outcome=outcome, seed=seed) for seed, (gain, outcome) in pairs}
    found = tomllib.loads(experience_of(known))["remedy"]
    assert len(found) == 1 and found[0]["direction"] == "up" and found[0]["task"] == "classify"
    assert (found[0]["cases"], found[0]["improved"], found[0]["worsened"]) == (4, 3, 1)
    assert found[0]["median_gain"] == pytest.approx(3.0) and found[0]["quartiles"] == [0.8, 4.5]
