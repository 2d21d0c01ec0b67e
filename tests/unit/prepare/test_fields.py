"""Columns that play no part: which of them examples keep to be told apart by, and that nothing else changes."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path

import pytest

from sintonia.files import from_json, to_json
from sintonia.prepare import language_of_each, prepare
from sintonia.prepare.sets.fields import FieldColumns
from sintonia.prepare.table import Row
from sintonia.records import Example, Place
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, PrivacySettings, Recipe
from tests.unit.prepare.bench import Bench, distinct_text, many_rows

CHANNELS = ("web", "phone", "shop", "")


def write_csv(bench: Bench, rows: list[dict[str, str]]) -> Path:
    path = bench.folder / "rows.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def support_rows(count: int = 400) -> list[dict[str, str]]:
    return [
        {**row, "channel": CHANNELS[k % 4], "date": f"2026-{k % 12 + 1:02d}-{k % 28 + 1:02d}", "id": str(k)}
        for k, row in enumerate(many_rows(count))
    ]


def examples_of(bench: Bench) -> list[Example]:
    return [one for held in bench.sets().values() for one in held]


def test_of_a_table_only_the_column_of_few_values_is_kept(bench: Bench) -> None:
    rows = support_rows()
    prepared = bench.prepare(write_csv(bench, rows), input="text", target="label")
    found = examples_of(bench)
    assert len(found) == 400
    for one in found:
        assert one.fields == {"channel": rows[one.place.line - 2]["channel"]}
    assert "columns: kept to tell kinds of examples apart: `channel`" in prepared.notes


def test_what_is_kept_changes_no_id_no_set_and_no_hash(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> None:
    rows = support_rows()
    bare = Bench(tmp_path_factory.mktemp("bare"))
    with_fields = bench.prepare(write_csv(bench, rows), input="text", target="label")
    names = ("text", "label")
    without = bare.prepare(write_csv(bare, [{n: row[n] for n in names} for row in rows]), input="text", target="label")
    assert with_fields.data_id == without.data_id
    assert with_fields.parts[0].test == without.parts[0].test
    for name, held in bench.sets().items():
        assert [dataclasses.replace(one, fields={}) for one in held] == bare.sets()[name]
        assert all(one.fields == {} for one in bare.sets()[name])


@pytest.mark.parametrize(("num_values", "is_kept"), [(1, False), (2, True), (20, True), (21, False)])
def test_how_many_values_a_column_may_have(bench: Bench, num_values: int, is_kept: bool) -> None:
    rows = [row | {"shop": f"shop {k % num_values}"} for k, row in enumerate(many_rows(300))]
    bench.prepare(bench.write(rows), input="text", target="label")
    assert {tuple(one.fields) for one in examples_of(bench)} == {("shop",) if is_kept else ()}


def test_personal_data_is_never_kept_and_its_clean_twin_is(bench: Bench) -> None:
    people = ("anna@example.org", "luca@example.org", "IT60X0542811101000000123456")
    rows = [
        row | {"agent": people[k % 3], "phone": f"340123456{k % 3}", "desk": f"desk {k % 3}"}
        for k, row in enumerate(many_rows(300))
    ]
    path = bench.write(rows)
    bench.prepare(path, input="text", target="label")
    assert {tuple(one.fields) for one in examples_of(bench)} == {("desk",)}
    written = "".join(file.read_text() for file in bench.run.file("data").iterdir() if file.is_file())
    assert "example.org" not in written and "340123456" not in written


PRIVATE = {
    "agent": ("Mario Rossi", "Anna Bianchi", "Luca Verdi"),
    "handled_by": ("Mario Rossi", "Anna Bianchi", "Luca Verdi"),
    "user_id": ("101", "102", "103"),
    "userId": ("u1", "u2", "u3"),
    "turno": ("101", "102", "103"),
    "who": ("A-10293", "B-10294", "A-10299"),
    "opened": ("2026-01-02", "2026-01-03", "2026-01-04"),
    "aperto": ("2/1/26", "3/1/26", "4/1/26"),
    "nota": ("urgent", "usual", "late"),
    "cognome_cliente": ("rossi", "verdi", "neri"),
    "summary": ("I have HIV and", "I want to pay", "it is broken again"),
}
USUAL = {
    "channel": ("web", "shop", "post"),
    "year": ("2024", "2025", "2026"),
    "stars": ("1", "3", "5"),
    "Paese": ("Italy", "France", "United Kingdom"),
    "data_source": ("forum", "manual", "call centre"),
    "provider": ("north", "south", "east"),
}


@pytest.mark.parametrize("name", [*PRIVATE, *USUAL])
def test_what_looks_like_people_ids_dates_and_free_text_is_not_kept(bench: Bench, name: str) -> None:
    values = {**PRIVATE, **USUAL}[name]
    rows = [row | {name: values[k % 3]} for k, row in enumerate(many_rows(320))]
    bench.prepare(bench.write(rows), input="text", target="label")
    assert {tuple(one.fields) for one in examples_of(bench)} == {(name,) if name in USUAL else ()}


@pytest.mark.parametrize(("num_rows", "num_values", "is_kept"), [(29, 2, False), (30, 2, True), (99, 20, False)])
def test_values_come_back_often(num_rows: int, num_values: int, is_kept: bool) -> None:
    fields = FieldColumns(["shop"])
    for k in range(num_rows):
        fields.of(Row(k + 1, {"shop": f"shop {k % num_values}"}))
    assert fields.names() == (("shop",) if is_kept else ())


@pytest.mark.parametrize("is_redacted", [False, True])
def test_where_no_word_may_be_shown_no_column_is_kept(bench: Bench, is_redacted: bool) -> None:
    rows = [row | {"shop": f"shop {k % 3}"} for k, row in enumerate(many_rows(320))]
    data = DataSettings(path=str(bench.write(rows)), columns={"input": "text", "target": "label"})
    recipe = Recipe(data=data, privacy=PrivacySettings(redact=is_redacted))
    bench.run = RunFolder.create(bench.folder / "run", recipe)
    prepare(recipe, bench.run)
    assert {tuple(one.fields) for one in examples_of(bench)} == {() if is_redacted else ("shop",)}


def test_a_source_of_conversations_is_kept_and_lists_are_not(bench: Bench) -> None:
    rows = [
        {
            "messages": [
                {"role": "user", "content": distinct_text(k)},
                {"role": "assistant", "content": distinct_text(k + 9_000)},
            ],
            "source": ("forum", "manual", "x" * 100)[k % 3],
            "tags": [["a", "b"], ["c", "d"]][k % 2],
            "is_long": bool(k % 2),
        }
        for k in range(310)
    ]
    bench.prepare(bench.write(rows))
    found = examples_of(bench)
    assert {tuple(one.fields) for one in found} == {("source", "is_long")}
    assert {one.fields["is_long"] for one in found} == {"true", "false"}
    sources = {one.fields["source"] for one in found}
    assert {"forum", "manual"} < sources and max(map(len, sources)) == 80
    assert all(set(one.content or {}) <= {"messages", "tools"} for one in found)


def test_the_group_is_no_field_and_own_files_may_lack_a_column(bench: Bench) -> None:
    rows = [row | {"channel": CHANNELS[k % 3], "who": str(k % 15)} for k, row in enumerate(many_rows(400))]
    own = bench.write([{name: row[name] for name in ("text", "label", "who")} for row in rows[330:]], "own.jsonl")
    data = DataSettings(
        path=str(bench.write(rows[:330])), test=str(own), group="who", columns={"input": "text", "target": "label"}
    )
    bench.prepare_data(data)
    sets = bench.sets()
    assert {one.fields["channel"] for one in sets["train"]} == set(CHANNELS[:3])
    assert {tuple(one.fields.items()) for one in sets["test"]} == {(("channel", ""),)}


def test_examples_of_older_runs_load_and_equal_values_are_one_object() -> None:
    old = {"id": "a", "input": "Hi", "target": "x", "group": "g", "place": {"file": "f", "line": 1}, "content": None}
    assert from_json(Example, old).fields == {}
    one = Example(
        id="a", input="Hi", target="x", group="g", place=Place(file="f", line=1), fields={"source": "the forum"}
    )
    lines = [json.dumps(to_json(one)) for _ in range(2)]
    first, second = (from_json(Example, json.loads(line)) for line in lines)
    assert first == one and hash(first) == hash(one)
    assert first.fields["source"] is second.fields["source"]
    assert next(iter(first.fields)) is next(iter(second.fields))


def test_the_language_of_each_text() -> None:
    italian = ["il treno per Roma parte domani mattina alle nove", "vorrei prenotare un tavolo per due persone"] * 10
    english = ["the train to Rome leaves tomorrow morning at nine", "I would like to book a table for two"] * 5
    assert language_of_each(italian + english) == ["it"] * 20 + ["en"] * 10
    assert language_of_each([]) == []
