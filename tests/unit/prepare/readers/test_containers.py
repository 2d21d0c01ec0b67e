"""The same rows come out of every container, twice, in constant memory; and what only one container has."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow
import pyarrow.parquet
import pytest

from sintonia.errors import DataError
from sintonia.prepare.readers import open_source
from sintonia.prepare.table import Row, look_at

ROWS = [{"text": f"perché {number} 😀, “so”\nline", "label": "ab"[number % 2]} for number in range(120)]


def _write_folder(path: Path) -> Path:
    for number, row in enumerate(ROWS):
        (path / row["label"]).mkdir(parents=True, exist_ok=True)
        (path / row["label"] / f"{number:04}.txt").write_text(row["text"], encoding="utf-8", newline="")
    return path


def _write_sheet(path: Path, rows: list[list[Any]], title: str = "data") -> Path:
    book = openpyxl.Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def _write(path: Path) -> Path:
    kind = path.suffix
    if kind in (".csv", ".tsv"):
        lines = ['"{}"{}{}'.format(row["text"].replace('"', '""'), ";\t"[kind == ".tsv"], row["label"]) for row in ROWS]
        path.write_text("\n".join([f"text{';' if kind == '.csv' else chr(9)}label", *lines]), encoding="utf-8")
    elif kind == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    elif kind == ".json":
        path.write_text(json.dumps({"version": 1, "data": ROWS}, indent=1, ensure_ascii=False), encoding="utf-8")
    elif kind == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), path, row_group_size=50)
    elif kind == ".xlsx":
        _write_sheet(path, [["text", "label"], *([row["text"], row["label"]] for row in ROWS)])
    else:
        _write_folder(path)
    return path


@pytest.mark.parametrize("name", ["r.csv", "r.tsv", "r.jsonl", "r.json", "r.parquet", "r.xlsx", "folder"])
def test_the_same_rows_come_out_of_every_container(tmp_path: Path, name: str) -> None:
    source = open_source(_write(tmp_path / name))
    table = look_at(source)
    expected = sorted(ROWS, key=lambda row: row["label"]) if name == "folder" else ROWS
    assert [row.values for row in table.rows] == expected
    assert (table.num_rows, table.columns) == (120, ("text", "label"))
    assert list(source.read()) == list(source.read()) == list(table.rows)


@pytest.mark.parametrize(
    ("content", "lines", "suffix"),
    [
        ('[{"a": 1}, {"a": 2},\n\n{"a":\r\n3}\r,{"a": 4}]', [1, 1, 3, 5], ".json"),
        ('[{"a": 1}, {"a": 2},\n\n{"a":\r\n3}\r,{"a": 4}]', [1, 1, 3, 5], ".jsonl"),
        ('{"info": {"x": [1]},\n"data": [\n{"a": 1}, {"a": 2},\n{"a": 3},\n{"a": 4}], "n": 4}', [3, 3, 4, 5], ".json"),
        ('{"a": 1}\n{"a": 2}\n{"a": 3}\n{"a": 4}\n', [1, 2, 3, 4], ".json"),
        ('{"a": 1}\n\n{"a": 2}\n{"a": 3}\n{"a": 4}', [1, 3, 4, 5], ".jsonl"),
    ],
)
def test_the_line_of_an_element_is_the_one_it_starts_on(
    tmp_path: Path, content: str, lines: list[int], suffix: str
) -> None:
    path = tmp_path / f"rows{suffix}"
    path.write_text(content, encoding="utf-8", newline="")
    assert [(row.line, row.values["a"]) for row in open_source(path).read()] == list(
        zip(lines, range(1, 5), strict=True)
    )


def test_elements_cut_by_the_end_of_a_block_are_whole(tmp_path: Path) -> None:
    rows = [{"text": "é" * (number * 37 % 5000), "n": [1.5, True, None, {"k": "\\u00e8"}]} for number in range(1200)]
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    read = list(open_source(path).read())
    assert [row.values for row in read] == rows
    lines = path.read_text(encoding="utf-8").split("\n")
    assert all(lines[row.line - 1].strip() == "{" for row in read)


@pytest.mark.parametrize(
    ("content", "says", "line"),
    [
        ('{"text": "x", "label": "a"}', "holds no list of rows", 1),
        ('{\n"a": [{"x": 1}],\n"b": [{"x": 1}]}', "two lists of objects, `a` and `b`", 3),
        ('[{"a": 1},\n{"a": 2}\n{"a": 3}]', "expecting `,` or `]`", 3),
        ('[{"a": 1},\n{"a" 2}]', "expecting ':' delimiter", 2),
        ('[{"a": 1},\n7, {"a": 1, "a": 2},\n"x"]', "line 2: it is a number, not an object; line 2: the same key", 2),
        ('[{"a": 1}]\n[{"a": 1}]', "something follows", 2),
        ('[{"a": 1},\n{"a": "', "Unterminated", 2),
        ('[{"a": 1}', "expecting `,` or `]`", 1),
        ("7", "expecting `{`", 1),
    ],
)
def test_a_json_document_that_is_none_is_refused_where_it_breaks(
    tmp_path: Path, content: str, says: str, line: int
) -> None:
    path = tmp_path / "rows.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        list(open_source(path).read())
    assert says in caught.value.what
    assert caught.value.where == f"{path}:{line}"


def test_parquet_values_are_plain(tmp_path: Path) -> None:
    table = pyarrow.table(
        {
            "messages": [[{"role": "user", "content": "ciao"}], []],
            "day": [datetime.date(2026, 1, 2), None],
            "score": [0.5, float("nan")],
            "label": pyarrow.array(["x", "y"]).dictionary_encode(),
            "old": [b"caff\xc3\xa8", None],
        }
    )
    pyarrow.parquet.write_table(table, tmp_path / "rows.parquet")
    assert list(open_source(tmp_path / "rows.parquet").read()) == [
        Row(1, {"messages": [{"role": "user", "content": "ciao"}], "day": "2026-01-02", "score": 0.5, "label": "x",
                "old": "caffè"}),
        Row(2, {"messages": [], "day": None, "score": None, "label": "y", "old": None}),
    ]  # fmt: skip


def test_parquet_texts_that_repeat_a_large_dictionary_are_read(tmp_path: Path) -> None:
    texts = [f"{number % 7}" * 600_000 for number in range(40)]
    pyarrow.parquet.write_table(
        pyarrow.table({"text": texts, "label": ["a", "b"] * 20}),
        tmp_path / "r.parquet",
        dictionary_pagesize_limit=2**24,
    )
    assert [row.values["text"] for row in open_source(tmp_path / "r.parquet").read()] == texts


def test_the_first_sheet_with_rows_is_read_and_said(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "empty"
    sheet = book.create_sheet("rows")
    for row in ([], ["text", "label", "when", "sum"], ["a", 1, datetime.date(2026, 1, 2), "=1+1"], [], ["b", 2.5]):
        sheet.append(row)
    sheet.append([None, None, datetime.datetime(2026, 1, 2, 3, 4), None])
    book.create_sheet("notes").append(["x"])
    book.save(tmp_path / "rows.xlsx")
    source = open_source(tmp_path / "rows.xlsx")
    assert [(row.line, tuple(row.values.values())) for row in source.read()] == [
        (3, ("a", 1, "2026-01-02", "")),
        (5, ("b", 2.5, "", "")),
        (6, ("", "", "2026-01-02T03:04:00", "")),
    ]
    assert "format: sheet `rows`, header in row 2" in source.notes
    assert "not read: 2 other sheets, `empty`, `notes`" in source.notes


def test_a_sheet_row_beyond_the_header_is_refused_by_its_number(tmp_path: Path) -> None:
    path = _write_sheet(tmp_path / "rows.xlsx", [["text", "label"], ["a", "b"], ["a", "b", None, "c"]])
    with pytest.raises(DataError, match="line 3: 4 fields") as caught:
        list(open_source(path).read())
    assert caught.value.where == f"{path}:3"


def test_a_folder_is_read_in_order_and_what_is_left_out_is_counted(tmp_path: Path) -> None:
    path = _write_folder(tmp_path / "folder")
    (path / ".hidden").write_text("x", encoding="utf-8")
    (path / "a" / ".DS_Store").write_bytes(b"\0")
    (path / "README.md").write_text("x", encoding="utf-8")
    (path / "a" / "0000.txt").write_bytes(b"perch\xe9")
    source = open_source(path)
    rows = list(source.read())
    assert [row.file for row in rows] == sorted(row.file for row in rows)
    assert (rows[0].file, rows[0].line, rows[0].values["text"]) == ("a/0000.txt", 1, "perché")
    assert len(rows) == 120
    assert "not read: 2 hidden files" in source.notes
    assert "not read: 1 files outside the labels' folders, `README.md`" in source.notes
    assert any("1 of the files are not UTF-8" in note for note in source.notes)


CONLL = "-DOCSTART- -X- O\n\nRome NNP B-LOC\nis VBZ O\n\n\n# id = 7\nMary NNP B-PER\nBlack NNP I-PER\nsings VBZ O"


@pytest.mark.parametrize("name", ["r.conll", "r.txt", "r.iob"])
@pytest.mark.parametrize("separator", [" ", "\t"])
def test_conll_gives_sentences(tmp_path: Path, name: str, separator: str) -> None:
    content = "\n".join(line if line.startswith("#") else line.replace(" ", separator) for line in CONLL.split("\n"))
    (tmp_path / name).write_text(content, encoding="utf-8")
    source = open_source(tmp_path / name)
    assert source.container == "conll"
    assert list(source.read()) == [
        Row(3, {"tokens": ["Rome", "is"], "tags": ["B-LOC", "O"]}),
        Row(8, {"tokens": ["Mary", "Black", "sings"], "tags": ["B-PER", "I-PER", "O"]}),
    ]
    assert {"skipped: 1 starts of documents", "skipped: 1 comments"} <= set(source.notes)


def test_a_hash_is_a_token_and_a_short_line_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.conll"
    path.write_text("# O\nRome B-LOC\n\nParis B-LOC\nalone\n", encoding="utf-8")
    rows = open_source(path).read()
    assert next(rows).values["tokens"] == ["#", "Rome"]
    with pytest.raises(DataError, match="line 5: 1 field") as caught:
        list(rows)
    assert caught.value.where == f"{path}:5"


def test_labels_that_look_like_tags_stay_csv(tmp_path: Path) -> None:
    (tmp_path / "r.tsv").write_text("text\tlabel\n" + "a whole text\tE-mail\nmore words\tO\n" * 60, encoding="utf-8")
    assert look_at(open_source(tmp_path / "r.tsv")).num_rows == 120


def test_decimals_of_a_parquet_file_are_exact(tmp_path: Path) -> None:
    numbers = pyarrow.array([10**20, 10**20 + 1, 0], pyarrow.decimal128(30, 0))
    path = tmp_path / "rows.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"text": ["a", "b", "c"], "number": numbers}), path)
    assert [row.values["number"] for row in open_source(path).read()] == [str(10**20), str(10**20 + 1), "0"]


def test_a_parquet_file_with_a_name_twice_is_refused(tmp_path: Path) -> None:
    columns = [pyarrow.array(["a"]), pyarrow.array(["b"]), pyarrow.array(["c"])]
    path = tmp_path / "rows.parquet"
    pyarrow.parquet.write_table(pyarrow.Table.from_arrays(columns, names=["text", "label", "label"]), path)
    with pytest.raises(DataError, match="`label` twice"):
        open_source(path)


def test_a_hidden_sheet_and_a_cover_are_not_the_data(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for title, rows in (
        ("old", [["text", "label"], ["hidden", "x"]]),
        ("cover", [["our tickets"]]),
        ("data", [["text", "label"], ["seen", "a"], ["#N/A", "b"]]),
    ):
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book["old"].sheet_state = "hidden"
    path = tmp_path / "rows.xlsx"
    book.remove(book["Sheet"])
    book.save(path)
    source = open_source(path)
    assert [row.values for row in source.read()] == [{"text": "seen", "label": "a"}, {"text": "", "label": "b"}]
    assert any("`cover`" in note and "`old`" in note for note in source.notes)


def test_rows_of_empty_cells_are_rows(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("text,label\na,b\n,\n\n , \nc,d\n", encoding="utf-8")
    assert [row.line for row in open_source(path).read()] == [2, 3, 5, 6]
