"""Malformed data: each file gives one line with a place and a hint, never a traceback, never its content."""

from __future__ import annotations

import json
import os
import socket
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import openpyxl
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sintonia.cli.main import main
from sintonia.errors import SintoniaError
from sintonia.prepare import prepare
from sintonia.prepare.readers import open_source
from sintonia.prepare.table import Table, look_at
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe
from tests.reliability.malformed import KINDS, REFUSED, SECRET, Case, cases_of, malformed_files
from tests.reliability.malformed.by_hand import CASES, Malformed, csv_text, jsonl_text
from tests.reliability.malformed.case import csv_lines, joined, jsonl, rows


def _refused(path: Path) -> Table | SintoniaError:
    try:
        return look_at(open_source(path))
    except SintoniaError as error:
        return error


def _check_line(case: Case, path: Path, error: SintoniaError) -> None:
    line = str(error)
    assert "\n" not in line, case.id
    assert len(line) < 2500, case.id
    assert SECRET not in line, case.id
    assert error.hint, case.id
    assert str(path) in error.where.replace("\\x00", "\0"), case.id
    assert case.line is None or error.where == f"{path}:{case.line}", case.id


@pytest.mark.parametrize("generate", KINDS, ids=lambda generate: generate.__name__)
def test_each_generated_file_is_refused_in_one_line_or_read_whole(
    generate: Callable[[Random], Iterator[Case]], tmp_path: Path
) -> None:
    cases = cases_of(generate)
    assert [case.number for case in cases] == list(range(20))
    for case in cases:
        (tmp_path / case.id).mkdir()
        path = tmp_path / case.id / case.name
        path = case.make(path) or path
        began = time.process_time()
        found = _refused(path)
        assert time.process_time() - began < 1, case.id
        assert isinstance(found, SintoniaError) == (case.outcome == REFUSED), case.id
        if isinstance(found, SintoniaError):
            _check_line(case, path, found)
        else:
            assert found.num_rows == case.num_rows, case.id


def test_there_are_four_hundred_of_them() -> None:
    assert len({case.id for case in malformed_files()}) == 400


def _good_files(folder: Path) -> dict[str, Path]:
    some = rows(60, Random(1))
    texts = {"csv": joined(csv_lines(some)), "jsonl": joined(jsonl(some)), "json": json.dumps(some, indent=2)}
    texts["tsv"] = texts["csv"].replace(",", "\t")
    for suffix, content in texts.items():
        (folder / f"rows.{suffix}").write_text(content, encoding="utf-8")
    (folder / "wide.csv").write_text(texts["csv"], encoding="utf-16")
    (folder / "western.csv").write_bytes(texts["csv"].replace("lamp", "l\xe0mpada").encode("cp1252"))
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(some), folder / "rows.parquet")
    book = openpyxl.Workbook()
    for row in (("text", "label"), *((row["text"], row["label"]) for row in some)):
        book.active.append(row)
    book.save(folder / "rows.xlsx")
    for number, row in enumerate(some):
        (folder / "texts" / row["label"]).mkdir(parents=True, exist_ok=True)
        (folder / "texts" / row["label"] / f"{number:02}.txt").write_text(row["text"], encoding="utf-8")
    return {path.name: path for path in sorted(folder.iterdir())}


def test_the_same_rows_unharmed_are_read_from_every_container(tmp_path: Path) -> None:
    paths = _good_files(tmp_path)
    assert len(paths) == 9
    read = {name: look_at(open_source(path)) for name, path in paths.items()}
    assert {name: table.num_rows for name, table in read.items()} == dict.fromkeys(paths, 60)
    expected = sorted((row["text"], row["label"]) for row in rows(60, Random(1)))
    for name, table in read.items():
        found = sorted((row.values["text"].replace("\xe0mpada", "amp"), row.values["label"]) for row in table.rows)
        assert found == expected, name


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1), cut=st.integers(0, 40), put=st.binary(max_size=12), turn=st.integers(0, 4))
def test_random_damage_to_any_container_is_read_or_refused(
    place: float, cut: int, put: bytes, turn: int, tmp_path: Path
) -> None:
    folder = tmp_path / uuid.uuid4().hex
    folder.mkdir()
    name = ("rows.parquet", "rows.xlsx", "rows.json", "rows.jsonl", "rows.csv")[turn]
    path = _good_files(folder)[name] if turn < 2 else folder / name
    if turn >= 2:
        some = rows(60, Random(1))
        path.write_text((json.dumps(some), joined(jsonl(some)), joined(csv_lines(some)))[turn - 2], encoding="utf-8")
    whole = path.read_bytes()
    start = int(place * len(whole))
    path.write_bytes(whole[:start] + put + whole[start + cut :])
    found = _refused(path)
    assert not isinstance(found, SintoniaError) or "\n" not in str(found)


def _refusal(path: Path, tmp_path: Path) -> SintoniaError:
    recipe = Recipe(data=DataSettings(path=str(path)))
    with pytest.raises(SintoniaError) as caught:
        prepare(recipe, RunFolder.create(tmp_path / "run", recipe))
    return caught.value


def _check_refusal(error: SintoniaError, *, says: str, where: str) -> None:
    line = str(error)
    assert "\n" not in line
    assert len(line) < 2500
    assert says in line
    assert error.where == where or where in line
    assert error.hint
    assert SECRET not in line
    assert error.exit_code in (2, 3, 74)


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SINTONIA_HOME", str(tmp_path / "home"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_malformed_file_is_refused_in_one_line(case: Malformed, tmp_path: Path) -> None:
    path = tmp_path / case.file
    path.write_bytes(case.content.encode() if isinstance(case.content, str) else case.content)
    began = time.process_time()
    error = _refusal(path, tmp_path)
    assert time.process_time() - began < 5 + len(case.content) / 2**20
    _check_refusal(error, says=case.says, where=str(path) if case.line is None else f"{path}:{case.line}")
    assert not Path(f"{path}.sintonia").exists()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_command_says_it_without_a_traceback(
    case: Malformed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / case.file
    path.write_bytes(case.content.encode() if isinstance(case.content, str) else case.content)
    exit_code = main(["tune", str(path), "--out", str(tmp_path / "run")])
    shown = capsys.readouterr()
    assert exit_code == case.exit_code
    assert shown.out == ""
    assert shown.err.count("error: ") == 1
    assert "hint: " in shown.err
    assert "Traceback" not in shown.err
    assert SECRET not in shown.err


def _link(path: Path) -> Path:
    real = path.with_name("real.csv")
    real.write_text(csv_text(60), encoding="utf-8")
    path.symlink_to(real)
    return path


def _pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def _socket(path: Path) -> Path:
    with socket.socket(socket.AF_UNIX) as listener:
        os.chdir(path.parent)
        listener.bind(path.name)
    return path


def _archive(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rows.csv", b"0" * 2**24)
    return path


def _sparse(path: Path) -> Path:
    with path.open("wb") as stream:
        stream.truncate(2**36)
    return path


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (_link, "symbolic link"),
        (_pipe, "a pipe"),
        (_folder, "a folder"),
        (_socket, "cannot be opened"),
        (_archive, "zip archive"),
        (_sparse, "NUL byte"),
        (lambda path: Path("/dev/zero"), "a device"),
        (lambda path: path, "no such file"),
        (lambda path: path / "below", "no such file"),
        (lambda path: path.with_name("x" * 300 + ".csv"), "File name too long"),
    ],
    ids=[
        "link",
        "pipe",
        "folder",
        "socket",
        "zip bomb",
        "64 GiB of nothing",
        "device",
        "missing",
        "missing folder",
        "long name",
    ],
)
def test_what_is_not_a_plain_file_is_refused_at_once(
    make: Callable[[Path], Path], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = make(tmp_path / "rows.csv")
    began = time.monotonic()
    error = _refusal(path, tmp_path)
    assert time.monotonic() - began < 5
    _check_refusal(error, says=says, where=str(path))


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(csv_text(60), encoding="utf-8")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    assert _refusal(path, tmp_path).exit_code == 74


def test_a_missing_file_is_answered_with_the_nearest_names(tmp_path: Path) -> None:
    (tmp_path / "banking.csv").write_text("x", encoding="utf-8")
    assert "`banking.csv`" in _refusal(tmp_path / "bankng.csv", tmp_path).hint


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 2500), cut=st.integers(0, 40), put=st.binary(max_size=12), is_json=st.booleans())
def test_random_damage_never_ends_in_a_traceback(
    place: int, cut: int, put: bytes, is_json: bool, tmp_path: Path
) -> None:
    whole = (jsonl_text(60) if is_json else csv_text(60)).encode()
    folder = tmp_path / uuid.uuid4().hex
    folder.mkdir()
    path = folder / ("rows.jsonl" if is_json else "rows.csv")
    path.write_bytes(whole[:place] + put + whole[place + cut :])
    recipe = Recipe(data=DataSettings(path=str(path)))
    try:
        prepared = prepare(recipe, RunFolder.create(folder / "run", recipe))
    except SintoniaError as error:
        assert "\n" not in str(error)
        assert str(path) in str(error)
    else:
        assert prepared.rows_in == prepared.rows_used + prepared.rows_set_aside
        assert prepared.rows_in in range(55, 64)


def test_the_same_rows_unharmed_are_accepted(tmp_path: Path) -> None:
    for file, content in (("rows.csv", csv_text(60)), ("rows.jsonl", jsonl_text(60))):
        (tmp_path / file).write_text(content, encoding="utf-8")
        recipe = Recipe(data=DataSettings(path=str(tmp_path / file)))
        prepared = prepare(recipe, RunFolder.create(tmp_path / f"run-{file}", recipe))
        assert (prepared.rows_in, prepared.rows_used) == (60, 60)
