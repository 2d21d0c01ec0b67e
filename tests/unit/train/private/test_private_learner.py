"""A private training as the loop sees it: who is drawn, what is added, when it ends, and how it goes on."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from sintonia.errors import StorageError
from sintonia.train import Job, train
from sintonia.train.checkpoint import load_checkpoint, save_checkpoint
from sintonia.train.learners import make_learner
from sintonia.train.private import learner as module
from tests.unit.train.private.private_jobs import make_private_job


def private(job: Job, key: int | None = 7) -> Any:
    """With a known key, so that what is asked of chance holds each time; None is a fresh one."""
    learner: Any = make_learner(job)
    if key is not None:
        learner.stream = module.SecretStream(bytes([key] * 32))
    return learner


def test_rows_are_drawn_one_by_one(tmp_path: Path, tiny_base: Path) -> None:
    """The size of a batch varies as that of independent draws does, and every row comes as often as every other."""
    learner = private(make_private_job(tmp_path / "run", tiny_base, batch_examples=12))
    batches = [batch for epoch in range(250) for batch in learner.batches(12, 0, epoch)]
    sizes, rate = np.array([len(batch) for batch in batches]), 12 / 96
    assert len(batches) == 2000
    assert sizes.mean() == pytest.approx(12, rel=0.02)
    assert sizes.var() == pytest.approx(96 * rate * (1 - rate), rel=0.1)
    drawn = np.bincount([row for batch in batches for row in batch], minlength=96)
    assert drawn.min() > 250 - 6 * 15 and drawn.max() < 250 + 6 * 15
    pairs = np.array([[row in batch for row in (0, 1)] for batch in map(set, batches)])
    assert abs(np.corrcoef(pairs.T)[0, 1]) < 0.12


def test_a_step_that_draws_nobody_is_noise_alone(tmp_path: Path, tiny_base: Path) -> None:
    learner = private(make_private_job(tmp_path / "run", tiny_base))
    assert np.isfinite(learner.accumulate([]))
    gradient = learner.parameters["head.weight"].grad
    plan = learner.plan
    assert float(gradient.std()) == pytest.approx(plan.noise * plan.clip_norm / plan.expected_units, rel=0.2)


def test_the_noise_is_that_of_the_plan_and_another_at_each_step(tmp_path: Path, tiny_base: Path) -> None:
    learner = private(make_private_job(tmp_path / "run", tiny_base, "full", dp={"clip_norm": 0.5}))
    learner.accumulate([])
    first = torch.cat([value.grad.flatten() for value in learner.parameters.values()])
    learner.step += 1
    learner.accumulate([])
    second = torch.cat([value.grad.flatten() for value in learner.parameters.values()])
    plan = learner.plan
    assert plan.expected_units == 8.0
    for noise in (first, second):
        assert len(noise) > 10_000
        assert float(noise.std()) == pytest.approx(plan.noise * 0.5 / 8.0, rel=0.03)
    assert abs(float(torch.corrcoef(torch.stack([first, second]))[0, 1])) < 0.05


def test_two_runs_of_the_same_seed_share_no_noise(tmp_path: Path, tiny_base: Path) -> None:
    """What could be computed again from a recipe would hide nothing."""
    first, second = (private(make_private_job(tmp_path / name, tiny_base), None) for name in "ab")
    assert first.batches(8, 1, 0) != second.batches(8, 1, 0)


def test_words_do_not_say_who_was_learned_from(tmp_path: Path, tiny_base: Path) -> None:
    """Under full tuning the tables keep the weights of the base, word for word."""
    job = make_private_job(tmp_path / "run", tiny_base, "full", epochs=1.0)
    assert [event.kind for event in train(job)][-1] == "finished"
    before, after = (load_file(one / "model.safetensors") for one in (tiny_base, job.run.file("turns/001/model")))
    tables = [name for name in before if "embeddings." in name and name.endswith("weight") and "Norm" not in name]
    assert len(tables) == 3 and all(torch.equal(before[name], after[name]) for name in tables)
    assert any(not torch.equal(before[name], after[name]) for name in before)


def test_a_group_is_drawn_with_all_its_rows(tmp_path: Path, tiny_base: Path) -> None:
    job = make_private_job(tmp_path / "run", tiny_base, dp={"unit": "group"}, epochs=0.5)
    rows = tuple(dataclasses.replace(one, group=f"person {k % 24}") for k, one in enumerate(job.train))
    learner = private(dataclasses.replace(job, train=rows))
    assert (learner.plan.num_units, learner.plan.num_rows, learner.plan.expected_units) == (24, 96, 2.0)
    assert learner.plan.delta == pytest.approx(1 / 240)
    for batch in learner.batches(8, 0, 0):
        people = {k % 24 for k in batch}
        assert len(batch) == 4 * len(people)


def test_training_ends_before_the_step_that_would_exceed_the_budget(tmp_path: Path, tiny_base: Path) -> None:
    job = make_private_job(tmp_path / "run", tiny_base, epochs=40.0, dp={"epsilon": 2.0, "noise": 1.2})
    plan = private(job).plan
    assert 0 < plan.most_steps < plan.planned_steps == 480
    events = list(train(job))
    last = events[-1]
    assert last.kind == "finished" and last.step == plan.most_steps
    assert "budget is used up" in last.values["stop_reason"] or last.values["best_step"] < last.step
    told = last.values["private"]
    assert told["steps"] == plan.most_steps and told["epsilon"] <= 2.0 < plan.spent(plan.most_steps + 1)


def test_no_step_beyond_the_budget_can_be_taken(tmp_path: Path, tiny_base: Path) -> None:
    learner = private(make_private_job(tmp_path / "run", tiny_base))
    learner.step = learner.plan.most_steps
    with pytest.raises(RuntimeError, match="budget"):
        learner.accumulate([0])


def killed_and_whole(folder: Path, base: Path, **asked: Any) -> tuple[Job, Job]:
    """Two trainings with the same key: one as it is, one that is ended after its first checkpoint."""
    jobs = [make_private_job(folder / name, base, **asked) for name in ("whole", "killed")]
    return jobs[0], jobs[1]


@pytest.mark.parametrize("method", ["head", "lora"])
def test_after_a_kill_weights_and_epsilon_are_the_same(
    tmp_path: Path, tiny_base: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, killed = killed_and_whole(tmp_path, tiny_base, method=method)
    key = bytes(range(32))
    monkeypatch.setattr(module.SecretStream, "fresh", classmethod(lambda cls: cls(key)))
    ended = list(train(whole))[-1]
    for event in train(killed):
        if event.kind == "step" and event.step == 9:  # a checkpoint is at 6: three steps are lost
            break
    monkeypatch.setattr(module.SecretStream, "fresh", classmethod(lambda cls: cls(bytes(32))))  # not the same by luck
    events = list(train(killed))
    assert "resumed" in [event.kind for event in events]
    assert events[-1].values["private"] == ended.values["private"]
    first, second = (load_all(job.run.file("turns/001/model")) for job in (whole, killed))
    assert first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def load_all(folder: Path) -> dict[str, torch.Tensor]:
    found = {}
    for file in sorted(folder.rglob("*.safetensors")):
        found |= {f"{file.relative_to(folder)} {name}": value for name, value in load_file(file).items()}
    return found


@pytest.mark.parametrize("what", ["none", "no history", "other noise"])
def test_a_checkpoint_that_does_not_say_what_was_spent_is_refused(tmp_path: Path, tiny_base: Path, what: str) -> None:
    job = make_private_job(tmp_path / "run", tiny_base)
    for event in train(job):
        if event.kind == "checkpoint":
            break
    folder = job.run.file(job.file("checkpoints"))
    saved, _ = load_checkpoint(folder)
    assert saved is not None
    told = saved.state["learner"]
    assert json.dumps(told) and len(bytes.fromhex(told["key"])) == 32
    if what == "none":
        saved.state["learner"] = None
    elif what == "no history":
        del told["history"]
    else:
        told["history"] = [[9.9, *told["history"][0][1:]]]
    shutil.rmtree(folder)
    save_checkpoint(folder, saved.state["step"], saved)
    with pytest.raises(StorageError, match="privacy budget"):
        list(train(job))


def test_a_recipe_that_was_not_filled_for_privacy_trains_nothing(tmp_path: Path, tiny_base: Path) -> None:
    job = make_private_job(tmp_path / "run", tiny_base)
    training = dataclasses.replace(job.recipe.training, head_start="probe", early_stopping=True)
    with pytest.raises(ValueError, match="head_start, early_stopping"):
        list(train(dataclasses.replace(job, recipe=dataclasses.replace(job.recipe, training=training))))
