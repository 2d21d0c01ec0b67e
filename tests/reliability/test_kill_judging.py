"""Killed while it judges, writes, asks a judge or measures what was forgotten, a run comes to the same verdict.

The test stays opened once, whenever the kill came.
"""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.reliability.commands import leftovers
from tests.reliability.warm import Warm
from tests.tiny import make_tiny_language_model

_TRAIN, _JUDGE = (f"tests.reliability.judgings:{name}" for name in ("train_only", "judge_once"))


class Judging:
    """A run whose training has ended, what it comes to when left alone, and after a kill."""

    def __init__(self, started: Warm, folder: Path, bases: dict[str, Path]) -> None:
        self.started, self.folder, self.trained = started, folder / "work", folder / "trained"
        judge = make_tiny_language_model(folder / "judge", seed=5)
        self.folder.mkdir()
        self.call(_TRAIN, str(bases["chat"]), str(judge))
        shutil.copytree(self.folder, self.trained)
        self.call(_JUDGE, 0)
        opened, *self.calls = (self.folder / "calls.txt").read_text().splitlines()
        self.opened, self.facts = int(opened), facts(self.folder)

    def call(self, function: str, *given: str | int) -> int:
        """The exit code, which is 0, or that of a kill."""
        code = self.started.run(function, *given, folder=self.folder, home=self.folder / "home")
        assert code in (0, -signal.SIGKILL), (self.folder / "out.txt").read_text()[-2000:]
        return code

    def kill_and_resume(self, number: int) -> str:
        """What was wrong after a kill at this call; empty when all is well."""
        shutil.rmtree(self.folder)
        shutil.copytree(self.trained, self.folder)  # to where it was: a run knows its data by their place
        if self.call(_JUDGE, number) != -signal.SIGKILL:
            return "it was not killed"
        if self.call(_JUDGE, 0) != 0:
            return "the resume was killed"
        found = facts(self.folder)
        problems = [name for name, value in self.facts.items() if found.get(name) != value]
        if leftovers(self.folder / "run"):
            problems.append(f"left behind: {leftovers(self.folder / 'run')}")
        return "; ".join(problems)


def facts(folder: Path) -> dict[str, Any]:
    """What must be the same with a kill and without one."""
    run, found = folder / "run", dict[str, Any]()
    found["verdict"] = json.loads((run / "verdict.json").read_text())
    found["findings"] = (run / "findings.jsonl").read_text()
    for path in sorted((run / "turns/001").rglob("*.json*")):
        if path.parent.name in ("scorecards", "predictions") or path.name in ("details.json", "preference.json"):
            found[path.relative_to(run).as_posix()] = path.read_bytes()
    found["openings"] = [
        len((place / "openings.jsonl").read_text().splitlines())
        for place in (folder / "rows.jsonl.sintonia", folder / "home")
    ]
    return found


@pytest.fixture(scope="module")
def judging(tmp_path_factory: pytest.TempPathFactory, started: Warm, bases: dict[str, Path]) -> Judging:
    return Judging(started, tmp_path_factory.mktemp("judging"), bases)


def all_kills(judging: Judging, numbers: list[int]) -> None:
    found = {f"{k} ({judging.calls[k - 1]})": judging.kill_and_resume(k) for k in numbers}
    assert {call: problem for call, problem in found.items() if problem} == {}


def test_a_run_killed_while_it_judges_comes_to_the_same_verdict(judging: Judging) -> None:
    """At the last call of the first file that is written after the opening of the test."""
    assert judging.facts["verdict"]["test_openings"] == 1
    assert any(name.endswith("preference.json") for name in judging.facts), "the judge was asked"
    last = next(
        k for k in range(judging.opened + 1, len(judging.calls)) if judging.calls[k - 1] in ("rename", "replace")
    )
    all_kills(judging, [last])


@pytest.mark.slow
def test_a_run_killed_at_any_call_of_its_judging_comes_to_the_same_verdict(judging: Judging) -> None:
    all_kills(judging, list(range(1, len(judging.calls) + 1)))
