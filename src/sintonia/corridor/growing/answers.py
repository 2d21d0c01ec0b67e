"""The file of labelled rows and the session beside it: each answer is on disk before the next text is shown.

The rows are plain JSONL that `tune` and `adjust --add` read as it is; which texts were picked, and which of them were
passed over, is in the session. Both are only appended to, but for an answer that is taken back. No text is logged.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock

from sintonia.errors import DataError, StorageError, UsageError
from sintonia.files import append_line, drop_unfinished_line, from_json, read_lines, storage_errors, sync_folder
from sintonia.prepare import text_key
from sintonia.records import Waiting

_ROW_BEGINS = re.compile(r'\{"[^"]*("(:( (".*)?)?)?)?', re.DOTALL)
"""A row of ours, however early it ends: its first value is a string."""

_SESSION = ".session.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class PickedBatch:
    """The texts of one batch, and what they were picked from and with."""

    source: str
    labels: tuple[str, ...]
    waiting: tuple[Waiting, ...]


class Answers:
    """The labelled rows of a file, by the key of their text; one writer at a time."""

    def __init__(self, path: Path) -> None:
        """Raises DataError when the file holds something else, UsageError when its name says so."""
        self.path = path
        self.session = path.with_name(f"{path.stem}{_SESSION}")
        if path.suffix.lower() not in (".jsonl", ".ndjson"):
            raise UsageError(
                f"`{path}` is not called after what it will be",
                expected="a file `NAME.jsonl`: one JSON object a line",
                hint=f"take `--out {path.with_suffix('.jsonl')}`",
                where="--out",
            )
        self.rows: dict[str, dict[str, Any]] = {}
        self.passed: dict[str, str] = {}
        """How the texts were passed over that have no label: `skipped` or `rejected`."""
        self.batches: list[PickedBatch] = []

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Holds both files for one writer, and reads what is in them.

        Raises:
            UsageError: another process is writing.
            DataError: a line of the file is no labelled row.
            StorageError: the session is damaged, or the folder cannot be written.
        """
        with storage_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(str(self.path.with_name(f".{self.path.name}.lock")), timeout=0, mode=0o600)
        with storage_errors(self.path):
            try:
                lock.acquire()
            except filelock.Timeout:
                raise UsageError(
                    f"another process is labelling into `{self.path}`", hint="end it first", where="--out"
                ) from None
        try:
            self._read()
            yield
        finally:
            lock.release()

    def _read(self) -> None:
        with storage_errors(self.path):
            content = self.path.read_bytes() if self.path.exists() else b""
        lines = content.decode("utf-8", errors="replace").split("\n")
        is_cut = _is_cut_off(lines[-1])
        for number, line in enumerate(lines[:-1] if is_cut else lines, start=1):
            if line.strip():
                row = _row_of(line, f"{self.path}:{number}")
                self.rows[text_key(row["text"])] = row
        for body in read_lines(self.session):
            self._replay(body)
        with storage_errors(self.path):  # last of all: a file that is refused stays as it is, to the byte
            if is_cut:
                drop_unfinished_line(self.path)
            elif lines[-1]:
                with self.path.open("ab") as stream:
                    stream.write(b"\n")

    def _replay(self, body: Mapping[str, Any]) -> None:
        if "batch" in body:
            self.batches.append(from_json(PickedBatch, body["batch"]))
        elif "passed" in body:
            self.passed[str(body["passed"])] = str(body.get("how"))
        else:
            self.passed.pop(str(body.get("undone")), None)

    def begin(self, batch: PickedBatch) -> None:
        """Keeps the texts that were picked."""
        append_line(self.session, {"batch": batch})
        self.batches.append(batch)

    def keep(self, row: Mapping[str, Any]) -> int:
        """Adds a labelled row; gives where in the file it begins, in bytes."""
        line = (json.dumps(dict(row), ensure_ascii=False, allow_nan=False) + "\n").encode()
        with storage_errors(self.path):
            is_new = not self.path.exists()
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                begins = os.fstat(stream.fileno()).st_size
                stream.write(line)
                stream.flush()
                os.fsync(stream.fileno())
            if is_new:
                sync_folder(self.path.parent)
        self.rows[text_key(row["text"])] = dict(row)
        return begins

    def take_back(self, key: str, begins: int) -> None:
        """Removes the last row of the file, which begins there.

        Raises:
            StorageError: something else stands there by now.
        """
        with storage_errors(self.path), self.path.open("rb+") as stream:
            stream.seek(begins)
            last = stream.read().decode("utf-8", errors="replace")
            if last.count("\n") != 1 or text_key(_row_of(last, str(self.path))["text"]) != key:
                raise StorageError(f"`{self.path}` was changed meanwhile", hint="edit the row there")
            stream.truncate(begins)
            stream.flush()
            os.fsync(stream.fileno())
        del self.rows[key]

    def pass_over(self, key: str, how: str) -> None:
        """Keeps that a text gets no label."""
        append_line(self.session, {"passed": key, "how": how})
        self.passed[key] = how

    def ask_again(self, key: str) -> None:
        """Takes back that a text gets no label."""
        append_line(self.session, {"undone": key})
        self.passed.pop(key, None)

    def is_answered(self, key: str) -> bool:
        """Whether a person has said something of the text."""
        return key in self.rows or key in self.passed

    def waiting(self) -> list[Waiting]:
        """The texts of the newest batch of which nobody has said anything yet, in their order."""
        newest = self.batches[-1].waiting if self.batches else ()
        return [one for one in newest if not self.is_answered(one.key)]


def texts_kept_in(folder: Path) -> Iterator[tuple[Path, list[str], bool]]:
    """The sessions in a folder and the files of their answers, each with its texts, and whether all could be read."""
    for session in sorted(folder.glob(f"*{_SESSION}")):
        try:
            batches = [from_json(PickedBatch, body["batch"]) for body in read_lines(session) if "batch" in body]
            is_whole = session.read_bytes()[-1:] in (b"", b"\n")  # else a kill has cut the last line short
            yield session, [one.text for batch in batches for one in batch.waiting], is_whole
        except (StorageError, OSError):
            yield session, [], False
        path = session.with_name(f"{session.name.removesuffix(_SESSION)}.jsonl")
        try:
            yield path, *_texts_in(path.read_text(encoding="utf-8", errors="replace"))
        except FileNotFoundError:
            continue  # nothing was answered yet
        except OSError:
            yield path, [], False


def _texts_in(content: str) -> tuple[list[str], bool]:
    texts: list[str] = []
    lines = [line for line in content.split("\n") if line.strip()]
    for line in lines:
        with suppress(DataError):
            texts.append(_row_of(line, "")["text"])
    return texts, len(texts) == len(lines)


def _is_cut_off(last: str) -> bool:
    """Whether the end of a file is the beginning of a row as `keep` writes them, cut short by a kill.

    In doubt it is not: what a person wrote, and wrote wrongly, is theirs to correct. So is what ends in a brace.
    """
    if not _ROW_BEGINS.fullmatch(last) or last.endswith("}"):
        return False
    try:
        json.loads(last)
    except json.JSONDecodeError as error:
        if error.msg.startswith("Invalid \\u"):
            return error.pos >= len(last) - len("\\u0000")
        is_at_end = error.pos >= len(last.rstrip(" ."))  # of `0.` the point is what is not understood
        return error.msg.startswith("Unterminated string") or (is_at_end and error.msg != "Extra data")
    except RecursionError:
        return False
    return False


def _row_of(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    wanted = [row.get("text"), row.get("label")] if isinstance(row, dict) else [None]
    if not isinstance(row, dict) or not all(isinstance(value, str) and value.strip() for value in wanted):
        raise DataError(
            "this is no labelled row",
            expected='one JSON object a line, such as {"text": "...", "label": "..."}',
            where=where,
            hint="correct or remove the line, or name another file with --out",
        )
    return row
