"""D130 for tasks without classes: where every target is the same, nothing is learned and nothing judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from sintonia.pipeline import check
from sintonia.recipe import make_recipe
from tests.tiny import make_rows, write_rows

SAME = {
    "regress": lambda text: {"text": text, "score": 3.5},
    "tag": lambda text: {"tokens": text.split(), "ner_tags": ["O"] * len(text.split())},
}
DIFFERENT = {
    "regress": lambda text: {"text": text, "score": len(text) / 7},
    "tag": lambda text: {"tokens": text.split(), "ner_tags": ["B-W", *["O"] * (len(text.split()) - 1)]},
}


def codes(path: Path, task: str, make) -> set[str]:
    write_rows(path, [make(row["text"]) for row in make_rows(320)])
    return {
        one.code for one in check(make_recipe({"data": {"path": str(path)}, "task": task}), has_base=False).findings
    }


@pytest.mark.parametrize("task", SAME)
def test_one_target_in_all_rows_stops_and_different_ones_do_not(tmp_path: Path, task: str) -> None:
    assert "D130" in codes(tmp_path / "same.jsonl", task, SAME[task])
    assert "D130" not in codes(tmp_path / "other.jsonl", task, DIFFERENT[task])
