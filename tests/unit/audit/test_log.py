"""The audit log: chained lines, one writer at a time, what a full disk or a broken log does, what it never holds."""

from __future__ import annotations

import ast
import doctest
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sintonia import audit
from sintonia.audit import log
from tests.architecture.source_tree import source_files


@pytest.fixture
def path(private_home: Path) -> Path:
    return private_home / "audit" / "log.jsonl"


def test_each_line_holds_the_hash_of_the_one_before(path: Path) -> None:
    heads = [audit.record("export", run=f"run-{number}") for number in range(3)]
    lines = path.read_bytes().splitlines()
    assert json.loads(lines[0]) == {"schema": 1}
    assert [json.loads(line)["before"] for line in lines[1:]] == [log.hash_of(line) for line in lines[:-1]]
    assert [head.lines for head in heads if head] == [1, 2, 3]
    assert heads[-1] == audit.verify().head
    assert [entry.facts for entry in audit.entries()] == [{"run": f"run-{number}"} for number in range(3)]


def test_only_the_owner_can_read_it(path: Path) -> None:
    audit.record("login", is_let_in=True)
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert {one.name: one.stat().st_mode & 0o777 for one in path.parent.iterdir()} == {
        "log.jsonl": 0o600,
        "head.json": 0o600,
        ".lock": 0o600,
    }


def test_many_writers_make_one_chain(path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: audit.record("export", number=number), range(40)))
    assert audit.verify().is_whole
    assert sorted(entry.facts["number"] for entry in audit.entries()) == list(range(40))


def test_a_log_that_cannot_be_written_is_a_warning_and_no_end(
    private_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (private_home / "audit").write_text("a file where the folder should be")
    with caplog.at_level(logging.WARNING, logger="sintonia"):
        assert audit.record("export", run="one") is None
    assert "`export` could not be recorded" in caplog.text


def test_a_kill_between_line_and_head_is_no_break(path: Path) -> None:
    audit.record("export", number=1)
    head = path.with_name("head.json").read_bytes()
    audit.record("export", number=2)
    path.with_name("head.json").write_bytes(head)
    assert audit.verify().is_whole
    audit.record("export", number=3)
    assert audit.verify().is_whole
    assert len(audit.entries()) == 3


def test_a_kill_in_the_midst_of_a_line_is_a_note_and_the_next_line_follows(path: Path) -> None:
    audit.record("export", number=1)
    path.write_bytes(path.read_bytes() + b'{"number": 2, "ti')
    proof = audit.verify()
    assert proof.is_whole
    assert "unfinished" in proof.notes[0]
    audit.record("export", number=2)
    assert (audit.verify().is_whole, audit.verify().notes) == (True, ())


def test_what_was_cut_off_is_not_covered_up_by_the_next_line(path: Path) -> None:
    for number in range(5):
        audit.record("export", number=number)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:3]))
    audit.record("export", number=6)
    proof = audit.verify()
    assert [entry.event for entry in audit.entries()] == ["export", "export", "damage_found", "export"]
    assert [one.line for one in proof.breaks] == [4]


def test_a_log_that_was_taken_away_is_not_begun_as_if_nothing_had_been(path: Path) -> None:
    audit.record("export", number=1)
    path.unlink()
    assert not audit.verify().is_whole
    audit.record("export", number=2)
    assert audit.entries()[0].event == "damage_found"
    assert not audit.verify().is_whole


def test_a_head_that_was_taken_away_or_damaged_is_found(path: Path) -> None:
    for number in range(3):
        audit.record("export", number=number)
    path.with_name("head.json").write_text("{")
    assert "damaged" in audit.verify().breaks[0].reason
    path.with_name("head.json").unlink()
    assert "missing" in audit.verify().breaks[0].reason


def test_no_log_is_whole_and_a_head_of_another_log_is_not_met() -> None:
    assert audit.verify().is_whole
    proof = audit.verify([("run", audit.Head(lines=3, sha256="0" * 64))])
    assert "run knows 3 events, here are 0" in proof.breaks[0].reason


def test_long_texts_are_cut_and_an_unknown_event_is_a_mistake_of_ours() -> None:
    audit.record("export", name="x" * 5000, names=("y" * 5000,))
    facts = audit.entries()[0].facts
    assert len(facts["name"]) == len(facts["names"][0]) == 300
    with pytest.raises(ValueError, match="no event"):
        audit.record("exported")


def test_what_the_server_tells_is_known() -> None:
    told = set()
    for file in source_files():
        for node in ast.walk(file.tree):
            is_telling = isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("tell_log", "record", "note")
            first = node.args[0 if getattr(node.func, "id", "") != "note" else 1 :][:1] if is_telling else []
            told |= {one.value for one in first if isinstance(one, ast.Constant)}
    assert {"export", "verdict", "test_opened", "login", "token_refused"} <= told
    assert told <= set(audit.EVENTS), "a name that is not known would end what is being done"
    assert set(audit.EVENTS) - told == {log.DAMAGE}, "no event that never happens"


def test_the_examples_in_the_docstrings_are_true() -> None:
    assert doctest.testmod(log).failed == 0
