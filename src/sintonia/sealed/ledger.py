"""Counts the openings of a test, by its content, beside the data and at home, so that nothing that is done resets it.

Tests that share examples share their count, so rows that are added do not reset it either. The count is sealed: a line
that is taken out or changed later is found. It reads no example.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Set
from pathlib import Path
from typing import Any

from sintonia.audit import record
from sintonia.errors import StorageError
from sintonia.files import (
    append_line,
    home_folder,
    locked,
    read_json,
    read_lines,
    storage_errors,
    sync_folder,
    utc_now,
    write_json,
    write_lines,
)
from sintonia.sealed.places import folders_of_data, writing_beside

_LEDGER = "openings.jsonl"
_LEDGER_SEAL = "openings.seal.json"
"""How many lines the ledger had when it was last written, and their hash."""
OVERLAP_FRACTION = 0.1
"""Share of a test's inputs that earlier tests held, all together, from which their openings count for this one."""


def count_opening(data: Path, sha256: str, candidate_id: str, inputs: list[str]) -> int:
    """Records an opening of the test by a candidate, and says which it is; the same candidate again is the same one.

    Raises:
        StorageError: a ledger was changed, or cannot be written.
    """
    with writing_beside(data) as folder:
        known = openings_of(data, sha256, frozenset(inputs))
        is_new = (sha256, candidate_id) not in known
        known += [(sha256, candidate_id)] if is_new else []
        opening = known.index((sha256, candidate_id)) + 1
        if is_new:
            record("test_opened", test=sha256, candidate=candidate_id, opening=opening, data=data.name)
        _record_opening(folder, {"test": sha256, "candidate": candidate_id, "time": utc_now()}, inputs)
    return opening


def _record_opening(beside: Path, line: dict[str, str], inputs: list[str]) -> None:
    """Twice, where it is not yet: the copy at home outlives a renamed data file, and a deleted folder beside it."""
    for place in (beside, home_folder()):
        with locked(place / ".openings.lock"):  # the ledger at home is that of all data files
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
        inputs_file = _inputs_file(place, line["test"])
        with storage_errors(place):
            inputs_file.parent.mkdir(mode=0o700, exist_ok=True)
        write_json(inputs_file, {"inputs": inputs})
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
    if seal is None and _has_numbers(lines):  # a line with a number is written after the first seal: look again
        seal, lines = read_json(place / _LEDGER_SEAL), read_lines(place / _LEDGER)
    if seal is None:
        is_whole = not _has_numbers(lines)  # without numbers: from before ledgers were sealed
    else:
        count, known = seal.get("lines"), (seal.get("sha256"), seal.get("next_sha256"))
        is_whole = isinstance(count, int) and 0 <= count <= len(lines) and _hash_of(lines[:count]) in known
    if not is_whole:
        raise StorageError(
            f"`{place / _LEDGER}` is not as sintonia wrote it: openings of a test were changed or taken out",
            expected=f"the lines that `{place / _LEDGER_SEAL}` is the seal of",
            hint="restore both files from a copy: they say how often a test was opened, and so how strict a verdict is",
        )
    return lines


def _has_numbers(lines: list[dict[str, Any]]) -> bool:
    return any("number" in line for line in lines)


def openings_of(data: Path, sha256: str, inputs: frozenset[str]) -> list[tuple[str, str]]:
    """Test and candidate of each opening of this test, or of tests that together share enough with it, oldest first.

    A test of which is not known any more what it held counts as one that held all of this one.

    Raises:
        StorageError: a ledger was changed.
    """
    places = _places(data)
    lines = [line for folder in places for line in _ledger(folder)]
    lines.sort(key=lambda line: str(line.get("time")))
    opened = dict.fromkeys((str(line.get("test")), str(line.get("candidate"))) for line in lines)
    hashes = {str(line.get("test")): line.get("inputs") for line in lines}
    shared: dict[str, frozenset[str]] = {}
    for test in hashes.keys() - {sha256}:
        held_before = _held_before(places, test, hashes[test])
        shared[test] = inputs if held_before is None else inputs.intersection(held_before)
    is_worn = len(frozenset().union(*shared.values())) >= OVERLAP_FRACTION * len(inputs)
    return [one for one in opened if one[0] == sha256 or (is_worn and shared[one[0]])]


def unknown_tests(data: Path) -> tuple[str, ...]:
    """A line for people for each earlier test that is counted without knowing what it held.

    Raises:
        StorageError: a ledger was changed.
    """
    places = _places(data)
    found: dict[str, str] = {}
    for place in places:
        for line in _ledger(place):
            test = str(line.get("test"))
            if test not in found and _held_before(places, test, line.get("inputs")) is None:
                found[test] = (
                    f"`{place / _LEDGER}` lists an earlier test {test[:12]} of which is not known any more what it "
                    "held: its openings count for this test too, as if both held the same examples, which makes the "
                    f"verdict stricter (`{_inputs_file(place, test)}`, put back from a copy, would tell)"
                )
    return tuple(found.values())


def forget_inputs(data: Path, keys: Set[str], *, is_tried: bool = False) -> list[Path]:
    """Takes the hashes of erased rows out of what earlier tests held, and gives those files; all openings stay counted.

    With `is_tried` nothing is changed. Killed at any point, it can be called again.

    Raises:
        StorageError: a ledger was changed, or cannot be written.
    """
    changed = []
    for place in _places(data):
        tests = {path: body for path in place.glob("tests/*.json") if (body := read_json(path)) is not None}
        smaller = {
            path: [one for one in body["inputs"] if one not in keys]
            for path, body in tests.items()
            if not keys.isdisjoint(body["inputs"])
        }
        changed += smaller
        if smaller and not is_tried:
            with locked(place / ".openings.lock"):
                _write_smaller(place, smaller)
    return changed


def _write_smaller(place: Path, smaller: dict[Path, list[str]]) -> None:
    """The seal knows both ledgers while the new one is written, so that a kill leaves one that it knows."""
    lines, fresh = _ledger(place), {path.name: _hash_of(inputs) for path, inputs in smaller.items()}
    files = {str(line.get("test")): _inputs_file(place, str(line.get("test"))).name for line in lines}
    new = [
        line | {"inputs": fresh[name]} if (name := files[str(line.get("test"))]) in fresh and "inputs" in line else line
        for line in lines
    ]
    write_json(place / _LEDGER_SEAL, {"lines": len(lines), "sha256": _hash_of(lines), "next_sha256": _hash_of(new)})
    write_lines(place / _LEDGER, new)
    for path, inputs in smaller.items():
        write_json(path, {"inputs": inputs})
    _seal_ledger(place, new)


def _places(data: Path) -> tuple[Path, ...]:
    return *folders_of_data(data), home_folder()


def _held_before(places: tuple[Path, ...], test: str, known_by: str | None) -> frozenset[str] | None:
    """The inputs that an earlier test held, None when that is lost; `known_by` is their hash, where it was recorded."""
    for place in places:
        try:
            body = read_json(_inputs_file(place, test))
        except StorageError:
            continue  # damaged: as good as lost
        if body is not None and known_by in (None, _hash_of(body.get("inputs"))):
            return frozenset(map(str, body.get("inputs", ())))
    return frozenset() if known_by is None else None


def _hash_of(body: Any) -> str:
    return hashlib.sha256(json.dumps(body, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def _inputs_file(place: Path, test: str) -> Path:
    return place / "tests" / f"{test[:32]}.json"
