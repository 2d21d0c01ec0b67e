"""Files of plain text: what is refused as no text by its first bytes, and texts written one a line."""

from __future__ import annotations

from pathlib import Path

from sintonia.errors import DataError
from sintonia.prepare.readers.encoding import Text, encoding_by_mark, scan
from sintonia.prepare.readers.kinds import HEAD_BYTES, advice, binary_kind
from sintonia.prepare.readers.plain import EXPECTED_FILES, cannot_read, look


def refuse_binary(path: Path, head: bytes) -> None:
    """Refuses, by its name, a file whose first bytes are those of something else than text.

    Raises:
        DataError: an archive, an image, a pickle, a program, a web page.
    """
    kind = binary_kind(head[:HEAD_BYTES]) if encoding_by_mark(head) in ("utf-8", "utf-8-sig") else ""
    if kind:
        raise DataError(f"this is {kind}, not text", expected=EXPECTED_FILES, where=str(path), hint=advice(kind))


def open_text(path: Path, *, allow_empty: bool = False) -> Text:
    """A plain file of text, looked at from end to end.

    Raises:
        DataError: not a plain file, binary, of an encoding that is not certain, with a line over 16 MiB.
        StorageError: the operating system refuses to read it.
    """
    file = look(path)
    try:
        with file.open() as stream:
            head = stream.read(HEAD_BYTES)
    except OSError as error:
        raise cannot_read(path, error) from error
    refuse_binary(path, head)
    return scan(file, allow_empty=allow_empty)
