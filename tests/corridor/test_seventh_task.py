"""A task of somebody else's package goes through the whole corridor, and is refused in one line where it is broken.

The package is `examples/votes_task`, installed by pip into a folder of its own that only these processes see.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.nouns_of_tasks import TINY
from tests.tiny import write_rows

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "examples" / "votes_task"
MOST_LINES = 150
FAST = ("training.epochs=4", "training.evaluations=2", "training.learning_rate=0.001")
LABELS = {"weather", "music", "food", "travel"}
(VOTES,) = TINY["votes"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the package was installed into, without a look at any index."""
    folder = tmp_path_factory.mktemp("installed")
    source = shutil.copytree(PACKAGE, tmp_path_factory.mktemp("source") / "votes_task")
    asked = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--disable-pip-version-check")
    process = subprocess.run(
        [sys.executable, "-m", "pip", "install", *asked, "--target", str(folder), str(source)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, f"the `dev` extra has the build backend; pip says: {process.stderr}"
    return folder


def sintonia(
    folder: Path, *words: str, packages: tuple[Path, ...] = (), module: str = "sintonia"
) -> subprocess.CompletedProcess[str]:
    """A command in a folder, in a process that finds these packages too."""
    shown = {**os.environ, "SINTONIA_HOME": str(folder / "home"), "OMP_NUM_THREADS": "1", "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", module, *words],
        cwd=ROOT if module == "pytest" else folder,
        env={**shown, "PYTHONPATH": os.pathsep.join(map(str, packages))},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path, installed: Path) -> Path:
    """A folder with a finished run of the task."""
    folder = tmp_path_factory.mktemp("place")
    write_rows(folder / "rows.jsonl", VOTES.make(400, 0))
    words = ("tune", "rows.jsonl", "--task", "votes", "--base", f"file:{tiny_base}", "--json", *FAST)
    process = sintonia(folder, *words, packages=(installed,))
    assert process.returncode == 0, process.stderr
    (folder / "verdict.json").write_text(process.stdout)
    (folder / "told.txt").write_text(process.stderr)
    return folder


def test_the_task_has_at_most_150_lines() -> None:
    lines = [line for path in PACKAGE.glob("*.py") for line in path.read_text(encoding="utf-8").splitlines()]
    assert 0 < len(lines) <= MOST_LINES
    assert [path.name for path in PACKAGE.glob("*.py")] == ["sintonia_votes.py"]


def test_it_is_learned_judged_and_reported(place: Path) -> None:
    verdict = json.loads((place / "verdict.json").read_text())
    assert verdict["primary"]["tuned"]["value"] > 0.8 and verdict["test_openings"] == 1
    assert verdict["outcome"] in ("better", "equivalent", "inconclusive", "worse")
    run = place / "runs" / "rows-001"
    prepared = json.loads((run / "prepared.json").read_text())
    assert (prepared["task"], prepared["form"]) == ("votes", "text and votes")
    kept = json.loads((run / "data" / "train.jsonl").read_text().splitlines()[1])
    assert len(kept["content"]["votes"]) == 3 and kept["target"] in kept["content"]["votes"]
    assert json.loads((run / "model" / "sintonia.json").read_text())["task"] == "votes"
    assert "votes" in (run / "report.html").read_text(encoding="utf-8") and (run / "card.md").exists()


def test_its_data_are_checked_and_a_tie_is_set_aside(place: Path, installed: Path) -> None:
    write_rows(place / "tied.jsonl", [*VOTES.make(80, 3), dict(VOTES.broken)])
    process = sintonia(place, "check", "tied.jsonl", "--task", "votes", "--base", "none", packages=(installed,))
    assert process.returncode == 0, process.stderr
    told = process.stdout + process.stderr
    assert "text and votes" in told and "no label has the most votes" in told


def test_a_run_is_judged_on_another_file(place: Path, installed: Path) -> None:
    write_rows(place / "others.jsonl", VOTES.make(150, 9))
    process = sintonia(place, "evaluate", "runs/rows-001", "--on", "others.jsonl", "--json", packages=(installed,))
    assert process.returncode == 0, process.stderr
    assert json.loads(process.stdout)["verdict"]["primary"]["tuned"]["value"] > 0.8


def test_it_answers_new_texts_in_their_order(place: Path, installed: Path) -> None:
    words = ("predict", "runs/rows-001", "guitar song please", "rain snow today", "--json")
    process = sintonia(place, *words, packages=(installed,))
    assert process.returncode == 0, process.stderr
    answers = json.loads(process.stdout)
    assert [one["input"] for one in answers] == ["guitar song please", "rain snow today"]
    assert [one["prediction"] for one in answers] == ["music", "weather"]


def test_it_keeps_the_contract_of_every_task(place: Path, installed: Path) -> None:
    """The same tests as those of the built-in ones, which find it by its entry point."""
    asked = ("-q", "--no-header", "-p", "no:cacheprovider", "-p", "no:xdist", "-k", "votes")
    process = sintonia(place, *asked, "tests/contracts/test_tasks.py", packages=(installed,), module="pytest")
    *_, outcome = process.stdout.splitlines() or [process.stderr]
    assert process.returncode == 0 and "passed" in outcome and "skipped" not in outcome, process.stdout[-3000:]


def refused(process: subprocess.CompletedProcess[str]) -> str:
    """What is told about a mistake: one line and its hint, never a traceback."""
    assert process.returncode == 2, process.stdout + process.stderr
    lines = process.stderr.strip().splitlines()
    assert "Traceback" not in process.stderr and process.stdout == ""
    assert [line.split(":")[0] for line in lines] in (["error"], ["error", "hint"], ["error", "expected", "hint"]), (
        lines
    )
    return process.stderr


def test_a_name_that_is_nearly_right_gets_the_nearest(place: Path, installed: Path) -> None:
    told = refused(sintonia(place, "tune", "rows.jsonl", "--task", "vots", packages=(installed,)))
    assert "did you mean `votes`" in told
    told = refused(sintonia(place, "tune", "rows.jsonl", "--task", "votes"))
    assert "'votes'" in told, "where the package is not installed"


def declared(folder: Path, name: str, body: str, distribution: str) -> Path:
    """A package by hand, as an installer leaves it: one module, its metadata and its entry point."""
    module = distribution.replace("-", "_")
    about = folder / f"{module}-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / f"{module}.py").write_text(body)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[sintonia.tasks]\n{name} = {module}\n")
    return folder


BROKEN = {
    "no METRICS": ("from sintonia.tasks.regress import *\ndel METRICS\n", "has no `METRICS`"),
    "raises": ("raise ValueError('first line\\nsecond line')\n", "cannot be loaded: first line"),
    "no encode": ("from sintonia.tasks.regress import *\ndel encode\nNAME, FORMS = 'poems', ()\n", "has no `encode`"),
    "no forms": ("from sintonia.tasks.regress import *\nNAME = 'poems'\n", "has no `FORMS`"),
    "another name": ("from sintonia.tasks.regress import *\nFORMS = ()\n", "that calls itself `regress`"),
    "of words": (
        "from sintonia.tasks.regress import *\nNAME, FORMS, LEVEL = 'poems', (), 'token'\n",
        "has no head on texts",
    ),
    "no such package": ("import a_package_that_nobody_has\n", "No module named 'a_package_that_nobody_has'"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_task_is_refused_in_one_line(place: Path, tmp_path: Path, kind: str) -> None:
    body, told = BROKEN[kind]
    folder = declared(tmp_path / "packages", "poems", body, "sintonia-poems")
    said = refused(sintonia(place, "tune", "rows.jsonl", "--task", "poems", packages=(folder,)))
    assert told in said and "entry point `poems = sintonia_poems`" in said


def test_two_tasks_of_one_name_are_refused(place: Path, tmp_path: Path, installed: Path) -> None:
    folder = declared(tmp_path / "packages", "votes", "NAME = 'votes'\n", "sintonia-other-votes")
    said = refused(sintonia(place, "tune", "rows.jsonl", "--task", "votes", packages=(installed, folder)))
    assert "two tasks are called `votes`" in said and "uninstall one of them" in said
    folder = declared(tmp_path / "own", "classify", "NAME = 'classify'\n", "sintonia-other-classes")
    said = refused(sintonia(place, "tune", "rows.jsonl", "--task", "classify", packages=(folder,)))
    assert "two tasks are called `classify`" in said
