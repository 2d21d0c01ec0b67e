"""From a path to decoded text: plain files only, UTF-8 (or UTF-16 with a byte order mark), no NUL, no bombs.

Never follows a symbolic link, never waits on a pipe, never repairs or drops a byte.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from sintonia.errors import DataError, StorageError, nearest

MAX_LINE_BYTES = 16 * 1024 * 1024
MAX_FILE_BYTES = 2 * 1024 * 1024 * 1024
_BLOCK_BYTES = 1024 * 1024
_SAVE_AS_UTF8 = "save the file as UTF-8 (for example `iconv -f ISO-8859-1 -t UTF-8 old > new`)"

_BINARY_FORMATS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a zip archive or an Excel file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"PAR1", "a Parquet file"),
    (b"ARROW1", "an Arrow file"),
    (b"%PDF", "a PDF"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word file"),
    (b"\x89PNG", "an image"),
    (b"\x80\x02", "a Python pickle"),
    (b"\x80\x03", "a Python pickle"),
    (b"\x80\x04", "a Python pickle"),
    (b"\x80\x05", "a Python pickle"),
    (b"SQLite format 3", "a SQLite database"),
)


def read_text(path: Path) -> tuple[str, str]:
    """The whole text of a file, without its byte order mark, and the name of its encoding.

    Raises:
        DataError: not a plain file, empty, binary, badly encoded, or with a line over 16 MiB.
        StorageError: the operating system refuses to read it.
    """
    content = _read_bytes(path)
    if not content.strip():
        raise DataError(
            "the file is empty",
            expected="a header and rows, or one JSON object a line",
            where=str(path),
            hint="give a file with at least 50 labelled rows",
        )
    return _decode(path, content)


def _read_bytes(path: Path) -> bytes:
    descriptor = _open_plain_file(path)
    try:
        with os.fdopen(descriptor, "rb") as stream:
            return _read_blocks(path, stream)
    except OSError as error:
        raise StorageError(f"cannot read `{path}`: {error.strerror}", hint="check the disk and permissions") from error


def _open_plain_file(path: Path) -> int:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise _missing(path) from None
    except (OSError, ValueError) as error:
        raise _cannot_open(path, error) from None
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    kinds = (
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
        (stat.S_ISSOCK, "a socket"),
    )
    kind = next((name for test, name in kinds if test(mode)), "not a plain file")
    raise DataError(
        f"this is {kind}",
        expected="a plain file, CSV or JSONL",
        where=str(path),
        hint="give the path of the file itself",
    )


def _missing(path: Path) -> DataError:
    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.is_file()][:1000]
    except OSError:
        names = []
    hint = f"in that folder there is {nearest(path.name, names)}" if names else "check the path"
    return DataError("there is no such file", expected="a CSV or JSONL file", hint=hint, where=str(path))


def _cannot_open(path: Path, error: OSError | ValueError) -> DataError | StorageError:
    if isinstance(error, OSError) and error.errno == errno.ELOOP:
        return DataError(
            "this is a symbolic link",
            expected="a plain file",
            where=str(path),
            hint=f"give the real path: `{os.path.realpath(path)}`",
        )
    if isinstance(error, OSError) and error.errno not in (errno.ENXIO, errno.EINVAL):
        return StorageError(f"cannot open `{path}`: {error.strerror}", hint="check the path and its permissions")
    return DataError(
        "this cannot be opened as a file",
        expected="a plain file, CSV or JSONL",
        where=repr(str(path)),
        hint="give the path of the file itself",
    )


def _read_blocks(path: Path, stream: BinaryIO) -> bytes:
    """Reads block by block, so that a bomb is refused at its first bad block and not after filling the memory."""
    blocks: list[bytes] = []
    total = line = line_bytes = 0
    while block := stream.read(_BLOCK_BYTES):
        if not blocks:
            _refuse_binary(path, block)
        is_wide = (blocks[0] if blocks else block)[:2] in (b"\xff\xfe", b"\xfe\xff")
        if not is_wide and b"\0" in block:
            raise _nul(path, block, line + 1 + block[: block.index(b"\0")].count(b"\n"))
        total += len(block)
        longest, line_bytes = _line_lengths(block, line_bytes)
        if longest > MAX_LINE_BYTES:
            raise DataError(
                "a line is longer than 16 MiB",
                expected="one row a line",
                where=f"{path}:{line + 1}",
                hint="check that the file has line ends, and that no quote is left open",
            )
        if total > MAX_FILE_BYTES:
            raise DataError(
                "the file is larger than 2 GiB",
                expected="at most 2 GiB",
                where=str(path),
                hint="give a part of it: some ten thousand rows are plenty",
            )
        line += block.count(b"\n")
        blocks.append(block)
    return b"".join(blocks)


def _line_lengths(block: bytes, line_bytes: int) -> tuple[int, int]:
    """The longest line that ends or goes on in this block, and the bytes of the line still open at its end."""
    first = block.find(b"\n")
    if first < 0:
        return line_bytes + len(block), line_bytes + len(block)
    return line_bytes + first, len(block) - block.rfind(b"\n") - 1


def _refuse_binary(path: Path, block: bytes) -> None:
    for magic, kind in _BINARY_FORMATS:
        if block.startswith(magic):
            raise DataError(
                f"this is {kind}, not text",
                expected="CSV or JSONL text",
                where=str(path),
                hint="open it where it was made and save it as CSV, UTF-8",
            )
    if block[:4] in (b"\xff\xfe\0\0", b"\0\0\xfe\xff"):
        raise DataError("this is UTF-32", expected="UTF-8", hint="save the file as UTF-8", where=str(path))


def _nul(path: Path, block: bytes, line: int) -> DataError:
    is_utf16 = block[:4096].count(b"\0") * 3 > len(block[:4096])
    what = "NUL bytes: this looks like UTF-16 without its mark" if is_utf16 else "a NUL byte"
    return DataError(
        what,
        expected="UTF-8 text without NUL bytes",
        where=f"{path}:{line}",
        hint="save the file as UTF-8" if is_utf16 else "remove it (`tr -d '\\000' < old > new`)",
    )


def _decode(path: Path, content: bytes) -> tuple[str, str]:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _decode_utf16(path, content), "UTF-16"
    mark = 3 if content.startswith(b"\xef\xbb\xbf") else 0
    try:
        return content[mark:].decode("utf-8"), "UTF-8 with byte order mark" if mark else "UTF-8"
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, mark + error.start) + 1
        raise DataError(
            f"byte 0x{content[mark + error.start]:02x} is not UTF-8",
            expected="UTF-8",
            hint=_SAVE_AS_UTF8,
            where=f"{path}:{line}",
        ) from None


def _decode_utf16(path: Path, content: bytes) -> str:
    try:
        text = content.decode("utf-16")
    except UnicodeDecodeError as error:
        line = content[: error.start].decode("utf-16", errors="ignore").count("\n") + 1
        raise DataError(
            "this is not whole UTF-16",
            expected="UTF-8, or UTF-16 with a byte order mark",
            hint="save the file as UTF-8",
            where=f"{path}:{line}",
        ) from None
    if "\0" in text:
        raise DataError(
            "a NUL character",
            expected="text without NUL",
            hint="remove it",
            where=f"{path}:{text[: text.index(chr(0))].count(chr(10)) + 1}",
        )
    return text
