"""Puts the newest verdict and the model it is about at the root of the run folder. It judges nothing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from sintonia.files import storage_errors, sync_folder
from sintonia.records import Turn, Verdict
from sintonia.runs import RunFolder


def publish(run: RunFolder, verdict: Verdict, best: Turn) -> None:
    """Root copies of the newest verdict and the winning turn: `verdict.json`, `events.jsonl`, `model/`."""
    with storage_errors(run.path):
        events = run.file(f"{run.turn(best.number)}/events.jsonl")
        work = run.file(".events-unfinished")
        shutil.copyfile(events, work)
        work.replace(run.file("events.jsonl"))
        _replace_folder(run.file(best.candidate.weights), run.file("model"))
    run.write_resolved(best.resolved)
    run.write("verdict.json", verdict)  # last: whoever reads it finds its model in place


def _replace_folder(source: Path, target: Path) -> None:
    """A copy of a folder (hard links where the file system has them), whole or not at all."""
    work = target.with_name(f".{target.name}-unfinished")
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(source, work, copy_function=_link)
    old = target.with_name(f".{target.name}-old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    work.rename(target)
    sync_folder(target.parent)
    shutil.rmtree(old, ignore_errors=True)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
