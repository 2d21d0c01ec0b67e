"""The containers that can be read: one file each. A reader streams rows with exact places, or says one error.

What a file is, its content says first and its suffix second.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sintonia.errors import DataError
from sintonia.prepare.readers.conll import looks_like_conll, open_conll
from sintonia.prepare.readers.csv import open_csv
from sintonia.prepare.readers.encoding import HEAD_CHARACTERS, MAX_LINE_BYTES, Text, encoding_by_mark, scan
from sintonia.prepare.readers.excel import is_workbook, open_excel
from sintonia.prepare.readers.folder import open_folder
from sintonia.prepare.readers.json import open_json
from sintonia.prepare.readers.jsonl import open_jsonl
from sintonia.prepare.readers.parquet import open_parquet
from sintonia.prepare.readers.plain import PlainFile, cannot_read, is_folder, look
from sintonia.prepare.readers.prose import (
    CONTAINER as PROSE,
)
from sintonia.prepare.readers.prose import (
    holds_prose_only,
    looks_like_prose,
    open_prose,
    open_prose_folder,
)
from sintonia.prepare.readers.strict_json import parse_object
from sintonia.prepare.readers.text import refuse_binary
from sintonia.prepare.table import Source

TEXT_READERS: dict[str, Callable[[Text], Source]] = {
    "csv": open_csv,
    "jsonl": open_jsonl,
    "json": open_json,
    "conll": open_conll,
    PROSE: open_prose,
}
"""Reader of each container that is text."""

SUFFIXES = {
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".txt": "csv",
    ".md": PROSE,
    ".markdown": PROSE,
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".xlsx": "excel",
    ".xlsm": "excel",
    ".conll": "conll",
    ".iob": "conll",
    ".iob2": "conll",
    ".bio": "conll",
    ".bioes": "conll",
}
"""Container that a suffix promises."""


def open_source(path: Path, *, is_prose: bool = False) -> Source:
    """Looks at a data file or folder and says how to read it; nothing of it is kept in memory.

    A text file is read once from end to end here, to be sure of its encoding. `is_prose` says that plain text is asked
    for: then a `.txt` is no table, and a folder with sub-folders no folder of labels.

    Raises:
        DataError: not a plain file, an unknown format, an encoding that is not certain, a bomb.
        StorageError: the operating system refuses to read it.
    """
    if is_folder(path):
        return open_prose_folder(path) if is_prose or holds_prose_only(path) else open_folder(path)
    file = look(path)
    head = _head(file)
    if head.startswith(b"PAR1"):
        return open_parquet(file)
    if head.startswith(b"PK\x03\x04") and is_workbook(file):
        return open_excel(file)
    refuse_binary(path, head)
    encoding = encoding_by_mark(head)
    container = _container(path, head.decode(encoding, errors="replace"), is_whole=len(head) == file.num_bytes)
    container = PROSE if is_prose and path.suffix.lower() == ".txt" else container
    text = scan(file, None if container == "json" else MAX_LINE_BYTES)
    return TEXT_READERS[container](text)


def _head(file: PlainFile) -> bytes:
    try:
        with file.open() as stream:
            return stream.read(HEAD_CHARACTERS)
    except OSError as error:
        raise cannot_read(file.path, error) from error


def _container(path: Path, head: str, *, is_whole: bool) -> str:
    promised = SUFFIXES.get(path.suffix.lower())
    if promised is None:
        known = ", ".join(f"`{suffix}`" for suffix in SUFFIXES)
        raise DataError(
            f"`{path.suffix or path.name}` is not a format that can be read",
            expected=f"one of {known}, or a folder of texts",
            hint="save the data as CSV, or as JSONL (one JSON object a line)",
            where=str(path),
        )
    if promised in ("parquet", "excel") and head.strip():
        raise DataError(
            f"this is no {promised.capitalize()} file, whatever its name says",
            expected=f"a whole {promised.capitalize()} file",
            hint="copy it again; or when it is text, name it after what it is, such as `rows.csv`",
            where=str(path),
        )
    if promised in ("jsonl", "json"):
        return _json_container(promised, head.lstrip("\ufeff \t\r\n"))
    if promised == "csv" and looks_like_conll(head.lstrip("\ufeff"), is_whole=is_whole):
        return "conll"
    if path.suffix.lower() == ".txt" and looks_like_prose(head.lstrip("\ufeff"), is_whole=is_whole):
        return PROSE
    return "csv" if promised in ("parquet", "excel") else promised


def _json_container(promised: str, text: str) -> str:
    """One document, or one object a line: JSONL is often called `.json`, and the reverse."""
    first, _, rest = text.partition("\n")
    if first.strip() in ("[", "{", "[{"):
        return "json"
    if first.startswith("["):
        return "json" if first[1:].lstrip()[:1] in ("{", "") or promised == "json" else "jsonl"
    if promised == "jsonl" or not first.startswith("{"):
        return promised
    is_row = rest.lstrip().startswith("{") and _is_object(first)
    return "jsonl" if is_row else "json"


def _is_object(text: str) -> bool:
    try:
        parse_object(text)
    except (ValueError, RecursionError):
        return False
    return True
