"""Plain text: a `.txt` or `.md` file, or a folder of them, paragraph by paragraph. No file is ever held whole.

A row is a paragraph with the blank lines behind it, so that the rows of a file, one after the other, are its text; line
ends of any kind become line feeds. How paragraphs become passages is not known here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from sintonia.errors import DataError, StorageError
from sintonia.prepare.readers.dialect import find_dialect, widths_of
from sintonia.prepare.readers.encoding import Text
from sintonia.prepare.readers.text import open_text
from sintonia.prepare.table import Row, Source

COLUMN, CONTAINER = "text", "plain text"
SUFFIXES = (".txt", ".md", ".markdown")
_LINES_LOOKED_AT = 500
_MOST_CHARACTERS = 65_536
"""A paragraph that is longer is given in parts, each of whole lines: a file without a blank line is no one row."""
_NAME = re.compile(r"\W*\w+(?:[ ._-]\w+){0,2}\W?")
"""What a column is called: three words at most, and no sentence."""
_STEADY, _STEADY_UNDER_NAMES = 0.8, 0.5
"""Share of the rows that have as many fields as the first from which a text is a table: commas stand in prose too. Less
is enough below a line of names, or with tabs; so a table with a quote left open is still one, and refused as such."""


def looks_like_prose(head: str, *, is_whole: bool) -> bool:
    """Whether the beginning of a `.txt` is text to be read and no table: its lines have no steady number of fields.

    >>> looks_like_prose("It rained, and then,\\nas ever,\\nthe sun came out.\\n", is_whole=True)
    True
    >>> looks_like_prose("text\\tlabel\\nrain\\tbad\\nsun\\tgood\\n", is_whole=True)
    False
    """
    if head[:4].lower() == "sep=":
        return False
    dialect = find_dialect(head, is_whole=is_whole)
    widths = widths_of(head, dialect.delimiter, dialect.quote)
    widths = widths if is_whole or len(widths) < 2 else widths[:-1]
    if len(widths) < 2 or widths[0] < 2 or _has_paragraphs(head, len(widths)):
        return True
    steady = sum(width == widths[0] for width in widths) / len(widths)
    names = head.lstrip().partition("\n")[0].split(dialect.delimiter)
    has_names = dialect.delimiter == "\t" or all(_NAME.fullmatch(name.strip()) for name in names)
    return steady < (_STEADY_UNDER_NAMES if has_names else _STEADY)


def _has_paragraphs(head: str, num_rows: int) -> bool:
    """Whether a third of the lines are blank, and none of these stands within the quotes of a row."""
    lines = head.splitlines()[:_LINES_LOOKED_AT]
    num_filled = sum(bool(line.strip()) for line in lines)
    return 3 * (len(lines) - num_filled) >= len(lines) and num_rows >= num_filled


def open_prose(text: Text) -> Source:
    """The paragraphs of one file."""
    return Source(
        path=text.file.path, container=CONTAINER, read=lambda: _paragraphs(text, ""), notes=text.notes, num_documents=1
    )


def holds_prose_only(path: Path) -> bool:
    """Whether a folder holds texts and no sub-folder, hidden ones left out."""
    try:
        with os.scandir(path) as found:
            seen = [entry for entry in found if not entry.name.startswith(".")]
    except OSError:
        return False
    return not any(entry.is_dir() for entry in seen) and any(_is_text(entry.name) for entry in seen)


def open_prose_folder(path: Path) -> Source:
    """The paragraphs of all texts of a folder and its sub-folders, file by file in sorted order.

    What is not a `.txt` or `.md` file is not read, and counted in a note; so are empty files.

    Raises:
        DataError: no text in it, a link, a file that is no text by its first bytes or its encoding.
        StorageError: the operating system refuses to read one.
    """
    names, others = _names(path)
    looked_at = {name: open_text(path / name, allow_empty=True) for name in names}
    filled = {name: text for name, text in looked_at.items() if _has_words(text)}
    if not filled:
        raise DataError(
            "there is no text in this folder" if not names else f"all {len(names):,} texts of this folder are empty",
            expected="`.txt` or `.md` files",
            where=str(path),
            hint="give the folder that holds the texts",
        )

    def read() -> Iterator[Row]:
        for name, text in filled.items():
            yield from _paragraphs(text, name)

    notes = [f"folder: `{path.name}`, {len(filled):,} texts"]
    western = [name for name, text in filled.items() if text.encoding == "cp1252"]
    if western:
        notes.append(
            f"encoding: {len(western):,} of the files are not UTF-8 and were read as Windows-1252 (western European), "
            f"such as `{western[0]}`"
        )
    if len(filled) < len(names):
        notes.append(f"not read: {len(names) - len(filled):,} empty files")
    if others:
        notes.append(f"not read: {len(others):,} files that are neither `.txt` nor `.md`, such as `{others[0]}`")
    return Source(path=path, container=CONTAINER, read=read, notes=tuple(notes), num_documents=len(filled))


def _is_text(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def _names(path: Path) -> tuple[list[str], list[str]]:
    """Names of the texts and of the other files, relative to the folder; hidden ones are left out."""
    texts, others = [], []
    for root, folders, files in os.walk(path, onerror=_refuse):
        folders[:] = sorted(one for one in folders if not one.startswith("."))
        for name in sorted(one for one in (*files, *folders) if not one.startswith(".")):
            whole = Path(root) / name
            if whole.is_symlink() or not name.isprintable():
                what = "a symbolic link" if whole.is_symlink() else "a name that cannot be printed"
                where = str(whole.parent / ascii(name)[1:-1])
                raise DataError(f"{what} in a folder of texts", hint="copy the file itself", where=where)
            if name in files:
                (texts if _is_text(name) else others).append(whole.relative_to(path).as_posix())
    return texts, others


def _refuse(error: OSError) -> None:
    what = f"cannot read the folder `{error.filename}`: {error.strerror}"
    raise StorageError(what, hint="check its permissions", where=str(error.filename))


def _has_words(text: Text) -> bool:
    with text.reading() as stream:
        return any(line.strip() for line in stream)


def _paragraphs(text: Text, name: str) -> Iterator[Row]:
    """Each paragraph with the line that it begins on; blank lines before the first one belong to it."""
    held: list[str] = []
    begins, num_characters, has_words, is_over = 1, 0, False, False
    with text.reading() as stream:
        for number, line in enumerate(stream, 1):
            is_blank = not line.strip()
            if has_words and not is_blank and (is_over or num_characters > _MOST_CHARACTERS):
                yield Row(begins, {COLUMN: "".join(held)}, name)
                held, begins, num_characters, has_words = [], number, 0, False
            held.append(line.rstrip("\r\n") + "\n" if line.endswith(("\r", "\n")) else line)
            num_characters += len(line)
            has_words, is_over = has_words or not is_blank, is_blank
    if has_words:
        yield Row(begins, {COLUMN: "".join(held)}, name)
