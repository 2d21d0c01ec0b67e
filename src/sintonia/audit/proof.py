"""Tells whether the audit log is what was written, line by line. It changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from sintonia.audit.log import BEGINNING, DAMAGE, Head, body_of, hash_of, head_path, held, log_path, read_head
from sintonia.audit.log import whole_lines as read_whole_lines
from sintonia.errors import StorageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """One place where the log is not as it was written."""

    line: int
    """Of the file, counted from 1; the first line says the schema."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a look at the whole log found."""

    is_whole: bool
    """Whether nothing was changed, taken out, moved or cut off, as far as the hashes tell."""
    head: Head
    breaks: tuple[Break, ...]
    notes: tuple[str, ...]


def verify(anchors: Iterable[tuple[str, Head]] = ()) -> Proof:
    """Whether the log is whole: by its own chain, by its head, and by the heads that others have kept (name and head).

    Raises:
        StorageError: the log is there and cannot be read.
    """
    lines, rest, kept, notes = _read()
    hashes = [hash_of(line) for line in lines]
    count = max(len(lines) - 1, 0)
    breaks = list(_chain(lines, hashes))
    if isinstance(kept, str):
        breaks.append(Break(line=max(len(lines), 1), reason=kept))
        kept = None
    elif kept is None and count > 1:
        breaks.append(Break(line=len(lines), reason="`head.json` beside it is missing"))
    elif kept and count > kept.lines + 1:  # one more is what a kill between line and head leaves
        breaks.append(Break(line=kept.lines + 2, reason=f"`head.json` knows {kept.lines} events, here are {count}"))
    known = [("`head.json`", kept)] if kept else []
    breaks += [one for name, head in (*known, *anchors) if (one := _against(name, head, hashes))]
    if rest:
        notes = (*notes, "the last line is unfinished: a process was killed while it wrote it")
    return Proof(
        is_whole=not breaks,
        head=Head(lines=count, sha256=hashes[-1] if count else ""),
        breaks=tuple(sorted(breaks, key=lambda one: one.line)),
        notes=notes,
    )


def _read() -> tuple[list[bytes], bytes, Head | str | None, tuple[str, ...]]:
    """Lines, rest and head of one moment, or of nearly one where nobody may hold the log: on a read-only medium."""
    if not log_path().parent.exists():
        return [], b"", None, ()
    notes: tuple[str, ...] = ()
    try:
        with held():
            return *read_whole_lines(), _head(), notes
    except StorageError as error:
        notes = (f"it was read without holding it: {error}",)
    return *read_whole_lines(), _head(), notes


def _head() -> Head | str | None:
    with suppress(StorageError):
        return read_head(head_path())
    return "`head.json` beside it is damaged"


def _chain(lines: list[bytes], hashes: list[str]) -> Iterator[Break]:
    """Each line against the one before it."""
    if lines and lines[0] != BEGINNING:
        yield Break(line=1, reason="it does not say the schema")
    for place, line in enumerate(lines[1:], start=1):
        body = body_of(line)
        if body is None:
            yield Break(line=place + 1, reason="it is no line of this log")
        elif body["before"] != hashes[place - 1]:
            yield Break(line=place + 1, reason="it does not follow from the line before it: one of the two was changed")
        elif body["number"] != place:
            yield Break(line=place + 1, reason=f"it says that it is event {body['number']}, and it is the {place}.")
        elif body["event"] == DAMAGE:
            yield Break(line=place + 1, reason="when it was written, the lines above were not as they had been left")


def _against(name: str, head: Head, hashes: list[str]) -> Break | None:
    """A head that was kept against the log of now; the head of an empty log holds always."""
    if head.lines <= 0:
        return None
    if head.lines >= len(hashes):
        there = max(len(hashes) - 1, 0)
        return Break(
            line=len(hashes) + 1, reason=f"lines are missing: {name} knows {head.lines} events, here are {there}"
        )
    if hashes[head.lines] != head.sha256:
        return Break(line=head.lines + 1, reason=f"it is not the line that {name} knows as event {head.lines}")
    return None
