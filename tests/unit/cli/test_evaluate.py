"""`sintonia evaluate`: the stored verdict, another file with planted rows, and a base before any tuning."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tiny import make_rows, write_rows
from tests.unit.cli.conftest import Call

_EVALUATIONS = shutil.ignore_patterns("evaluations")


@pytest.fixture
def home(finished: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the finished runs, with the home that they were made with."""
    monkeypatch.setenv("SINTONIA_HOME", str(finished / "home"))
    return finished


@pytest.fixture
def copied(home: Path, tmp_path: Path) -> Callable[[], Path]:
    """A copy of the first run, to be damaged."""
    return lambda: Path(shutil.copytree(home / "runs/a", tmp_path / "copied", ignore=_EVALUATIONS))


def test_the_stored_verdict_is_shown_again_and_nothing_is_opened(call: Call, home: Path) -> None:
    ledger = (home / "rows.jsonl.sintonia" / "openings.jsonl").read_bytes()
    outcome = call("evaluate", str(home / "runs" / "a"), "--json")
    assert outcome.exit_code == 0
    stored = json.loads((home / "runs/a/verdict.json").read_text())
    assert json.loads(outcome.out) == {name: value for name, value in stored.items() if name != "schema"}
    assert stored["sentence"] in outcome.err and "nothing was looked at anew" in outcome.err
    assert (home / "rows.jsonl.sintonia" / "openings.jsonl").read_bytes() == ledger


def test_fresh_rows_are_judged_and_a_second_look_is_counted(call: Call, home: Path, tmp_path: Path) -> None:
    fresh, run = write_rows(tmp_path / "fresh.jsonl", make_rows(200, seed=9)), home / "runs" / "a"
    looks = [call("evaluate", str(run), "--on", str(fresh), "--json") for _ in range(2)]
    assert [one.exit_code for one in looks] == [0, 0]
    first, second = (json.loads(one.out) for one in looks)
    assert (first["rows_in"], first["rows_set_aside"], first["findings"]) == (200, 0, [])
    assert second["verdict"]["test_openings"] == first["verdict"]["test_openings"] + 1
    assert second["verdict"]["level"] < first["verdict"]["level"]
    assert first["verdict"]["primary"]["tuned"] == second["verdict"]["primary"]["tuned"]
    assert {one["name"] for one in first["verdict"]["rungs"]} >= {"majority", "linear probe", "TF-IDF"}
    kept = run / first["folder"]
    assert json.loads((kept / "verdict.json").read_text())["sentence"] == first["verdict"]["sentence"]
    assert len((kept / "predictions.jsonl").read_text().splitlines()) == 201
    assert not [path for path in (run / "evaluations").iterdir() if path.name.startswith(".")]


def test_planted_rows_are_found_counted_and_told(call: Call, home: Path, tmp_path: Path) -> None:
    new = make_rows(80, seed=11)
    known = [json.loads(line) for line in (home / "runs/a/data/train.jsonl").read_text().splitlines()[1:11]]
    leaked = [{"text": one["input"].upper(), "label": one["target"]} for one in known]
    unknown = [{"text": "engine oil and four wheels", "label": "cars"}] * 2
    rows = [*new, *leaked, *unknown, new[0], {"text": "", "label": "food"}]
    file = write_rows(tmp_path / "planted.jsonl", rows)
    found = json.loads(call("evaluate", str(home / "runs/a"), "--on", str(file), "--json").out)
    counts = {one["code"]: one["count"] for one in found["findings"]}
    assert counts["D113"] == 10 and counts["D132"] == 1, (
        "a class that was never taught counts once, its repeat is aside"
    )
    assert counts["D101"] == 3, "an empty text and two repeats"
    assert found["rows_in"] == 94 and found["rows_in"] - found["rows_set_aside"] == 81
    assert found["verdict"]["primary"]["examples"] == 81
    assert found["verdict"]["primary"]["tuned"]["value"] < 1
    assert {"D113", "D132"} <= {one["code"] for one in found["verdict"]["causes"]}


def test_the_own_test_of_the_run_is_not_a_new_file(call: Call, home: Path) -> None:
    """Trained rows are taken out, and what is left was opened before."""
    found = json.loads(call("evaluate", str(home / "runs/a"), "--on", str(home / "rows.jsonl"), "--json").out)
    stored = json.loads((home / "runs/a/verdict.json").read_text())
    assert found["verdict"]["primary"]["examples"] == stored["primary"]["examples"]
    assert found["verdict"]["primary"]["tuned"] == stored["primary"]["tuned"]
    assert found["verdict"]["test_openings"] > 2, "both runs have opened it"
    told = {one["code"]: one for one in found["findings"]}
    num_tested = stored["primary"]["examples"]
    assert told["D113"]["count"] == found["rows_in"] - num_tested, "what was trained on is named"
    assert told["E321"]["count"] == num_tested and f"all {num_tested} examples" in told["E321"]["message"]
    assert "E321" in {one["code"] for one in found["verdict"]["causes"]}


def test_some_rows_of_the_own_test_among_new_ones_are_counted(call: Call, home: Path, tmp_path: Path) -> None:
    told = [json.loads(line) for line in (home / "runs/a/data/sealed_test.jsonl").read_text().splitlines()[1:6]]
    own = [{"text": one["input"], "label": one["target"]} for one in told]
    file = write_rows(tmp_path / "mixed.jsonl", make_rows(60, seed=31) + own)
    outcome = call("evaluate", str(home / "runs/a"), "--on", str(file), "--json")
    found = {one["code"]: one for one in json.loads(outcome.out)["findings"]}
    assert found["E321"]["count"] == 5 and "5 of 65 examples" in outcome.err


def test_contradicting_labels_are_named_with_their_lines(call: Call, home: Path, tmp_path: Path) -> None:
    rows = make_rows(60, seed=32)
    other = {"text": rows[2]["text"].upper(), "label": "food" if rows[2]["label"] != "food" else "music"}
    file = write_rows(tmp_path / "torn.jsonl", [*rows, other, rows[5]])
    outcome = call("evaluate", str(home / "runs/a"), "--on", str(file), "--json")
    found = {one["code"]: one for one in json.loads(outcome.out)["findings"]}
    assert found["D103"]["count"] == 2 and [one["line"] for one in found["D103"]["places"]] == [3, 61]
    assert found["D103"]["severity"] == "warning" and "D103" in outcome.err
    assert rows[2]["text"] not in outcome.err


def test_a_warning_is_told_whatever_the_verdict(call: Call, copied: Callable[[], Path]) -> None:
    path = copied() / "verdict.json"
    verdict = json.loads(path.read_text()) | {"outcome": "better"}
    told = {"severity": "warning", "message": "planted words", "hint": "planted hint", "count": 1, "places": []}
    verdict["causes"] = [told | {"code": "E313"}, told | {"code": "E308", "severity": "note", "message": "unsaid"}]
    path.write_text(json.dumps(verdict))
    said = call("evaluate", str(path.parent)).err
    assert "warning   E313 planted words" in said and "planted hint" in said
    assert "notes     E308," in said and "unsaid" not in said


def test_a_changed_model_is_refused_before_the_opening_is_counted(
    call: Call, copied: Callable[[], Path], tmp_path: Path
) -> None:
    run, file = copied(), write_rows(tmp_path / "fresh.jsonl", make_rows(60, seed=21))
    assert call("evaluate", str(run), "--on", str(file)).exit_code == 0
    ledger = (tmp_path / "fresh.jsonl.sintonia/openings.jsonl").read_bytes()
    weights = next((run / "turns/001").rglob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-4] + bytes([0, 0, 0, 1]))
    refused = call("evaluate", str(run), "--on", str(file))
    assert refused.exit_code != 0 and "its files were changed" in refused.err
    assert (tmp_path / "fresh.jsonl.sintonia/openings.jsonl").read_bytes() == ledger


def test_a_judge_that_is_not_asked_is_told(call: Call, copied: Callable[[], Path], tmp_path: Path) -> None:
    run, file = copied(), write_rows(tmp_path / "fresh.jsonl", make_rows(60, seed=22))
    words = "the judge of the recipe is not asked"
    assert words not in call("evaluate", str(run), "--on", str(file)).err
    path = run / "turns/001/turn.json"
    turn = json.loads(path.read_text())
    turn["recipe"]["evaluation"]["judge"] = "smollm2"
    path.write_text(json.dumps(turn))
    assert words in call("evaluate", str(run), "--on", str(file)).err


def test_few_rows_decide_nothing(call: Call, home: Path, tmp_path: Path) -> None:
    file = write_rows(tmp_path / "few.jsonl", make_rows(20, seed=12))
    outcome = call("evaluate", str(home / "runs/a"), "--on", str(file), "--require", "better")
    assert outcome.exit_code == 4
    assert "20 unseen examples are too few" in outcome.err and "E301" in outcome.err


def test_redacted_runs_keep_no_text(call: Call, copied: Callable[[], Path], tmp_path: Path) -> None:
    run = copied()
    recipe = (run / "recipe.yaml").read_text()
    (run / "recipe.yaml").write_text(recipe.replace("redact: false", "redact: true"))
    file = write_rows(tmp_path / "fresh.jsonl", make_rows(60, seed=13))
    outcome = call("evaluate", str(run), "--on", str(file), "--json")
    assert outcome.exit_code == 0
    body = json.loads((run / "evaluations/001/predictions.jsonl").read_text().splitlines()[1])
    assert "input" not in body and body["tuned"]
    text = json.loads(file.read_text().splitlines()[0])["text"]
    assert text not in outcome.out + outcome.err
    held = [path for path in (run / "evaluations").rglob("*") if path.is_file() and text in path.read_text()]
    assert held == []


def test_what_cannot_be_judged_is_refused(call: Call, home: Path, copied: Callable[[], Path], tmp_path: Path) -> None:
    run, wrong = str(home / "runs/a"), tmp_path / "wrong.jsonl"
    wrong.write_text('{"body": "a text", "team": "food"}\n' * 3)
    before = sorted(path.name for path in (home / "runs/a").rglob("*"))
    assert call("evaluate", run, "--on", "none.jsonl").exit_code == 2
    refused = call("evaluate", run, "--on", str(wrong))
    assert refused.exit_code == 3 and "no column `text` and no `label`" in refused.err
    assert call("evaluate", "nowhere").exit_code == 2
    assert call("evaluate", run, "--task", "chat").exit_code == 2
    assert call("evaluate", str(wrong), "--base", "minilm", "--on", str(wrong)).exit_code == 2
    assert sorted(path.name for path in (home / "runs/a").rglob("*")) == before
    unfinished = copied()
    (unfinished / "verdict.json").unlink()
    for words in ((), ("--on", str(home / "rows.jsonl"))):
        outcome = call("evaluate", str(unfinished), *words)
        assert outcome.exit_code == 2 and "sintonia resume" in outcome.err and "Traceback" not in outcome.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("evaluate RUN --on none.jsonl", "there is no file `none.jsonl`"),
        ("evaluate ROWS --base file:nowhere", "there is no base `nowhere`"),
        ("evaluate ROWS --base minilm --task classify evaluation.format=sql", "no effect for the task classify"),
        ("check ROWS --task classify evaluation.format=sql", "no effect for the task classify"),
        ("evaluate none.jsonl --base minilm", "there is no file `none.jsonl`"),
        ("adjust RUN --scale 2 --out new", "not at 2"),
        ("adjust RUN --scale 0.5 --out ROWS", "is there already"),
    ],
)
def test_a_wrong_path_is_refused_before_torch_is_imported(home: Path, words: str, told: str) -> None:
    named = words.replace("RUN", str(home / "runs/a")).replace("ROWS", str(home / "rows.jsonl")).split()
    code = f"import sys; from sintonia.cli.main import main; print(main({named!r}), 'torch' in sys.modules)"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert process.stdout == "2 False\n", process.stderr
    assert told in process.stderr


def test_a_base_alone_is_weighed_on_validation(call: Call, home: Path, tiny_base: Path) -> None:
    ledger = (home / "rows.jsonl.sintonia" / "openings.jsonl").read_bytes()
    before = sorted(home.iterdir())
    outcome = call("evaluate", str(home / "rows.jsonl"), "--base", f"file:{tiny_base}", "--json")
    assert outcome.exit_code == 0 and "a little hopeful" in outcome.err
    alone, stored = json.loads(outcome.out), json.loads((home / "runs/a/prepared.json").read_text())
    part = stored["parts"][0]
    counts = [part["train"]["count"], part["validation"]["count"], part["test"]["count"]]
    assert [alone["num_train"], alone["num_validation"], alone["num_test"]] == counts, "the recorded split"
    scores = [one["score"]["value"] for one in alone["rungs"]]
    assert scores == sorted(scores, reverse=True) and alone["rungs"][0]["name"] in alone["sentence"]
    assert {one["name"]: one["needs_training"] for one in alone["rungs"]}["linear probe"]
    assert 0 < alone["minimum_detectable_effect"] < 1
    assert any("in four cases of five, if the examples are independent" in note for note in alone["notes"])
    assert (home / "rows.jsonl.sintonia" / "openings.jsonl").read_bytes() == ledger, "the test stays sealed"
    assert sorted(home.iterdir()) == before and list(Path().iterdir()) == [], "no run folder is left"


def test_of_a_metric_that_is_no_share_of_right_answers_no_effect_is_promised(
    call: Call, home: Path, tiny_base: Path
) -> None:
    words = ("evaluation.primary_metric=macro_f1", "--base", f"file:{tiny_base}", "--json")
    outcome = call("evaluate", str(home / "rows.jsonl"), *words)
    assert outcome.exit_code == 0 and json.loads(outcome.out)["minimum_detectable_effect"] is None
    assert "what it can find, a training shows" in outcome.err


def test_a_base_alone_needs_data_and_a_base_that_exist(call: Call, home: Path) -> None:
    for words in (("none.jsonl", "--base", "minilm"), (str(home / "rows.jsonl"), "--base", "minilmm")):
        outcome = call("evaluate", *words)
        assert outcome.exit_code == 2 and "Traceback" not in outcome.err
