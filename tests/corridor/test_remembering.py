"""What a run says of what its model remembers, on tiny bases: measured once after the verdict, and told again later."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sintonia.cli.main import main
from sintonia.corridor.closing import remembering
from sintonia.errors import UsageError
from sintonia.pipeline import Progress, audit_memory, improve, measure_canaries, start
from sintonia.recipe import make_recipe
from sintonia.records import Finding, Verdict
from sintonia.records.privacy.memorisation import Canaries, Memorisation
from sintonia.runs import RunFolder
from tests.tiny import FILLER, TOPICS, make_conversations, make_rows, make_tiny_language_model, write_rows

RECORD = "turns/001/memorisation.json"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SINTONIA_HOME", str(tmp_path / "home"))
    yield


def run_of(folder: Path, rows: list[dict[str, str]], base: Path, **asked: object) -> tuple[RunFolder, Verdict]:
    folder.mkdir(exist_ok=True)
    data = write_rows(folder / "rows.jsonl", rows)
    given = {"data": {"path": str(data)}, "base": f"file:{base}", "accept": ["D103"], **asked}
    run = start(make_recipe(given), folder / "run")
    return run, improve(run)


def found_in(run: RunFolder) -> Memorisation:
    found = run.read(RECORD, Memorisation)
    assert found is not None
    return found


def codes(findings: tuple[Finding, ...]) -> set[str]:
    return {one.code for one in findings if one.code.startswith("P")}


def test_a_healthy_run_is_measured_and_not_warned_about(tmp_path: Path, tiny_base: Path) -> None:
    training = {"epochs": 2, "learning_rate": 1e-3, "evaluations": 1, "head_start": "random"}
    rows = make_rows(500)
    run, verdict = run_of(tmp_path, rows, tiny_base, training=training, privacy={"redact": True})
    found = found_in(run)
    assert found.calibrated_by == "probe" and found.is_valid and found.auc is not None
    assert abs(found.auc.value - 0.5) < 0.1
    assert codes(verdict.causes) == set()
    record = run.file(RECORD).read_text()
    assert not any(row["text"] in record for row in rows), "ids alone"
    assert "What the model remembers" in run.file("report.html").read_text()
    assert "What the model remembers" in run.file("card.md").read_text()

    run.file("verdict.json").unlink()
    (run.path / "verdicts/001.json").unlink()
    with pytest.MonkeyPatch.context() as patch:  # killed after the record was written
        patch.setattr(remembering, "measure_memory", lambda *_: pytest.fail("it was measured again"))
        again = improve(run)
    assert again.outcome == verdict.outcome and found_in(run) == found

    seen: list[Progress] = []
    assert audit_memory(run, seen.append) == found and not seen
    run.file(RECORD).unlink()
    anew = audit_memory(run)
    assert dataclasses.replace(anew, seconds=0.0) == dataclasses.replace(found, seconds=0.0)


@pytest.mark.slow
def test_a_run_that_learns_rows_by_heart_is_warned_about(tmp_path: Path) -> None:
    """Answers of random words: nothing carries over, and a model that has room for it learns each row."""
    base = make_tiny_language_model(tmp_path / "base")
    words = [word for topic in TOPICS.values() for word in topic]
    rows = [{"prompt": row["text"], "completion": words[(7 * k) % len(words)]} for k, row in enumerate(make_rows(400))]
    training = {"epochs": 40, "learning_rate": 1e-2, "evaluations": 1, "early_stopping": False, "dropout": 0.0}
    asked = {"task": "chat", "method": "full", "training": training, "evaluation": {"decoding": "none"}}
    run, verdict = run_of(tmp_path, rows, base, **asked)
    found = found_in(run)
    assert found.calibrated_by == "base" and found.share_of_base == 1.0
    assert found.auc is not None and found.auc.low > 0.6, found.auc
    assert "P401" in codes(verdict.causes)
    assert "P401" in run.file("card.md").read_text()


def test_a_shift_between_the_sets_is_called_invalid(tmp_path: Path, tiny_base: Path) -> None:
    """Rows split by their time, the later ones in other words."""
    rows = make_rows(600)
    for k, row in enumerate(rows):
        row["day"] = f"2026-{1 + k // 60:02d}-01"
        row["text"] += f" {FILLER[k // 60]} {FILLER[k // 60]} {FILLER[10 + k // 60]}"
    training = {"epochs": 1, "learning_rate": 1e-3, "evaluations": 1}
    data = write_rows(tmp_path / "timed.jsonl", rows)
    settings = {"path": str(data), "time": "day"}
    asked = {"data": settings, "base": f"file:{tiny_base}", "accept": ["D103"], "training": training}
    run = start(make_recipe(asked), tmp_path / "run")
    verdict = improve(run)
    found = found_in(run)
    assert not found.is_valid and found.told_apart is not None and found.told_apart > 0.8
    assert codes(verdict.causes) == {"P402"}


@pytest.mark.slow
def test_with_ten_parts_it_says_why_nothing_is_measured(tmp_path: Path, tiny_base: Path) -> None:
    turn = {"epochs": 1, "learning_rate": 1e-3, "evaluations": 1}
    run, verdict = run_of(tmp_path, make_rows(120), tiny_base, training=turn, method="head")
    found = run.read(f"{run.turn(verdict.turn)}/memorisation.json", Memorisation)
    assert found is not None and found.auc is None and "all rows" in found.why_not_measured
    assert codes(verdict.causes) == set()
    assert "Not measured" in run.file("report.html").read_text()
    with pytest.raises(UsageError, match="ten parts"):
        measure_canaries(run)


@pytest.mark.slow
def test_planted_secrets_come_out_and_the_command_asks_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("planting", "weighing", "measuring"):
        monkeypatch.setattr(f"sintonia.corridor.canaries.{name}.NUM_REFERENCES", 64)
    base = make_tiny_language_model(tmp_path / "base")
    training = {"epochs": 12, "learning_rate": 1e-2, "evaluations": 1}
    asked = {"task": "chat", "method": "full", "training": training, "evaluation": {"decoding": "none"}}
    run, _ = run_of(tmp_path, make_conversations(310), base, **asked)
    before = run.file("model/model.safetensors").read_bytes()
    command = ["evaluate", str(run.path), "--privacy", "--canaries"]
    assert main(command) == 2
    assert "nobody said yes" in capsys.readouterr().err and not run.file("memorisation").exists()
    capsys.readouterr()
    assert main([*command, "--yes", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    found = run.read("memorisation/canaries.json", Canaries)
    assert found is not None and {"memorisation", "canaries"} <= set(shown)
    bits = {one.repetitions: one.mean_bits for one in found.exposed}
    assert bits[16] > bits[1] and bits[16] > found.threshold_bits, bits
    assert found.num_planted == 420 and found.verbatim is not None and found.verbatim.num_asked > 50
    assert [one.code for one in found.findings][:1] == ["P403"]
    assert run.file("model/model.safetensors").read_bytes() == before and not run.file("cache/canaries").exists()
    assert "mean exposure" in run.file("report.html").read_text()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sintonia.corridor.canaries.measuring.train", lambda _: pytest.fail("it trained again"))
        assert measure_canaries(run) == found


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--canaries"], "--privacy"),
        (["--privacy", "--yes"], "--canaries"),
        (["--privacy", "--on", "x.jsonl"], "two things"),
        (["--privacy", "--require", "better"], "--require"),
        (["--privacy"], "not a run folder"),
    ],
)
def test_what_does_not_go_together_is_refused(
    options: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(tmp_path), *options]) == 2
    assert told in capsys.readouterr().err
