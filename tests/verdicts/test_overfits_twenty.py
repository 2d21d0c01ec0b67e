"""E33: twenty examples can be learned by heart, by every method of every task: what cannot is broken.

One batch holds all twenty, so the loss of a step is that of all of them, before its update. The negative controls are
the same training with every weight frozen, and with targets that are dealt out anew at each step.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from sintonia.methods import METHODS
from sintonia.train import Job, train
from sintonia.train.learners.pooled import EncoderLearner
from tests.tiny import make_tiny_language_model
from tests.unit.train.jobs import make_chat_examples, make_chat_job, make_examples, make_job

NUM_EXAMPLES, MOST_STEPS, LEFT_OVER = 20, 200, 0.1
KINDS = sorted((task, method.name) for method in METHODS.values() for task in method.tasks)
FEW_STEPS = 20
RATES = {"full": 1e-2, "lora": 1e-2, "head": 1.0}
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
    folder = tmp_path_factory.mktemp("language") / "tiny"
    return {"classify": tiny_base, "chat": make_tiny_language_model(folder, initializer_range=WORD_VECTORS)}


def job_of(folder: Path, base: Path, kind: tuple[str, str], learning_rate: float) -> Job:
    task, method = kind
    settings = {
        "learning_rate": learning_rate,
        "epochs": float(MOST_STEPS),
        "batch_examples": NUM_EXAMPLES,
        "evaluations": 1,
        "checkpoint_steps": MOST_STEPS,
        "dropout": 0.0,
        "weight_decay": 0.0,
        "early_stopping": False,
    }
    if task == "chat":
        job = make_chat_job(folder, base, method, {"rank": 16}, **settings)
        return dataclasses.replace(job, train=make_chat_examples(NUM_EXAMPLES, 1))
    job = make_job(folder, base, method, head_start="random", **settings)
    return dataclasses.replace(job, train=make_examples(NUM_EXAMPLES, 1))


def left_over(job: Job, most_steps: int = MOST_STEPS) -> float:
    """The lowest loss of so many steps over the first one; no more steps are made than are needed."""
    losses = (event.values["loss"] for event in train(job) if event.kind == "step")
    first = lowest = next(losses)
    for loss in itertools.islice(losses, most_steps - 1):
        lowest = min(lowest, loss)
        if lowest < LEFT_OVER * first:
            break
    return lowest / first


def test_all_methods_of_all_tasks_are_tried() -> None:
    known = {("chat", "full"), ("chat", "lora"), ("classify", "full"), ("classify", "head"), ("classify", "lora")}
    assert known <= set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_twenty_examples_are_learned_by_heart(tmp_path: Path, bases: dict[str, Path], kind: tuple[str, str]) -> None:
    assert left_over(job_of(tmp_path / "run", bases[kind[0]], kind, RATES[kind[1]])) < LEFT_OVER


@pytest.mark.parametrize("kind", KINDS)
def test_with_every_weight_frozen_nothing_is_learned(
    tmp_path: Path, bases: dict[str, Path], kind: tuple[str, str]
) -> None:
    assert left_over(job_of(tmp_path / "run", bases[kind[0]], kind, 0.0), FEW_STEPS) > 0.99


@pytest.mark.parametrize("method", ["full", "lora"])
def test_targets_that_change_at_each_step_are_not_learned(
    tmp_path: Path, bases: dict[str, Path], method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    accumulate, generator = EncoderLearner.accumulate, torch.Generator().manual_seed(0)

    def deal_anew(learner: EncoderLearner, positions: list[int]) -> float:
        learner.targets = learner.targets[torch.randperm(len(learner.targets), generator=generator)]
        return accumulate(learner, positions)

    monkeypatch.setattr(EncoderLearner, "accumulate", deal_anew)
    assert left_over(job_of(tmp_path / "run", bases["classify"], ("classify", method), RATES[method])) > 0.5
