"""E33: twenty examples can be learned by heart, by every method of every task: what cannot is broken.

One batch holds all twenty, so the loss of a step is that of all of them, before its update. The negative controls are
the same training with every weight frozen, and with targets that are dealt out anew at each step.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from sintonia.methods import METHODS
from sintonia.tasks import TASKS
from sintonia.train import Job, train
from sintonia.train.learners.pooled import EncoderLearner
from tests.nouns_of_tasks import TINY, Sizes, TinyData, make_tiny_job
from tests.tiny import make_tiny_language_model

NUM_EXAMPLES, MOST_STEPS, LEFT_OVER = 20, 200, 0.1
KINDS = [
    pytest.param(data, method.name, id=f"{data.name}, {method.name}")
    for task in TASKS
    for place, data in enumerate(TINY[task])
    for method in METHODS.values()
    if method.learns(TASKS[task]) and (place == 0 or method.name == TASKS[task].METHOD)
    if data.form != "scored pair"
]
"""The usual form of each task with every method, its other forms with the usual one. The loss of scored pairs has a
floor: twenty different scores lie between cosines of -1 and 1, so that neighbours cannot be far apart."""
FEW_STEPS = 20
RATES = {"full": 1e-2, "lora": 1e-2, "head": 1.0, "contrastive": 1e-2}
"""High, for the bases are tiny and random."""
WORD_VECTORS = 0.4
"""Spread of the random weights of the language model. At the usual .02 its frozen word vectors are so short that no
logit can be large, and adapters, which leave them alone, could not get far below guessing."""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """So small a model is slower on two."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def bases(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The base of each kind."""
    folder = tmp_path_factory.mktemp("language") / "tiny"
    return {"encoder": tiny_base, "language": make_tiny_language_model(folder, initializer_range=WORD_VECTORS)}


def job_of(folder: Path, bases: dict[str, Path], data: TinyData, method: str, **training: float) -> Job:
    settings = {
        "learning_rate": RATES[method],
        "epochs": float(MOST_STEPS),
        "batch_examples": NUM_EXAMPLES,
        "evaluations": 1,
        "checkpoint_steps": MOST_STEPS,
        "weight_decay": 0.0,
        "early_stopping": False,
        "head_start": "random",
        **training,
    }
    base, sizes = bases[TASKS[data.task].BASE], Sizes(train=NUM_EXAMPLES, validation=8)
    return make_tiny_job(folder, base, data, method, sizes=sizes, lora={"rank": 16}, **settings)


def left_over(job: Job, most_steps: int = MOST_STEPS) -> float:
    """The lowest loss of so many steps over the first one; no more steps are made than are needed."""
    losses = (event.values["loss"] for event in train(job) if event.kind == "step")
    first = lowest = next(losses)
    for loss in itertools.islice(losses, most_steps - 1):
        lowest = min(lowest, loss)
        if lowest < LEFT_OVER * first:
            break
    return lowest / first


def test_all_tasks_are_tried() -> None:
    assert {kind.values[0].task for kind in KINDS} == set(TASKS)


@pytest.mark.parametrize(("data", "method"), KINDS)
def test_twenty_examples_are_learned_by_heart(
    tmp_path: Path, bases: dict[str, Path], data: TinyData, method: str
) -> None:
    assert left_over(job_of(tmp_path / "run", bases, data, method)) < LEFT_OVER


@pytest.mark.parametrize(("data", "method"), KINDS)
def test_with_every_weight_frozen_nothing_is_learned(
    tmp_path: Path, bases: dict[str, Path], data: TinyData, method: str
) -> None:
    job = job_of(tmp_path / "run", bases, data, method, learning_rate=0.0)
    assert left_over(job, FEW_STEPS) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("task", ["classify", "regress"])
@pytest.mark.parametrize("method", ["full", "lora"])
def test_targets_that_change_at_each_step_are_not_learned(
    tmp_path: Path, bases: dict[str, Path], task: str, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    accumulate, generator = EncoderLearner.accumulate, torch.Generator().manual_seed(0)

    def deal_anew(learner: EncoderLearner, positions: list[int]) -> float:
        learner.targets = learner.targets[torch.randperm(len(learner.targets), generator=generator)]
        return accumulate(learner, positions)

    monkeypatch.setattr(EncoderLearner, "accumulate", deal_anew)
    assert left_over(job_of(tmp_path / "run", bases, TINY[task][0], method)) > 0.5
