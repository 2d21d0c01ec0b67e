"""Declared formats: what is valid, what is not, what cannot be declared, and how long a check may take."""

from __future__ import annotations

import json
import logging
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from sintonia.errors import UsageError
from sintonia.metrics import asked_for, parse_format


def schema_file(folder: Path, schema: Any) -> str:
    path = folder / "schema.json"
    path.write_text(schema if isinstance(schema, str) else json.dumps(schema), encoding="utf-8")
    return f"json:{path}"


@pytest.mark.parametrize("text", ['{"a": [1, 2.5e3, null]}', ' \n"è"\n', "0", "true", "[]"])
def test_json_is_valid(text: str) -> None:
    assert parse_format("json").is_valid(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{'a': 1}",
        '{"a": 1,}',
        "NaN",
        "[Infinity]",
        '```json\n{"a": 1}\n```',
        'Sure: {"a": 1}',
        "{} {}",
        "[" * 9_999,
    ],
)
def test_what_looks_like_json_is_not(text: str) -> None:
    assert not parse_format("json").is_valid(text)


def test_a_schema_decides(tmp_path: Path) -> None:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {"intent": {"enum": ["HassTurnOn", "HassTurnOff"]}, "area": {"$ref": "#/$defs/name"}},
        "required": ["intent"],
        "additionalProperties": False,
        "$defs": {"name": {"type": "string", "pattern": "^[a-zà-ù ]+$"}},
    }
    is_valid = parse_format(schema_file(tmp_path, schema)).is_valid
    assert is_valid('{"intent": "HassTurnOn", "area": "città"}') and is_valid('{"intent": "HassTurnOff"}')
    for wrong in (
        '{"intent": "x"}',
        '{"intent": "HassTurnOn", "area": "A1"}',
        '{"area": "a"}',
        '{"intent": 1',
        "[]",
        "",
    ):
        assert not is_valid(wrong)
    assert not is_valid('{"intent": "HassTurnOn", "b": 1}')


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ("{'a'}", "schema.json:1: the schema is no JSON"),
        ("[]", "neither an object"),
        ({"type": "nothing"}, "no JSON Schema: 'nothing'"),
        ({"properties": {"a": {"pattern": "("}}}, "no JSON Schema"),
        ({"$ref": "#/$defs/absent"}, "refers to `#/$defs/absent`"),
        ({"properties": {"a": {"$ref": "https://example.com/a.json"}}}, "refers to `https://example.com/a.json`"),
        ({"items": {"$ref": "other.json"}}, "nothing is fetched"),
    ],
)
def test_a_schema_that_cannot_be_used_is_refused_before_it_is_needed(tmp_path: Path, schema: Any, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_format(schema_file(tmp_path, schema))
    assert told in str(caught.value) and "schema.json" in str(caught.value)


def test_a_schema_may_refer_to_itself_and_to_the_standard(tmp_path: Path) -> None:
    nested = {"$id": "https://example.com/tree", "type": "object", "additionalProperties": {"$ref": "#"}}
    is_valid = parse_format(schema_file(tmp_path, nested)).is_valid
    assert is_valid('{"a": {"b": {}}}') and not is_valid('{"a": {"b": 1}}')
    standard = {"$ref": "https://json-schema.org/draft/2020-12/schema"}
    assert parse_format(schema_file(tmp_path, standard)).is_valid('{"type": "object"}')


def test_patterns_of_names_are_refused_for_they_could_hang(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="patternProperties"):
        parse_format(schema_file(tmp_path, {"patternProperties": {"^(a+)+$": {}}}))


def test_numbers_too_large_to_be_computed_with_are_not_valid(tmp_path: Path) -> None:
    is_valid = parse_format(schema_file(tmp_path, {"multipleOf": 0.1})).is_valid
    assert is_valid("0.5") and not is_valid("1e400") and not is_valid("1" + "0" * 400)


def test_a_schema_that_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match=r"absent\.json` cannot be read"):
        parse_format("json:absent.json")


SQL = [
    "SELECT count(*) FROM continents;",
    "select a, b from t where c = 'it''s' order by b desc limit 3",
    "WITH x AS (SELECT 1 AS a) SELECT * FROM x JOIN t ON x.a = t.a GROUP BY t.a HAVING count(*) > 2",
    "SELECT a FROM t EXCEPT SELECT b FROM u",
    "INSERT INTO t (a, b) VALUES (1, 'x'), (2, 'y')",
    "UPDATE t SET a = 1 WHERE b IN (SELECT c FROM u)",
    "DELETE FROM t WHERE a IS NULL",
    "CREATE TABLE t (a INT PRIMARY KEY, b TEXT)",
]


def parses_in_sqlite(text: str) -> bool:
    """SQLite tells a mistake of grammar before it looks for tables."""
    try:
        sqlite3.connect(":memory:").execute("EXPLAIN " + text)
    except sqlite3.Error as problem:
        return not any(words in str(problem) for words in ("syntax error", "incomplete input", "unrecognized token"))
    return True


SQLITE_ALONE = {
    "WITH x AS (SELECT 1 AS a) SELECT * FROM x t ON x.a = t.a GROUP BY t.a HAVING count(*) > 2",
    "CREATE TABLE t (a INT KEY, b TEXT)",
}
"""What no other database takes: `ON` without a join, and any words for a type."""


def pieces(text: str) -> list[str]:
    """The text without each of its words, and cut after each."""
    parts = text.split()
    return [" ".join(parts[:one] + parts[one + 1 :]) for one in range(len(parts))] + [
        " ".join(parts[:one]) for one in range(1, len(parts))
    ]


def test_sql_agrees_with_sqlite_on_queries_and_on_what_is_left_of_them() -> None:
    """All that SQLite parses passes; of the pieces that it does not, one in ten may, since other dialects know more."""
    is_valid = parse_format("sql").is_valid
    assert all(is_valid(text) and parses_in_sqlite(text) for text in SQL)
    broken = {one for text in SQL for one in pieces(text)}
    refused = {one for one in broken if not parses_in_sqlite(one)}
    assert [one for one in broken - refused - SQLITE_ALONE if not is_valid(one)] == []
    passing = [one for one in refused if is_valid(one)]
    assert len(passing) < 0.1 * len(refused), passing


@pytest.mark.parametrize(
    "text", ["SELECT a::text FROM t WHERE b ILIKE 'x%'", "TRUNCATE TABLE t", "SELECT 1; SELECT 2", "(SELECT 1)"]
)
def test_other_dialects_pass(text: str) -> None:
    assert parse_format("sql").is_valid(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ";",
        "-- nothing",
        "I don't know",
        "hello world",
        "drop the idea",
        "insert coin",
        "update me",
        "with love",
        "from now on",
        "create a poem",
        "ALTER foo bar",
        "The answer is: SELECT 1",
        "```sql\nSELECT 1\n```",
        "SELECT 1; hope this is right",
        "SELECT a, FROM t",
        "SELECT FROM t",
        "SELECT a FROM t GROUP BY",
        "SELECT " + "(" * 5_000,
    ],
)
def test_prose_and_pieces_are_no_sql(text: str) -> None:
    assert not parse_format("sql").is_valid(text)


def test_what_is_no_sql_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        parse_format("sql").is_valid("ALTER the private words of a row")
    assert "private" not in caplog.text


def test_a_pattern_matches_the_whole_answer() -> None:
    is_valid = parse_format(r"regex:(sì|no): \d+").is_valid
    assert is_valid("sì: 12") and is_valid(" no: 3\n")
    assert not is_valid("no: 3 forse") and not is_valid("NO: 3")
    assert parse_format("regex:a:b").is_valid("a:b")


def test_a_pattern_without_end_is_stopped(tmp_path: Path) -> None:
    endless, text = "(?:x?(?=(x+)+$))(y|x+)+(a+|b|aa)*(x+x+)+y", "x" * 3_000 + "z"
    before = time.process_time()
    assert not parse_format(f"regex:{endless}").is_valid(text)
    schema = {"type": "string", "pattern": endless}
    assert not parse_format(schema_file(tmp_path, schema)).is_valid(json.dumps(text))
    assert time.process_time() - before < 10


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ("jsonn", "there is no format `jsonn`"),
        ("yaml", "`regex:PATTERN`"),
        ("", "there is no format"),
        ("sql:sqlite", "there is no format `sql:sqlite`"),
        ("json:", "lacks what follows the colon"),
        ("regex:", "lacks what follows the colon"),
        ("regex:(", "cannot be used"),
    ],
)
def test_a_format_that_is_none_is_refused(declared: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_format(declared)
    assert told in str(caught.value)


def test_validity_is_a_share_of_right_answers() -> None:
    (metric,) = asked_for("json", None)
    targets, texts = ["x"] * 4, ["{}", "{", "1", "one"]
    assert metric.function(targets, texts) == 0.5
    assert metric.hits(targets, texts) == (True, False, True, False)
    counts = metric.counts(targets, texts).toarray()
    assert float(metric.from_counts(counts[[0, 0, 1]].sum(axis=0)[None])[0]) == pytest.approx(2 / 3)
    assert metric.reads == "texts" and metric.is_mean_of_correct
    with pytest.raises(ValueError, match="targets"):
        metric.function([], [])


def test_a_slow_pattern_is_waited_for_a_few_times_and_its_answers_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sintonia.metrics.formats.SLOWEST_SECONDS", 0.3)
    declared = parse_format("regex:(a|aa)+$")
    slow, began = [f"{'a' * 60}{k}" for k in range(20)], time.process_time()
    # `regex` counts its time in that of the processor, so a busy machine does not matter here.
    assert [declared.is_valid(text) for text in slow] == [False] * 20
    first = time.process_time() - began
    assert first < 3 * 0.3 + 17 * 0.05 + 1.5, "twenty times 0.3 seconds are 6"
    assert all(map(declared.is_slow, slow)) and not declared.is_slow("b")
    assert declared.is_valid("aa"), "what is quick is still told right"
    began = time.process_time()
    assert not any(map(parse_format("regex:(a|aa)+$").is_valid, slow)) and time.process_time() - began < 0.1


def test_a_slow_pattern_of_a_schema_is_known_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sintonia.metrics.formats.SLOWEST_SECONDS", 0.3)
    declared = parse_format(schema_file(tmp_path, {"type": "string", "pattern": "^(a|aa)+$"}))
    assert declared.is_valid('"aa"') and not declared.is_slow('"aa"')
    assert declared.is_slow(json.dumps("a" * 60 + "b")) and not declared.is_slow('"b"')
