"""What makes another training of a checkpoint, and what does not: settings added since, and how it is judged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sintonia.errors import StorageError
from sintonia.train import train
from sintonia.train.checkpoint import load_checkpoint, save_checkpoint
from sintonia.train.job import Job
from tests.unit.train.jobs import make_job


def paused(folder: Path, base: Path) -> Job:
    """A training that was paused after the first checkpoint."""
    job = make_job(folder, base)
    for event in train(job):
        if event.kind == "checkpoint":
            break
    return job


def change_origin(job: Job, added: dict[str, Any], taken: tuple[str, ...] = ()) -> None:
    """Rewrites what the checkpoint says that it comes from, as an older program would have written it."""
    folder = job.run.file(job.file("checkpoints"))
    saved, _ = load_checkpoint(folder)
    assert saved is not None
    origin = {name: value for name, value in saved.state["origin"].items() if name not in taken}
    assert len(origin) == len(saved.state["origin"]) - len(taken)
    saved.state["origin"] = origin | added
    save_checkpoint(folder, saved.state["step"], saved)


def kinds(job: Job) -> list[str]:
    return [event.kind for event in train(job)]


def test_a_checkpoint_from_before_some_settings_were_added_goes_on(tmp_path: Path, tiny_base: Path) -> None:
    job = paused(tmp_path / "run", tiny_base)
    taken = ("setting `training.fused`", "setting `training.averaging`", "setting `privacy.redact`")
    old = {f"setting `evaluation.{name}`": value for name, value in (("margin", 0.5), ("confidence", 0.9))}
    change_origin(job, {**old, "setting `lora.alpha`": job.recipe.lora.alpha}, taken)
    found = kinds(job)
    assert "resumed" in found and found[-1] == "finished"


def test_how_it_is_judged_may_change_and_what_is_followed_may_not(tmp_path: Path, tiny_base: Path) -> None:
    job = paused(tmp_path / "run", tiny_base)
    asked = job.recipe.evaluation
    other = replace(asked, primary_metric="macro_f1")
    with pytest.raises(StorageError, match=r"`evaluation\.primary_metric` was auto, now macro_f1"):
        kinds(replace(job, recipe=replace(job.recipe, evaluation=other)))
    judged = replace(asked, decoding="none", margin=0.2, judge_examples=7)
    assert "resumed" in kinds(replace(job, recipe=replace(job.recipe, evaluation=judged)))


@pytest.mark.parametrize(
    ("added", "taken", "what"),
    [
        ({}, ("setting `training.learning_rate`",), "learning_rate` was None, now 0.001"),
        ({"setting `training.new`": 3}, (), "new` was 3, now None"),
        ({"setting `data.columns.input`": "text"}, (), "input` was text, now None"),
        ({}, ("training set",), "training set was None"),
    ],
)
def test_what_is_missing_and_not_at_its_default_is_another_training(
    tmp_path: Path, tiny_base: Path, added: dict[str, Any], taken: tuple[str, ...], what: str
) -> None:
    job = paused(tmp_path / "run", tiny_base)
    change_origin(job, added, taken)
    with pytest.raises(StorageError, match="another training") as refused:
        kinds(job)
    assert what in str(refused.value)
