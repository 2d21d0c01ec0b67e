"""Malformed bytes: encodings that are no text, NULs, cut archives, and other files that pose as data."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import sqlite3
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

import numpy
import pyarrow
import pyarrow.ipc

from tests.reliability.malformed.case import SECRET, Case, csv_lines, joined, jsonl, put, rows, written

_FOREIGN = {
    "cp1251": "привет как дела сегодня",
    "koi8_r": "привет как дела сегодня",
    "cp1253": "καλημέρα σε όλους τους",
    "shift_jis": "今日はとても良い天気ですね",
    "gb18030": "今天天气很好我们去公园",
    "big5": "今天天氣很好我們去公園",
    "euc_kr": "오늘은날씨가아주좋습니다",
    "cp1250": "příliš žluťoučký kůň zażółć",
    "mac_roman": "perché così è più città",
}


def encodings(draw: Random) -> Iterator[Case]:
    """Text in no encoding that may be read: nine foreign ones twice, one cut, one mixed."""
    for number in range(20):
        is_csv = number % 2 == 0
        some, place = rows(60, draw), draw.randrange(5, 50)
        lines = csv_lines(some) if is_csv else jsonl(some)
        encoding = (*_FOREIGN, "")[number // 2]
        if encoding:
            text = _FOREIGN[encoding]
            lines = put(lines, place, f"{text},a" if is_csv else f'{{"text": "{text}", "label": "a"}}')
            content = joined(lines).encode(encoding)
        elif is_csv:
            place, content = 60, joined(lines).encode("utf-16")[:-1]
        else:
            text = f'"text": "{SECRET} {{}}", "label": "a"'
            good = "{" + text.format("è") + "}\n"
            place, content = 61, joined(lines).encode() + good.encode() + good.encode("cp1252")
        name = f"rows.{'csv' if is_csv else 'jsonl'}"
        yield Case(kind="encoding", number=number, name=name, make=written(content), line=place + 1)


def nuls(draw: Random) -> Iterator[Case]:
    """A NUL somewhere, in every container of text; UTF-16 without its mark."""
    for number in range(20):
        some, place = rows(60, draw), draw.randrange(2, 50)
        suffix = ("csv", "jsonl", "json", "conll", "tsv")[number % 5]
        lines = csv_lines(some) if suffix in ("csv", "tsv") else jsonl(some)
        if suffix == "json":
            lines = ["[", ",\n".join(lines), "]"]
        if suffix == "conll":
            lines = [f"{SECRET} O" for _ in some]
        content, line = joined(lines), None
        if number < 15:
            where = draw.randrange(len(content))
            content, line = content[:where] + "\0" + content[where:], content[:where].count("\n") + 1
        encoded = content.encode("utf-16-le" if number >= 15 else ("utf-8", "utf-8-sig", "utf-16")[number // 5])
        yield Case(kind="NUL", number=number, name=f"rows.{suffix}", make=written(encoded), line=line)
        del place


def archives(draw: Random) -> Iterator[Case]:
    """Archives, whole and cut, under the name of data."""
    for number in range(20):
        content = joined(csv_lines(rows(200, draw))).encode()
        name = f"rows.{('csv', 'jsonl', 'json', 'csv.gz')[number // 5]}"
        packed = (gzip.compress, bz2.compress, lzma.compress, _zip, _tar)[number % 5](content)
        cut = packed if number < 5 else packed[: draw.randrange(300, 700)]
        yield Case(kind="archive", number=number, name=name, make=written(cut))


def _zip(content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{SECRET}.csv", content)
    return stream.getvalue()


def _tar(content: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        entry = tarfile.TarInfo("rows.csv")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def posing(draw: Random) -> Iterator[Case]:
    """Pickles, arrays, images, pages, databases and models under the name of data."""
    some = rows(60, draw)
    contents = [pickle.dumps(some, protocol=protocol) for protocol in range(6)]
    arrays = io.BytesIO()
    numpy.savez(arrays, texts=numpy.array([SECRET]))
    table = pyarrow.Table.from_pylist(some)
    arrow = io.BytesIO()
    with pyarrow.ipc.new_file(arrow, table.schema) as sink:
        sink.write_table(table)
    single = io.BytesIO()
    numpy.save(single, numpy.array([SECRET]))
    contents += [
        arrays.getvalue(),
        single.getvalue(),
        arrow.getvalue(),
        b"FEA1" + SECRET.encode() * 9,
        _zip(pickle.dumps(some)),
    ]
    secret = SECRET.encode() * 100
    contents += [
        b"\x89PNG\r\n\x1a\n" + secret,
        b"\xff\xd8\xff\xe0" + secret,
        b"%PDF-1.7\n" + secret,
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + secret,
        b"<!DOCTYPE html>\n<html>" + secret,
        b"version https://git-lfs.github.com/spec/v1\noid sha256:" + secret,
        b"\x28\xb5\x2f\xfd" + secret,
        b"GGUF\x03\0\0\0" + secret,
    ]
    for number, content in enumerate(contents):
        suffix = ("csv", "jsonl", "json", "txt")[number % 4]
        yield Case(kind="posing", number=number, name=f"rows.{suffix}", make=written(content))
    yield Case(kind="posing", number=len(contents), name="rows.csv", make=_database)


def _database(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("create table rows (text, label)")
    connection.execute("insert into rows values (?, 'a')", (SECRET,))
    connection.commit()
    connection.close()
