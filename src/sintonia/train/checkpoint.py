"""Checkpoints that are whole or absent: files, fsync, manifest, rename. At least two are kept.

No pickle: tensors are safetensors, the rest is JSON. A damaged checkpoint is passed over for the one before it.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load, save
from torch import Tensor

from sintonia.files import SCHEMA, sha256_file, storage_errors, sync_folder

KEPT = 2
_MANIFEST = "MANIFEST.json"


@dataclass(slots=True)
class Saved:
    """A checkpoint in memory: named groups of tensors, and plain values."""

    tensors: dict[str, dict[str, Tensor]]
    state: dict[str, Any]


def save_checkpoint(folder: Path, step: int, saved: Saved) -> Path:
    """Writes `folder/step-NNNNNN` atomically and removes all but the newest checkpoints.

    Raises:
        StorageError: the disk is full or the folder cannot be written; older checkpoints stay whole.
    """
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        work = folder / f".tmp-{uuid.uuid4().hex}"
        try:
            work.mkdir(mode=0o700)
            for name, group in saved.tensors.items():
                _write(work / f"{name}.safetensors", save({key: value.contiguous() for key, value in group.items()}))
            _write(work / "state.json", json.dumps({"schema": SCHEMA, **saved.state}).encode())
            files = {path.name: sha256_file(path) for path in sorted(work.iterdir())}
            _write(work / _MANIFEST, json.dumps({"schema": SCHEMA, "files": files}).encode())
            sync_folder(work)
            target = folder / f"step-{step:06d}"
            shutil.rmtree(target, ignore_errors=True)
            work.rename(target)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        sync_folder(folder)
        for old in _newest_first(folder)[KEPT:]:
            shutil.rmtree(old, ignore_errors=True)
    return target


def load_checkpoint(folder: Path) -> tuple[Saved | None, list[str]]:
    """The newest whole checkpoint, or None; and one line for each damaged one that was passed over."""
    problems: list[str] = []
    if not folder.is_dir():
        return None, problems
    for leftover in folder.glob(".tmp-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    for path in _newest_first(folder):
        problem = _damage(path)
        if problem is None:
            state = json.loads((path / "state.json").read_text())
            tensors = {file.stem: load(file.read_bytes()) for file in sorted(path.glob("*.safetensors"))}
            return Saved(tensors, state), problems
        problems.append(f"checkpoint {path.name} is damaged ({problem}); the one before it is used")
    return None, problems


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*"), reverse=True)


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _damage(path: Path) -> str | None:
    try:
        files = json.loads((path / _MANIFEST).read_text())["files"]
        for name, expected in files.items():
            if sha256_file(path / name) != expected:
                return f"`{name}` was changed"
        if "state.json" not in files:
            return "no state"
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"{type(error).__name__}"
    return None
