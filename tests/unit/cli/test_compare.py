"""`sintonia compare`: planted differences between runs, equal runs, and runs that cannot be paired."""

from __future__ import annotations

import hashlib
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

    def copy(
        name: str, *, turn: Edit = lambda _: None, card: Edit = lambda _: None, verdict: Edit = lambda _: None
    ) -> str:
        run = Path(shutil.copytree(home / "runs/a", tmp_path / name))
        edits = {"turns/001/turn.json": turn, "turns/001/scorecards/test-tuned.json": card, "verdict.json": verdict}
        for path, edit in edits.items():
            body = json.loads((run / path).read_text())
            edit(body)
            (run / path).write_text(json.dumps(body))
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


def _finding(code: str, severity: str = "warning") -> dict[str, Any]:
    return {"code": code, "severity": severity, "message": f"planted {code}", "hint": "", "count": 1, "places": []}


def test_what_a_verdict_says_against_a_run_is_not_forgotten(call: Call, plant: Plant) -> None:
    def broken(verdict: dict[str, Any]) -> None:
        verdict["invalid_reasons"] = ["planted reason"]

    def doubted(verdict: dict[str, Any]) -> None:
        verdict["causes"].append(_finding("E307"))

    def accepted(verdict: dict[str, Any]) -> None:
        verdict["accepted"] = ["D113"]
        verdict["causes"].append(_finding("E305"))

    bad = plant("bad", card=_wrong_from(30))
    edits = {"broken": broken, "doubted": doubted, "accepted": accepted}
    runs = {name: plant(name, card=_wrong_from(80), verdict=edit) for name, edit in edits.items()}
    duels = {name: json.loads(call("compare", bad, run, "--json").out)["duels"][0] for name, run in runs.items()}
    assert {name: one["outcome"] for name, one in duels.items()} == {
        "broken": "invalid",
        "doubted": "inconclusive",
        "accepted": "better",
    }
    assert "because `broken` is invalid: planted reason" in duels["broken"]["sentence"]
    assert "But of `doubted`: planted E307 (E307)." in duels["doubted"]["sentence"]
    assert "in spite of accepted findings: D113" in duels["accepted"]["sentence"]
    assert "E305" not in duels["accepted"]["sentence"], "not each finding is a doubt"
    loser = plant("loser", card=_wrong_from(9), verdict=doubted)
    (lost,) = json.loads(call("compare", runs["accepted"], loser, "--json").out)["duels"]
    assert lost["outcome"] == "worse", "a loser may be doubted"


def test_scores_of_another_text_are_refused_and_the_setting_is_named(call: Call, plant: Plant) -> None:
    def read(num_bytes: int) -> Edit:
        def edit(card: dict[str, Any]) -> None:
            card["num_bytes"] = [num_bytes] * len(card["ids"])

        return edit

    def shorter(turn: dict[str, Any]) -> None:
        turn["recipe"]["training"]["max_tokens"] = 16

    whole = plant("whole", card=read(90))
    cut = plant("cut", card=read(60), turn=shorter)
    refused = call("compare", whole, cut)
    assert refused.exit_code == 2 and "another text was scored" in refused.err
    assert "`training.max_tokens` (" in refused.err and "and 16)" in refused.err
    assert call("compare", plant("a"), plant("b", turn=shorter)).exit_code == 0, (
        "a limit that nothing reaches changes no text"
    )


def test_answers_written_under_other_conditions_are_refused(call: Call, plant: Plant) -> None:
    def written(new_tokens: int, form: str | None = None) -> str:
        def edit(turn: dict[str, Any]) -> None:
            turn["recipe"]["evaluation"]["format"] = form
            known = {"setting": "evaluation.new_tokens", "value": new_tokens}
            turn["resolved"].append(turn["resolved"][0] | known)

        run = Path(plant(f"written {new_tokens} {form}", turn=edit))
        prepared = json.loads((run / "prepared.json").read_text())
        (run / "prepared.json").write_text(json.dumps(prepared | {"task": "chat", "primary_metric": "chrf"}))
        card = json.loads((run / "turns/001/scorecards/test-tuned.json").read_text())
        card["num_bytes"] = [len(one) for one in card["targets"]]
        (run / "turns/001/scorecards/written-tuned.json").write_text(json.dumps(card))
        return str(run)

    first, second, other = written(16), written(64), written(16, "sql")
    refused = call("compare", first, second)
    assert refused.exit_code == 2 and "`evaluation.new_tokens` (16 and 64)" in refused.err
    refused = call("compare", first, other)
    assert refused.exit_code == 2 and "`evaluation.format` (None and sql)" in refused.err
    assert call("compare", first, first).exit_code == 0


def test_a_model_that_was_changed_is_refused_and_nothing_is_counted(call: Call, plant: Plant, home: Path) -> None:
    ledger = (home / "rows.jsonl.sintonia/openings.jsonl").read_bytes()
    changed = plant("changed")
    _damage(changed)
    refused = call("compare", str(home / "runs/a"), changed)
    assert refused.exit_code not in (0, 2) and "its files were changed" in refused.err
    assert (home / "rows.jsonl.sintonia/openings.jsonl").read_bytes() == ledger


def _damage(run: str) -> None:
    weights = next(Path(run, "turns/001").rglob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-4] + bytes([0, 0, 0, 1]))


def test_an_opening_that_the_ledger_does_not_know_is_told_and_judged_strictly(
    call: Call, plant: Plant, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def worn(verdict: dict[str, Any]) -> None:
        verdict["test_openings"] = 3

    told = json.loads(call("compare", plant("a"), plant("b", verdict=worn), "--json").out)
    assert round(told["level"], 4) == 0.0034
    assert any("has not the opening 3" in note and "is opening 1" in note for note in told["notes"])

    def unknown(turn: dict[str, Any]) -> None:
        turn["candidate"]["files_id"] = ""

    ledger = Path(shutil.copytree(home / "rows.jsonl.sintonia", tmp_path / "kept"))
    monkeypatch.setenv("SINTONIA_HOME", str(shutil.copytree(home / "home", tmp_path / "home")))
    old = plant("old", turn=unknown)
    _damage(old)
    try:
        again = json.loads(call("compare", old, plant("c"), "--json").out)
    finally:
        shutil.rmtree(home / "rows.jsonl.sintonia")
        shutil.copytree(ledger, home / "rows.jsonl.sintonia")
    assert any("has not the opening 1" in note for note in again["notes"]) and again["level"] < 0.0304


def test_seeds_of_one_recipe_are_known_whatever_turns_a_budget_led_to(call: Call, plant: Plant) -> None:
    runs = [plant(f"r{k}", turn=_seed(k, epochs=2.0 + k)) for k in range(2)]
    apart = json.loads(call("compare", *runs, "--json").out)["runs"]
    assert apart[0]["recipe"] != apart[1]["recipe"]
    for run in runs:
        path = Path(run, "recipe.yaml")
        assert "budget_seconds: null" in path.read_text()
        path.write_text(path.read_text().replace("budget_seconds: null", "budget_seconds: 600.0"))
    path.write_text(path.read_text().replace("accept: []", "accept: [D113]").replace("judge: null", "judge: smollm2"))
    assert "smollm2" in path.read_text() and "D113" in path.read_text()
    together = json.loads(call("compare", *runs, "--json").out)["runs"]
    assert together[0]["recipe"] == together[1]["recipe"]


def test_groups_of_all_runs_are_kept_together(call: Call, plant: Plant) -> None:
    grouped = plant("grouped")
    path = Path(grouped, "data/sealed_test.jsonl")
    head, *lines = path.read_text().splitlines()
    rows = [json.loads(line) | {"group": f"pair {k // 2}"} for k, line in enumerate(lines)]
    path.write_text("\n".join([head, *map(json.dumps, rows)]) + "\n")
    seal = json.loads(path.with_name("seal.json").read_text())
    seal["file_sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name("seal.json").write_text(json.dumps(seal))
    for pair in ((plant("a"), grouped), (grouped, plant("b"))):
        notes = json.loads(call("compare", *pair, "--json").out)["notes"]
        assert any(f"which makes {(len(rows) + 1) // 2}" in note for note in notes)
    assert "which makes" not in call("compare", plant("c"), plant("d")).err


def test_two_metrics_of_one_name_are_refused(call: Call, plant: Plant) -> None:
    name = json.loads(Path(plant("probe"), "prepared.json").read_text())["primary_metric"]
    first, second, third = (plant(one) for one in ("one", "two", "three"))
    for run, body in ((first, "a"), (second, "b"), (third, "a")):
        kept = {"schema": 1, "files": {f"{run}.py": body}, "metrics": [{"name": name}]}
        Path(run, "metrics.json").write_text(json.dumps(kept))
    refused = call("compare", first, second)
    assert refused.exit_code == 2 and "two metrics that are both called" in refused.err
    assert call("compare", first, third).exit_code == 0, "the same file elsewhere is the same metric"
