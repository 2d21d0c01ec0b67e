"""Malformed containers: Parquet and Excel that are damaged, and paths that are no plain file or no folder of texts."""

from __future__ import annotations

import io
import os
import socket
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import openpyxl
import pyarrow
import pyarrow.parquet

from tests.reliability.malformed.case import SECRET, Case, csv_lines, joined, rows, written


def _parquet(draw: Random) -> bytes:
    stream = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows(200, draw)), stream)
    return stream.getvalue()


def parquets(draw: Random) -> Iterator[Case]:
    """Cut, with a footer that is missing, too long or noise, or with other values than rows may hold."""
    for number in range(20):
        content = _parquet(draw)
        footer = int.from_bytes(content[-8:-4], "little")
        place = len(content) - 8 - footer + draw.randrange(4, 20)
        damaged = (
            content[: draw.randrange(20, len(content) - 1)],
            content[:-4] + b"PAR2",
            content[:-8] + (2**31).to_bytes(4, "little") + b"PAR1",
            content[:-8] + (footer - draw.randrange(5, 90)).to_bytes(4, "little") + b"PAR1",
            content[: -8 - footer] + draw.randbytes(footer) + content[-8:],
            content[:place] + b"\xff" * 40 + content[place + 40 :],
            b"PAR1" + draw.randbytes(300) + content[-8:],
            b"PAR1" + b"\0" * 99,
            content[:4] + b"\xff" * (len(content) - footer - 12) + content[-8 - footer :],
            joined(csv_lines(rows(60, draw))).encode(),
        )[number % 10]
        yield Case(kind="parquet", number=number, name="rows.parquet", make=written(damaged))


def _workbook(some: list[list[object]]) -> bytes:
    stream, book = io.BytesIO(), openpyxl.Workbook()
    for row in some:
        book.active.append(row)
    book.save(stream)
    return stream.getvalue()


def _changed(content: bytes, change: Callable[[str, bytes], bytes | None]) -> bytes:
    """The archive with its parts changed; None leaves one out."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            part = change(name, old.read(name))
            if part is not None:
                new.writestr(name, part)
    return stream.getvalue()


def workbooks(draw: Random) -> Iterator[Case]:
    """Cut, parts missing or broken, behind a password, without rows, with rows beyond the header."""
    for number in range(20):
        good = [["text", "label"], *([row["text"], row["label"]] for row in rows(60, draw))]
        place = draw.randrange(2, 50)
        beyond = [*good[:place], [SECRET, "a", None, SECRET], *good[place:]]
        made, line = (
            (_workbook([]), 1)
            if number % 10 == 7
            else (_workbook(beyond), place + 1)
            if number % 10 == 8
            else (_workbook([["text", "text"], *good[1:]]), 1)
            if number % 10 == 9
            else (_damaged(_workbook(good), number % 10, draw), None)
        )
        yield Case(kind="excel", number=number, name="rows.xlsx", make=written(made), line=line)


def _damaged(content: bytes, way: int, draw: Random) -> bytes:
    if way == 0:
        return content[: draw.randrange(30, len(content) - 30)]
    if way == 1:
        return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + content[: len(content) // 2]
    changes: tuple[Callable[[str, bytes], bytes | None], ...] = (
        lambda name, part: None if name.startswith("xl/worksheets") else part,
        lambda name, part: part[: len(part) // 2] if "sheet1" in name else part,
        lambda name, part: b"<" + part if name == "xl/workbook.xml" else part,
        lambda name, part: part.replace(b'<row r="9"', b'<row r="x"'),
        lambda name, part: None if name == "[Content_Types].xml" else part,
    )
    return _changed(content, changes[way - 2])


def not_files(draw: Random) -> Iterator[Case]:
    """Pipes, devices, sockets, links, missing files, and folders that are no folders of texts."""
    makers: list[Callable[[Path], Path | None]] = [
        os.mkfifo,
        lambda path: path.symlink_to(_real(path)),
        lambda path: path.symlink_to(path.with_name("nowhere.csv")),
        lambda path: path.symlink_to(path.parent),
        lambda path: path.symlink_to("/dev/zero"),
        lambda path: path.mkdir(),
        lambda path: Path("/dev/zero"),
        lambda path: Path("/dev/null"),
        lambda path: path,
        lambda path: path / "below",
        lambda path: path.with_name("x" * 300 + ".csv"),
        lambda path: path.with_name("rows\0.csv"),
        _socket,
        lambda path: _texts(path, {"a/1.txt": SECRET, "b/1.png": "\x89PNG"}),
        lambda path: _texts(path, {"a/1.txt": SECRET, "b/c/1.txt": SECRET}),
        lambda path: _texts(path, {"rows.csv": SECRET, "more.csv": SECRET}),
        lambda path: _texts(path, {"a/1.txt": SECRET, "b/.hidden": SECRET}),
        lambda path: _texts(path, {"a/1.txt": SECRET, "b/1.txt": f"{SECRET}\0"}),
        lambda path: _texts(path, {"a/1.txt": SECRET}, link="b/1.txt"),
        lambda path: _texts(path, {"a/1.txt": SECRET, "b/1.txt": "%PDF-1.7 " + SECRET}),
    ]
    for number, make in enumerate(makers):
        yield Case(kind="not a file", number=number, name="rows.csv" if number < 13 else "rows", make=make)
    del draw


def _real(path: Path) -> Path:
    real = path.with_name("real.csv")
    real.write_text(f"text,label\n{SECRET},a\n" * 60, encoding="utf-8")
    return real


def _socket(path: Path) -> None:
    here = Path.cwd()
    with socket.socket(socket.AF_UNIX) as listener:
        os.chdir(path.parent)
        try:
            listener.bind(path.name)
        finally:
            os.chdir(here)


def _texts(path: Path, contents: dict[str, str], link: str = "") -> None:
    for name, content in contents.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(content, encoding="utf-8")
    if link:
        (path / link).parent.mkdir(parents=True, exist_ok=True)
        (path / link).symlink_to(path / "a" / "1.txt")
