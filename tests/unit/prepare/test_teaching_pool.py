"""Texts for a teacher, and its answers as rows: counted, written in the form of the data, read back as they were."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from sintonia.errors import DataError, UsageError
from sintonia.evaluate.scoring.teaching import can_teach
from sintonia.normalise import normalised, short_hash
from sintonia.prepare import Unanswered, answer_writer, read_unlabelled
from sintonia.prepare.added.answered import _USUAL, _WRITES
from sintonia.prepare.forms import FORMS
from sintonia.prepare.table import Row
from sintonia.records import Prepared
from sintonia.settings import DataSettings

TEXT = "Anna lives in Rome Paris now"
SPANS = [{"start": 0, "end": 4, "label": "PER"}, {"start": 14, "end": 18, "label": "LOC"}]
NEXT = [*SPANS, {"start": 19, "end": 24, "label": "LOC"}]
EACH = [{"start": s, "end": e, "label": "W"} for s, e in ((0, 4), (5, 10), (11, 13), (14, 18), (19, 24), (25, 28))]
SPOKEN = [{"role": "user", "content": TEXT}, {"role": "assistant", "content": "Yes."}]
BESIDE = {"input": "text", "target": "label"}
PAIR = {"first": "a", "second": "b", "target": "label"}


def prepared_for(form: str, columns: dict[str, str], task: str = "") -> Prepared:
    return Prepared(
        data_id="",
        task=task or FORMS[form].task,
        form=form,
        labels=(),
        columns=columns,
        primary_metric="accuracy",
        notes=(),
        parts=(),
        findings=(),
        rows_in=0,
        rows_used=0,
        rows_set_aside=0,
        label_counts={},
    )


@pytest.mark.parametrize(
    ("form", "columns", "answer", "target"),
    [
        ("text and label", BESIDE, "greeting", "greeting"),
        ("pair and label", PAIR, "yes", "yes"),
        ("Prodigy choice", {"input": "text", "target": "accept", "answer": "answer"}, "yes", "yes"),
        ("text and labels", BESIDE, ["b", "a"], ["a", "b"]),
        ("text and labels", BESIDE, [], []),
        ("text and labels with `;` between them", BESIDE, ["b", "a"], ["a", "b"]),
        ("text and number", BESIDE, [-1.25], -1.25),
        ("pair and number", PAIR, [3.0], 3.0),
        ("text and spans", BESIDE, SPANS, SPANS),
        ("Prodigy spans", BESIDE | {"answer": "answer"}, SPANS, SPANS),
        ("tokens and tags (IOB2)", BESIDE, NEXT, NEXT),
        ("tokens and tags (IOB1)", BESIDE, NEXT, NEXT),
        ("tokens and tags (BIOES)", BESIDE, NEXT, NEXT),
        ("tokens and tags (IO)", BESIDE, SPANS, SPANS),
        ("tokens and tags (one a token)", BESIDE, EACH, EACH),
        ("prompt and completion", BESIDE, SPOKEN, SPOKEN[-1]),
        ("OpenAI chat", {"messages": "messages", "system": "system"}, SPOKEN, SPOKEN[-1]),
        ("ShareGPT", {"messages": "conversations"}, SPOKEN, SPOKEN[-1]),
    ],
)
def test_an_answer_is_read_back_as_it_was(form: str, columns: dict[str, str], answer: Any, target: Any) -> None:
    texts = (TEXT, "And you?") if "first" in columns else (TEXT,)
    row = answer_writer(prepared_for(form, columns), DataSettings(path="x")).row(
        Unanswered(line=3, texts=texts), answer
    )
    assert row is not None and set(columns.values()) <= row.keys()
    parsed = FORMS[form].parse(Row(3, row), columns)
    assert parsed.target == target and parsed.text == "\n".join(texts)


@pytest.mark.parametrize(
    ("form", "answer"),
    [
        ("text and labels with `,` between them", ["a,b"]),
        ("text and labels with `,` between them", []),
        ("text and number", [1.0, 2.0]),
        ("tokens and tags (one a token)", SPANS),
        ("text and spans", [{"start": 0, "end": 99, "label": "PER"}]),
        ("text and label", ""),
    ],
)
def test_an_answer_that_a_form_cannot_hold_is_none(form: str, answer: Any) -> None:
    writer = answer_writer(prepared_for(form, BESIDE), DataSettings(path="x"))
    assert writer.row(Unanswered(line=1, texts=(TEXT,)), answer) is None


def test_group_and_time_are_columns_of_every_row() -> None:
    data = DataSettings(path="x", group="speaker", time="day")
    row = answer_writer(prepared_for("text and label", BESIDE), data).row(
        Unanswered(line=1, texts=(TEXT,), time="2024-01-01"), "greeting"
    )
    assert row == {"text": TEXT, "label": "greeting", "speaker": "", "day": "2024-01-01"}


def test_every_form_of_a_task_that_teaches_can_be_answered_in_or_beside() -> None:
    assert _WRITES.keys() <= FORMS.keys()
    for name, form in FORMS.items():
        if can_teach(form.task) and name != "plain text":
            assert name in _WRITES or form.task in _USUAL, name
    writer = answer_writer(
        prepared_for("self-instruct", {"input": "instruction", "instances": "instances"}), DataSettings(path="x")
    )
    assert writer.form.name == "OpenAI chat"
    with pytest.raises(UsageError, match="cannot be written down"):
        answer_writer(prepared_for("self-instruct", {"input": "messages"}), DataSettings(path="x"))


def key(text: str) -> str:
    return short_hash(normalised(text))


def test_rows_are_counted_and_a_target_is_told_to_be_ignored(tmp_path: Path) -> None:
    pool = tmp_path / "pool.csv"
    lines = ["What is new today?", "what is  NEW today", "Where do we go now?", '""', "Who is here with us?"]
    pool.write_text("text,label\n" + "".join(f"{one},x{k % 2}\n" for k, one in enumerate(lines)))
    found = read_unlabelled(
        pool, {}, prepared_for("text and label", BESIDE), DataSettings(path="x"), {key("Where do we go now?")}
    )
    assert [(one.line, one.texts) for one in found.rows] == [
        (2, ("What is new today?",)),
        (6, ("Who is here with us?",)),
    ]
    assert found.rows_in == 5 == len(found.rows) + sum(found.set_aside.values())
    assert sorted(found.set_aside.values()) == [1, 1, 1]
    assert "not used: `label`" in found.notes[0] and "`text` is read" in found.notes[0]


def test_a_text_file_and_pairs_are_read_and_what_is_missing_is_said(tmp_path: Path) -> None:
    plain, data = tmp_path / "pool.txt", DataSettings(path="x")
    plain.write_text("one line\n\nanother line\n")
    assert len(read_unlabelled(plain, {}, prepared_for("text and label", BESIDE), data, ()).rows) == 2
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text('{"a": "one", "b": "two"}\n{"a": "one", "b": ""}\n')
    of_pairs = prepared_for("pair and label", PAIR)
    assert read_unlabelled(pairs, {}, of_pairs, data, ()).rows[0].texts == ("one", "two")
    with pytest.raises(DataError, match="no column `c`"):
        read_unlabelled(pairs, {"first": "c"}, of_pairs, data, ())
    with pytest.raises(UsageError, match="has the roles `first` and `second`"):
        read_unlabelled(pairs, {"input": "a"}, of_pairs, data, ())
    with pytest.raises(DataError, match="nothing in `day`"):
        timed = dataclasses.replace(data, time="day")
        read_unlabelled(plain, {}, prepared_for("text and label", BESIDE), timed, ())
