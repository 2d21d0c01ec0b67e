"""Rows that are to be answered: blank is one in which no text stands at all, any other gap is refused by its line."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from sintonia.errors import DataError
from sintonia.prepare import read_inputs
from tests.nouns import make_prepared

PAIR = {"first": "a", "second": "b"}
ASKED = {"input": "q", "context": "c", "system": "s"}
SPOKEN = {"messages": "m"}
EMPTY, SPEAKS = {"role": "user", "content": " "}, {"role": "user", "content": "sun"}


def _blank_lines(folder: Path, task: str, columns: dict[str, str], row: dict[str, Any], whole: dict[str, Any]) -> Any:
    (folder / "rows.jsonl").write_text("".join(json.dumps(one) + "\n" for one in (whole, row)))
    known = dataclasses.replace(make_prepared(4), task=task, columns=columns)
    return read_inputs(folder / "rows.jsonl", known).blank_lines


@pytest.mark.parametrize(
    ("task", "columns", "whole", "blank", "half"),
    [
        ("classify", PAIR, {"a": "rain", "b": "sun"}, {"a": "", "b": " "}, {"a": "rain", "b": ""}),
        ("chat", ASKED, {"q": "rain", "c": "", "s": ""}, {"q": "", "c": "", "s": " "}, {"q": "", "c": "sun", "s": ""}),
        ("chat", SPOKEN, {"m": [SPEAKS]}, {"m": [EMPTY, EMPTY]}, {"m": [SPEAKS, EMPTY]}),
        ("chat", SPOKEN, {"m": [SPEAKS]}, {"m": []}, {"m": [{"role": "assistant", "content": "sun"}]}),
        ("chat", SPOKEN, {"m": [SPEAKS]}, {"m": [{"from": "human", "value": ""}]}, {"m": [EMPTY, SPEAKS]}),
    ],
)
def test_a_row_is_blank_only_when_all_of_it_is(
    tmp_path: Path, task: str, columns: dict[str, str], whole: Any, blank: Any, half: Any
) -> None:
    assert _blank_lines(tmp_path, task, columns, blank, whole) == (2,)
    with pytest.raises(DataError, match=r"without an input") as refused:
        _blank_lines(tmp_path, task, columns, half, whole)
    assert refused.value.where.endswith("rows.jsonl:2")
