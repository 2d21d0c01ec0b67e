"""The mended copy: safe repairs, repeats and leaks left out, decisions applied, each change written down."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sintonia.errors import UsageError
from sintonia.prepare import Fixed, fix, write_decision
from sintonia.settings import DataSettings, Recipe
from tests.unit.prepare.bench import Bench, many_rows


def _fix(path: Path, out: Path, **data: str) -> Fixed:
    return fix(Recipe(data=DataSettings(path=str(path), **data)), out)


def _lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_what_is_damaged_is_repaired_and_the_rest_is_left_alone(bench: Bench) -> None:
    rows = [{**row, "note": "  as it was  "} for row in many_rows(80)]
    rows[2]["text"] = "un caffÃ¨ e una cittÃ  per favore, grazie"
    rows[5]["text"] = f"  {rows[5]['text']} "
    rows.append({**rows[0], "text": rows[0]["text"].upper()})
    path, out = bench.write(rows), bench.folder / "clean.jsonl"
    before = path.read_bytes()
    fixed = _fix(path, out)
    assert (fixed.rows_in, fixed.rows_out) == (81, 80)
    assert fixed.changes == {"mojibake": 1, "whitespace": 1, "duplicate": 1}
    mended = _lines(out)
    assert mended[2]["text"] == "un caffè e una città per favore, grazie"
    assert mended[5]["text"] == rows[5]["text"].strip()
    assert [row for k, row in enumerate(mended) if k not in (2, 5)] == [
        row for k, row in enumerate(rows[:80]) if k not in (2, 5)
    ]
    assert _lines(fixed.changes_path)[1:] == [
        {"line": 3, "change": "mojibake", "column": "text"},
        {"line": 6, "change": "whitespace", "column": "text"},
        {"line": 81, "change": "duplicate"},
    ]
    assert path.read_bytes() == before
    assert {file.stat().st_mode & 0o777 for file in (out, fixed.changes_path)} == {0o600}


def test_a_mended_copy_needs_no_more_mending(bench: Bench) -> None:
    rows = many_rows(80)
    rows[2]["text"] = "  Ã¨ vero, il caffÃ¨ Ã¨ buono  "
    _fix(bench.write([*rows, *rows[:5]]), bench.folder / "once.jsonl")
    again = _fix(bench.folder / "once.jsonl", bench.folder / "twice.jsonl")
    assert again.changes == {}
    assert _lines(bench.folder / "once.jsonl") == _lines(bench.folder / "twice.jsonl")


def test_rows_that_are_in_the_test_file_are_left_out(bench: Bench) -> None:
    rows = many_rows(400)
    test = bench.write(rows[:100], "test.jsonl")
    fixed = _fix(bench.write([*rows[100:], *rows[:30]]), bench.folder / "clean.jsonl", test=str(test))
    assert fixed.changes == {"leak": 30}
    assert _lines(fixed.path) == rows[100:]


def test_decisions_are_applied(bench: Bench) -> None:
    rows = many_rows(320)
    path = bench.write(rows)
    bench.prepare(path)
    ids = {one.place.line: one.id for examples in bench.sets().values() for one in examples}
    write_decision(path, ids[1], "drop")
    write_decision(path, ids[2], "relabel", "other")
    write_decision(path, ids[3], "keep")
    fixed = _fix(path, bench.folder / "clean.jsonl")
    assert fixed.changes == {"drop": 1, "relabel": 1}
    assert _lines(fixed.path)[:2] == [{**rows[1], "label": "other"}, rows[2]]
    assert _lines(fixed.changes_path)[2] == {
        "line": 2,
        "change": "relabel",
        "column": "label",
        "before": rows[1]["label"],
        "after": "other",
    }


def test_in_conversations_white_space_is_not_touched(bench: Bench) -> None:
    rows = [
        {
            "messages": [
                {"role": "user", "content": row["text"]},
                {"role": "assistant", "content": f" {k}\n  caffÃ¨ nero "},
            ]
        }
        for k, row in enumerate(many_rows(60))
    ]
    fixed = _fix(bench.write(rows), bench.folder / "clean.jsonl")
    assert fixed.changes == {"mojibake": 60}
    assert _lines(fixed.path)[7]["messages"][1]["content"] == " 7\n  caffè nero "


@pytest.mark.parametrize("name", ["rows.jsonl", "clean.csv"])
def test_nothing_is_written_over(bench: Bench, name: str) -> None:
    path = bench.write(many_rows(80))
    before = path.read_bytes()
    with pytest.raises(UsageError):
        _fix(path, bench.folder / name)
    assert path.read_bytes() == before


def test_a_document_on_one_line_loses_its_repeats_only(bench: Bench) -> None:
    rows = many_rows(80)
    path = bench.folder / "rows.json"
    path.write_text(json.dumps([*rows, rows[0]]))
    fixed = _fix(path, bench.folder / "clean.jsonl")
    assert (fixed.rows_out, fixed.changes) == (80, {"duplicate": 1})
    assert _lines(fixed.path) == rows


def test_a_repeat_in_the_test_file_takes_nothing_from_training(bench: Bench) -> None:
    rows = many_rows(400)
    (bench.folder / "own").mkdir()
    test = bench.write([*rows[300:], rows[300]], "own/rows.jsonl")
    fixed = _fix(bench.write(rows[:300]), bench.folder / "clean.jsonl", test=str(test))
    assert (fixed.rows_in, fixed.rows_out, fixed.changes) == (300, 300, {})


def test_a_damaged_copy_is_repaired_and_then_left_out(bench: Bench) -> None:
    rows = [*many_rows(80), {"text": "il caffè è buono oggi davvero", "label": "good"}]
    damaged = {"text": "  il caffÃ¨ Ã¨ buono oggi davvero", "label": "good"}
    fixed = _fix(bench.write([*rows, damaged]), bench.folder / "clean.jsonl")
    assert fixed.changes == {"duplicate": 1}
    assert _lines(fixed.path) == rows


def test_classes_that_differ_in_case_or_spaces_are_written_as_most_rows_write_them(bench: Bench) -> None:
    rows = many_rows(80)
    usual = rows[0]["label"]
    rows[0] = {**rows[0], "label": f" {usual.upper()}  "}
    rows += [{"text": "a program that runs", "label": "C"}, {"text": "another one that does", "label": "C#"}]
    rows.append({**rows[1], "label": rows[1]["label"].title()})
    assert rows[1]["label"] != rows[1]["label"].title()
    fixed = _fix(bench.write(rows), bench.folder / "clean.jsonl")
    mended = _lines(fixed.path)
    assert mended[0]["label"] == usual
    assert [row["label"] for row in mended[80:]] == ["C", "C#"], "what differs in its marks is another class"
    assert fixed.changes == {"spelling": 1, "duplicate": 1}, "spelled alike, the last row repeats the second"
    assert {"line": 1, "change": "spelling", "column": "label"} in _lines(fixed.changes_path)
