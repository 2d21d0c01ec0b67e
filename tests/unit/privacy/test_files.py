"""Files keep their form, the input is never written, the output is whole or absent, errors say where."""

from __future__ import annotations

import stat
import tracemalloc
from pathlib import Path

import pytest

from sintonia.errors import DataError, SintoniaError, StorageError, UsageError
from sintonia.privacy import Fate, Redactor, Seal, redact_file, restore_file

KEPT = {
    "quotes.csv": (
        b'\xef\xbb\xbfid;"note";tel\r\n1;"a ""b"" anna@example.org;\r\nx";3331234567\r\n\r\n2;5" disk;"plain"\r\n',
        b'\xef\xbb\xbfid;"note";tel\r\n1;"a ""b"" [EMAIL_1];\r\nx";[PHONE_1]\r\n\r\n2;5" disk;"plain"\r\n',
    ),
    "header.csv": (
        b"partita_iva,codice\n07643520567,07643520567\n",
        b"partita_iva,codice\n[PARTITA_IVA_1],07643520567\n",
    ),
    "tabs.tsv": (b"a\tb\nx, y\tanna@example.org", b"a\tb\nx, y\t[EMAIL_1]"),
    "rows.jsonl": (
        b'{"a": 1.50,  "b":["anna@example.org", {"tel": "06 1234 5678"}], "x@y.it": null}\n\n"\\u00e0 a@b.it"\n',
        b'{"a": 1.50,  "b":["[EMAIL_1]", {"tel": "[PHONE_1]"}], "x@y.it": null}\n\n"\\u00e0 [EMAIL_2]"\n',
    ),
    "notes.txt": ("Già: anna@example.org\r\n\x0c\n[EMAIL_3]".encode(), "Già: [EMAIL_4]\r\n\x0c\n[EMAIL_3]".encode()),
    "empty.csv": (b"", b""),
}  # fmt: skip


@pytest.mark.parametrize("name", KEPT)
def test_everything_else_stays_byte_for_byte(name: str, tmp_path: Path) -> None:
    source, target = tmp_path / name, tmp_path / f"out-{name}"
    before, after = KEPT[name]
    source.write_bytes(before)
    redact_file(source, target)
    assert target.read_bytes() == after
    assert source.read_bytes() == before
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {name, target.name}


@pytest.mark.parametrize(
    ("name", "text"), [("a.csv", "b,c\na@b.it,c@d.it\n"), ("a.jsonl", '{"b":"a@b.it","c":["c@d.it"]}\n')]
)
def test_only_the_columns_that_were_named(name: str, text: str, tmp_path: Path) -> None:
    source = tmp_path / name
    source.write_text(text)
    done = redact_file(source, tmp_path / f"out-{name}", columns=["c"])
    assert (tmp_path / f"out-{name}").read_text() == text.replace("c@d.it", "[EMAIL_1]")
    assert (done.replaced, done.distinct, done.num_lines) == ({"email": 1}, {"email": 1}, text.count("\n"))
    with pytest.raises(UsageError, match="no column `bb`"):
        redact_file(source, tmp_path / f"other-{name}", columns=["bb"])
    assert not (tmp_path / f"other-{name}").exists()


def test_the_mapping_puts_the_values_back(tmp_path: Path) -> None:
    source, target, seal = (
        tmp_path / "a.csv",
        tmp_path / "b.csv",
        Seal(path=tmp_path / "map", passphrase="secret phrase"),
    )
    source.write_text("tel,mail\n333 1234567,anna@example.org\n")
    redact_file(source, target, seal=seal)
    restore_file(target, tmp_path / "c.csv", seal)
    assert (tmp_path / "c.csv").read_bytes() == source.read_bytes() != target.read_bytes()


REFUSED = {
    "latin.csv": (b"a,b\n1,\xe8\n", DataError, "latin.csv:2"),
    "open.csv": (b'a,b\n1,2\n3,"x\ny\n', DataError, "open.csv:3"),
    "bad.jsonl": (b'{"a": 1}\n{"a": \n', DataError, "bad.jsonl:2"),
    "nan.jsonl": (b'{"a": NaN}\n', DataError, "nan.jsonl:1"),
    "deep.jsonl": (b"[" * 100_000 + b"]" * 100_000, DataError, "deep.jsonl:1"),
    "wide.csv": ("a,b\n1,2\n".encode("utf-16"), DataError, "wide.csv:1"),
    "rows.parquet": (b"PAR1", UsageError, ".parquet"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_one_line_that_says_where(name: str, tmp_path: Path) -> None:
    content, kind, where = REFUSED[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(kind) as caught:
        redact_file(tmp_path / name, tmp_path / f"out-{name}")
    assert where in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_nothing_is_ever_written_over(tmp_path: Path) -> None:
    source, other = tmp_path / "a.txt", tmp_path / "b.txt"
    source.write_text("a@b.it")
    other.write_text("mine")
    for target in (source, other):
        with pytest.raises(UsageError, match="exists already"):
            redact_file(source, target)
    with pytest.raises(UsageError, match="exists already"):
        redact_file(source, tmp_path / "c.txt", seal=Seal(path=other, passphrase="secret phrase"))
    with pytest.raises(UsageError, match="named twice"):
        redact_file(source, tmp_path / "c.txt", seal=Seal(path=tmp_path / "c.txt", passphrase="secret phrase"))
    assert (source.read_text(), other.read_text()) == ("a@b.it", "mine")
    assert not (tmp_path / "c.txt").exists()


@pytest.mark.parametrize(("source", "target"), [("none.csv", "out.csv"), ("a.txt", "no/folder/out.txt")])
def test_missing_files_and_folders_are_said(source: str, target: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises((DataError, StorageError)):
        redact_file(tmp_path / source, tmp_path / target)


def test_a_failure_at_the_end_leaves_no_output(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a@b.it")
    with pytest.raises(SintoniaError, match="too short"):
        redact_file(tmp_path / "a.txt", tmp_path / "b.txt", seal=Seal(path=tmp_path / "map", passphrase="x"))
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    line = "1," + "the quick brown fox " * 20 + ",anna@example.org\n"
    (tmp_path / "a.csv").write_text("id,text,mail\n" + line * 2_000)
    redact_file(tmp_path / "a.csv", tmp_path / "first.csv", columns=["id"])
    tracemalloc.start()
    redact_file(tmp_path / "a.csv", tmp_path / "b.csv")
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 400_000 < (tmp_path / "a.csv").stat().st_size


def test_a_redacted_text_redacts_to_itself() -> None:
    once = Redactor().redact("anna@example.org, 333 1234567, P.IVA 07643520567")
    assert Redactor().redact(once) == once


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_how_json_is_written_stays_where_nothing_is_replaced(tmp_path: Path, mark: str) -> None:
    lines = [
        r'{"t": "http:\/\/x a@example.org", "n": 1.50}',
        r'{"t": "caff\u00E8 \u00e8 è a@example.org \ud83d\uDE00 \u0009\t\\"}',
        r'{"t": ["a@example.org", "\"a@example.org\""], "\/": {"deep": "a@example.org\/"}}',
    ]
    source, out, back, key = (tmp_path / name for name in ("a.jsonl", "b.jsonl", "c.jsonl", "map"))
    source.write_bytes((mark + "\r\n".join(lines)).encode())
    seal = Seal(path=key, passphrase="long enough")
    redact_file(source, out, seal=seal)
    assert out.read_bytes() == source.read_bytes().replace(b"a@example.org", b"[EMAIL_1]")
    restore_file(out, back, seal)
    assert back.read_bytes() == source.read_bytes()


def test_what_became_of_each_column_is_told(tmp_path: Path) -> None:
    table, lines = tmp_path / "a.csv", tmp_path / "a.jsonl"
    table.write_text("id,mail,note\nK-1,a@example.org,b@example.org\n")
    done = redact_file(table, tmp_path / "1.csv", columns=["mail", "id"])
    assert done.fates == {"id": Fate.LEFT, "mail": Fate.CHANGED, "note": Fate.NOT_ASKED}
    lines.write_text('{"id": "K-1", "n": 5}\n{"id": "a@example.org", "n": [6], "deep": {"mail": "a@example.org"}}\n')
    done = redact_file(lines, tmp_path / "1.jsonl")
    assert done.fates == {"id": Fate.CHANGED, "n": Fate.NO_TEXT, "deep": Fate.CHANGED}


def test_a_column_without_a_name_is_told_by_its_number(tmp_path: Path) -> None:
    """A first line that is no header is data, and no one wants to read those on the screen."""
    table = tmp_path / "a.csv"
    table.write_text(f"a@example.org,{'my neighbour told me ' * 3},,x\nb@example.org,y,z,w\n")
    assert list(redact_file(table, tmp_path / "b.csv").fates) == ["column 1", "column 2", "column 3", "x"]
