"""Seals the test set, opens it, and counts the openings beside the data.

Nobody else reads a sealed file: a SealedTest is a length and a hash. Only `pipeline` calls `open_test`.
The count is kept by the content of the test, beside the data, so a new run folder does not reset it (`ledger`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sintonia.errors import StorageError
from sintonia.files import (
    from_json,
    read_json,
    read_lines,
    sha256_file,
    storage_errors,
    to_json,
    write_json,
    write_lines,
)
from sintonia.normalise import normalised, short_hash
from sintonia.records import Example, Part, SealedTest
from sintonia.runs import RunFolder
from sintonia.sealed.ledger import OVERLAP_FRACTION, count_opening, forget_inputs, openings_of, unknown_tests
from sintonia.sealed.places import folders_of_data, writable_folder_of_data, writing_beside

__all__ = [
    "ONE_PART",
    "OVERLAP_FRACTION",
    "SEALED_FILE",
    "folder_of_part",
    "folders_of_data",
    "forget_inputs",
    "num_in_own_test",
    "open_test",
    "seal",
    "unknown_tests",
    "writable_folder_of_data",
    "writing_beside",
]

SEALED_FILE = "data/sealed_test.jsonl"
ONE_PART = "whole"
"""The name of the part when there is only one: its files lie in `data/` itself."""


def folder_of_part(part: str) -> str:
    """The folder of a part's sets, relative to the run: `data` for the only part, else `data/NAME`."""
    return "data" if part == ONE_PART else f"data/{part}"


def seal(run: RunFolder, tests: dict[str, tuple[Example, ...]], *, data: Path) -> dict[str, SealedTest]:
    """Writes the tests of all parts, by name, where only the opening reads them; `data` is where they came from.

    They open as one test, known by all their rows together.
    """
    openings_of(data, "", frozenset())  # a damaged ledger is found before anything is trained
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
    opening = count_opening(data, together, candidate_id, inputs)
    opened = tuple(_read_sealed(run, part, sealed[part], record["file_sha256"]) for part, record in records.items())
    everything = [one for examples in opened for one in examples]
    if _content_sha256(everything) != together or _inputs_of(everything) != inputs:
        what = f"a test below `{run.file('data')}` is missing, or its seal was changed"
        raise StorageError(what, hint="prepare the data again in a new run folder")
    return opened, opening


def num_in_own_test(parts: tuple[Part, ...], run: RunFolder, examples: Iterable[Example]) -> int:
    """How many of some examples have an input that the sealed test of a run holds too; nothing is opened.

    Raises:
        StorageError: the record of a seal is missing.
    """
    held = {str(key) for part in parts for key in _read_seal(run, part.name, part.test)["inputs"]}
    return sum(short_hash(normalised(one.input)) in held for one in examples)


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
