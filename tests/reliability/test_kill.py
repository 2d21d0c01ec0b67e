"""Killed without warning, a run loses nothing but steps: resume ends with the weights of the run left alone."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.tiny import make_rows, write_rows

SETTINGS = ["training.epochs=12", "training.learning_rate=0.001", "training.checkpoint_steps=7"]


def begin(words: list[str], folder: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "SINTONIA_HOME": str(folder / "home")}
    return subprocess.Popen(
        [sys.executable, "-m", "sintonia", *words],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def weights_of(run: Path) -> str:
    files = sorted((run / "model").rglob("*.safetensors"))
    assert len(files) == 2
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def kill_when(process: subprocess.Popen[bytes], mark: Path, lines: int) -> None:
    """Kills -9 as soon as `mark` exists and has that many lines."""
    until = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < until:
        if mark.exists() and mark.read_bytes().count(b"\n") >= lines:
            break
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


@pytest.mark.parametrize(
    ("mark", "lines"),
    [
        ("recipe.yaml", 1),
        ("data/train.jsonl", 1),
        ("turns/001/events.jsonl", 3),
        ("turns/001/events.jsonl", 40),
        ("turns/001/events.jsonl", 95),
        ("baselines.jsonl", 1),
        ("verdicts/001.json", 1),
    ],
)
def test_a_run_killed_anywhere_resumes_to_the_same_end(
    tmp_path: Path, tiny_base: Path, mark: str, lines: int, undisturbed: str
) -> None:
    write_rows(tmp_path / "rows.jsonl", make_rows(300))
    words = ["tune", "rows.jsonl", "--base", f"file:{tiny_base}", "--out", "run", *SETTINGS]
    kill_when(begin(words, tmp_path), tmp_path / "run" / mark, lines)
    assert begin(["resume", "run"], tmp_path).wait() == 0
    assert weights_of(tmp_path / "run") == undisturbed
    assert b'"test_openings": 1' in (tmp_path / "run" / "verdict.json").read_bytes()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> str:
    """The weights of the run that nobody disturbs."""
    folder = tmp_path_factory.mktemp("undisturbed")
    write_rows(folder / "rows.jsonl", make_rows(300))
    words = ["tune", "rows.jsonl", "--base", f"file:{tiny_base}", "--out", "run", *SETTINGS]
    assert begin(words, folder).wait() == 0
    return weights_of(folder / "run")
