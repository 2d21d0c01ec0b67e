"""Rows added for training: what was tested stays as it was, and what is close to it is set aside and counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sintonia.errors import DataError, UsageError
from sintonia.prepare import write_decision
from sintonia.recipe import make_recipe, override, recipe_id
from sintonia.records import Example, Prepared
from sintonia.settings import DataSettings
from tests.unit.prepare.bench import Bench, distinct_text, many_rows

LABELS = ("good", "bad", "other")


def fresh(count: int, start: int = 5000, **more: Any) -> list[dict[str, Any]]:
    """Rows unlike any of `many_rows`."""
    return [{"text": distinct_text(start + k), "label": LABELS[k % 3], **more} for k in range(count)]


def held(prepared: Prepared) -> list[Any]:
    """What must not move: the test and the validation set of each part."""
    return [(part.name, part.test, part.validation.sha256) for part in prepared.parts]


def codes(prepared: Prepared) -> dict[str, str]:
    return {one.code: one.severity for one in prepared.findings}


class Ground:
    """A data file that was prepared once, and the set of each of its texts."""

    def __init__(self, bench: Bench, rows: list[dict[str, Any]], **asked: Any) -> None:
        self.bench, self.rows, self.asked = bench, rows, asked
        self.data = bench.write(rows)
        self.before = bench.prepare_data(DataSettings(path=str(self.data), **asked))
        self.where = bench.where() if len(self.before.parts) == 1 else {}
        self.labels = {row["text"]: row["label"] for row in rows}

    def texts(self, split: str) -> list[str]:
        return [text for text, found in self.where.items() if found == split]

    def add(self, rows: list[dict[str, Any]], name: str = "new.jsonl") -> Prepared:
        return self.add_file(self.bench.write(rows, name))

    def add_file(self, *files: Path) -> Prepared:
        added = tuple(str(file) for file in files)
        return self.bench.prepare_data(DataSettings(path=str(self.data), added=added, **self.asked))


@pytest.fixture
def ground(bench: Bench) -> Ground:
    return Ground(bench, many_rows(400))


def test_added_rows_are_trained_on_and_nothing_else_moves(ground: Ground) -> None:
    after = ground.add(fresh(60))
    assert held(after) == held(ground.before)
    assert after.parts[0].train.count == ground.before.parts[0].train.count + 60
    assert after.data_id != ground.before.data_id
    assert after.added[0].rows_in == after.added[0].rows_used == 60 and after.added[0].set_aside == {}
    assert after.rows_in == after.rows_used + after.rows_set_aside == 460
    assert not codes(after).keys() & {"D138", "D139"}


def test_the_same_rows_in_the_data_file_would_move_the_test(ground: Ground) -> None:
    """The control: the recorded split keeps old rows, but new ones of the data file are tested too."""
    ground.bench.write([*ground.rows, *fresh(60)])
    plain = ground.bench.prepare(ground.data)
    assert plain.parts[0].test != ground.before.parts[0].test


def test_rows_that_were_added_once_are_never_tested_later(ground: Ground) -> None:
    ground.add(fresh(60))
    ground.bench.write([*ground.rows, *fresh(60)])
    merged = ground.bench.prepare(ground.data)
    assert held(merged) == held(ground.before)
    assert merged.parts[0].train.count == ground.before.parts[0].train.count + 60


def test_planted_leaks_and_repeats_are_set_aside_and_counted(ground: Ground) -> None:
    test, validation, train = (ground.texts(split) for split in ("test", "validation", "train"))
    planted = [
        {"text": test[0].upper(), "label": ground.labels[test[0]]},  # the same text
        {"text": validation[0], "label": "good" if ground.labels[validation[0]] != "good" else "bad"},
        {"text": f"{test[1]} indeed", "label": ground.labels[test[1]]},  # nearly
        {"text": f"{validation[1]} indeed", "label": ground.labels[validation[1]]},
        {"text": train[0], "label": ground.labels[train[0]]},  # repeats
        {**fresh(1)[0]},
        {"text": "", "label": "good"},
    ]
    after = ground.add([*fresh(40), *planted])
    assert held(after) == held(ground.before)
    (found,) = after.added
    assert (found.rows_in, found.rows_used) == (47, 40)
    assert found.set_aside == {
        "have the text of a row of validation or the test": 2,
        "nearly repeat a row of validation or the test": 2,
        "repeat a row that is trained on": 2,
        "cannot be used": 1,
    }
    assert codes(after)["D139"] == "note" and after.rows_in == after.rows_used + after.rows_set_aside
    assert len([one for one in ground.bench.set_aside() if one.place.file == "new.jsonl"]) == 7
    trained = {one.input for one in ground.bench.sets()["train"]}
    assert not {row["text"] for row in planted[:4]} & trained


def test_a_conflicting_label_is_found_as_always(ground: Ground) -> None:
    text = ground.texts("train")[0]
    other = next(label for label in LABELS if label != ground.labels[text])
    after = ground.add([*fresh(30), {"text": text, "label": other}])
    assert "D103" in codes(after) and "D103" not in codes(ground.before)
    assert after.added[0].rows_used == 31


def test_a_class_that_the_data_do_not_have_stops_and_says_what_it_may_mean(ground: Ground) -> None:
    after = ground.add([*fresh(30), {"text": "of a kind that nobody has seen before", "label": "othr"}])
    assert codes(after)["D138"] == "stop" and held(after) == held(ground.before)
    message = next(one.message for one in after.findings if one.code == "D138")
    assert "`othr` for `other`" in message


def test_a_row_of_a_tested_group_is_set_aside(bench: Bench) -> None:
    rows = [{**row, "person": f"p{k // 4}"} for k, row in enumerate(many_rows(400))]
    ground = Ground(bench, rows, group="person")
    person = {row["text"]: row["person"] for row in rows}
    tested, trained = person[ground.texts("test")[0]], person[ground.texts("train")[0]]
    new = [*fresh(1, person=tested), *fresh(1, 6000, person=trained), *fresh(20, 7000, person="somebody new")]
    after = ground.add(new)
    assert held(after) == held(ground.before)
    assert after.added[0].set_aside == {"are of a group of validation or the test": 1}
    assert after.added[0].rows_used == 21
    with pytest.raises(DataError, match="person") as refused:
        ground.add(fresh(20), "without.jsonl")
    assert "without.jsonl" in refused.value.where


def test_rows_as_late_as_the_test_are_set_aside(bench: Bench) -> None:
    rows = [{**row, "day": k} for k, row in enumerate(many_rows(400))]
    ground = Ground(bench, rows, time="day")
    after = ground.add([*fresh(10, day=3), *fresh(5, 6000, day=1000)])
    assert held(after) == held(ground.before)
    assert after.added[0].set_aside == {"are as late as validation or the test": 5}
    assert after.added[0].rows_used == 10 and "D139" in codes(after)


def test_a_test_of_ones_own_stays_whole(bench: Bench) -> None:
    own = bench.write(fresh(80, 9000), "own.jsonl")
    ground = Ground(bench, many_rows(400), test=str(own))
    after = ground.add([*fresh(20), {**fresh(1, 9000)[0]}, {"text": f"{distinct_text(9001)} indeed", "label": "bad"}])
    assert held(after) == held(ground.before)
    assert after.added[0].rows_used == 20 and sum(after.added[0].set_aside.values()) == 2
    assert "D113" not in codes(after)


def test_ten_parts_keep_their_tests_and_leave_out_what_these_test(bench: Bench) -> None:
    ground = Ground(bench, many_rows(120))
    near = {"text": f"{ground.rows[0]['text']} indeed", "label": ground.rows[0]["label"]}
    after = ground.add([*fresh(200), near, ground.rows[1]])
    assert len(after.parts) == 10 and held(after) == held(ground.before)
    assert after.added[0].rows_used == 201 and after.added[0].partly_used == 1
    assert after.added[0].set_aside == {"repeat a row that is trained on": 1}
    assert any("they stay" in note for note in after.notes)
    for part in after.parts:
        trained, validated, tested = (
            {one.input for one in ground.bench.run.lines(f"data/{part.name}/{name}.jsonl", Example)}
            for name in ("train", "validation", "sealed_test")
        )
        assert len(trained & {row["text"] for row in fresh(200)}) == 200
        assert (near["text"] in trained) == (ground.rows[0]["text"] in trained)
        assert not trained & (validated | tested)


def test_each_added_file_is_read_in_its_own_form(ground: Ground, tmp_path: Path) -> None:
    rows = fresh(36)
    studio = tmp_path / "studio.json"
    studio.write_text(
        json.dumps(
            [
                {
                    "id": number,
                    "data": {"text": row["text"]},
                    "annotations": [
                        {"id": number, "result": [{"type": "choices", "value": {"choices": [row["label"]]}}]}
                    ],
                }
                for number, row in enumerate(rows[:12])
            ]
        )
    )
    table = tmp_path / "table.csv"
    lines = [f"{row['text']},{row['label']}" for row in rows[12:24]]
    table.write_text("\n".join(["sentence,category", *lines]) + "\n")
    labelled = ground.bench.write([{**row, "origin": "random"} for row in rows[24:]], "labelled.jsonl")
    after = ground.add_file(studio, table, labelled)
    assert [one.rows_used for one in after.added] == [12, 12, 12]
    assert held(after) == held(ground.before)
    assert {row["text"] for row in rows} <= {one.input for one in ground.bench.sets()["train"]}


def test_two_files_of_one_name_are_told_apart(ground: Ground, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    file = ground.bench.write(fresh(20), "elsewhere/rows.jsonl")
    after = ground.add_file(file)
    assert after.added[0].file == str(file) and held(after) == held(ground.before)


def test_a_review_of_the_added_file_is_applied(ground: Ground) -> None:
    after = ground.add(fresh(20))
    dropped = next(one for one in ground.bench.sets()["train"] if one.place.file == "new.jsonl")
    write_decision(ground.bench.folder / "new.jsonl", dropped.id, "drop")
    again = ground.add(fresh(20))
    assert again.added[0].rows_used == after.added[0].rows_used - 1
    assert again.added[0].set_aside == {"are dropped in a review": 1}


def test_files_that_cannot_be_added_are_refused_by_name(ground: Ground, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no file"):
        ground.add_file(tmp_path / "nowhere.jsonl")
    with pytest.raises(UsageError, match="the data file itself"):
        ground.add_file(ground.data)
    twice = ground.bench.write(fresh(20), "twice.jsonl")
    with pytest.raises(UsageError, match="named twice"):
        ground.add_file(twice, twice)
    strange = ground.bench.write([{"a": 1, "b": 2}] * 3, "strange.jsonl")
    with pytest.raises(DataError) as refused:
        ground.add_file(strange)
    assert "`text`" in refused.value.expected and "strange.jsonl" in refused.value.where


def test_the_setting_takes_one_file_or_several_and_is_a_path(tmp_path: Path) -> None:
    body: dict[str, Any] = {"data": {"path": "a.csv"}}
    plain = recipe_id(make_recipe(body))
    override(body, "data.added=b.csv")
    assert make_recipe(body).data.added == ("b.csv",)
    override(body, "data.added=[b.csv, c.csv]")
    recipe = make_recipe(body)
    assert recipe.data.added == ("b.csv", "c.csv") and recipe_id(recipe) == plain


def test_conversations_are_added_alike(bench: Bench) -> None:
    rows = [{"prompt": distinct_text(k), "completion": distinct_text(20_000 + k)} for k in range(400)]
    data = bench.write(rows)
    before = bench.prepare_data(DataSettings(path=str(data)))
    tested = next(one for one in bench.sets()["test"])
    prompt = tested.content["messages"][0]["content"] if tested.content else ""
    new = [{"prompt": distinct_text(5000 + k), "completion": distinct_text(30_000 + k)} for k in range(20)]
    file = bench.write([*new, {"prompt": f"{prompt} indeed", "completion": "something else"}], "new.jsonl")
    after = bench.prepare_data(DataSettings(path=str(data), added=(str(file),)))
    assert before.task == after.task == "chat" and held(after) == held(before)
    assert after.added[0].rows_used == 20 and sum(after.added[0].set_aside.values()) == 1
