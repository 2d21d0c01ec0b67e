"""Bombs: small or endless files that would fill the memory or never end, made in a folder when they are needed."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import zipfile
from pathlib import Path

import numpy
import pyarrow
import pyarrow.parquet

_MIB = 1024 * 1024


def _repeated(path: Path, first: bytes, again: bytes, num_bytes: int) -> None:
    block = again * (4 * _MIB // len(again))
    with path.open("wb") as stream:
        stream.write(first)
        while stream.tell() < num_bytes:
            stream.write(block)


def _sparse(path: Path, num_bytes: int, end: bytes = b"", start: bytes = b"") -> None:
    with path.open("wb") as stream:
        stream.write(start)
        stream.truncate(num_bytes)
        stream.seek(num_bytes - len(end))
        stream.write(end)


def _zip(path: Path, parts: dict[str, bytes | int]) -> None:
    """Parts by name; a number stands for so many zeros."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            with archive.open(name, "w") as part:
                if isinstance(content, bytes):
                    part.write(content)
                else:
                    _ = [part.write(b"0" * 4 * _MIB) for _ in range(content // (4 * _MIB))]


def _workbook(path: Path, sheet: bytes, *, start: bytes = b"", more: dict[str, bytes | int] | None = None) -> None:
    space = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    relations = b'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"'
    office = b"http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    types = b"application/vnd.openxmlformats-officedocument.spreadsheetml."
    parts: dict[str, bytes | int] = {
        "[Content_Types].xml": b'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        b'<Override PartName="/xl/workbook.xml" ContentType="' + types + b'sheet.main+xml"/>'
        b'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="' + types + b'worksheet+xml"/></Types>',
        "_rels/.rels": b"<Relationships " + relations + b'><Relationship Id="r1" Type="' + office + b'/officeDocument"'
        b' Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": b"<workbook " + space + b' xmlns:r="' + office + b'"><sheets>'
        b'<sheet name="s" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": b"<Relationships "
        + relations
        + b'><Relationship Id="r1" Type="'
        + office
        + b'/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": start
        + b"<worksheet "
        + space
        + b"><sheetData>"
        + sheet
        + b"</sheetData></worksheet>",
    }
    _zip(path, parts | (more or {}))


def _texts(path: Path, num_rows: int, num_characters: int) -> None:
    """A dictionary of one long text, noise that does not compress, which every row points at."""
    noise = numpy.random.default_rng(0).integers(33, 127, num_characters, "uint8").tobytes().decode()
    text = pyarrow.DictionaryArray.from_arrays(pyarrow.array(numpy.zeros(num_rows, "int32")), [noise])
    label = pyarrow.DictionaryArray.from_arrays(pyarrow.array(numpy.zeros(num_rows, "int32")), ["b"])
    pyarrow.parquet.write_table(
        pyarrow.table({"text": text, "label": label}), path, compression="zstd", dictionary_pagesize_limit=2**30
    )


def _wide(path: Path) -> None:
    columns = {f"column {number}": pyarrow.array([], pyarrow.int8()) for number in range(5000)}
    pyarrow.parquet.write_table(pyarrow.table(columns), path)


def _compressed(path: Path) -> None:
    pyarrow.parquet.write_table(
        pyarrow.table({"text": ["a" * 64 * _MIB], "label": ["b"]}), path, compression="zstd", use_dictionary=False
    )


def _arrays(path: Path) -> None:
    stream = io.BytesIO()
    numpy.savez_compressed(stream, zeros=numpy.zeros(64 * _MIB, "int8"))
    path.write_bytes(stream.getvalue())


_LAUGHS = (
    b'<!DOCTYPE x [<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY %c "%b">' % (98 + level, b"&%c;" % (97 + level) * 30) for level in range(8))
    + b"]>"
)
_CELLS = (
    b'<row r="1"><c r="A1" t="inlineStr"><is><t>text</t></is></c>'
    b'<c r="B1" t="inlineStr"><is><t>label</t></is></c></row>'
)
_TYPE = b'<row r="2"><c r="A2" t="inlineStr"><is><t>x</t></is></c></row>'

BOMBS = {
    "gzip of zeros.csv": lambda path: path.write_bytes(gzip.compress(b"0" * 64 * _MIB, 1)),
    "bzip2 of zeros.jsonl": lambda path: path.write_bytes(bz2.compress(b"0" * 64 * _MIB)),
    "zstd of zeros.csv": lambda path: path.write_bytes(pyarrow.compress(b"0" * 64 * _MIB, "zstd", asbytes=True)),
    "zip of zeros.csv": lambda path: _zip(path, {"rows.csv": 64 * _MIB}),
    "npz of zeros.jsonl": _arrays,
    "png of zeros.csv": lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + gzip.zlib.compress(b"0" * 64 * _MIB)),
    "compressed text.parquet": _compressed,
    "one text a million times.parquet": lambda path: _texts(path, 1_000_000, 8 * _MIB),
    "usual text a million times.parquet": lambda path: _texts(path, 1_000_000, _MIB),
    "a hundred million nulls.parquet": lambda path: pyarrow.parquet.write_table(
        pyarrow.table({"text": pyarrow.nulls(100_000_000, pyarrow.bool_())}), path
    ),
    "five thousand columns.parquet": _wide,
    "endless metadata.parquet": lambda path: _sparse(
        path, 2**31, (2**31 - 100).to_bytes(4, "little") + b"PAR1", b"PAR1"
    ),
    "a list of two thousand million.parquet": lambda path: path.write_bytes(
        b"PAR1" + b"\x15\x04\x19\xfc\xff\xff\xff\xff\x07" + b"\0" * 100 + (109).to_bytes(4, "little") + b"PAR1"
    ),
    "line of 1 GiB.csv": lambda path: _sparse(path, 1024 * _MIB, start=b"text,label\n" + b"x" * 32 * _MIB),
    "64 GiB of nothing.csv": lambda path: _sparse(path, 2**36),
    "columns without end.csv": lambda path: _sparse(path, 1024 * _MIB, start=b"," * 32 * _MIB),
    "15 MiB of columns.csv": lambda path: path.write_bytes(b"a," * (15 * _MIB // 2) + b"\n"),
    "15 MiB of fields.csv": lambda path: path.write_bytes(b"text,label\n" + b"ab," * (5 * _MIB) + b"\n"),
    "open quote.csv": lambda path: _repeated(path, b'text,label\n"', b"x,y\n", 64 * _MIB),
    "fields glued by quotes.csv": lambda path: _repeated(path, b"text,label\n", b'"x\n",', 64 * _MIB),
    "deep.jsonl": lambda path: path.write_bytes(b'{"text": ' + b"[" * (15 * _MIB)),
    "deep.json": lambda path: _repeated(path, b'[{"text": ', b"[", 64 * _MIB),
    "deep objects.json": lambda path: _repeated(path, b"[", b'{"a":', 64 * _MIB),
    "lists without end.jsonl": lambda path: path.write_bytes(b'{"a": [' + b"[]," * (5 * _MIB) + b"[]]}"),
    "objects without end.json": lambda path: _repeated(path, b'[{"a": [', b'{"":1},', 64 * _MIB),
    "text without end.json": lambda path: _repeated(path, b'[{"text": "', b"x", 64 * _MIB),
    "digits without end.json": lambda path: _repeated(path, b'[{"n": ', b"7", 64 * _MIB),
    "keys without end.jsonl": lambda path: path.write_text(
        "".join(json.dumps({f"key {number}": number}) + "\n" for number in range(200_000)), encoding="utf-8"
    ),
    "sentence without end.conll": lambda path: _repeated(path, b"", b"a O\n", 64 * _MIB),
    "zeros.xlsx": lambda path: _workbook(path, _CELLS, more={"xl/sharedStrings.xml": 256 * _MIB}),
    "laughs.xlsx": lambda path: _workbook(path, _CELLS.replace(b">text<", b">&i;<"), start=_LAUGHS),
    "row 999999999.xlsx": lambda path: _workbook(path, _CELLS + _TYPE.replace(b'r="2"', b'r="999999999"')),
    "fifty thousand parts.xlsx": lambda path: _workbook(
        path, _CELLS + _TYPE, more={f"p{number}": b"" for number in range(50_000)}
    ),
}
"""Makers by the name of the file, which says what it is."""


def harmless(path: Path) -> None:
    """A workbook made as the bombs are, whose two rows can be read."""
    _workbook(path, _CELLS + _TYPE)
