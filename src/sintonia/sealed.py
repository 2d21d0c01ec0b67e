"""Seals the test set, opens it, and counts the openings beside the data.

Nobody else reads the sealed file: a SealedTest is a length and a hash. Only `pipeline` calls `open_test`.
The count is kept by the content of the test, beside the data, so a new run folder does not reset it.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from sintonia.errors import StorageError
from sintonia.files import (
    append_line,
    from_json,
    home_folder,
    read_json,
    read_lines,
    sha256_file,
    storage_errors,
    sync_folder,
    utc_now,
    write_json,
    write_lines,
)
from sintonia.records import Example, SealedTest
from sintonia.runs import RunFolder

SEALED_FILE = "data/sealed_test.jsonl"
_SEAL = "data/seal.json"
_LEDGER = "openings.jsonl"
_LOCK_SECONDS = 60.0


def folders_of_data(data: Path) -> tuple[Path, Path]:
    """Where what must outlive a run is kept: beside the data, or under SINTONIA_HOME when that cannot be written."""
    path = data.resolve()
    named = hashlib.sha256(str(path).encode("utf-8", errors="surrogateescape")).hexdigest()[:16]
    return path.with_name(path.name + ".sintonia"), home_folder() / "splits" / named


def writable_folder_of_data(data: Path) -> Path:
    """The first of the two folders that can be written, made if need be.

    A folder whose owner took away all write permission is left alone, even by root.

    Raises:
        StorageError: neither can be written.
    """
    for folder in folders_of_data(data):
        try:
            if _is_write_protected(folder):
                continue
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except OSError:
            continue
    beside, home = folders_of_data(data)
    raise StorageError(
        f"neither `{beside}` nor `{home}` can be written",
        expected="a place to record the split",
        hint="set SINTONIA_HOME to a folder that you may write",
    )


def _is_write_protected(folder: Path) -> bool:
    """Whether the folder, or the nearest one above it that exists, has no write permission for anybody."""
    existing = next(one for one in (folder, *folder.parents) if one.exists())
    return not existing.stat().st_mode & 0o222


@contextmanager
def writing_beside(data: Path) -> Iterator[Path]:
    """The folder where the split and the openings of a data file are recorded, held for one writer.

    Raises:
        StorageError: it cannot be written, or another process holds it.
    """
    folder = writable_folder_of_data(data)
    lock = filelock.FileLock(str(folder / ".lock"), timeout=_LOCK_SECONDS, mode=0o600)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise StorageError(f"another process holds `{folder}`", hint="wait for it, or stop it") from None
    try:
        yield folder
    finally:
        lock.release()


def seal(run: RunFolder, examples: tuple[Example, ...], *, data: Path) -> SealedTest:
    """Writes the test set where only `open_test` reads it; `data` is the file it came from."""
    write_lines(run.file(SEALED_FILE), examples)
    sealed = SealedTest(count=len(examples), sha256=_content_sha256(examples))
    write_json(
        run.file(_SEAL),
        {"data": str(data.resolve()), "sha256": sealed.sha256, "file_sha256": sha256_file(run.file(SEALED_FILE))},
    )
    return sealed


def open_test(sealed: SealedTest, run: RunFolder, candidate_id: str) -> tuple[tuple[Example, ...], int]:
    """The test examples, and which opening of this test this is (1 is the first).

    The opening is on disk before the first example is read. The same candidate again, after a crash for
    instance, is the same opening.

    Raises:
        StorageError: the sealed file is not the one that was sealed, or the ledger cannot be written.
    """
    record = read_json(run.file(_SEAL))
    if record is None or record.get("sha256") != sealed.sha256:
        raise StorageError(
            f"`{run.file(_SEAL)}` is missing or belongs to another test",
            hint="prepare the data again in a new run folder",
        )
    opening = _count_opening(Path(record["data"]), sealed.sha256, candidate_id)
    with storage_errors(run.file(SEALED_FILE)):
        is_whole = sha256_file(run.file(SEALED_FILE)) == record["file_sha256"]
    examples = tuple(from_json(Example, body) for body in read_lines(run.file(SEALED_FILE))) if is_whole else ()
    if not is_whole or _content_sha256(examples) != sealed.sha256:
        raise StorageError(
            f"`{run.file(SEALED_FILE)}` was changed after it was sealed",
            expected="the test set as it was sealed",
            hint="prepare the data again in a new run folder",
        )
    return examples, opening


def _count_opening(data: Path, sha256: str, candidate_id: str) -> int:
    with writing_beside(data) as folder:
        known = _openings(data, sha256)
        if candidate_id not in known:
            known.append(candidate_id)
            _record_opening(folder, {"test": sha256, "candidate": candidate_id, "time": utc_now()})
    return known.index(candidate_id) + 1


def _record_opening(beside: Path, line: dict[str, str]) -> None:
    """Twice: the copy at home outlives a renamed data file, and a deleted folder beside it."""
    for place in (beside, home_folder()):
        append_line(place / _LEDGER, line)
        with storage_errors(place):
            sync_folder(place)


def _openings(data: Path, sha256: str) -> list[str]:
    """The candidates that opened this test, under this name of the data or another, in order, each once."""
    places = (*folders_of_data(data), home_folder())
    lines = [line for folder in places for line in read_lines(folder / _LEDGER)]
    lines.sort(key=lambda line: str(line.get("time")))
    return list(dict.fromkeys(str(line.get("candidate")) for line in lines if line.get("test") == sha256))


def _content_sha256(examples: tuple[Example, ...]) -> str:
    """Hash of what is tested, whatever the order of the rows, their places and their groups."""
    rows = sorted(json.dumps([one.id, one.input, one.target], ensure_ascii=False) for one in examples)
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()
