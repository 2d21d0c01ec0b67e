"""Malformed data: each file gives one line with a place and a hint, never a traceback, never its content."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import socket
import time
import uuid
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sintonia.cli.main import main
from sintonia.errors import SintoniaError
from sintonia.prepare import prepare
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe

SECRET = "zanzibar"
"""A word of the rows; no error may repeat what the rows say."""


def _csv(count: int, *, label: Callable[[int], object] = lambda number: "ab"[number % 2]) -> str:
    return "text,label\n" + "".join(f"{SECRET} says this {number},{label(number)}\n" for number in range(count))


def _jsonl(count: int, label: Callable[[int], object] = lambda number: "ab"[number % 2]) -> str:
    rows = ({"text": f"{SECRET} says this {number}", "label": label(number)} for number in range(count))
    return "".join(json.dumps(row) + "\n" for row in rows)


def _wide(extra: str) -> str:
    header, *rows = _csv(60).splitlines()
    return "\n".join([f"{header},{extra}", *(f"{row},{'xy'[number % 3 == 0]}" for number, row in enumerate(rows))])


@dataclass(frozen=True, slots=True, kw_only=True)
class Malformed:
    """A bad file: its name, its content, what the error says, and the line it points at (none: the whole file)."""

    name: str
    content: str | bytes
    says: str
    line: int | None = None
    file: str = "rows.csv"


_LINES = _jsonl(60).splitlines()

CASES = (
    Malformed(name="empty", content=b"", says="the file is empty"),
    Malformed(name="blank", content=b"\n \n\t\n", says="the file is empty"),
    Malformed(name="empty jsonl", content=b"", says="the file is empty", file="rows.jsonl"),
    Malformed(name="only a mark", content=b"\xef\xbb\xbf", says="there are no rows", line=1, file="rows.jsonl"),
    Malformed(name="header only", content="text,label\n", says="there are no rows", line=1),
    Malformed(name="one column", content="text\n" + f"{SECRET}\n" * 60, says="only one column", line=1),
    Malformed(name="Latin-1", content=_csv(60).encode() + b"caff\xe8,a\n", says="byte 0xe8 is not UTF-8", line=62),
    Malformed(
        name="Latin-1 jsonl",
        content=_jsonl(3).encode() + b'{"text": "\xe8"}',
        says="byte 0xe8",
        line=4,
        file="rows.jsonl",
    ),
    Malformed(name="cut UTF-8", content=_csv(60).encode() + b"x\xe2\x82", says="byte 0xe2 is not UTF-8", line=62),
    Malformed(name="NUL", content=_csv(60).replace("this 7", "th\0is").encode(), says="a NUL byte", line=9),
    Malformed(name="NUL at the end", content=_csv(9).encode() + b"\0" * 4096, says="NUL bytes", line=11),
    Malformed(name="UTF-16 without mark", content=_csv(60).encode("utf-16-le"), says="looks like UTF-16", line=1),
    Malformed(
        name="cut UTF-16", content=b"\xff\xfe" + _csv(60).encode("utf-16-le")[:-1], says="not whole UTF-16", line=61
    ),
    Malformed(name="NUL in UTF-16", content=_csv(4).replace("this 2", "\0").encode("utf-16"), says="NUL", line=4),
    Malformed(name="UTF-32", content=_csv(60).encode("utf-32"), says="UTF-32"),
    Malformed(name="ragged", content=_csv(60).replace("this 5,", "this, 5,"), says="another number of fields", line=7),
    Malformed(name="short row", content=_csv(60) + "alone\n", says="line 62: 1 field", line=62),
    Malformed(name="ragged after quotes", content='text,label\n"a\nb",x\nc,d,e\n', says="line 4: 3 fields", line=4),
    Malformed(name="open quote", content=_csv(9) + f'"{SECRET},a\n' + "x,b\n" * 9, says="never closes", line=11),
    Malformed(name="text after a quote", content=_csv(9) + f'"{SECRET}" x,a\n', says="followed by something", line=11),
    Malformed(name="name twice", content="text,text\n" + "a,b\n" * 60, says="`text` twice", line=1),
    Malformed(name="no header", content=_csv(60).split("\n", 1)[1], says="looks like data, not like names", line=1),
    Malformed(name="thousand columns", content=",".join(f"c{n}" for n in range(1001)) + "\n", says="columns", line=1),
    Malformed(name="long line", content=b"text,label\n" + b"x" * (17 * 2**20), says="longer than 16 MiB", line=2),
    Malformed(
        name="broken JSON",
        content="\n".join([*_LINES[:6], '{"text": "x", "label"', *_LINES[6:]]),
        says="line 7: expecting ':'",
        line=7,
        file="rows.jsonl",
    ),
    Malformed(name="cut JSON", content=_jsonl(60)[:-9], says="line 60:", line=60, file="rows.jsonl"),
    Malformed(
        name="NaN", content=_jsonl(5) + '{"text": "x", "label": NaN}', says="NaN is not JSON", line=6, file="rows.jsonl"
    ),
    Malformed(
        name="key twice",
        content=_jsonl(5) + '{"text": "x", "text": "y"}',
        says="same key twice",
        line=6,
        file="rows.jsonl",
    ),
    Malformed(name="list as row", content=_jsonl(5) + '["x", "a"]', says="it is a list", line=6, file="rows.jsonl"),
    Malformed(name="string as row", content=_jsonl(5) + '"x"', says="it is a string", line=6, file="rows.jsonl"),
    Malformed(name="null as row", content=_jsonl(5) + "null", says="it is null", line=6, file="rows.jsonl"),
    Malformed(
        name="half a character",
        content=_jsonl(5) + '{"text": "\\ud83d", "label": "a"}',
        says="surrogate",
        line=6,
        file="rows.jsonl",
    ),
    Malformed(
        name="huge number",
        content=_jsonl(5) + f'{{"text": "x", "label": {"9" * 5000}}}',
        says="4,300 digits",
        line=6,
        file="rows.jsonl",
    ),
    Malformed(
        name="deep", content=_jsonl(5) + '{"text": ' + "[" * 100_000, says="nested deeper", line=6, file="rows.jsonl"
    ),
    Malformed(
        name="JSON array",
        content=json.dumps([json.loads(line) for line in _LINES]),
        says="one JSON document",
        line=1,
        file="rows.jsonl",
    ),
    Malformed(
        name="pretty JSON",
        content=json.dumps([{"text": "x"}], indent=2),
        says="one JSON document",
        line=1,
        file="rows.jsonl",
    ),
    Malformed(
        name="text is a list",
        content=_jsonl(59) + '{"text": ["x"], "label": "a"}',
        says="`text` holds a list",
        line=60,
        file="rows.jsonl",
    ),
    Malformed(
        name="label is an object",
        content=_jsonl(59) + '{"text": "x", "label": {"a": 1}}',
        says="`label` holds an object",
        line=60,
        file="rows.jsonl",
    ),
    Malformed(name="CSV called JSONL", content=_csv(60), says="61 lines cannot be read", line=1, file="rows.jsonl"),
    Malformed(
        name="no target",
        content="text,number\n" + "".join(f"{SECRET} says {n},{n}.5\n" for n in range(60)),
        says="no column looks like the target",
        line=1,
    ),
    Malformed(
        name="no text",
        content="number,label\n" + "".join(f"{n},{n % 2}\n" for n in range(60)),
        says="no column looks like the input",
        line=1,
    ),
    Malformed(name="two targets", content=_wide("category"), says="2 columns may be the target", line=1),
    Malformed(name="one class", content=_csv(60, label=lambda _: "a"), says="the same `label`", line=1),
    Malformed(name="quantity", content=_csv(100, label=lambda n: n * 1.5), says="a quantity, not a class", line=1),
    Malformed(
        name="free text as label", content=_csv(100, label=lambda n: f"answer {n}"), says="too many for classes", line=1
    ),
    Malformed(
        name="mostly empty",
        content=_csv(60, label=lambda n: "ab"[n % 2] if n % 3 == 0 else ""),
        says="`label` is empty",
        line=3,
    ),
    Malformed(name="ten rows", content=_csv(10), says="10 usable rows", line=11),
    Malformed(name="ten rows many times", content=_jsonl(10) * 20, says="190 set aside", line=200, file="rows.jsonl"),
    Malformed(name="pickle", content=pickle.dumps({"text": 1}), says="pickle", file="rows.jsonl"),
    Malformed(name="gzip", content=gzip.compress(_csv(60).encode()), says="gzip"),
    Malformed(name="parquet", content=b"PAR1" + b"\0" * 99, says="Parquet", file="rows.parquet"),
    Malformed(name="unknown format", content=_csv(60), says="not a format that can be read", file="rows.docx"),
    Malformed(name="no suffix", content=_csv(60), says="not a format that can be read", file="rows"),
)


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
    assert exit_code == 3
    assert shown.out == ""
    assert shown.err.count("error: ") == 1
    assert "hint: " in shown.err
    assert "Traceback" not in shown.err
    assert SECRET not in shown.err


def _link(path: Path) -> Path:
    real = path.with_name("real.csv")
    real.write_text(_csv(60), encoding="utf-8")
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
    path.write_text(_csv(60), encoding="utf-8")
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
    whole = (_jsonl(60) if is_json else _csv(60)).encode()
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
    for file, content in (("rows.csv", _csv(60)), ("rows.jsonl", _jsonl(60))):
        (tmp_path / file).write_text(content, encoding="utf-8")
        recipe = Recipe(data=DataSettings(path=str(tmp_path / file)))
        prepared = prepare(recipe, RunFolder.create(tmp_path / f"run-{file}", recipe))
        assert (prepared.rows_in, prepared.rows_used) == (60, 60)
