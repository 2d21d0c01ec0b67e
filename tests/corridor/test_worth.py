"""Should you fine-tune? Through the corridor with tiny bases: kept, told before training, stopping nothing."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path
from typing import Any

import pytest

from sintonia.corridor.walk import Progress, Walk
from sintonia.corridor.worth import tell_worth
from sintonia.pipeline import improve, start
from sintonia.records import Worth
from sintonia.runs import WORTH, RunFolder
from sintonia.settings import DataSettings, EvaluationSettings, Recipe, TrainingSettings
from tests.tiny import FILLER, make_conversations, make_rows, make_tiny_language_model, write_rows


class Begun(Exception):
    """The training has begun: nobody waits for it here."""


def run_of(tmp_path: Path, base: Path, rows: list[Any], **settings: Any) -> RunFolder:
    """A run; the stop for labels without signal is accepted, so that it goes on."""
    recipe = Recipe(
        data=DataSettings(path=str(write_rows(tmp_path / "rows.jsonl", rows))),
        base=f"file:{base}",
        training=TrainingSettings(epochs=1.0, learning_rate=1e-3, evaluations=1),
        accept=("D110",),
    )
    return start(dataclasses.replace(recipe, **settings), tmp_path / "run")


def answered(tmp_path: Path, base: Path, rows: list[Any], **settings: Any) -> tuple[Worth, list[Progress]]:
    """What a run says up to its first step of training."""
    run, seen = run_of(tmp_path, base, rows, **settings), []

    def listen(progress: Progress) -> None:
        seen.append(progress)
        if progress.event is not None:
            raise Begun

    with pytest.raises(Begun):
        improve(run, listen)
    found = run.read(WORTH, Worth)
    assert found is not None
    return found, seen


def told(seen: list[Progress]) -> list[str]:
    return [one.message for one in seen if one.stage == "worth"]


def test_separable_labels_need_a_probe_only_and_the_run_goes_on(tmp_path: Path, tiny_base: Path) -> None:
    run, seen = run_of(tmp_path, tiny_base, make_rows(400)), []
    improve(run, seen.append)
    found = run.read(WORTH, Worth)
    assert found is not None and run.file("verdict.json").exists()
    assert found.answer == "a probe is enough" and found.best_score is not None and found.best_score > 0.98
    lines = told(seen)
    assert lines[0].startswith("should you fine-tune? a probe is enough") and 2 <= len(lines) <= 3
    first_event = next(k for k, one in enumerate(seen) if one.event is not None)
    assert [one.stage for one in seen[:first_event]].count("worth") == len(lines), "it is told before training"
    assert "Before the training" in run.file("report.html").read_text()


def test_random_labels_are_never_worth_tuning(tmp_path: Path, tiny_base: Path) -> None:
    rows = make_rows(400)
    labels = [row["label"] for row in rows]
    random.Random(3).shuffle(labels)
    shuffled = [{**row, "label": label} for row, label in zip(rows, labels, strict=True)]
    found, seen = answered(tmp_path, tiny_base, shuffled)
    assert found.answer == "unclear"
    assert "no simple model" in " ".join(told(seen))


def test_three_examples_a_class_are_too_few(tmp_path: Path, tiny_base: Path) -> None:
    generator = random.Random(0)
    rows = [
        {"text": " ".join([*generator.sample(FILLER, 6), f"number{k}"]), "label": f"kind {k % 16}"}
        for k in range(16 * 6)
    ]
    found, _ = answered(tmp_path, tiny_base, rows)
    assert found.answer == "more examples first"


def test_a_hard_task_with_headroom_is_worth_tuning(tmp_path: Path, tiny_base: Path) -> None:
    """The label says whether the first word is one of ten: a probe of means finds it only in part."""
    generator, rows = random.Random(1), []
    for _ in range(900):
        words = generator.sample(FILLER, 6)
        rows.append({"text": " ".join(words), "label": "early" if words[0] in FILLER[:10] else "late"})
    found, seen = answered(tmp_path, tiny_base, rows)
    assert found.answer == "tune" and found.headroom is not None and found.headroom > 0.1
    assert "at most" in " ".join(told(seen))


def test_conversations_are_asked_too(tmp_path: Path) -> None:
    base = make_tiny_language_model(tmp_path / "base")
    evaluation = EvaluationSettings(decoding="none")
    found, seen = answered(tmp_path, base, make_conversations(320), task="chat", evaluation=evaluation)
    assert found.answer == "unclear", "a base with random weights sees nothing"
    assert found.metric == "bits_per_byte" and found.headroom is not None and found.headroom > 1
    assert found.break_even_queries is not None and found.break_even_queries > 0
    assert "as likely behind the prompts of others" in " ".join(told(seen))


def test_a_run_from_before_is_told_nothing(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", Recipe(data=DataSettings(path="x")))
    seen: list[Progress] = []
    tell_worth(Walk(run, seen.append))
    assert seen == []
