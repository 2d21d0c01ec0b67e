"""A folder of texts: one sub-folder a label, one `.txt` file an example. One file at a time is in memory.

Files are read in sorted order. Hidden files and files outside the labels' folders are not examples and are counted
in a note; whatever else is no text is refused by its name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from sintonia.errors import DataError, StorageError
from sintonia.prepare.readers.encoding import HEAD_CHARACTERS, MAX_LINE_BYTES, Text
from sintonia.prepare.readers.plain import EXPECTED_FILES, look
from sintonia.prepare.readers.text import open_text
from sintonia.prepare.table import Row, Source

_EXPECTED = "one sub-folder a label, and in it one `.txt` file an example"


def open_folder(path: Path) -> Source:
    """The texts of a folder, with columns `text` and `label`; a row's file is its path in the folder.

    Raises:
        DataError: no sub-folder, a file that is no text, an empty sub-folder, a link.
        StorageError: the operating system refuses to read one.
    """
    labels, others, num_hidden = _labels(path)
    num_files, western = 0, []
    for label in labels:
        names, hidden = _files(path, label)
        num_hidden += hidden
        for name in names:
            text = _looked_at(path / label / name)
            num_files += 1
            western += [f"{label}/{name}"] if text.encoding == "cp1252" else []

    def read() -> Iterator[Row]:
        for label in labels:
            for name in _files(path, label)[0]:
                yield Row(1, {"text": _content(path / label / name), "label": label}, f"{label}/{name}")

    notes = [f"folder: `{path.name}`, {num_files:,} texts in {len(labels):,} folders, one a label"]
    if western:
        notes.append(
            f"encoding: {len(western):,} of the files are not UTF-8 and were read as Windows-1252 (western European), "
            f"such as `{western[0]}`"
        )
    if num_hidden:
        notes.append(f"not read: {num_hidden:,} hidden files")
    if others:
        listed = ", ".join(f"`{name}`" for name in others[:10])
        notes.append(f"not read: {len(others):,} files outside the labels' folders, {listed}")
    return Source(path=path, container="folder", read=read, notes=tuple(notes))


def _entries(path: Path) -> tuple[list[os.DirEntry[str]], int]:
    """What a folder holds, sorted by name, without hidden files, and how many of those there are."""
    try:
        with os.scandir(path) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise StorageError(
            f"cannot read the folder `{path}`: {error.strerror}", hint="check its permissions", where=str(path)
        ) from None
    seen = [entry for entry in entries if not entry.name.startswith(".")]
    for entry in seen:
        if entry.is_symlink() or not entry.name.isprintable():
            what = "a symbolic link" if entry.is_symlink() else "a name that cannot be printed"
            raise _refusal(path / ascii(entry.name)[1:-1], f"{what} in a folder of texts", "copy the file itself")
    return seen, len(entries) - len(seen)


def _labels(path: Path) -> tuple[list[str], list[str], int]:
    entries, num_hidden = _entries(path)
    labels = [entry.name for entry in entries if entry.is_dir()]
    others = [entry.name for entry in entries if not entry.is_dir()]
    if not labels:
        hint = f"give one file of it, such as `{path / others[0]}`" if others else "give the path of the data file"
        raise DataError(
            "this is a folder without sub-folders", expected=f"{EXPECTED_FILES}; or {_EXPECTED}", where=str(path),
            hint=hint,
        )  # fmt: skip
    return labels, others, num_hidden


def _files(path: Path, label: str) -> tuple[list[str], int]:
    """Names of the texts of a label, and how many files are hidden."""
    entries, num_hidden = _entries(path / label)
    for entry in entries:
        if entry.is_dir():
            raise _refusal(path / label / entry.name, "a folder within the folder of a label", "move its texts up")
        if not entry.name.lower().endswith(".txt"):
            raise _refusal(path / label / entry.name, "this is not a `.txt` file", "move it out of the folder")
    if not entries:
        raise _refusal(path / label, "the folder of a label holds no text", "remove it, or put texts in it")
    return [entry.name for entry in entries], num_hidden


def _refusal(path: Path, what: str, hint: str) -> DataError:
    return DataError(what, expected=_EXPECTED, where=str(path), hint=hint)


def _looked_at(path: Path) -> Text:
    if look(path).num_bytes > MAX_LINE_BYTES:
        raise _refusal(path, "a text longer than 16 MiB", "cut it into parts")
    return open_text(path, allow_empty=True)


def _content(path: Path) -> str:
    parts = []
    with _looked_at(path).reading() as stream:
        while part := stream.read(HEAD_CHARACTERS):
            parts.append(part)
    return "".join(parts)
