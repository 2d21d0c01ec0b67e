"""`sintonia redact` as a person calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from sintonia.cli.redact import redact
from sintonia.errors import UsageError

app = typer.Typer()
app.command()(redact)


def call(*words: str | Path) -> Result:
    """Runs the command without a terminal."""
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=True)


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Two rows with one address."""
    path = tmp_path / "rows.csv"
    path.write_text("id,mail\n1,anna@example.org\n2,Anna@example.org\n")
    return path


def test_it_writes_a_copy_and_counts(rows: Path) -> None:
    done = call(rows, "--out", rows.with_name("out.csv"), "--json")
    assert done.exit_code == 0
    counts = {"lines": 3, "replaced": {"email": 2}, "distinct": {"email": 1}}
    assert json.loads(done.stdout) == {**counts, "columns": {"id": "left", "mail": "changed"}}
    assert "left as they are: `id` (nothing a pattern knows stands in them)" in done.stderr
    assert "look before you share" in done.stderr
    assert rows.with_name("out.csv").read_text() == "id,mail\n1,[EMAIL_1]\n2,[EMAIL_1]\n"


def test_the_mapping_needs_a_passphrase_and_opens_with_it(rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, mapping, back = (rows.with_name(name) for name in ("out.csv", "map", "back.csv"))
    monkeypatch.delenv("SINTONIA_PASSPHRASE", raising=False)
    refused = call(rows, "--out", out, "--mapping", mapping)
    assert isinstance(refused.exception, UsageError)
    assert "SINTONIA_PASSPHRASE" in str(refused.exception)
    assert not out.exists()
    monkeypatch.setenv("SINTONIA_PASSPHRASE", "secret phrase")
    assert call(rows, "--out", out, "--mapping", mapping).exit_code == 0
    assert call(out, "--out", back, "--restore", mapping).exit_code == 0
    assert back.read_text() == rows.read_text().replace("Anna", "anna")


def test_nothing_personal_is_printed(rows: Path) -> None:
    done = call(rows, "--out", rows.with_name("out.csv"), "--json")
    assert "anna" not in (done.stdout + done.stderr).lower()
    keys = [
        "anna.rossi@example.org",
        "+39 333 1234567",
        "Anna told me on the telephone that she could not",
        "note",
    ]
    rows.with_suffix(".jsonl").write_text(json.dumps(dict.fromkeys(keys, "x"), ensure_ascii=False) + "\n")
    done = call(rows.with_suffix(".jsonl"), "--out", rows.with_name("out.jsonl"), "--json")
    assert not [key for key in keys[:3] if key in done.stdout + done.stderr]
    assert json.loads(done.stdout)["columns"] == dict.fromkeys(["key 1", "key 2", "key 3", "note"], "left")
    refused = call(rows.with_suffix(".jsonl"), "--out", rows.with_name("none.jsonl"), "--columns", "anna.ross")
    assert isinstance(refused.exception, UsageError) and refused.exception.hint == "the nearest: `note`"


def test_of_keys_without_end_some_are_named(tmp_path: Path) -> None:
    lines = tmp_path / "rows.jsonl"
    lines.write_text("".join(json.dumps({f"k{number}": "x"}) + "\n" for number in range(1203)))
    done = call(lines, "--out", tmp_path / "out.jsonl", "--json")
    assert "`k19` and 1,183 more (nothing" in done.stderr.replace("\n", " ") and "`k20`" not in done.stderr
    told = json.loads(done.stdout)
    assert len(told["columns"]) == 1000 and told["more_columns"] == 203


def test_columns_that_were_not_asked_for_are_told(rows: Path) -> None:
    done = call(rows, "--out", rows.with_name("out.csv"), "--columns", "id")
    assert "`id` (nothing a pattern knows" in done.stderr and "`mail` (not among --columns)" in done.stderr
    whole = call(rows, "--out", rows.with_name("whole.csv"), "--columns", "mail")
    assert "`mail`" not in whole.stderr
