"""The table of tasks: rows are drawn alike each time, and a cell says what its run said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import tasks


def test_rows_are_the_same_at_each_call_and_written_as_people_bring_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"text1": "a", "text2": str(k), "score": k / 10} for k in range(51)]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    monkeypatch.setattr(tasks, "DATA", tmp_path)
    row = tasks.Row(("pairs.jsonl",), 12, written=tasks._same_or_not)
    found = tasks.rows_of(row)
    assert found == tasks.rows_of(row) and len(found) == 12
    for one in found:
        score = int(one["text2"]) / 10
        assert (one["label"], score <= 2 or score >= 4) == ("same" if score >= 4 else "different", True)


def test_the_answer_of_a_question_is_a_span_of_the_sentence_that_holds_it() -> None:
    context = "Roma è la capitale. Il Tevere la attraversa. È antica."
    row = {
        "title": "Roma",
        "question": "Quale fiume?",
        "answers": ["Tevere"],
        "answer_starts": [context.index("Tevere")],
    }
    found = tasks._answer_in_sentence({**row, "context": context})
    assert found is not None
    (span,) = found["spans"]
    assert found["text"] == "Quale fiume? Il Tevere la attraversa."
    assert found["text"][span["start"] : span["end"]] == "Tevere"
    assert tasks._answer_in_sentence({**row, "context": context, "answer_starts": [0]}) is None  # a start that is wrong


@pytest.mark.parametrize(
    "code",
    ["{'Instruction': find cars, 'Output': {'domain': 'x'}}", "###Instruction: find cars\n###Output: {'domain': 'x'}"],
)
def test_an_instruction_is_found_in_either_form(code: str) -> None:
    found = tasks._api_call({"code": code, "api_call": "load()"})
    assert found == {"prompt": "find cars", "completion": "load()"}


def test_the_table_says_what_the_cells_say() -> None:
    cell = {
        "name": "sst2", "task": "classify", "rows": 3000, "tested": 600, "metric": "accuracy", "base": "majority",
        "base_score": 0.5, "quick": "linear probe", "quick_score": 0.81, "tuned": [0.84, 0.8, 0.87],
        "outcome": "better", "worth": "inconclusive", "seconds": 300.0,
    }  # fmt: skip
    last = tasks.table_of([cell]).splitlines()[-1]
    assert last == (
        "| sst2 | classify, 3,000 | accuracy, 600 | majority 0.500 | linear probe 0.810 | **0.840** (0.800 to 0.870) "
        "| better, inconclusive | 5 |"
    )
    assert "none" in tasks.table_of([{**cell, "quick": None, "quick_score": None}])
