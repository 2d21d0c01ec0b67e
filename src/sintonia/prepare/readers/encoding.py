"""From an open file to decoded text: the encoding found by reading all of it once, block by block, and then kept.

UTF-8, UTF-16 and UTF-32 with a mark, and Windows-1252 where it is certain. Never repairs, drops or guesses a
character; no line longer than 16 MiB, no NUL. Knows no format.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

from sintonia.errors import DataError
from sintonia.prepare.readers.plain import PlainFile, cannot_read, changed
from sintonia.prepare.readers.western import Western, find_utf8_line, holds_utf8

MAX_LINE_BYTES = 16 * 1024 * 1024
HEAD_CHARACTERS = 1024 * 1024
_BLOCK_BYTES = 1024 * 1024
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)
_USUAL_FIRST_BYTES = (b"\xc2", b"\xc3", b"\xe2", b"\xf0")
"""How most characters of western texts begin in UTF-8: as the last byte of a file they mean that it was cut."""
_NAMES = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8 with byte order mark",
    "utf-16": "UTF-16",
    "utf-32": "UTF-32",
    "cp1252": "Windows-1252",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text file whose bytes were all looked at: its encoding, and what to say about it."""

    file: PlainFile
    encoding: str
    notes: tuple[str, ...]

    @contextmanager
    def reading(self) -> Iterator[TextIO]:
        """The decoded text with its line ends as they are; a line ends at LF, CRLF or a lone CR.

        Raises:
            DataError: the file is not the one that was looked at.
            StorageError: the operating system stops giving it.
        """
        try:
            with io.TextIOWrapper(self.file.open(), encoding=self.encoding, newline="") as stream:
                yield stream
        except UnicodeDecodeError:
            raise changed(self.file.path) from None
        except OSError as error:
            raise cannot_read(self.file.path, error) from error

    def head(self) -> tuple[str, bool]:
        """The first MiB, and whether that is all."""
        with self.reading() as stream:
            text = stream.read(HEAD_CHARACTERS)
            return text, not stream.read(1)


def encoding_by_mark(head: bytes) -> str:
    """The encoding that the byte order mark names; UTF-8 without one."""
    return next((name for mark, name in _MARKS if head.startswith(mark)), "utf-8")


def scan(file: PlainFile, max_line_bytes: int | None = MAX_LINE_BYTES, *, allow_empty: bool = False) -> Text:
    """Reads a text file once from end to end and finds its encoding; a block at a time is in memory.

    Raises:
        DataError: empty, badly encoded, with a NUL, or with a longer line than allowed.
        StorageError: the operating system stops giving it.
    """
    try:
        with file.open() as stream:
            encoding = encoding_by_mark(stream.read(4))
        if encoding in ("utf-16", "utf-32"):
            lines = _scan_wide(file, encoding, Lines(file, max_line_bytes))
        else:
            encoding, lines = _scan_bytes(file, encoding, Lines(file, max_line_bytes))
    except OSError as error:
        raise cannot_read(file.path, error) from error
    if not lines.has_content and not allow_empty:
        raise DataError(
            "the file is empty",
            expected="a header and rows, or one JSON object a line",
            where=str(file.path),
            hint="give a file with at least 50 labelled rows",
        )
    return Text(file=file, encoding=encoding, notes=_notes(file, encoding, lines))


class Lines:
    """Counts line ends block by block (LF, CRLF, lone CR) and refuses what no line may hold."""

    def __init__(self, file: PlainFile, max_line_bytes: int | None) -> None:
        self.file = file
        self.has_content = False
        self.num_single_bytes = 0
        self.max_line_bytes = max_line_bytes
        self._num_lf = self._num_cr = self._num_pairs = 0
        self._line_bytes = 0
        self._ended_cr = False

    def line_at(self, block: bytes, offset: int) -> int:
        """The line (from 1) of a place in the block that comes next."""
        piece = block[:offset]
        pairs = piece.count(b"\r\n") + (self._ended_cr and piece.startswith(b"\n"))
        ended = self._num_lf + self._num_cr - self._num_pairs
        return ended + piece.count(b"\n") + piece.count(b"\r") - pairs + 1

    def add(self, block: bytes) -> None:
        """Takes the next block, in UTF-8 or another encoding in which line ends are single bytes."""
        if (place := block.find(b"\0")) >= 0:
            raise _nul(self.file, block, self.line_at(block, place))
        self._measure(block)
        self.has_content = self.has_content or bool(block.strip())
        self._num_lf += block.count(b"\n")
        if b"\r" in block or self._ended_cr:
            self._num_cr += block.count(b"\r")
            self._num_pairs += block.count(b"\r\n") + (self._ended_cr and block.startswith(b"\n"))
        self._ended_cr = block.endswith(b"\r")

    def _measure(self, block: bytes) -> None:
        """A block is shorter than the longest line allowed: only what is open at its ends can be too long."""
        if self.max_line_bytes is None:
            return
        ends = [place for place in (block.find(b"\n"), block.find(b"\r")) if place >= 0]
        if self._line_bytes + (min(ends) if ends else len(block)) > self.max_line_bytes:
            raise DataError(
                "a line is longer than 16 MiB",
                expected="one row a line",
                where=f"{self.file.path}:{self.line_at(block, 0)}",
                hint="check that the file has line ends, and that no quote is left open",
            )
        last = max(block.rfind(b"\n"), block.rfind(b"\r"))
        self._line_bytes = len(block) - last - 1 if ends else self._line_bytes + len(block)

    def kinds(self) -> dict[str, int]:
        """How many line ends there are of each kind that occurs."""
        counts = {
            "LF": self._num_lf - self._num_pairs,
            "CRLF": self._num_pairs,
            "lone CR": self._num_cr - self._num_pairs,
        }
        return {kind: count for kind, count in counts.items() if count}


def _notes(file: PlainFile, encoding: str, lines: Lines) -> tuple[str, ...]:
    notes = [f"file: `{file.path.name}`, {_NAMES[encoding]}"]
    if lines.num_single_bytes:
        notes.append(
            f"encoding: the file is not UTF-8; it was read as Windows-1252 (western European): "
            f"{lines.num_single_bytes:,} characters beyond ASCII. Look at some of them, or save it as UTF-8"
        )
    kinds = lines.kinds()
    if len(kinds) > 1:
        counts = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items())
        notes.append(f"line ends: mixed ({counts}); each of them ends a line")
    return tuple(notes)


def _blocks(file: PlainFile, skip: int = 0) -> Iterator[bytes]:
    with file.open() as stream:
        stream.seek(skip)
        while block := stream.read(_BLOCK_BYTES):
            yield block


def _scan_bytes(file: PlainFile, encoding: str, lines: Lines) -> tuple[str, Lines]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    for block in _blocks(file, len(codecs.BOM_UTF8) if encoding == "utf-8-sig" else 0):
        pending = decoder.getstate()[0]
        try:
            decoder.decode(block)
        except UnicodeDecodeError as error:
            byte, line = error.object[error.start], lines.line_at(block, max(0, error.start - len(pending)))
            if encoding == "utf-8-sig":
                raise _not_utf8(file, byte, line, ", though the file begins with its mark") from None
            return "cp1252", _scan_single_bytes(file, lines.max_line_bytes, byte, line)
        lines.add(block)
    pending = decoder.getstate()[0]
    if len(pending) == 1 and pending not in _USUAL_FIRST_BYTES and encoding == "utf-8":
        return "cp1252", _scan_single_bytes(file, lines.max_line_bytes, pending[0], lines.line_at(b"", 0))
    if pending:
        raise _not_utf8(file, pending[0], lines.line_at(b"", 0), ": the file ends within a character")
    return encoding, lines


def _scan_single_bytes(file: PlainFile, max_line_bytes: int | None, bad_byte: int, bad_line: int) -> Lines:
    """Starts again: a file that is not UTF-8 is Windows-1252 only when all of it says so."""
    lines, western, bad_lines, is_mixed = Lines(file, max_line_bytes), Western(), b"", False
    for block in _blocks(file):
        if holds_utf8(block) and len(bad_lines) < HEAD_CHARACTERS:
            is_mixed, whole = True, block.split(b"\n")
            if (number := find_utf8_line(whole)) >= 0:
                raise _mixed(file, bad_line, lines.line_at(block, len(b"\n".join(whole[:number])) + bool(number)))
        if len(bad_lines) < HEAD_CHARACTERS and not block.isascii():
            bad_lines += b"\n".join(line for line in block.split(b"\n")[1:-1] if not line.isascii())
        western.add(block)
        is_mixed = is_mixed or holds_utf8(block)
        lines.add(block)
    if is_mixed or not western.is_likely():
        raise _not_utf8(file, bad_byte, bad_line, "", western.guesses(bad_lines))
    lines.num_single_bytes = western.count
    return lines


def _scan_wide(file: PlainFile, encoding: str, lines: Lines) -> Lines:
    decoder = codecs.getincrementaldecoder(encoding)()
    for block in _blocks(file):
        state = decoder.getstate()
        try:
            text = decoder.decode(block)
        except UnicodeDecodeError as error:
            lenient = codecs.getincrementaldecoder(encoding)("ignore")
            lenient.setstate(state)
            good = lenient.decode(block[: max(0, error.start - len(state[0]))]).encode()
            raise _not_whole(file, encoding, lines.line_at(good, len(good))) from None
        lines.add(text.encode())
    if decoder.getstate()[0]:
        raise _not_whole(file, encoding, lines.line_at(b"", 0))
    return lines


def _not_utf8(file: PlainFile, byte: int, line: int, why: str, guesses: tuple[str, ...] = ()) -> DataError:
    """The hint converts with Python, which everyone who reads it has; its encoding is the likeliest one."""
    if guesses:
        why = f", and not certainly Windows-1252 (it may be {', '.join(guesses)})"
    decoded = f"decode({(*guesses, 'cp1252')[0]!r})"
    return DataError(
        f"byte 0x{byte:02x} is not UTF-8{why}",
        expected="UTF-8",
        hint="save the file as UTF-8, or, with its encoding and names, in Python: "
        f"`open('new', 'wb').write(open('old', 'rb').read().{decoded}.encode())`",
        where=f"{file.path}:{line}",
    )


def _mixed(file: PlainFile, bad_line: int, good_line: int) -> DataError:
    return DataError(
        f"two encodings in one file: line {good_line} holds UTF-8, and line {bad_line} holds bytes that are not UTF-8",
        expected="UTF-8",
        hint="two files in different encodings were joined: save each as UTF-8 and join them again",
        where=f"{file.path}:{bad_line}",
    )


def _not_whole(file: PlainFile, encoding: str, line: int) -> DataError:
    return DataError(
        f"this is not whole {_NAMES[encoding]}",
        expected="UTF-8, or UTF-16 with a byte order mark",
        hint="save the file as UTF-8",
        where=f"{file.path}:{line}",
    )


def _nul(file: PlainFile, block: bytes, line: int) -> DataError:
    is_utf16 = block[:4096].count(b"\0") * 3 > len(block[:4096])
    what = "NUL bytes: this looks like UTF-16 without its mark" if is_utf16 else "a NUL byte"
    return DataError(
        what,
        expected="text without NUL bytes",
        where=f"{file.path}:{line}",
        hint="save the file as UTF-8" if is_utf16 else "remove it (`tr -d '\\000' < old > new`)",
    )
