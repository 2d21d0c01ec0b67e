"""Files are whole or absent, lines are whole or skipped, and what is damaged is said in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from sintonia.errors import StorageError
from sintonia.files import (
    append_line,
    from_json,
    home_folder,
    read_json,
    read_lines,
    to_json,
    write_atomic,
    write_json,
    write_lines,
)
from sintonia.records import Finding, Place


def finding(count: int) -> Finding:
    return Finding(code="D1", severity="note", message="è", hint="h", count=count, places=(Place(file="a", line=1),))


def test_a_record_round_trips_through_its_json_form():
    assert from_json(Finding, to_json(finding(3))) == finding(3)


def test_a_number_that_is_not_finite_becomes_null():
    assert to_json({"a": float("nan"), "b": [float("inf"), 1.5]}) == {"a": None, "b": [None, 1.5]}


def test_an_unfinished_last_line_is_skipped_and_never_glued_to_the_next(tmp_path: Path):
    path = tmp_path / "x.jsonl"
    append_line(path, finding(1))
    append_line(path, finding(2))
    content = path.read_bytes()
    path.write_bytes(content[:-7])
    assert [line["count"] for line in read_lines(path)] == [1]
    append_line(path, finding(3))
    assert [line["count"] for line in read_lines(path)] == [1, 3]


def test_a_damaged_line_in_the_middle_is_an_error_not_a_loss(tmp_path: Path):
    path = tmp_path / "x.jsonl"
    write_lines(path, [finding(1), finding(2)])
    path.write_bytes(path.read_bytes().replace(b'"count": 1', b'"count": '))
    with pytest.raises(StorageError, match=r"x\.jsonl` has a damaged line"):
        read_lines(path)


def test_a_newer_schema_is_refused(tmp_path: Path):
    path = tmp_path / "x.json"
    write_json(path, finding(1))
    path.write_text(path.read_text().replace('"schema": 1', '"schema": 2'))
    with pytest.raises(StorageError, match="schema 2"):
        read_json(path)


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import os

    path = tmp_path / "x"
    write_atomic(path, b"old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["x"]


def test_files_that_hold_data_are_for_their_owner_only(tmp_path: Path):
    write_atomic(tmp_path / "x", b"")
    append_line(tmp_path / "y.jsonl", finding(1))
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in ("x", "y.jsonl")} == {0o600}


def test_home_is_where_the_variable_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("SINTONIA_HOME", str(tmp_path / "here"))
    assert home_folder() == tmp_path / "here"
