"""A file without some rows: every other byte stays, in every format that is lines; else every other value."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from sintonia.errors import DataError
from sintonia.prepare.erasing.finding import Meant, find_rows
from sintonia.prepare.erasing.rewriting import refuse_unwritable, without_rows


def _without(path: Path, *lines: int) -> bytes:
    return b"".join(without_rows(find_rows(path, Meant(lines=frozenset(lines)))))


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_csv_keeps_its_quotes_its_mark_and_its_line_ends(tmp_path: Path, end: str, encoding: str) -> None:
    header = f"text,label,who{end}"
    first = f'"a ""quoted"" text, with{end}{end}lines: perché è così più",x,anna{end}'
    gone = f'"another{end}with lines",y,bruno{end}'
    blank = end
    last = 'plain "inner" però “bene”,y,carla'  # no line end, and a field that needs no quotes
    path = tmp_path / "rows.csv"
    path.write_bytes((header + first + gone + blank + last).encode(encoding))
    begins = 2 + 3  # behind the header and three lines
    assert _without(path, begins) == (header + first + blank + last).encode(encoding)


def test_the_last_row_without_a_line_end_goes_and_what_precedes_it_stays(tmp_path: Path) -> None:
    path = tmp_path / "rows.tsv"
    path.write_bytes(b"sep=\t\r\ntext\tlabel\r\nfirst one\tx\r\nsecond one\ty")
    assert _without(path, 4) == b"sep=\t\r\ntext\tlabel\r\nfirst one\tx\r\n"
    assert _without(path, 3) == b"sep=\t\r\ntext\tlabel\r\nsecond one\ty"


def test_jsonl_keeps_its_spaces_its_blank_lines_and_its_escapes(tmp_path: Path) -> None:
    lines = [b'{"text" : "caf\\u00e9",  "label":"x"}\r\n', b"\n", '{"text": "è", "label": "y"}\n'.encode()]
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + b"".join(lines))
    assert _without(path, 3) == b"\xef\xbb\xbf" + lines[0] + lines[1]
    assert _without(path, 1) == b"\xef\xbb\xbf" + lines[1] + lines[2]


@pytest.mark.parametrize(
    ("before", "rows"),
    [
        (
            "[",
            ['\n {"text": "a, ]", "label": "x"}', '\n {"text": "b",\n  "label": "y"}', ' {"text": "c", "label": "x"}'],
        ),
        (
            '{"about": [1, "]"], "rows" : [',
            ['{"text": "a", "label": "x"}', '\n{"text": "b", "label": "y"}', '\n{"text": "c"}'],
        ),
    ],
)
@pytest.mark.parametrize("gone", [{0}, {1}, {2}, {0, 2}])
def test_json_keeps_every_other_element_as_it_stands(
    tmp_path: Path, before: str, rows: list[str], gone: set[int]
) -> None:
    after = "\n]\n" if before == "[" else '\n], "more": {"x": []}}\n'
    path = tmp_path / "rows.json"
    path.write_text(before + ",".join(rows) + after)
    found = replace(find_rows(path, Meant()), ordinals=tuple(sorted(gone)))
    kept = [row for number, row in enumerate(rows) if number not in gone]
    written = b"".join(without_rows(found)).decode()
    assert written == before + ",".join(kept) + after
    json.loads(written)


def test_a_sentence_goes_with_its_comments_and_its_blank_line(tmp_path: Path) -> None:
    first = "# text = Anna lives in Rome\nAnna B-PER\nlives O\nin O\nRome B-LOC\n\n"
    gone = "# sent_id = 2\n# text = Bruno too\nBruno B-PER\ntoo O\n\n"
    last = "So O\nwhat O\n"
    path = tmp_path / "rows.conll"
    path.write_text(first + gone + last)
    assert _without(path, 9).decode() == first + last


def test_parquet_keeps_types_metadata_and_compression(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet as parquet

    path = tmp_path / "rows.parquet"
    table = arrow.table({"text": ["a", "b", "c"], "label": arrow.array([1, 2, 3], arrow.int8())})
    parquet.write_table(table.replace_schema_metadata({"made": "here"}), path, compression="gzip")
    written = _without(path, 2)
    path.write_bytes(written)
    read = parquet.ParquetFile(path)
    assert read.read().to_pylist() == [{"text": "a", "label": 1}, {"text": "c", "label": 3}]
    assert read.schema_arrow.field("label").type == arrow.int8()
    assert read.schema_arrow.metadata[b"made"] == b"here"
    assert read.metadata.row_group(0).column(0).compression == "GZIP"


def test_what_cannot_be_written_without_loss_is_refused_with_what_to_do(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (("text", "label"), ("one text", "x"), ("two texts", "y")):
        book.active.append(row)
    book.save(tmp_path / "rows.xlsx")
    found = find_rows(tmp_path / "rows.xlsx", Meant(lines=frozenset({3})))
    with pytest.raises(DataError, match="without loss") as refused:
        refuse_unwritable(found)
    assert "--keep-data" in refused.value.hint
