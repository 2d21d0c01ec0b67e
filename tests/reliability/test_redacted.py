"""With `privacy.redact` none of 100 planted words is told: by no command, log, record, report, card or tracker.

What holds the data stays the data (`DATA_OF_A_RUN`), and the folder of the run is its owner's alone. Names of labels
and of columns are told: they are what the model says, and what the recipe says. Without the setting the same words are
found in the same places, so that the search can find something.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sintonia.cli.journal import close_log
from sintonia.cli.main import main
from sintonia.corridor.trackers import to_tensorboard
from sintonia.python import Run
from tests.reliability.planted import (
    PLANTS,
    broken_files,
    found_below,
    found_in,
    planted_conversations,
    planted_rows,
    write_planted,
)

DATA_OF_A_RUN = ("data/", "cache/", "predictions", "scorecards/", "details.json", "evaluations.jsonl", "checkpoints/")
"""What holds rows, or what was made of single rows, and is never handed on."""
FAST = ("training.epochs=1", "training.evaluations=1", "tracking=[tensorboard]", "--json")
Told = Callable[..., tuple[int, str]]


class _Listening:
    """A tracker that keeps whatever it is told."""

    told: list[Any]

    def __init__(self, place: Any) -> None:
        self.told.append(place)

    def last_step(self, series: str) -> int:
        self.told.append(series)
        return -1

    def log(self, numbers: dict[str, float], step: int) -> None:
        self.told.append((numbers, step))

    def flush(self) -> None: ...

    def conclude(self, words: dict[str, str], numbers: dict[str, float]) -> None:
        self.told.append((words, numbers))

    def close(self, is_finished: bool) -> None: ...


@pytest.fixture
def tracked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    told: list[Any] = []
    monkeypatch.setattr(_Listening, "told", told, raising=False)
    monkeypatch.setattr(to_tensorboard, "open_tracker", _Listening)
    return told


@pytest.fixture
def told(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Told:
    """Calls a command in a folder of its own, and gives all that it says, of libraries too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")

    def call(*words: str) -> tuple[int, str]:
        exit_code = main(words)
        close_log()
        said = capfd.readouterr()
        return exit_code, said.out + said.err

    return call


def _whole_process(told: Told, data: str, base: Path, *settings: str) -> Iterator[tuple[str, int, str]]:
    """Name, exit code and words of each command that works on the data or on the run."""
    named = ("--base", f"file:{base}", *settings)
    yield "check", *told("check", data, *named, "--json")
    yield "tune", *told("tune", data, *named, "--out", "run", *FAST)
    for name, words in {
        "report": ("report", "run", "--json"),
        "adjust": ("adjust", "run", "--json"),
        "runs": ("runs", ".", "--tree", "--json"),
        "verdict": ("evaluate", "run", "--json"),
        "on": ("evaluate", "run", "--on", "on.jsonl", "--json"),
        "audit": ("audit", "show", "--json"),
    }.items():
        yield name, *told(*words)


def _found(told: Told, tracked: list[Any], base: Path, *settings: str) -> dict[str, list[str]]:
    """Planted words by where they were found."""
    found = {}
    for name, exit_code, said in _whole_process(told, "rows.jsonl", base, *settings):
        assert exit_code == 0, said
        found |= {name: here} if (here := found_in(said)) else {}
    assert tracked, "the tracker was told nothing at all"
    found |= {"tracker": here} if (here := found_in(repr(tracked))) else {}
    found |= {"notebook": here} if (here := found_in(Run.open("run")._repr_html_())) else {}
    return found | found_below(Path("run"), DATA_OF_A_RUN)


def test_a_classifier_tells_none_of_the_planted_words(told: Told, tracked: list[Any], tiny_base: Path) -> None:
    rows = planted_rows()
    write_planted(Path("rows.jsonl"), rows)
    write_planted(Path("on.jsonl"), [{**row, "text": f"again {row['text']}"} for row in rows[:60]] + rows[-8:])
    in_data = found_in(Path("rows.jsonl").read_text())
    assert len(in_data) > 90, "most of the words are in the data"
    assert _found(told, tracked, tiny_base, "privacy.redact=true", "privacy.keep_days=1") == {}
    assert found_below(Path("run")), "the data are there"
    Path("run/ended.json").write_text('{"schema": 1, "time": "2025-01-01T00:00:00Z"}')
    exit_code, said = told("runs", ".", "--expire", "--yes")
    assert exit_code == 0 and "removed" in said, said
    assert found_below(Path("run")) == {}, "and after their days they are not"


@pytest.mark.slow
def test_without_the_setting_they_are_found(told: Told, tracked: list[Any], tiny_base: Path) -> None:
    rows = planted_rows()
    write_planted(Path("rows.jsonl"), rows)
    write_planted(Path("on.jsonl"), [{**row, "text": f"again {row['text']}"} for row in rows[:60]])
    found = _found(told, tracked, tiny_base)
    assert {"check", "report.html"} <= set(found), found.keys()
    assert "tracker" not in found, "trackers are told numbers and names alone, whatever is set"


@pytest.mark.parametrize("is_redacted", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_language_model_tells_none_of_them(
    told: Told, tracked: list[Any], tiny_language_model: Path, is_redacted: bool
) -> None:
    rows = planted_conversations()
    write_planted(Path("rows.jsonl"), rows)
    write_planted(Path("on.jsonl"), rows[1:40])
    settings = ("--task", "chat", "evaluation.new_tokens=8", f"privacy.redact={json.dumps(is_redacted)}")
    found = _found(told, tracked, tiny_language_model, *settings)
    assert found == {} if is_redacted else "report.html" in found


def test_files_that_cannot_be_read_are_refused_without_a_word_of_them(told: Told, tmp_path: Path) -> None:
    """A first line that is data is quoted as names of columns, and not with the setting."""
    quoted = []
    for path, words in broken_files(tmp_path):
        exit_code, said = told("check", str(path), "--base", "none", "--json", *words, "privacy.redact=true")
        assert exit_code in (2, 3) and "hint: " in said, (path.name, said)
        assert found_in(said) == [], path.name
        _, said = told("check", str(path), "--base", "none", "--json", *words)
        quoted += [path.name] if found_in(said) else []
    assert {"headless.csv", "repeated.csv"} <= set(quoted), quoted


def test_a_first_line_that_may_be_data_is_not_taken_for_names(told: Told, tmp_path: Path) -> None:
    lines = [
        f"{PLANTS[number % 40]} rain and some words {number},{'food' if number % 2 else 'music'}"
        for number in range(80)
    ]
    (tmp_path / "rows.csv").write_text("\n".join([f"{PLANTS[41]},{PLANTS[42]}", *lines]) + "\n")
    exit_code, said = told("check", "rows.csv", "--base", "none", "--json", "privacy.redact=true")
    assert exit_code == 3 and "the first line may be data" in said and found_in(said) == []
    named = ("--columns", f"input={PLANTS[41]},target={PLANTS[42]}")
    assert told("check", "rows.csv", "--base", "none", *named, "privacy.redact=true")[0] == 0


@pytest.mark.parametrize("is_redacted", [True, False])
def test_a_defect_of_ours_does_not_quote_them_either(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_redacted: bool
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError(f"the row {PLANTS[7]} is not there")

    write_planted(tmp_path / "rows.jsonl", planted_rows())
    monkeypatch.setattr(importlib.import_module("sintonia.prepare.gather"), "look_at", broken)
    exit_code, said = told("check", "rows.jsonl", "--base", "none", f"privacy.redact={json.dumps(is_redacted)}")
    log = Path(said.rpartition("the traceback is in ")[2].strip())
    written = log.read_text()
    log.unlink()
    assert exit_code == 1 and "KeyError" in said and "look_at" in written, said
    assert bool(found_in(said + written)) is not is_redacted
