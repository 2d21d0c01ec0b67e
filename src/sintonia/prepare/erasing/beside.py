"""What is recorded beside a data file, without some rows: the split forgotten, decisions and hashes taken out.

The split is decided anew by the next run, as it would be where the rows had never been. It moves nothing by itself.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from sintonia.files import read_lines, storage_errors, write_lines
from sintonia.prepare.mending.decisions import DECISIONS_FILE
from sintonia.privacy.dp.ledger import forget_rows
from sintonia.sealed import folders_of_data, forget_inputs

_SPLITS = "split*.jsonl"


def forget_beside(data: Path, keys: Collection[int], ids: Collection[str]) -> tuple[str, ...]:
    """Forgets the split, and the decisions and hashes of these rows; gives the files that were changed.

    Raises:
        StorageError: one of them cannot be read or written.
    """
    changed: list[Path] = []
    for folder in folders_of_data(data):
        with storage_errors(folder):
            for path in folder.glob(_SPLITS):
                path.unlink()
                changed.append(path)
        changed += _without_decisions(folder / DECISIONS_FILE, ids)
    changed += _forget_hashes(data, keys, is_tried=False)
    return tuple(map(str, changed))


def files_beside(data: Path, keys: Collection[int], ids: Collection[str]) -> tuple[str, ...]:
    """The files that would be changed."""
    found = [path for folder in folders_of_data(data) for path in sorted(folder.glob(_SPLITS))]
    for folder in folders_of_data(data):
        path = folder / DECISIONS_FILE
        found += [path] if any(line.get("row") in ids for line in read_lines(path)) else []
    return tuple(map(str, (*found, *_forget_hashes(data, keys, is_tried=True))))


def _forget_hashes(data: Path, keys: Collection[int], *, is_tried: bool) -> list[Path]:
    """What earlier tests held, and what private trainings learned from."""
    hashes = {f"{key:016x}" for key in keys}
    return [*forget_inputs(data, hashes, is_tried=is_tried), *forget_rows(data, hashes, is_tried=is_tried)]


def _without_decisions(path: Path, ids: Collection[str]) -> list[Path]:
    lines = read_lines(path)
    kept = [line for line in lines if line.get("row") not in ids]
    if len(kept) == len(lines):
        return []
    write_lines(path, kept)
    return [path]
