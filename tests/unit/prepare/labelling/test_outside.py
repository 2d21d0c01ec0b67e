"""What is written for Label Studio and Argilla has their documented form, and comes back through our reader."""

from __future__ import annotations

import json
import xml.etree.ElementTree
from pathlib import Path

import pytest

from sintonia.errors import DataError, UsageError
from sintonia.prepare import read_answers, text_key, write_waiting
from sintonia.records import Waiting

LABELS = ("refund", 'lost & "found"', "città")


def _waiting(count: int = 12) -> list[Waiting]:
    texts = [f"Where is the parcel that I ordered {number} days ago? è qui" for number in range(count)]
    return [
        Waiting(key=text_key(text), text=text, origin="margin", suggested=LABELS[k % 3], probability=0.5 + k / 100)
        if k % 4
        else Waiting(key=text_key(text), text=text, origin="random")
        for k, text in enumerate(texts)
    ]


def test_label_studio_tasks_come_back_with_the_labels_that_people_gave(tmp_path: Path) -> None:
    waiting = _waiting()
    interface = write_waiting("label-studio", tmp_path / "tasks.json", waiting, LABELS)
    tasks = json.loads((tmp_path / "tasks.json").read_text(encoding="utf-8"))
    assert [task["data"]["text"] for task in tasks] == [one.text for one in waiting]
    assert "predictions" not in tasks[0]
    (prediction,) = tasks[1]["predictions"]
    assert prediction["score"] == 0.51 and prediction["model_version"]
    (result,) = prediction["result"]
    view = xml.etree.ElementTree.fromstring(interface.read_text(encoding="utf-8"))
    shown, choices = view.find("Text"), view.find("Choices")
    assert shown is not None and choices is not None
    assert (result["from_name"], result["to_name"], result["type"]) == (
        choices.get("name"),
        shown.get("name"),
        "choices",
    )
    assert choices.get("toName") == shown.get("name") and choices.get("choice") == "single"
    assert shown.get("value") == "$text"
    assert [one.get("value") for one in choices.findall("Choice")] == list(LABELS)
    assert result["value"] == {"choices": [LABELS[1]]}
    for number, task in enumerate(tasks):  # as its JSON export has it (guide/export)
        chosen = {**result, "id": f"r{number}", "value": {"choices": [LABELS[number % 3]]}}
        task |= {"id": number, "annotations": [{"id": number, "result": [chosen], "was_cancelled": number == 5}]}
    tasks[7]["annotations"] = []
    (tmp_path / "export.json").write_text(json.dumps(tasks, ensure_ascii=False), encoding="utf-8")
    read = read_answers(tmp_path / "export.json", {})
    assert read.num_open == 2 and read.form == "Label Studio choices"
    expected = [(one.text, LABELS[k % 3]) for k, one in enumerate(waiting) if k not in (5, 7)]
    assert list(read.rows) == expected


def test_argilla_records_come_back_with_the_labels_that_people_gave(tmp_path: Path) -> None:
    waiting = _waiting()
    settings = write_waiting("argilla", tmp_path / "records.json", waiting, LABELS)
    records = json.loads((tmp_path / "records.json").read_text(encoding="utf-8"))
    assert records[0]["suggestions"] == {} and records[0]["id"] == waiting[0].key
    suggestion = records[1]["suggestions"]["label"]
    assert suggestion == {"value": LABELS[1], "score": 0.51, "agent": "sintonia"}
    body = json.loads(settings.read_text(encoding="utf-8"))
    (question,), (field,) = body["questions"], body["fields"]
    assert list(records[0]["fields"]) == [field["name"]] and question["name"] == "label"
    assert [one["value"] for one in question["settings"]["options"]] == list(LABELS)
    assert {one["name"] for one in body["metadata"]} == set(records[0]["metadata"])
    for number, record in enumerate(records):  # as `dataset.records.to_json` writes them
        if number != 4:
            record["responses"] = {"label": [{"value": LABELS[number % 3], "user_id": "0f0a"}]}
        record["_server_id"] = str(number)
    (tmp_path / "answered.json").write_text(json.dumps(records, ensure_ascii=False), encoding="utf-8")
    read = read_answers(tmp_path / "answered.json", {})
    assert read.num_open == 1 and read.form == "Argilla labels"
    assert list(read.rows) == [(one.text, LABELS[k % 3]) for k, one in enumerate(waiting) if k != 4]


@pytest.mark.parametrize("tool", ["label-studio", "argilla"])
def test_what_is_written_is_private_and_a_suggestion_is_no_answer(tmp_path: Path, tool: str) -> None:
    file = tmp_path / "out.json"
    beside = write_waiting(tool, file, _waiting(), LABELS)
    assert {path.stat().st_mode & 0o777 for path in (file, beside)} == {0o600}
    with pytest.raises(DataError):
        read_answers(file, {})
    with pytest.raises(UsageError, match="is there already"):
        write_waiting(tool, file, _waiting(), LABELS)


def test_unknown_tools_and_missing_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written for `prodigy`"):
        write_waiting("prodigy", tmp_path / "out.json", _waiting(), LABELS)
    with pytest.raises(UsageError, match="there is no file"):
        read_answers(tmp_path / "none.json", {})


@pytest.mark.parametrize("name", ["tasks.xml", "tasks.XML"])
def test_texts_do_not_go_where_the_interface_goes(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="what the labelling interface"):
        write_waiting("label-studio", tmp_path / name, _waiting(), LABELS)
    assert not list(tmp_path.iterdir())
