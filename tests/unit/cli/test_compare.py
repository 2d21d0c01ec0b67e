"""`sintonia compare`: planted differences between runs, equal runs, and runs that cannot be paired."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import Call

Edit = Callable[[dict[str, Any]], None]
Plant = Callable[..., str]


@pytest.fixture
def home(finished: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the finished runs, with the home that they were made with."""
    monkeypatch.setenv("SINTONIA_HOME", str(finished / "home"))
    return finished


@pytest.fixture
def plant(home: Path, tmp_path: Path) -> Plant:
    """Copies the first run under a name, with another turn and other answers to its test."""

    def copy(name: str, *, turn: Edit = lambda _: None, card: Edit = lambda _: None) -> str:
        run = Path(shutil.copytree(home / "runs/a", tmp_path / name))
        for path, edit in (("turn.json", turn), ("scorecards/test-tuned.json", card)):
            body = json.loads((run / "turns/001" / path).read_text())
            edit(body)
            (run / "turns/001" / path).write_text(json.dumps(body))
        return str(run)

    return copy


def _wrong_from(start: int) -> Edit:
    """All answers from there on are wrong, the others right."""

    def edit(card: dict[str, Any]) -> None:
        targets = card["targets"]
        others = ["food" if one != "food" else "music" for one in targets]
        card["predictions"] = targets[:start] + others[start:]

    return edit


def _seed(seed: int, epochs: float = 2.0) -> Edit:
    def edit(turn: dict[str, Any]) -> None:
        turn["recipe"]["seed"] = seed
        turn["recipe"]["training"]["epochs"] = epochs

    return edit


def test_a_run_is_no_better_than_itself(call: Call, home: Path) -> None:
    ledger = (home / "rows.jsonl.sintonia/openings.jsonl").read_bytes()
    run = str(home / "runs/a")
    outcome = call("compare", run, run, "--json")
    assert outcome.exit_code == 0
    told = json.loads(outcome.out)
    (duel,) = told["duels"]
    assert duel["comparison"]["p_value"] == 1 and duel["outcome"] in ("equivalent", "inconclusive")
    assert (duel["comparison"]["fixed"], duel["comparison"]["broken"]) == (0, 0) and told["differing"] == []
    assert duel["sentence"] in outcome.err
    assert (home / "rows.jsonl.sintonia/openings.jsonl").read_bytes() == ledger, "no new opening"


def test_two_seeds_are_told_apart_by_what_differs_and_the_later_opening_sets_the_level(call: Call, home: Path) -> None:
    told = json.loads(call("compare", str(home / "runs/a"), str(home / "runs/b"), "--json").out)
    assert [one["setting"] for one in told["differing"]] == ["seed"]
    openings = [one["opening"] for one in told["runs"]]
    assert openings == [1, 2] and round(told["level"], 4) == 0.0076
    assert all(one["training_seconds"] > 0 and one["peak_memory_bytes"] > 0 for one in told["runs"])
    assert any("opening 1 for" in note and "opening 2 for" in note for note in told["notes"])
    assert any("differ in the seed only" in note for note in told["notes"])


def test_a_planted_difference_is_found_in_its_direction(call: Call, plant: Plant) -> None:
    good, bad = plant("good", card=_wrong_from(80)), plant("bad", card=_wrong_from(30), turn=_seed(0, epochs=9.0))
    duels = [json.loads(call("compare", *pair, "--json").out)["duels"][0] for pair in ((bad, good), (good, bad))]
    assert [one["outcome"] for one in duels] == ["better", "worse"]
    assert (duels[0]["comparison"]["fixed"], duels[0]["comparison"]["broken"]) == (50, 0)
    said = call("compare", good, bad).err
    assert "training.epochs: 2.0  |  9.0" in said and "2 more of the recipe" in said


def test_recipes_with_three_seeds_each_are_claimed(call: Call, plant: Plant) -> None:
    first = [plant(f"a{k}", turn=_seed(k), card=_wrong_from(30 + k)) for k in range(3)]
    second = [plant(f"b{k}", turn=_seed(k, epochs=9.0), card=_wrong_from(80 + k)) for k in range(3)]
    told = json.loads(call("compare", *first, *second, "--json").out)
    (claim,) = told["claims"]
    assert told["duels"] == [] and claim["outcome"] == "better" and claim["share_won"] == 1
    assert 0.4 < claim["difference"]["value"] < 0.7
    fewer = json.loads(call("compare", *first, *second[:2], "--json").out)
    assert fewer["claims"] == [] and len(fewer["duels"]) == 1
    assert any("1 more of the recipe" in note for note in fewer["notes"])
    alone = json.loads(call("compare", *first, "--json").out)
    assert (alone["duels"], alone["claims"]) == ([], [])


def test_what_cannot_be_paired_is_refused_with_numbers(call: Call, plant: Plant, home: Path) -> None:
    def other_rows(card: dict[str, Any]) -> None:
        card["ids"] = [f"other {one}" if k % 2 else one for k, one in enumerate(card["ids"])]

    def other_targets(card: dict[str, Any]) -> None:
        card["targets"] = ["food", *card["targets"][1:]] if card["targets"][0] != "food" else ["music"]

    run = str(home / "runs/a")
    count = len(json.loads((home / "runs/a/turns/001/scorecards/test-tuned.json").read_text())["ids"])
    outcome = call("compare", run, plant("rows", card=other_rows))
    assert outcome.exit_code == 2
    assert f"of {count} and {count} test examples they share {count - count // 2}" in outcome.err
    assert "the recorded split" in outcome.err
    assert "of which 1 have another target" in call("compare", run, plant("targets", card=other_targets)).err
    unfinished = plant("unfinished")
    (Path(unfinished) / "verdict.json").unlink()
    for words in ((run,), (run, unfinished), (run, "nowhere")):
        refused = call("compare", *words)
        assert refused.exit_code == 2 and "Traceback" not in refused.err
