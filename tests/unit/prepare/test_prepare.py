"""The room as a whole: what goes in comes out or is set aside, and what is promised about the split holds."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from sintonia.errors import DataError, StorageError, UsageError
from sintonia.normalise import normalised
from sintonia.prepare import prepare, write_decision
from sintonia.records import Finding, Prepared
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe
from tests.unit.prepare.bench import Bench, many_rows


def test_every_row_is_used_or_set_aside_with_its_reason(bench: Bench) -> None:
    rows = many_rows(320)
    rows[3]["text"], rows[7]["label"], rows[9] = "", None, {"other": 1}
    rows.append({"text": rows[0]["text"].upper() + "!!", "label": rows[0]["label"]})
    prepared = bench.prepare(bench.write(rows))
    assert (prepared.rows_in, prepared.rows_used, prepared.rows_set_aside) == (321, 317, 4)
    assert [(one.place.line, one.reason) for one in bench.set_aside()] == [
        (4, "`text` is empty"),
        (8, "`label` is empty"),
        (10, "`text` and `label` are empty"),
        (321, "same input and target as line 1"),
    ]
    assert {finding.code: finding.count for finding in prepared.findings if finding.code < "D103"} == {
        "D101": 3,
        "D102": 1,
    }


def test_the_sets_are_what_the_record_says(bench: Bench) -> None:
    prepared = bench.prepare(bench.write(many_rows(600)))
    sets, part = bench.sets(), prepared.parts[0]
    assert [part.train.count, part.validation.count, part.test.count] == [len(examples) for examples in sets.values()]
    assert sum(prepared.label_counts.values()) == part.train.count
    assert prepared.labels == ("bad", "good", "other")
    assert len({example.id for examples in sets.values() for example in examples}) == 600


def test_the_record_holds_no_way_to_the_test(bench: Bench) -> None:
    prepared = bench.prepare(bench.write(many_rows(320)))
    test = prepared.parts[0].test
    assert not hasattr(test, "path")
    assert not hasattr(test, "__iter__")
    secret = bench.sets()["test"][0].input
    assert secret not in repr(prepared)


def test_files_that_hold_data_are_for_their_owner_only(bench: Bench) -> None:
    path = bench.write(many_rows(320))
    bench.prepare(path)
    files = [*(bench.run.path / "data").iterdir(), *Path(f"{path}.sintonia").glob("*.jsonl")]
    assert len(files) == 6
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_the_seed_never_moves_the_split(bench: Bench) -> None:
    rows, places, identities = many_rows(320), [], set()
    for seed in (0, 1, 99):
        prepared = bench.prepare(bench.write(rows, f"rows-{seed}.jsonl"), seed=seed)
        places.append(bench.where())
        identities.add(prepared.data_id)
    assert places[0] == places[1] == places[2]
    assert len(identities) == 1


def test_added_rows_move_no_old_row(bench: Bench) -> None:
    rows = many_rows(900)
    bench.prepare(bench.write(rows[300:]))
    before = bench.where()
    prepared = bench.prepare(bench.write(rows))
    after = bench.where()
    assert {text: after[text] for text in before} == before
    assert prepared.rows_used == 900
    assert any("taken from" in note for note in prepared.notes)


def test_the_record_goes_home_when_the_folder_is_write_protected(bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "protected"
    folder.mkdir()
    path = bench.write(many_rows(320), "protected/rows.jsonl")
    folder.chmod(0o555)
    bench.prepare(path)
    before = bench.where()
    assert [entry.name for entry in folder.iterdir()] == ["rows.jsonl"]
    assert len(list((tmp_path / "home" / "splits").rglob("split.jsonl"))) == 1
    bench.prepare(path)
    assert bench.where() == before
    folder.chmod(0o755)


def test_a_group_column_keeps_its_rows_together_and_its_record_apart(bench: Bench) -> None:
    rows = [{**row, "who": f"person {number // 5}"} for number, row in enumerate(many_rows(300))]
    path = bench.write(rows)
    bench.prepare(path, group="who")
    where = bench.where()
    for start in range(0, 300, 5):
        assert len({where[row["text"]] for row in rows[start : start + 5]}) == 1
    prepared = bench.prepare(path)
    assert prepared.rows_used == 300
    assert len(list(Path(f"{path}.sintonia").glob("split*.jsonl"))) == 2


def test_a_row_that_ties_two_sets_is_set_aside_and_said(bench: Bench) -> None:
    rows = [{**row, "who": f"p{number}"} for number, row in enumerate(many_rows(320))]
    bench.prepare(bench.write(rows), group="who")
    where = bench.where()
    trained = next(row for row in rows if where[row["text"]] == "train")
    tested = next(row for row in rows if where[row["text"]] == "test")
    bridge = {"text": trained["text"], "who": tested["who"], "label": "good" if trained["label"] != "good" else "bad"}
    prepared = bench.prepare(bench.write([*rows, bridge]), group="who")
    assert (prepared.rows_used, prepared.rows_set_aside) == (320, 1)
    assert bench.where() == where
    finding = next(one for one in prepared.findings if one.code == "D106")
    assert (finding.count, finding.places[0].line) == (1, 321)


def test_one_group_for_all_is_refused(bench: Bench) -> None:
    path = bench.write([{**row, "who": "me"} for row in many_rows(320)])
    with pytest.raises(DataError, match="too few for three sets"):
        bench.prepare(path, group="who")


def test_numbers_and_booleans_become_labels(bench: Bench) -> None:
    rows = many_rows(120, labels=(0, 1, True))  # type: ignore[arg-type]
    assert bench.prepare(bench.write(rows)).labels == ("0", "1", "true")


def test_codes_of_many_classes_are_classes_and_a_quantity_is_not(bench: Bench) -> None:
    codes = [{"text": row["text"], "label": number % 77} for number, row in enumerate(many_rows(385 * 2))]
    assert len(bench.prepare(bench.write(codes)).labels) == 77
    quantity = [{"text": row["text"], "label": 18 + number % 60} for number, row in enumerate(many_rows(400))]
    assert bench.prepare(bench.write(quantity, "quantity.jsonl")).task == "regress"


def test_a_column_that_does_not_exist_is_a_usage_error(bench: Bench) -> None:
    with pytest.raises(UsageError, match="no column `sentence`"):
        bench.prepare(bench.write(many_rows(320)), input="sentence")


def test_equal_content_has_one_data_id_whatever_the_order(bench: Bench) -> None:
    rows = many_rows(320)
    first = bench.prepare(bench.write(rows, "a.jsonl")).data_id
    assert bench.prepare(bench.write(rows[::-1], "b.jsonl")).data_id == first
    assert bench.prepare(bench.write(rows[1:], "c.jsonl")).data_id != first


def test_time_grows_with_the_rows_and_no_faster(bench: Bench) -> None:
    labels = [f"class {number}" for number in range(40)]
    bench.prepare(bench.write(many_rows(400, labels=labels), "first.jsonl"))  # what is imported at its first use
    seconds = {}
    for count in (2_000, 10_000):
        path, began = bench.write(many_rows(count, labels=labels), f"{count}.jsonl"), time.process_time()
        assert bench.prepare(path).rows_used == count
        seconds[count] = time.process_time() - began
    assert seconds[10_000] < 10 * seconds[2_000], "five times the rows; twenty-five times where it is quadratic"


def test_the_normal_form_keeps_what_may_matter() -> None:
    assert normalised("ＡＢＣ  d-e!") == "abcde"
    assert normalised("C++") != normalised("C#")
    assert normalised("good 😀") != normalised("good 😡")
    assert normalised("नमस्ते") != normalised("नमसत")
    assert normalised("???") == "???"


def test_a_relative_path_is_recorded_beside_the_file(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    path = bench.write(many_rows(320))
    monkeypatch.chdir(path.parent)
    bench.prepare(Path(path.name))
    assert Path(f"{path}.sintonia", "split.jsonl").is_file()


def _data(bench: Bench, rows: list[dict[str, object]], **settings: str) -> DataSettings:
    return DataSettings(path=str(bench.write(rows)), **settings)


def test_files_of_ones_own_are_the_test_and_the_validation_set(bench: Bench) -> None:
    rows = many_rows(700)
    own = {
        name: str(bench.write(part, f"{name}.jsonl"))
        for name, part in (("test", rows[:80]), ("validation", rows[80:150]))
    }
    prepared = bench.prepare_data(_data(bench, rows[150:], **own))
    sets = bench.sets()
    assert [len(sets[name]) for name in ("train", "validation", "test")] == [550, 70, 80]
    assert {one.place.file for one in sets["test"]} == {"test.jsonl"}
    assert (prepared.rows_in, prepared.rows_used) == (700, 700)
    assert prepared.leaked == ()
    only_test = bench.prepare_data(_data(bench, rows[150:], test=own["test"]))
    sets = bench.sets()
    assert len(sets["test"]) == 80
    assert 30 < len(sets["validation"]) < 140
    assert only_test.rows_in == 630


def test_few_leaks_are_taken_out_of_training_and_many_stop(bench: Bench) -> None:
    rows = many_rows(800)
    test = str(bench.write(rows[:200], "test.jsonl"))
    few = bench.prepare_data(_data(bench, [*rows[200:], {**rows[0], "text": rows[0]["text"].upper()}], test=test))
    (finding,) = [one for one in few.findings if one.code == "D113"]
    assert (finding.severity, finding.count, few.rows_set_aside, few.leaked) == ("warning", 1, 1, ())
    assert len(bench.sets()["test"]) == 200
    many = bench.prepare_data(_data(bench, [*rows[200:], *rows[:10]], test=test))
    (finding,) = [one for one in many.findings if one.code == "D113"]
    assert (finding.severity, finding.count, many.rows_set_aside) == ("stop", 10, 0)
    assert len(many.leaked) == 10
    assert {one.file for one in finding.places} == {"test.jsonl"}


def test_by_time_the_latest_rows_are_the_test(bench: Bench) -> None:
    rows = [{**row, "day": f"2024-{1 + k % 12:02d}-{1 + k % 28:02d}"} for k, row in enumerate(many_rows(400))]
    rows[7]["day"] = "yesterday"
    prepared = bench.prepare_data(_data(bench, rows, time="day"))
    assert [(one.place.line, one.reason) for one in bench.set_aside()] == [
        (8, "`day` holds no date or number like the others")
    ]
    day = {row["text"]: row["day"] for row in rows}
    sets = {name: [day[one.input] for one in examples] for name, examples in bench.sets().items()}
    assert max(sets["train"]) < min(sets["validation"]) <= max(sets["validation"]) < min(sets["test"])
    assert prepared.rows_used == 399


def test_a_check_leaves_nothing_beside_the_data(bench: Bench) -> None:
    path = bench.write(many_rows(300))
    recipe = Recipe(data=DataSettings(path=str(path)))
    prepared = prepare(recipe, RunFolder.create(bench.folder / "checked", recipe), is_check=True)
    assert not path.with_name(path.name + ".sintonia").exists()
    assert prepared.parts == bench.prepare(path).parts  # tune decides it the same way


def test_the_test_says_beforehand_what_it_can_show(bench: Bench) -> None:
    notes = bench.prepare(bench.write(many_rows(1200))).notes
    (said,) = [note for note in notes if "can show a difference" in note]
    assert "this test set can show a difference of 9." in said


def test_preferences_that_share_the_chosen_answer_are_no_repeats(bench: Bench) -> None:
    rows = [
        {"prompt": row["text"], "chosen": "this one", "rejected": f"not this one {number}"}
        for number, row in enumerate(many_rows(60))
    ]
    rows += [{**row, "rejected": "nor this one"} for row in rows[:10]] + rows[:3]
    recipe = Recipe(data=DataSettings(path=str(bench.write(rows))))
    prepared = prepare(recipe, RunFolder.create(bench.folder / "checked", recipe), is_check=True)
    assert (prepared.task, prepared.rows_used, prepared.rows_set_aside) == ("prefer", 70, 3)


def _codes(prepared: Prepared) -> dict[str, Finding]:
    return {one.code: one for one in prepared.findings}


def test_conversations_that_differ_in_their_tools_are_no_repeats(bench: Bench) -> None:
    rows = [
        {
            "messages": [{"role": "user", "content": row["text"]}, {"role": "assistant", "content": "done"}],
            "tools": [{"type": "function", "function": {"name": f"tool_{number % 2}"}}],
        }
        for number, row in enumerate([*many_rows(60), *many_rows(60)[1:], many_rows(60)[0]])
    ]
    recipe = Recipe(data=DataSettings(path=str(bench.write(rows))))
    prepared = prepare(recipe, RunFolder.create(bench.folder / "checked", recipe), is_check=True)
    assert (prepared.task, prepared.rows_used) == ("chat", 120)


def test_a_near_copy_is_seen_beside_an_exact_one(bench: Bench) -> None:
    rows = many_rows(800)
    test = str(bench.write(rows[:200], "test.jsonl"))
    leaked = [rows[0], {**rows[0], "text": f"hello, {rows[0]['text']} thanks"}]
    prepared = bench.prepare_data(_data(bench, [*rows[200:], *leaked], test=test))
    assert "1 of 200 test rows (0.5 %) have a text that is trained on too" in _codes(prepared)["D113"].message
    assert _codes(prepared)["D114"].count == 1


def test_test_rows_of_an_untaught_class_are_kept_and_named(bench: Bench) -> None:
    rows = many_rows(800)
    own = [*rows[:200], *({**row, "label": "new"} for row in rows[200:230])]
    prepared = bench.prepare_data(_data(bench, rows[230:], test=str(bench.write(own, "test.jsonl"))))
    assert len(bench.sets()["test"]) == 230
    assert "30 rows of the test are of classes without a training row: `new`" in _codes(prepared)["D132"].message
    assert "new" not in prepared.labels


def test_validation_rows_of_an_untaught_class_are_set_aside(bench: Bench) -> None:
    rows = many_rows(800)
    own = [*rows[:200], *({**row, "label": "new"} for row in rows[200:210])]
    prepared = bench.prepare_data(_data(bench, rows[210:], validation=str(bench.write(own, "own.jsonl"))))
    assert (len(bench.sets()["validation"]), prepared.rows_set_aside) == (200, 10)
    assert "10 rows of the validation set" in _codes(prepared)["D132"].message


def test_a_repeat_ties_the_groups_of_both_rows_together(bench: Bench) -> None:
    rows = [{**row, "who": f"p{number // 2}"} for number, row in enumerate(many_rows(600))]
    rows += [{**rows[4 * number], "who": f"p{4 * number + 1}"} for number in range(60)]
    bench.prepare(bench.write(rows), group="who")
    where = bench.where()
    for number in range(60):
        first, other = rows[4 * number], rows[2 * (4 * number + 1)]
        assert where[first["text"]] == where[other["text"]]


def test_groups_that_both_files_hold_are_a_finding(bench: Bench) -> None:
    rows = [{**row, "who": f"p{number % 30}"} for number, row in enumerate(many_rows(800))]
    test = str(bench.write(rows[:200], "test.jsonl"))
    prepared = bench.prepare_data(_data(bench, rows[200:], test=test, group="who"))
    assert "200 of 200 test rows (100.0 %) are of a group that is trained on" in _codes(prepared)["D114"].message


@pytest.mark.parametrize("shares", [(0.8, 0.1, 0.1), (0.25, 0.25, 0.5), (0.3, 0.6, 0.1)])
def test_equal_times_stay_together(bench: Bench, shares: tuple[float, ...]) -> None:
    years = [2020 + k for k, share in enumerate(shares) for _ in range(round(600 * share))]
    rows = [{**row, "year": year} for row, year in zip(many_rows(600), years, strict=True)]
    bench.prepare_data(_data(bench, rows, time="year"))
    year = {row["text"]: row["year"] for row in rows}
    assert [{year[one.input] for one in examples} for examples in bench.sets().values()] == [{2020}, {2021}, {2022}]


def test_too_few_times_are_refused_by_the_name_of_their_column(bench: Bench) -> None:
    rows = [{**row, "year": 2020 + number % 2} for number, row in enumerate(many_rows(600))]
    with pytest.raises(DataError, match="`year` holds 2 different times"):
        bench.prepare_data(_data(bench, rows, time="year"))


def test_by_time_with_a_test_of_ones_own(bench: Bench) -> None:
    rows = [{**row, "day": number} for number, row in enumerate(many_rows(800))]
    test = str(bench.write(rows[700:], "test.jsonl"))
    for _ in range(2):  # and again from the record
        bench.prepare_data(_data(bench, rows[:700], time="day", test=test))
        sizes = {name: len(examples) for name, examples in bench.sets().items()}
        assert sizes["test"] == 100
        assert 60 < sizes["validation"] < 160


def test_a_test_file_of_which_most_cannot_be_used_is_refused_by_its_name(bench: Bench) -> None:
    rows = many_rows(700)
    own = str(bench.write([{**row, "label": ""} for row in rows[:100]], "test.jsonl"))
    with pytest.raises(DataError) as caught:
        bench.prepare_data(_data(bench, rows[100:], test=own))
    assert caught.value.where == f"{own}:1"


def test_below_300_rows_a_group_column_says_what_belongs_together(bench: Bench) -> None:
    rows = [
        {"text": f"please turn on the light in room {number}", "label": "ab"[number % 2], "who": f"p{number % 40}"}
        for number in range(200)
    ]
    assert len(bench.prepare(bench.write(rows), group="who").parts) == 10


def test_ten_parts_are_judged_together(bench: Bench) -> None:
    rows = many_rows(200, ["a", "b"])
    rows += [{**row, "label": "seldom"} for row in many_rows(204)[200:]]
    prepared = bench.prepare(bench.write(rows))
    assert len(prepared.parts) == 10
    assert not {"D108", "D130"} & _codes(prepared).keys()
    assert any("10 parts (5 folds, twice)" in note for note in prepared.notes)


def test_a_wrong_production_file_leaves_no_record(bench: Bench) -> None:
    data = _data(bench, many_rows(400), production="nowhere.csv")
    with pytest.raises(UsageError, match="no file"):
        bench.prepare_data(data)
    assert not Path(f"{data.path}.sintonia").exists()


def test_a_test_file_with_other_columns_is_refused_by_their_names(bench: Bench) -> None:
    rows = many_rows(700)
    own = bench.write([{"message": row["text"], "team": row["label"]} for row in rows[:100]], "test.jsonl")
    with pytest.raises(DataError, match=r"no column `text` and no `label`.*has `message`, `team`"):
        bench.prepare_data(_data(bench, rows[100:], test=str(own)))


def test_a_split_that_leaves_nothing_to_train_on_says_why(bench: Bench) -> None:
    rows = [{**row, "day": number, "who": f"p{number % 20}"} for number, row in enumerate(many_rows(600))]
    with pytest.raises(DataError, match=r"split by `who` and `day`.*left for training"):
        bench.prepare_data(_data(bench, rows, time="day", group="who"))


def test_columns_that_play_no_part_are_named(bench: Bench) -> None:
    rows = [{**row, "subject": "x", "who": str(number)} for number, row in enumerate(many_rows(320))]
    assert "columns: not used: `subject`" in bench.prepare(bench.write(rows), group="who").notes


def test_relabelled_rows_are_said(bench: Bench) -> None:
    path = bench.write(many_rows(320))
    bench.prepare(path)
    first = next(one for examples in bench.sets().values() for one in examples)
    write_decision(path, first.id, "relabel", "other" if first.target != "other" else "good")
    notes = bench.prepare(path).notes
    assert "review: decisions beside the data were applied: 1 rows have another target, 0 are dropped" in notes


@pytest.mark.parametrize(
    "damage",
    ['{"key": "t:-1", "set": "train"}', '{"key": "t:' + "f" * 20 + '", "set": "train"}', '{"key": "", "set": "train"}'],
)
def test_a_damaged_record_of_the_split_is_refused(bench: Bench, damage: str) -> None:
    path = bench.write(many_rows(320))
    bench.prepare(path)
    record = path.with_name(path.name + ".sintonia") / "split.jsonl"
    lines = record.read_text().splitlines()
    for spoiled in ([*lines[:-1], damage], lines[:40], [lines[0], lines[1].replace("0.25", "-5"), *lines[2:]]):
        record.write_text("\n".join(spoiled) + "\n")
        with pytest.raises(StorageError, match="not a record of a split"):
            bench.prepare(path)


def test_piles_of_marks_are_read_in_time(bench: Bench) -> None:
    rows = [{**row, "text": f"{row['text']} e" + "\u0301\u0323" * 30_000} for row in many_rows(60)]
    began = time.monotonic()
    bench.prepare(bench.write(rows))
    assert time.monotonic() - began < 20
