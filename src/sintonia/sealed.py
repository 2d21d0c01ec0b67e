"""Seals the test set, opens it, and counts the openings beside the data.

Nobody else reads a sealed file: a SealedTest is a length and a hash. Only `pipeline` calls `open_test`.
The count is kept by the content of the test, beside the data, so a new run folder does not reset it; and tests that
share examples share their count, so neither do rows that are added. The count itself is sealed too: a line that is
taken out or changed later is found, before anything is trained.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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
    to_json,
    utc_now,
    write_json,
    write_lines,
)
from sintonia.normalise import normalised, short_hash
from sintonia.records import Example, Part, SealedTest
from sintonia.runs import RunFolder

SEALED_FILE = "data/sealed_test.jsonl"
ONE_PART = "whole"
"""The name of the part when there is only one: its files lie in `data/` itself."""
_LEDGER = "openings.jsonl"
_LEDGER_SEAL = "openings.seal.json"
"""How many lines the ledger had when it was last written, and their hash."""
OVERLAP_FRACTION = 0.1
"""Share of a test's inputs that earlier tests held, all together, from which their openings count for this one."""
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
    with _held(folder / ".lock"):
        yield folder


@contextmanager
def _held(path: Path) -> Iterator[None]:
    lock = filelock.FileLock(str(path), timeout=_LOCK_SECONDS, mode=0o600)
    with storage_errors(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            lock.acquire()
        except filelock.Timeout:
            raise StorageError(f"another process holds `{path.parent}`", hint="wait for it, or stop it") from None
    try:
        yield
    finally:
        lock.release()


def folder_of_part(part: str) -> str:
    """The folder of a part's sets, relative to the run: `data` for the only part, else `data/NAME`."""
    return "data" if part == ONE_PART else f"data/{part}"


def seal(run: RunFolder, tests: dict[str, tuple[Example, ...]], *, data: Path) -> dict[str, SealedTest]:
    """Writes the tests of all parts, by name, where only the opening reads them; `data` is where they came from.

    They open as one test, known by all their rows together.
    """
    _openings(data, "", frozenset())  # a damaged ledger is found before anything is trained
    together = _content_sha256(one for examples in tests.values() for one in examples)
    sealed: dict[str, SealedTest] = {}
    for part, examples in tests.items():
        path = run.file(f"{folder_of_part(part)}/sealed_test.jsonl")
        write_lines(path, examples)
        sealed[part] = SealedTest(count=len(examples), sha256=_content_sha256(examples))
        record = {
            "data": str(data.resolve()),
            "sha256": sealed[part].sha256,
            "file_sha256": sha256_file(path),
            "inputs": _inputs_of(examples),
        }
        write_json(path.with_name("seal.json"), record | ({"together": together} if len(tests) > 1 else {}))
    return sealed


def open_test(
    parts: tuple[Part, ...], run: RunFolder, candidate_id: str
) -> tuple[tuple[tuple[Example, ...], ...], int]:
    """The test examples of each part, and which opening of this test this is (1 is the first).

    However many parts there are, it is one opening. It is on disk before the first example is read. The same
    candidate again, after a crash for instance, is the same opening.

    Raises:
        StorageError: a sealed file is not the one that was sealed, or the ledger cannot be written.
    """
    sealed = {part.name: part.test for part in parts}
    records = {part: _read_seal(run, part, test) for part, test in sealed.items()}
    known_by = {str(record.get("together", record["sha256"])) for record in records.values()}
    if len(known_by) != 1:
        what = f"the seals below `{run.file('data')}` belong to several tests"
        raise StorageError(what, hint="prepare the data again in a new run folder")
    together, data = known_by.pop(), Path(next(iter(records.values()))["data"])
    inputs = sorted({str(key) for record in records.values() for key in record["inputs"]})
    opening = _count_opening(data, together, candidate_id, inputs)
    opened = tuple(_read_sealed(run, part, sealed[part], record["file_sha256"]) for part, record in records.items())
    everything = [one for examples in opened for one in examples]
    if _content_sha256(everything) != together or _inputs_of(everything) != inputs:
        what = f"a test below `{run.file('data')}` is missing, or its seal was changed"
        raise StorageError(what, hint="prepare the data again in a new run folder")
    return opened, opening


def _read_seal(run: RunFolder, part: str, sealed: SealedTest) -> dict[str, Any]:
    path = run.file(f"{folder_of_part(part)}/seal.json")
    record = read_json(path)
    if record is None or record.get("sha256") != sealed.sha256:
        what = f"`{path}` is missing or belongs to another test"
        raise StorageError(what, hint="prepare the data again in a new run folder")
    return record


def _read_sealed(run: RunFolder, part: str, sealed: SealedTest, file_sha256: str) -> tuple[Example, ...]:
    path = run.file(f"{folder_of_part(part)}/sealed_test.jsonl")
    with storage_errors(path):
        is_whole = sha256_file(path) == file_sha256
    examples = tuple(from_json(Example, body) for body in read_lines(path)) if is_whole else ()
    if not is_whole or _content_sha256(examples) != sealed.sha256:
        raise StorageError(
            f"`{path}` was changed after it was sealed",
            expected="the test set as it was sealed",
            hint="prepare the data again in a new run folder",
        )
    return examples


def _count_opening(data: Path, sha256: str, candidate_id: str, inputs: list[str]) -> int:
    with writing_beside(data) as folder:
        known = _openings(data, sha256, frozenset(inputs))
        if (sha256, candidate_id) not in known:
            known.append((sha256, candidate_id))
        _record_opening(folder, {"test": sha256, "candidate": candidate_id, "time": utc_now()}, inputs)
    return known.index((sha256, candidate_id)) + 1


def _record_opening(beside: Path, line: dict[str, str], inputs: list[str]) -> None:
    """Twice, where it is not yet: the copy at home outlives a renamed data file, and a deleted folder beside it."""
    for place in (beside, home_folder()):
        with _held(place / ".openings.lock"):  # the ledger at home is that of all data files
            _append(place, line | {"inputs": _hash_of(inputs)}, inputs)
            with storage_errors(place):
                sync_folder(place)


def _append(place: Path, line: dict[str, str], inputs: list[str]) -> None:
    """The line, then the seal: a kill between the two leaves a line that is not sealed yet, and counts."""
    lines = _ledger(place)
    same = [one for one in lines if one.get("test") == line["test"]]
    if any(one.get("inputs", line["inputs"]) != line["inputs"] for one in same):
        raise StorageError("the seal of the test was changed", hint="prepare the data again in a new run folder")
    if all(one.get("candidate") != line["candidate"] for one in same):
        write_json(_inputs_file(place, line["test"]), {"inputs": inputs})
        _seal_ledger(place, lines)
        lines.append(line | {"number": len(lines) + 1})
        append_line(place / _LEDGER, lines[-1])
    _seal_ledger(place, lines)


def _seal_ledger(place: Path, lines: list[dict[str, Any]]) -> None:
    write_json(place / _LEDGER_SEAL, {"lines": len(lines), "sha256": _hash_of(lines)})


def _ledger(place: Path) -> list[dict[str, Any]]:
    """The openings that are recorded in a folder, as they were written.

    Raises:
        StorageError: a line was changed or taken out since, or the seal was.
    """
    seal = read_json(place / _LEDGER_SEAL)  # before the lines: another process may be adding one
    lines = read_lines(place / _LEDGER)
    if seal is None:
        is_whole = not any("number" in line for line in lines)  # without numbers: from before ledgers were sealed
    else:
        count = seal.get("lines")
        is_whole = isinstance(count, int) and 0 <= count <= len(lines) and _hash_of(lines[:count]) == seal.get("sha256")
    if not is_whole:
        raise StorageError(
            f"`{place / _LEDGER}` is not as sintonia wrote it: openings of a test were changed or taken out",
            expected=f"the lines that `{place / _LEDGER_SEAL}` is the seal of",
            hint="restore both files from a copy: they say how often a test was opened, and so how strict a verdict is",
        )
    return lines


def _openings(data: Path, sha256: str, inputs: frozenset[str]) -> list[tuple[str, str]]:
    """Test and candidate of each opening of this test, or of tests that together share enough with it, oldest first."""
    places = (*folders_of_data(data), home_folder())
    lines = [line for folder in places for line in _ledger(folder)]
    lines.sort(key=lambda line: str(line.get("time")))
    opened = dict.fromkeys((str(line.get("test")), str(line.get("candidate"))) for line in lines)
    hashes = {str(line.get("test")): line.get("inputs") for line in lines}
    shared = {test: _shared(places, test, hashes[test], inputs) for test, _ in opened if test != sha256}
    is_worn = len(frozenset().union(*shared.values())) >= OVERLAP_FRACTION * len(inputs)
    return [one for one in opened if one[0] == sha256 or (is_worn and shared[one[0]])]


def _shared(places: tuple[Path, ...], test: str, known_by: str | None, inputs: frozenset[str]) -> frozenset[str]:
    """Which of these inputs were in an earlier test; `known_by` is the hash of its inputs, where it was recorded."""
    for place in places:
        body = read_json(_inputs_file(place, test))
        if body is not None and known_by in (None, _hash_of(body.get("inputs"))):
            return inputs.intersection(body.get("inputs", ()))
    if known_by is None:
        return frozenset()
    raise StorageError(
        f"`{_inputs_file(places[0], test)}` is missing or changed: what an earlier test held",
        hint="restore it from a copy: it says whether an earlier opening counts for this test",
    )


def _hash_of(body: Any) -> str:
    return hashlib.sha256(json.dumps(body, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def _inputs_file(place: Path, test: str) -> Path:
    return place / "tests" / f"{test[:32]}.json"


def _inputs_of(examples: Iterable[Example]) -> list[str]:
    """Hashes of the inputs, by which tests that share rows are known."""
    return sorted({short_hash(normalised(one.input)) for one in examples})


def _content_sha256(examples: Iterable[Example]) -> str:
    """Hash of what is tested, each row once, whatever the order of the rows, their places and their groups."""
    rows = sorted({json.dumps(_tested(one), ensure_ascii=False, sort_keys=True) for one in examples})
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def _tested(example: Example) -> list[Any]:
    texts = [example.id, example.input, example.target]
    return texts if example.content is None else [*texts, to_json(example.content)]  # as it is read back
