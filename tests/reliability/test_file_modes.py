"""Whatever holds data, predictions, texts or a model is its owner's alone, though the umask gives everything to all.

The commands work with a umask of 0; what they leave in run folders, beside the data and in SINTONIA_HOME is walked, and
only what stands in `READABLE`, with its reason, may be readable by others. What a person asks for outside of these (an
export, a mended copy) follows their umask; answers of `predict --out` are data again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sintonia.cli.journal import close_log
from sintonia.cli.main import main
from sintonia.files import keep_private
from tests.tiny import make_conversations, make_rows, write_rows

FAST = ("training.epochs=1", "training.evaluations=1")
READABLE = {
    "home": "the folder itself; what lies in it says for itself who may read it",
    "home/models": "bases of others, as they are published: no row was ever near them",
}
"""What others may read, and why; of `home/models` all below it too."""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder with a home in it, and a umask that takes nothing from anybody."""
    folder = tmp_path / "place"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SINTONIA_HOME", str(folder / "home"))
    before = os.umask(0)
    yield folder
    os.umask(before)


def _call(*words: str) -> None:
    assert main(words) == 0, words
    close_log()


def _open_to_others(folder: Path, written_by_us: set[str]) -> list[str]:
    """What others may read of what was made in a folder since it held only these."""
    found = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        is_known = name in READABLE or name.startswith("home/models/") or name in written_by_us
        if not is_known and not path.is_symlink() and path.lstat().st_mode & 0o077:
            found.append(f"{path.lstat().st_mode & 0o777:o} {name}")
    return found


def test_a_classifier_its_evaluation_and_its_answers(place: Path, tiny_base: Path) -> None:
    write_rows(Path("rows.jsonl"), make_rows(300))
    write_rows(Path("more.jsonl"), make_rows(60, seed=9))
    steps = ("training.checkpoint_steps=5", "tracking=[tensorboard]", "--seed", "3")
    _call("tune", "rows.jsonl", "--base", f"file:{tiny_base}", "--out", "runs/a", *FAST, *steps)
    _call("evaluate", "runs/a", "--on", "more.jsonl")
    _call("report", "runs/a")
    _call("predict", "runs/a", "--file", "more.jsonl", "--out", "answers.jsonl")
    assert len(list(place.rglob("*"))) > 60
    assert Path("runs/a/turns/001/tensorboard").is_dir()
    assert _open_to_others(place, {"rows.jsonl", "more.jsonl", "runs"}) == []


@pytest.mark.slow
def test_ten_parts_and_a_search(place: Path, tiny_base: Path) -> None:
    write_rows(Path("few.jsonl"), make_rows(60))
    write_rows(Path("rows.jsonl"), make_rows(320))
    _call("tune", "few.jsonl", "--base", f"file:{tiny_base}", "--out", "few", "--method", "head", *FAST)
    _call("tune", "rows.jsonl", "--base", f"file:{tiny_base}", "--out", "many", *FAST, "adjusting.search=3")
    _call("adjust", "many", "--apply")
    _call("adjust", "many", "--curve")
    assert _open_to_others(place, {"few.jsonl", "rows.jsonl"}) == []


@pytest.mark.slow
def test_a_language_model(place: Path, tiny_language_model: Path) -> None:
    write_rows(Path("rows.jsonl"), [dict(row) for row in make_conversations(300)])
    named = ("--task", "chat", "--base", f"file:{tiny_language_model}", "evaluation.new_tokens=8")
    _call("tune", "rows.jsonl", *named, "--out", "run", *FAST)
    assert _open_to_others(place, {"rows.jsonl"}) == []


def test_the_walk_sees_what_is_readable(place: Path) -> None:
    Path("run").mkdir(0o700)
    Path("run/rows.jsonl").write_text("{}")
    Path("run/data").mkdir()
    Path("run/outside").symlink_to("/etc/hostname")
    assert _open_to_others(place, set()) == ["777 run/data", "666 run/rows.jsonl"]
    before = Path("/etc/hostname").stat().st_mode
    keep_private(Path("run"))
    assert _open_to_others(place, set()) == [] and Path("/etc/hostname").stat().st_mode == before
    assert Path("run/data").stat().st_mode & 0o777 == 0o700
