"""Malicious and broken models through the commands: one line that refuses them, and nothing of theirs ever runs."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reliability.hostile import CASES, IGNORED, REFUSED, Case, Place
from tests.reliability.hostile.child import CAUGHT, SECONDS
from tests.reliability.hostile.links import SECRET
from tests.reliability.warm import Warm, warm
from tests.tiny import make_conversations, make_rows, write_rows

_ATTEMPT = "tests.reliability.hostile.child:attempt"
_MOST_BYTES = 2**30
_ROWS = 60


@pytest.fixture(scope="module")
def started() -> Iterator[Warm]:
    with warm("tests.reliability.hostile.ready") as process:
        yield process


def attempt(started: Warm, place: Place, command: str, task: str, reference: str) -> tuple[int, str]:
    """The exit code of `sintonia COMMAND` with this base, and all it said."""
    rows = make_rows(_ROWS) if task == "classify" else make_conversations(_ROWS)
    write_rows(place.folder / "rows.jsonl", rows)
    words = [command, "rows.jsonl", "--task", task, "--base", reference]
    words += ["--out", "run"] if command == "tune" else []
    code = started.run(_ATTEMPT, words, folder=place.folder, home=place.home)
    return code, (place.folder / "out.txt").read_text(errors="replace")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_hostile_model_is_refused_in_one_line_and_runs_nothing(
    case: Case, place: Place, started: Warm, bases: dict[str, Path]
) -> None:
    shutil.copytree(bases[case.task], place.model)
    reference = case.make(place) or f"file:{place.model}"
    code, told = attempt(started, place, "check" if case.outcome == IGNORED else "tune", case.task, reference)
    assert not place.canary.exists()
    assert not (place.folder / "caught.txt").exists(), (place.folder / "caught.txt").read_text()
    usage = json.loads((place.folder / "usage.json").read_text())
    assert usage["bytes"] < _MOST_BYTES and usage["seconds"] < SECONDS
    assert "Traceback" not in told and "unexpected" not in told and SECRET not in told
    if case.outcome == IGNORED:
        assert code == 0, told
        return
    errors = re.findall(r"^error: .*", told, re.MULTILINE)
    assert code in (2, 74), (code, told)
    assert len(errors) == 1 and len(re.findall(r"^hint: .+", told, re.MULTILINE)) == 1, told
    assert case.says in errors[0], told


def test_there_are_more_than_forty_of_them() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 100
    assert {case.outcome for case in CASES} == {REFUSED, IGNORED}


@pytest.mark.parametrize("task", ["classify", "chat"])
def test_the_good_model_that_all_are_made_of_is_taken(
    task: str, place: Place, started: Warm, bases: dict[str, Path]
) -> None:
    shutil.copytree(bases[task], place.model)
    code, told = attempt(started, place, "check", task, f"file:{place.model}")
    assert code == 0, told
    assert not (place.folder / "caught.txt").exists()


def test_the_watch_sees_a_pickle(place: Place, started: Warm) -> None:
    (place.folder / "evil.bin").write_bytes(place.pickle)
    given = str(place.folder / "evil.bin")
    code = started.run("tests.reliability.hostile.child:unpickle", given, folder=place.folder, home=place.home)
    assert code == CAUGHT and not place.canary.exists()
    assert "find_class" in (place.folder / "caught.txt").read_text()
