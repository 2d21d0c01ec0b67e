"""What the first bytes of a file say that it is. Knows names only; reads and decides nothing."""

from __future__ import annotations

import re

HEAD_BYTES = 4096

_KINDS: tuple[tuple[bytes, str], ...] = (
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"\x04\x22\x4d\x18", "an lz4 archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"ARROW1", "an Arrow file"),
    (b"FEA1", "a Feather file"),
    (b"Obj\x01", "an Avro file"),
    (b"ORC", "an ORC file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x89HDF", "an HDF5 file"),
    (b"GGUF", "the weights of a model (GGUF)"),
    (b"%PDF", "a PDF"),
    (b"{\\rtf", "a rich text document"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word file"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
    (b"\x7fELF", "a program"),
    (b"\x80\x02", "a Python pickle"),
    (b"\x80\x03", "a Python pickle"),
    (b"\x80\x04", "a Python pickle"),
    (b"\x80\x05", "a Python pickle"),
    (b"SQLite format 3", "a SQLite database"),
    (b"version https://git-lfs.github.com/spec", "a Git LFS pointer"),
)
_OLD_PICKLE = re.compile(rb"\(?[dl]p\d+\n|\([dl][pV]|c[a-z_.]+\n[A-Za-z_]+\n")
_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html|\?xml)", re.IGNORECASE)

_OPEN_AND_SAVE = "open it where it was made and save it as CSV, UTF-8"
_HINTS = {
    "archive": "unpack it first, and give the file that was inside",
    "pointer": "the data are not here yet: run `git lfs pull` in that folder",
    "Arrow": "save it as Parquet: `pyarrow.parquet.write_table(table, 'rows.parquet')`",
    "Feather": "save it as Parquet: `pyarrow.parquet.write_table(table, 'rows.parquet')`",
    "pickle": "a pickle runs code when it is opened, so it is never read: save the rows as JSONL",
    "NumPy": "an array has no texts with labels: save the rows as CSV or JSONL",
    "SQLite": "export the table: `sqlite3 -header -csv FILE 'select * from TABLE' > rows.csv`",
    "old Excel": "open it and save it as .xlsx or as CSV, UTF-8",
    "page": "download the data themselves: a web page was saved in their place",
}


def binary_kind(head: bytes) -> str:
    """What a file that cannot be data is, from its first bytes; empty for what may be text."""
    for magic, kind in _KINDS:
        if head.startswith(magic):
            return kind
    if head[257:262] == b"ustar":
        return "a tar archive"
    if _OLD_PICKLE.match(head):
        return "a Python pickle"
    if _PAGE.match(head):
        return "a web page or XML"
    return ""


def advice(kind: str) -> str:
    """What to do with such a file."""
    return next((hint for word, hint in _HINTS.items() if word in kind), _OPEN_AND_SAVE)
