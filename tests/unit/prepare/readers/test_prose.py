"""Plain text as data: what is taken for it, what is refused, and that all of it is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from sintonia.errors import DataError
from sintonia.prepare.readers import open_source

TEXT = (
    "\nThe law is old,\nand it is long.\n\n\nA second paragraph; it has\none comma, or two, and ends.\n   \nA third.\n"
)


def put(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def given(path: Path, **how: bool) -> list[tuple[str, int, str]]:
    return [(row.file, row.line, row.values["text"]) for row in open_source(path, **how).read()]


@pytest.mark.parametrize("name", ["law.txt", "law.md", "LAW.TXT"])
def test_paragraphs_with_their_lines_are_all_of_the_text(tmp_path: Path, name: str) -> None:
    path = put(tmp_path / name, TEXT)
    source = open_source(path)
    assert (source.container, source.num_documents) == ("plain text", 1)
    rows = given(path)
    assert [line for _, line, _ in rows] == [1, 6, 9]
    assert "".join(text for _, _, text in rows) == TEXT


def test_paragraphs_are_no_table_though_each_has_one_comma(tmp_path: Path) -> None:
    path = put(tmp_path / "law.txt", "\n\n".join(f"Article {k} is short, as all are" for k in range(40)))
    assert open_source(path).container == "plain text"
    rows = "text,label\n" + "".join(f'"it rained\n\n\non day {k}",bad\n' for k in range(40))
    assert open_source(put(tmp_path / "rows.txt", rows)).container == "csv"


def test_line_ends_of_any_kind_become_line_feeds(tmp_path: Path) -> None:
    path = put(tmp_path / "law.txt", TEXT.replace("\n", "\r\n"))
    assert "".join(text for _, _, text in given(path)) == TEXT


def test_latin_1_is_read_and_told(tmp_path: Path) -> None:
    text = "Perché è così, più o meno.\n\nLa città è là; e poi?\n\nNo.\n\nSì, però.\n"
    path = put(tmp_path / "legge.txt", text.encode("latin-1"))
    assert "".join(one for _, _, one in given(path)) == text
    assert any("Windows-1252" in note for note in open_source(path).notes)


@pytest.mark.parametrize(
    "rows",
    [
        "text,label\n" + "".join(f"it rained today {k},bad\n" for k in range(20)),
        "text\tlabel\n" + "".join(f"it rained, and more {k}\tbad\n" for k in range(20)),
        "text;label\nit rained;bad\nsun;good;very\n" + "it rained;bad\n" * 20,
        'text,label\nit rained,bad\n"it rained,bad\n' + "".join(f"it rained, {k},bad\n" for k in range(20)),
    ],
    ids=["commas", "tabs", "one bad row", "an open quote"],
)
def test_a_table_called_txt_stays_one_unless_plain_text_is_asked_for(tmp_path: Path, rows: str) -> None:
    path = put(tmp_path / "rows.txt", rows)
    assert open_source(path).container == "csv"
    assert open_source(path, is_prose=True).container == "plain text"
    assert "".join(text for _, _, text in given(path, is_prose=True)) == rows


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"  \n\n", "the file is empty"),
        (b"A text.\n\nWith a \x00 in it.\n", "a NUL byte"),
        (b"\x89PNG\r\n\x1a\n" + bytes(64), "an image"),
        (bytes(range(128, 256)) * 40, "not UTF-8"),
        (b"A text.\n" * 3 + "città".encode() + "\ncittà\n".encode("latin-1"), "two encodings"),
    ],
    ids=["empty", "blank", "nul", "picture", "noise", "two encodings"],
)
def test_what_is_no_text_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(DataError, match=said):
        open_source(put(tmp_path / "law.txt", content))


def test_one_line_of_ten_megabytes_and_a_file_without_blank_lines(tmp_path: Path) -> None:
    (row,) = given(put(tmp_path / "long.txt", "word " * 2_000_000))
    assert len(row[2]) == 10_000_000
    lines = "a line of prose, that ends\n" * 20_000
    rows = given(put(tmp_path / "lines.md", lines))
    assert len(rows) > 5 and "".join(text for _, _, text in rows) == lines


def test_a_folder_of_texts_without_sub_folders_is_read_file_by_file(tmp_path: Path) -> None:
    put(tmp_path / "b.md", "Second.\n")
    put(tmp_path / "a.txt", "First.\n\nMore.\n")
    put(tmp_path / "c.txt", "\n")
    put(tmp_path / "notes.pdf", "no text")
    put(tmp_path / ".hidden.txt", "no")
    source = open_source(tmp_path)
    assert (source.container, source.num_documents) == ("plain text", 2)
    assert [name for name, _, _ in given(tmp_path)] == ["a.txt", "a.txt", "b.md"]
    told = " ".join(source.notes)
    assert "1 empty files" in told and "`notes.pdf`" in told


def test_sub_folders_are_labels_unless_plain_text_is_asked_for(tmp_path: Path) -> None:
    for label in ("law", "music"):
        (tmp_path / label).mkdir()
        put(tmp_path / label / "one.txt", f"About {label}.\n")
    assert open_source(tmp_path).container == "folder"
    assert [name for name, _, _ in given(tmp_path, is_prose=True)] == ["law/one.txt", "music/one.txt"]


def test_a_folder_with_a_link_or_without_words_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "a.txt", "\n")
    with pytest.raises(DataError, match="all 1 texts of this folder are empty"):
        open_source(tmp_path)
    (tmp_path / "b.txt").symlink_to(tmp_path / "a.txt")
    with pytest.raises(DataError, match="a symbolic link"):
        open_source(tmp_path)
