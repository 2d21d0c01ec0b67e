"""CoNLL: a token and its tag a line, a blank line after each sentence. One sentence at a time is in memory.

The first column is the token and the last one the tag, as they are written; what the tags mean (IOB1, IOB2,
BIOES) is for the forms to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from sintonia.errors import DataError
from sintonia.prepare.readers.encoding import Text
from sintonia.prepare.readers.header import count_fields
from sintonia.prepare.table import Problems, Row, Source

_TAG = re.compile(r"O|[BIESLUM]-\S+")
_BLANKS = re.compile(r"[ \t]+")
_MAX_TOKENS = 100_000
_DOCUMENT_START = "-DOCSTART-"


def looks_like_conll(head: str, *, is_whole: bool) -> bool:
    """Whether the first MiB of a text holds tagged tokens: last fields that are tags, and a B- or I- among them."""
    lines = head.splitlines()
    rows = [line.split() for line in (lines if is_whole else lines[:-1]) if line.strip() and not _is_comment(line)]
    tags = [fields[-1] for fields in rows if len(fields) > 1 and _TAG.fullmatch(fields[-1])]
    is_one_token = all(" " not in line.partition("\t")[0] for line in lines if "\t" in line)
    return len(tags) >= 0.95 * len(rows) and is_one_token and "O" in tags and set(tags) != {"O"}


def open_conll(text: Text) -> Source:
    """The sentences of a CoNLL text, each with `tokens` and `tags`; reading raises one DataError for all bad lines."""
    path = text.file.path
    head, _ = text.head()
    separator = "\t" if any("\t" in line for line in head.splitlines()[:100]) else None

    def read() -> Iterator[Row]:
        with text.reading() as stream:
            yield from _read(path, stream, separator)

    starts, comments = _num_skipped(text) if _skips(head) else (0, 0)
    note = f"format: CoNLL, separated by {'tab' if separator else 'space'}"
    skipped = ((starts, "starts of documents"), (comments, "comments"))
    notes = tuple(f"skipped: {count:,} {what}" for count, what in skipped if count)
    return Source(path=path, container="conll", read=read, notes=(*text.notes, note, *notes))


def _skips(head: str) -> bool:
    """Whether there is something to count: a second look at a large file costs seconds."""
    return _DOCUMENT_START in head or any(_is_comment(line) for line in head.splitlines())


def _num_skipped(text: Text) -> tuple[int, int]:
    starts = comments = 0
    with text.reading() as stream:
        for line in stream:
            starts += line.startswith(_DOCUMENT_START)
            comments += _is_comment(line)
    return starts, comments


def _is_comment(line: str) -> bool:
    """`# text = ...` is one; `# O` is a token with its tag."""
    return line.startswith("# ") and "\t" not in line and not _TAG.fullmatch(line.split()[-1])


def _read(path: Path, stream: Iterable[str], separator: str | None) -> Iterator[Row]:
    problems = Problems()
    start, width = 0, 0
    tokens: list[str] = []
    tags: list[str] = []
    for number, line in enumerate(stream, start=1):
        if _is_comment(line):
            continue
        fields = _fields(line, separator)
        if not fields:
            if tokens:
                yield Row(start, {"tokens": tokens, "tags": tags})
            tokens, tags = [], []
            continue
        width = width or len(fields)
        if len(fields) != width or width < 2 or not fields[0].strip() or not fields[-1].strip():
            problems.add(number, count_fields(len(fields)) if len(fields) != width or width < 2 else "an empty field")
            continue
        start = start if tokens else number
        tokens.append(fields[0])
        tags.append(fields[-1].strip())
        if len(tokens) > _MAX_TOKENS:
            raise _endless(path, start)
    if tokens:
        yield Row(start, {"tokens": tokens, "tags": tags})
    if problems:
        raise problems.refuse(
            path,
            what="are not a token and its tag",
            expected=f"the {max(width, 2)} fields of the first token on every line",
            hint="put one token with its tag on each line, and a blank line after each sentence",
        )


def _fields(line: str, separator: str | None) -> list[str]:
    """The fields of a token; none for what ends a sentence."""
    if line.isspace() or line.startswith(_DOCUMENT_START):
        return []
    return line.rstrip("\r\n").split("\t") if separator else _BLANKS.split(line.strip(" \t\r\n"))


def _endless(path: Path, start: int) -> DataError:
    return DataError(
        f"a sentence of more than {_MAX_TOKENS:,} tokens",
        expected="a blank line after each sentence",
        where=f"{path}:{start}",
        hint="check that the file has blank lines between sentences",
    )
