"""Conversations that are learned: what is kept of them, how few of them are split, and what is said beforehand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sintonia.errors import UsageError
from sintonia.normalise import short_hash
from sintonia.prepare import prepare
from sintonia.prepare.near.passages import find_passages
from sintonia.records import Example, Prepared
from sintonia.runs import RunFolder
from sintonia.sealed import open_test
from sintonia.settings import DataSettings, EvaluationSettings, Recipe
from tests.unit.prepare.bench import Bench, distinct_text

TOOL = {"type": "function", "function": {"name": "meteo", "parameters": {"type": "object", "properties": {}}}}


def pairs(count: int, before: str = "") -> list[dict[str, Any]]:
    return [{"prompt": before + distinct_text(k), "completion": distinct_text(k + 9_000)} for k in range(count)]


def conversations(count: int, **more: Any) -> list[dict[str, Any]]:
    return [
        {
            "messages": [
                {"role": "system", "content": "Rispondi."},
                {"role": "user", "content": distinct_text(k)},
                {"role": "assistant", "content": "Come?", "weight": 0},
                {"role": "user", "content": distinct_text(k + 5_000)},
                {"role": "assistant", "content": distinct_text(k + 9_000)},
            ],
            **more,
        }
        for k in range(count)
    ]


def sets_of(bench: Bench, prepared: Prepared) -> list[Example]:
    return [one for examples in bench.sets().values() for one in examples] if len(prepared.parts) == 1 else []


def test_the_whole_conversation_is_kept_and_so_are_the_plain_views(bench: Bench) -> None:
    rows = conversations(310, tools=[TOOL])
    prepared = bench.prepare(bench.write(rows))
    found = {one.place.line: one for one in sets_of(bench, prepared)}
    assert len(found) == 310
    for line, one in found.items():
        messages = rows[line - 1]["messages"]
        assert one.content == {"messages": messages, "tools": [TOOL]}
        assert one.target == messages[-1]["content"]
        assert one.input == "\n".join(message["content"] for message in messages[:-1])
    assert prepared.task == "chat"
    assert (prepared.primary_metric, prepared.labels, prepared.label_counts) == ("bits_per_byte", (), {})


def test_a_pair_becomes_a_conversation_and_a_plain_text_stays_one(bench: Bench) -> None:
    rows = pairs(310)
    prepared = bench.prepare(bench.write(rows))
    one = next(one for one in sets_of(bench, prepared) if one.place.line == 7)
    asked, answer = rows[6]["prompt"], rows[6]["completion"]
    assert one.content == {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]}
    texts = [{"text": f"{distinct_text(k)}. {distinct_text(k + 700)}"} for k in range(400)]
    prepared = bench.prepare(bench.write(texts, "texts.jsonl"))
    assert prepared.form == "plain text"
    sizes = {name: len(examples) for name, examples in bench.sets().items()}
    assert 40 <= sizes["test"] <= 140
    assert sum(sizes.values()) == 400
    for one in sets_of(bench, prepared):
        assert one.content == texts[one.place.line - 1]
        assert (one.input, one.target) == (texts[one.place.line - 1]["text"], "")
    assert any("texts: 400, learned from as they are" in note for note in prepared.notes)


def test_the_id_of_a_row_is_what_it_was(bench: Bench) -> None:
    """Decisions of reviews and recorded openings know rows by it."""
    prepared = bench.prepare(bench.write(pairs(310)))
    one = next(one for one in sets_of(bench, prepared) if one.place.line == 1)
    asked = f'{{"messages": [{{"content": "{pairs(1)[0]["prompt"]}", "role": "user"}}]}}'
    answer = f'{{"content": "{pairs(1)[0]["completion"]}", "role": "assistant"}}'
    assert one.id == short_hash(short_hash(asked), answer)


def test_rows_of_classes_keep_no_content(bench: Bench) -> None:
    bench.prepare(bench.write([{"text": distinct_text(k), "label": "ab"[k % 2]} for k in range(310)]))
    assert {one.content for examples in bench.sets().values() for one in examples} == {None}


def test_few_conversations_make_ten_parts_that_test_each_row_twice(bench: Bench) -> None:
    prepared = bench.prepare(bench.write(conversations(120)))
    assert len(prepared.parts) == 10
    assert sum(part.test.count for part in prepared.parts) == 240
    assert all(part.train.count + part.validation.count + part.test.count == 120 for part in prepared.parts)
    assert all(part.validation.count > 5 for part in prepared.parts)
    opened, opening = open_test(prepared.parts, bench.run, "candidate")
    assert opening == 1
    assert all(one.content and len(one.content["messages"]) == 5 for examples in opened for one in examples)
    assert {one.code for one in prepared.findings} == {"D107"}


def test_what_is_learned_is_said_in_the_words_of_a_person(bench: Bench) -> None:
    notes = bench.prepare(bench.write([*conversations(300, tools=[TOOL]), *conversations(320)[300:]])).notes
    assert "task: chat, the rows are conversations or texts" in notes
    assert "conversations: 320 of 5 messages each (1,600 in all), 320 answers learned; 300 with tools" in notes
    assert any(note.startswith("primary metric: bits_per_byte, how surprised") for note in notes)
    assert not any("points" in note for note in notes)  # what a test can show is not in points here


def test_the_tools_belong_to_the_data(bench: Bench) -> None:
    first = bench.prepare(bench.write(conversations(310, tools=[TOOL])), seed=0).data_id
    other = {**TOOL, "function": {**TOOL["function"], "name": "ora"}}
    assert bench.prepare(bench.write(conversations(310, tools=[other]), "b.jsonl")).data_id != first
    assert bench.prepare(bench.write(conversations(310, tools=[TOOL])[::-1], "c.jsonl")).data_id == first


@pytest.mark.parametrize(("rows", "metric"), [(pairs(310), "accuracy"), (None, "bits_per_byte")])
def test_a_metric_of_another_task_is_refused(bench: Bench, rows: list[dict[str, Any]] | None, metric: str) -> None:
    path = bench.write(rows or [{"text": distinct_text(k), "label": "ab"[k % 2]} for k in range(310)])
    recipe = Recipe(data=DataSettings(path=str(path)), evaluation=EvaluationSettings(primary_metric=metric))
    with pytest.raises(UsageError, match=f"is {metric}, which the task"):
        prepare(recipe, RunFolder.create(bench.folder / "refused", recipe))


def test_a_metric_of_the_task_may_be_asked_for(bench: Bench) -> None:
    recipe = Recipe(
        data=DataSettings(path=str(bench.write(pairs(310)))),
        evaluation=EvaluationSettings(primary_metric="exact_match"),
    )
    prepared = prepare(recipe, RunFolder.create(bench.folder / "exact", recipe))
    assert prepared.primary_metric == "exact_match"
    assert "primary metric: exact_match, as asked" in prepared.notes


SCHEMA = "\ntables(" + ", ".join(f"{distinct_text(k)}" for k in range(70_000, 70_012)) + ")"


def test_a_long_passage_that_all_rows_share_does_not_make_them_copies(bench: Bench) -> None:
    rows = [{**row, "prompt": row["prompt"] + SCHEMA} for row in pairs(600)]
    prepared = bench.prepare(bench.write(rows))
    assert not {"D112", "D114"} & {one.code for one in prepared.findings}
    assert len({one.group for one in sets_of(bench, prepared)}) == 600
    (note,) = [note for note in prepared.notes if "one passage that many rows share, in 600 rows" in note]
    assert "`data.group=COLUMN`" in note


def test_copies_beside_a_shared_passage_are_found_all_the_same(bench: Bench) -> None:
    rows = [{**row, "prompt": row["prompt"] + SCHEMA} for row in pairs(600)]
    for number in range(40):
        copied = rows[number]["prompt"].split("\n")[0]
        rows.append({"prompt": f"{copied} please{SCHEMA}", "completion": distinct_text(80_000 + number)})
    prepared = bench.prepare(bench.write(rows))
    (finding,) = [one for one in prepared.findings if one.code == "D112"]
    assert 76 <= finding.count <= 84
    group = {one.place.line: one.group for one in sets_of(bench, prepared)}
    assert sum(group[number + 1] == group[number + 601] for number in range(40)) >= 38


def test_the_same_question_in_other_words_stays_with_its_twin(bench: Bench) -> None:
    """Two rows of one passage with one answer; without them half the test would have been trained on."""
    rows = [{"prompt": distinct_text(k) + SCHEMA, "completion": distinct_text(50_000 + k // 2)} for k in range(600)]
    prepared = bench.prepare(bench.write(rows))
    where = {one.place.line: name for name, examples in bench.sets().items() for one in examples}
    assert all(where[line] == where[line + 1] for line in range(1, 600, 2))
    assert prepared.rows_used == 600


def test_answers_that_are_classes_tie_nothing(bench: Bench) -> None:
    rows = [
        {
            "messages": [
                {"role": "user", "content": distinct_text(k) + SCHEMA},
                {"role": "assistant", "content": f"class number {k % 100}"},
            ]
        }
        for k in range(900)
    ]
    prepared = bench.prepare(bench.write(rows))
    assert prepared.task == "chat"
    assert len({one.group for one in sets_of(bench, prepared)}) == 900


def test_lines_are_counted_once_a_text() -> None:
    texts = ["a\na\na", "a\nb", "c", ""]
    assert find_passages(texts, 2).shared == frozenset()
    found = find_passages([*texts, "a\nd"], 2)
    assert list(found.left_out(["a\nx", "a", "y"])) == ["x", "a", "y"]
    assert (found.num_long, found.num_rows) == (0, 0)
    assert find_passages([], 2).twins(np.array([1, 1], dtype=np.uint64)).tolist() == [-1, -1]


def test_a_check_audits_conversations_as_tuning_does(bench: Bench) -> None:
    path = bench.write(conversations(310))
    recipe = Recipe(data=DataSettings(path=str(path)))
    checked = prepare(recipe, RunFolder.create(bench.folder / "checked", recipe), is_check=True)
    assert not Path(f"{path}.sintonia").exists()
    assert checked.parts == bench.prepare(path).parts
