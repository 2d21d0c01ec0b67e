"""Checkpoints that are whole or absent: files, fsync, manifest, rename. Two are kept.

No pickle: tensors are safetensors, the rest is JSON. What is written is read back before it replaces an older one; a
damaged checkpoint is passed over for the one before it. What a checkpoint holds is not known here.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load
from torch import Tensor

from sintonia.errors import StorageError
from sintonia.files import SCHEMA, sha256_file, sync_folder

KEPT = 2
_MANIFEST = "MANIFEST.json"
_UNFINISHED = ".tmp-"
_TRANSIENT = (errno.EIO, errno.EAGAIN, errno.EINTR, errno.ETIMEDOUT)
_WAITS_SECONDS = (0.1, 0.4, 1.6)
"""Before each new try after an error that may pass: network disks have such moments."""
_FORMATS = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
"""What safetensors calls each number format."""


@dataclass(slots=True)
class Saved:
    """A checkpoint in memory: named groups of tensors, and plain values."""

    tensors: dict[str, dict[str, Tensor]]
    state: dict[str, Any]


class _Damaged(Exception):
    """What is wrong with a checkpoint."""


def save_checkpoint(folder: Path, step: int, saved: Saved) -> Path:
    """Writes `folder/step-NNNNNN` atomically, reads it back, and removes all but the newest checkpoints.

    An error of the disk that may pass is tried again three times.

    Raises:
        StorageError: the disk is full or the folder cannot be written; older checkpoints stay whole.
    """
    for wait_seconds in (*_WAITS_SECONDS, None):
        try:
            return _save(folder, step, saved)
        except OSError as error:
            if wait_seconds is None or error.errno not in _TRANSIENT:
                raise _refusal(folder, _size(saved), error.strerror or str(error)) from error
            time.sleep(wait_seconds)
        except _Damaged as error:
            if wait_seconds is None:
                raise _refusal(folder, _size(saved), f"what was written reads back otherwise ({error})") from error
    raise AssertionError("the last try returns or raises")


def load_checkpoint(folder: Path) -> tuple[Saved | None, list[str]]:
    """The newest whole checkpoint, or None; and one line for each damaged one that was passed over.

    Raises:
        StorageError: a checkpoint may not be read, or a newer sintonia wrote it.
    """
    problems: list[str] = []
    for leftover in folder.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    found = _newest_first(folder)
    for position, path in enumerate(found, 1):
        try:
            return _load(path), problems
        except _Damaged as error:
            then = "the one before it is used" if position < len(found) else "none is left: training starts over"
            problems.append(f"checkpoint {path.name} is damaged ({error}); {then}")
        except OSError as error:
            raise StorageError(
                f"cannot read `{error.filename or path}`: {error.strerror}", hint="check the disk and the permissions"
            ) from error
    return None, problems


def refuse_full_disk(folder: Path, needed_bytes: int, model_bytes: int) -> None:
    """Stops before anything is computed when two checkpoints of that size (and 10 %) and the model do not fit.

    Checkpoints that are there already count as room: new ones take their place.

    Raises:
        StorageError: too little space is free.
    """
    there = folder
    while not there.exists():
        there = there.parent
    held = sum(file.stat().st_size for path in _newest_first(folder) for file in path.iterdir())
    needed = int(KEPT * needed_bytes * 1.1) + model_bytes - held
    if shutil.disk_usage(there).free < needed:
        raise _refusal(folder, needed, "too little space is free to begin")


def _save(folder: Path, step: int, saved: Saved) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    whole = [path for path in _newest_first(folder) if _step(path) < step]
    if len(whole) >= KEPT and shutil.disk_usage(folder).free < 1.01 * _size(saved):
        _discard(whole[-1])  # better one old checkpoint and the new one than two old ones
    work, target = folder / f"{_UNFINISHED}{uuid.uuid4().hex}", folder / f"step-{step:06d}"
    try:
        work.mkdir(mode=0o700)
        files = {
            f"{name}.safetensors": _write(work / f"{name}.safetensors", _pieces(group))
            for name, group in saved.tensors.items()
        }
        state = json.dumps({"schema": SCHEMA, **saved.state}, allow_nan=False).encode()
        files["state.json"] = _write(work / "state.json", [state])
        _write(work / _MANIFEST, [_manifest({"schema": SCHEMA, "step": step, "files": files})])
        sync_folder(work)
        _verify(work)
        if target.exists():
            _discard(target)
        work.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    sync_folder(folder)
    for old in [path for path in _newest_first(folder) if path != target and path not in whole[: KEPT - 1]]:
        _discard(old)
    return target


def _refusal(folder: Path, needed_bytes: int, why: str) -> StorageError:
    there = folder
    while not there.exists():
        there = there.parent
    free = shutil.disk_usage(there).free
    return StorageError(
        f"cannot save checkpoints in `{folder}`: {why} ({needed_bytes} bytes needed, {free} free)",
        hint="free some space, or check the disk and the permissions; `sintonia resume` then goes on",
    )


def _size(saved: Saved) -> int:
    return sum(value.nbytes for group in saved.tensors.values() for value in group.values())


def _step(path: Path) -> int:
    return int(path.name.removeprefix("step-"))


def _newest_first(folder: Path) -> list[Path]:
    found = [path for path in folder.glob("step-*") if re.fullmatch(r"step-\d+", path.name)]
    return sorted(found, key=_step, reverse=True)


def _discard(path: Path) -> None:
    """Removes a checkpoint so that no half of it is ever taken for one."""
    aside = path.with_name(f"{_UNFINISHED}{uuid.uuid4().hex}")
    path.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)


def _pieces(group: dict[str, Tensor]) -> Iterator[bytes | memoryview]:
    """A safetensors file in pieces, so that no second copy of the tensors is made in memory.

    Format: https://huggingface.co/docs/safetensors/index#format
    """
    header: dict[str, Any] = {}
    end = 0
    for name, value in group.items():
        begin, end = end, end + value.nbytes
        header[name] = {"dtype": _FORMATS[value.dtype], "shape": list(value.shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little") + text
    for value in group.values():
        yield memoryview(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())


def _write(path: Path, pieces: Iterable[bytes | memoryview]) -> dict[str, Any]:
    """Size and hash of what was meant to be written: the disk is compared with it, not with itself."""
    digest, size = hashlib.sha256(), 0
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        for piece in pieces:
            stream.write(piece)
            digest.update(piece)
            size += len(piece)
        stream.flush()
        os.fsync(stream.fileno())
    return {"bytes": size, "sha256": digest.hexdigest()}


def _manifest(body: dict[str, Any]) -> bytes:
    """With a hash of itself: nothing else would notice damage in it."""
    own = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    return json.dumps({**body, "sha256": own}, sort_keys=True).encode()


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        content = (path / _MANIFEST).read_bytes()
        body = json.loads(content)
        del body["sha256"]
        is_whole = content == _manifest(body)
    except (FileNotFoundError, NotADirectoryError):
        raise _Damaged(f"`{_MANIFEST}` is missing") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        is_whole = False
    if not is_whole:
        raise _Damaged(f"`{_MANIFEST}` was changed")
    if body["schema"] > SCHEMA:
        raise StorageError(
            f"checkpoint `{path}` has schema {body['schema']}, this sintonia reads schema {SCHEMA}",
            hint="upgrade sintonia",
        )
    return dict(body["files"])


def _verify(path: Path) -> None:
    for name, told in _read_manifest(path).items():
        _check_size(path / name, told["bytes"])
        if sha256_file(path / name) != told["sha256"]:
            raise _Damaged(f"`{name}` was changed")


def _load(path: Path) -> Saved:
    """Reads each file once, so that what was verified is what is used; none is mapped into memory."""
    groups: dict[str, dict[str, Tensor]] = {}
    state: dict[str, Any] = {}
    for name, told in _read_manifest(path).items():
        _check_size(path / name, told["bytes"])
        content = (path / name).read_bytes()
        if hashlib.sha256(content).hexdigest() != told["sha256"]:
            raise _Damaged(f"`{name}` was changed")
        if name == "state.json":
            state = json.loads(content)
        else:
            groups[name.removesuffix(".safetensors")] = load(content)
    return Saved(groups, state)


def _check_size(path: Path, expected_bytes: int) -> None:
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise _Damaged(f"`{path.name}` is missing") from None
    if size != expected_bytes:
        raise _Damaged(f"`{path.name}` has {size} of {expected_bytes} bytes")
