"""E4 for conversations, on the real base: answers that belong to other prompts must never make a model `better`.

Shuffled answers can be learned in a sense (their words, their length), and bits per byte fall; E309 sees that they do
not follow from the prompts. The same rows with their own answers are the positive control.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from sintonia.pipeline import improve, start
from sintonia.recipe import make_recipe
from sintonia.records import Verdict
from tests.tiny import make_conversations, write_rows


def verdict_on(folder: Path, seed: int, *, is_shuffled: bool) -> Verdict:
    rows = make_conversations(320, seed)
    answers = [row["completion"] for row in rows]
    if is_shuffled:
        random.Random(seed).shuffle(answers)
    told = [{"prompt": row["prompt"], "completion": answer} for row, answer in zip(rows, answers, strict=True)]
    path = write_rows(folder / "rows.jsonl", told)
    recipe = {
        "data": {"path": str(path)},
        "task": "chat",
        "accept": ["D103"],
        "training": {"epochs": 1, "evaluations": 2},
    }
    return improve(start(make_recipe(recipe), folder / "run"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_shuffled_answers_are_never_better(tmp_path: Path, seed: int) -> None:
    verdict = verdict_on(tmp_path, seed, is_shuffled=True)
    assert verdict.outcome != "better"
    assert "E309" in {one.code for one in verdict.causes}
    assert verdict.primary.difference.high < 0, "bits alone would have said better"


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_true_answers_are_better(tmp_path: Path, seed: int) -> None:
    assert verdict_on(tmp_path, seed, is_shuffled=False).outcome == "better"
