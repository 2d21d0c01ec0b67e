"""CSV and JSONL: the dialect and the encoding are found, and every row knows the line it starts on."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from sintonia.errors import DataError
from sintonia.prepare.readers import open_source
from sintonia.prepare.table import Table, look_at

ROWS = [("I like it, really", "good"), ('she said "no"', "bad"), ("so; so\nand so", "other"), ("it's fine", "good")]


def _csv_text(delimiter: str, quote: str = '"', *, quoting: int = csv.QUOTE_MINIMAL) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=delimiter, quotechar=quote, quoting=quoting)  # type: ignore[arg-type]
    writer.writerows([("text", "label"), *ROWS])
    return stream.getvalue()


def _read(folder: Path, content: bytes, name: str = "rows.csv") -> Table:
    path = folder / name
    path.write_bytes(content)
    return look_at(open_source(path))


@pytest.mark.parametrize(("delimiter", "word"), [(",", "comma"), (";", "semicolon"), ("\t", "tab"), ("|", "bar")])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_the_delimiter_is_found_and_said(tmp_path: Path, delimiter: str, word: str, quoting: int) -> None:
    table = _read(tmp_path, _csv_text(delimiter, quoting=quoting).encode())
    assert [(row.values["text"], row.values["label"]) for row in table.rows] == ROWS
    assert any(word in note for note in table.notes)


def test_single_quotes_are_found_and_said(tmp_path: Path) -> None:
    table = _read(tmp_path, _csv_text(",", "'", quoting=csv.QUOTE_ALL).encode())
    assert [row.values["text"] for row in table.rows] == [text for text, _ in ROWS]
    assert any("single quotes" in note for note in table.notes)


def test_apostrophes_are_not_taken_for_quotes(tmp_path: Path) -> None:
    table = _read(tmp_path, b"text,label\n'twas late,a\n'tis odd,b\nit's ok,a\n'cause I say,b\n")
    assert [row.values["text"] for row in table.rows] == ["'twas late", "'tis odd", "it's ok", "'cause I say"]


def test_texts_that_begin_with_an_apostrophe_lose_no_row(tmp_path: Path) -> None:
    """A few of them looked like single quotes, and the rows between two were glued into one text."""
    lines = [f"the song number {k},music" for k in range(80)]
    for k, text in ((10, "'cause it rains"), (30, "'til the snow falls"), (50, "'tis the wind")):
        lines[k] = f"{text},weather"
    for k in (20, 40, 60):
        lines[k] = "the concert of the dogs',music"
    table = _read(tmp_path, ("text,label\n" + "\n".join(lines) + "\n").encode())
    assert [",".join(row.values.values()) for row in table.rows] == lines


def test_an_open_quote_is_not_hidden_by_apostrophes(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="never closes") as caught:
        _read(tmp_path, b"text,label\n" + b"'tis so,a\n" * 20 + b'"I say,b\n' + b"'twas so,a\n" * 20)
    assert caught.value.where.endswith(":22")


def test_a_row_is_on_the_line_it_starts_on(tmp_path: Path) -> None:
    table = _read(tmp_path, b'text,label\n"one\ntwo\nthree",a\n\nfour,b\n"five\r\nsix",a\n')
    assert [row.line for row in table.rows] == [2, 6, 7]


def test_jsonl_lines_are_counted_through_blank_ones_and_odd_separators(tmp_path: Path) -> None:
    content = '{"text": "a\u2028b", "label": 1}\n\n{"text": "c\x0bd", "label": true}\r\n'.replace("\x0b", "\\u000b")
    table = _read(tmp_path, content.encode(), "rows.jsonl")
    assert [row.line for row in table.rows] == [1, 3]
    assert table.columns == ("text", "label")


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", b"\xef\xbb\xbf"),
        ("utf-16-le", b"\xff\xfe"),
        ("utf-16-be", b"\xfe\xff"),
        ("utf-32-le", b"\xff\xfe\0\0"),
    ],
)
@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
def test_encodings_that_are_read(tmp_path: Path, encoding: str, mark: bytes, name: str) -> None:
    text = "text,label\nperché no 😀,sì\n" if name.endswith("csv") else '{"text": "perché no 😀", "label": "sì"}\n'
    table = _read(tmp_path, mark + text.encode(encoding), name)
    assert table.columns == ("text", "label")
    assert table.rows[0].values == {"text": "perché no 😀", "label": "sì"}
    assert any(encoding.upper()[:6].rstrip("-") in note for note in table.notes)


def test_all_ragged_rows_are_listed_up_to_twenty(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        _read(tmp_path, b"text,label\n" + b"a,b\n" * 5 + b"a,b,c\n" * 25)
    assert caught.value.where.endswith("rows.csv:7")
    assert "25 lines" in caught.value.what
    assert "line 26:" in caught.value.what
    assert "line 27:" not in caught.value.what
    assert "and 5 more" in caught.value.what


def test_content_never_appears_in_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        _read(tmp_path, b'{"text": "my secret", "label": oops}\n', "rows.jsonl")
    assert "secret" not in str(caught.value)
    assert "oops" not in str(caught.value)


def test_an_index_column_without_a_name_gets_one(tmp_path: Path) -> None:
    assert _read(tmp_path, b",text,label\n0,a,b\n1,c,d\n").columns == ("column 1", "text", "label")


def test_a_long_line_is_refused_and_a_long_file_of_short_lines_is_not(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="longer than 16 MiB") as caught:
        _read(tmp_path, b"text,label\n" + b"x" * (16 * 1024 * 1024 + 1) + b",a\n")
    assert caught.value.where.endswith(":2")
    assert len(_read(tmp_path, b"text,label\n" + (b"x" * 999 + b",a\n") * 17_000).rows) == 17_000


def test_a_row_that_quotes_glue_together_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    line = b'"' + b"x" * 1000 + b'\n",'
    with pytest.raises(DataError, match="a row is longer than 16 MiB") as caught:
        _read(tmp_path, b"text,label\na,b\n" + line * 20_000)
    assert caught.value.where.endswith(":3")


def test_the_first_line_of_excel_says_the_delimiter(tmp_path: Path) -> None:
    table = _read(tmp_path, b"sep=;\r\ntext;label\r\na, b, c;x\r\nd, e, f;y\r\n")
    assert [(row.line, row.values["text"]) for row in table.rows] == [(3, "a, b, c"), (4, "d, e, f")]
    assert any("sep=" in note for note in table.notes)


def test_mixed_line_ends_are_lines_and_are_said(tmp_path: Path) -> None:
    table = _read(tmp_path, b"text,label\none,a\r\ntwo,b\rthree,a\n\r\nfour,b\r")
    assert [(row.line, row.values["text"]) for row in table.rows] == [(2, "one"), (3, "two"), (4, "three"), (6, "four")]
    assert any("mixed (2 LF, 2 CRLF, 2 lone CR)" in note for note in table.notes)


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
def test_a_line_end_cut_in_two_by_a_block_is_one_line(tmp_path: Path, name: str) -> None:
    """The carriage return is the last byte of the first MiB, the line feed the first of the second."""
    first = b"text,label\r\n" if name.endswith("csv") else b'{"text":"a","label":"b"}\r\n'
    row = b"%s,x\r\n" if name.endswith("csv") else b'{"text":"%s"}\r\n'
    filler = b"y" * (2**20 - len(first) - len(row) + 3)
    bad = b"caf\x81,x\r\n" if name.endswith("csv") else b'{"text":"caf\x81"}\r\n'
    with pytest.raises(DataError, match="0x81 is not UTF-8") as caught:
        _read(tmp_path, first + row % filler + bad, name)
    assert caught.value.where.endswith(":3")


def test_two_passes_give_the_same_rows_and_a_changed_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"text,label\na,b\nc,d\n")
    source = open_source(path)
    assert list(source.read()) == list(source.read())
    path.write_bytes(b"text,label\na,b\nc,d\ne,f\n")
    with pytest.raises(DataError, match="changed while it was read"):
        list(source.read())


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ('{"a": NaN}', "NaN is not JSON"),
        ('{"a": -Infinity}', "-Infinity is not JSON"),
        ('{"a": 1e999}', "too large"),
        ('{"a": -1e999}', "too large"),
        ('{"a": 1%s}' % ("0" * 400), "more than 300 digits"),
        ('{"a": {"b": 1, "b": 2}}', "same key twice"),
        ('{"a": "\\ud83d"}', "surrogate"),
        ('{"\\udc00": 1}', "surrogate"),
        ('{"a": ["\\u0000"]}', "NUL"),
        ('{"a": "x\ty"}', "control character"),
        ('{"a": ' + "[" * 64 + "1" + "]" * 64 + "}", "deeper than 64"),
        ('{"a": %s' % ("[" * 100_000), "deeper than 64"),
        ('{"a": 1} {"a": 2}', "Extra data"),
        ("[1]", "a list"),
        ("1e5", "a number"),
    ],
)
def test_json_is_read_strictly_in_lines_and_in_a_document(tmp_path: Path, row: str, says: str) -> None:
    good = '{"a": "\\u00e8 \\ud83d\\ude00 \\\\u0000"}'
    with pytest.raises(DataError, match=says) as caught:
        _read(tmp_path, f"{good}\n{row}\n{good}\n".encode(), "rows.jsonl")
    assert caught.value.where.endswith(":2")
    if says != "Extra data":
        with pytest.raises(DataError, match=says) as caught:
            _read(tmp_path, f"[{good},\n{row},\n{good}]\n".encode(), "rows.json")
        assert caught.value.where.endswith(":2")


def test_what_looks_dangerous_in_json_and_is_not_is_read(tmp_path: Path) -> None:
    values = ["\\ud83d", '[{"[{' * 100, "\U0001f600", [[[{"a": [1, -2.5e3, 10**299]}]]], {"deep": {"er": ["x"] * 100}}]
    rows = "".join(json.dumps({"a": value}) + "\n" for value in values)
    assert [row.values["a"] for row in _read(tmp_path, rows.encode(), "rows.jsonl").rows] == values
