"""E29 and E30: what may never be called a base, and a saved model that is not the one that was trained.

Science.md calls the verdict on such a model INVALID. Here it comes even earlier: the run fails before the sealed test
is opened, so that no opening is spent on a model that nobody will have.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from sintonia.choose import choose
from sintonia.corridor.looking_back import look_back
from sintonia.corridor.turns import candidate_of
from sintonia.errors import RunFailed
from sintonia.evaluate.ladders import LADDERS, chat, classify, embed, prefer, pretrain, tag
from sintonia.evaluate.ladders.classify import Ground
from sintonia.models.open import open_base
from sintonia.pipeline import Progress, improve, start
from sintonia.recipe import make_recipe
from sintonia.records import Finding, Verdict
from sintonia.runs import RunFolder
from sintonia.train import Job, train
from sintonia.train.learners.pooled import PooledLearner
from tests.tiny import TOPICS
from tests.unit.train.jobs import make_chat_job, make_examples, make_job

DIFFERS = "the saved model, loaded again, differs"
HEAD = "3_Dense/model.safetensors"
HONEST = {
    "classify": {
        "majority",
        "labels at random",  # drawn once and for all, and no weights
        "zero-shot by label names",
        "nearest neighbours",
        "nearest centroid",
        "linear probe",
        "TF-IDF",
        "both texts compared",
        "contrastive tuning",  # from the weights of the base, with a seed of its own
    },
    "chat": {"zero-shot", "few-shot", "token frequencies"},
    "embed": {"nothing known", "untouched base", "words alone"},
    "prefer": {"likelier", "likelier per token", "length alone", "guess"},
    "pretrain": {"untouched base", "base behind training text", "compressor", "letters alone"},
    "tag": {"commonest tag", "memory of words", "words and neighbours", "linear probe"},
}
"""The rungs of science.md 1.5 that there are; of a rung that is added, somebody must have read this test."""
ROOMS = {"classify": classify, "chat": chat, "embed": embed, "prefer": prefer, "pretrain": pretrain, "tag": tag}
KINDS = {name: room._LADDER for name, room in ROOMS.items()}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """So small a model is slower on two."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


# E29: a randomly initialised head is not a base


def strangers(task: str) -> set[str]:
    """Rungs that are not known to be honest."""
    return set(KINDS[task]) - HONEST[task]


def moving_rungs(ground: Ground) -> set[str]:
    """Rungs whose answers change with the seeds of the process: those that draw weights of their own."""
    answers = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        np.random.seed(seed)
        examples = make_examples(60, 3)
        ladder = LADDERS["classify"]
        scored = ladder.score(ground, ladder.choose(ground, make_examples(40, 2)), examples, "test")
        answers.append({rung.name: card.predictions for rung, card in scored})
    return {name for name in answers[0] if answers[0][name] != answers[1][name]}


def random_head(ground: Ground, _setting: float, examples: object) -> np.ndarray:
    features = torch.from_numpy(ground.features(examples))  # type: ignore[arg-type]
    scores = features @ torch.randn(features.shape[1], len(ground.labels))
    return np.asarray(scores.softmax(dim=1).numpy())


@pytest.fixture
def ground(tmp_path: Path, tiny_base: Path) -> Ground:
    recipe = make_recipe({"data": {"path": "x"}, "base": f"file:{tiny_base}", "training": {"head_start": "random"}})
    return Ground(
        run=RunFolder.create(tmp_path / "run", recipe),
        base=open_base(choose(recipe, "classify"), 32),
        labels=tuple(sorted(TOPICS)),
        train=make_examples(200, 1),
        primary_metric="accuracy",
    )


def test_no_rung_is_a_random_head_and_a_planted_one_is_seen(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    assert LADDERS.keys() == HONEST.keys()
    assert not any(map(strangers, HONEST))
    assert not moving_rungs(ground)
    planted = dataclasses.replace(classify._LADDER["majority"], scores=random_head)
    monkeypatch.setitem(classify._LADDER, "random head", planted)
    assert strangers("classify") == {"random head"}
    assert moving_rungs(ground) == {"random head"}


# E30: saved and loaded again


def random_weights(path: Path, part: str) -> None:
    """Draws the tensors anew whose names hold `part`."""
    tensors = load_file(path)
    meant = [name for name in tensors if part in name]
    assert meant
    for name in meant:
        tensors[name] = torch.randn(tensors[name].shape, generator=torch.Generator().manual_seed(7))
    save_file(tensors, path, metadata={"format": "pt"})


def head_of_no_numbers(model: Path) -> None:
    save_file({name: one * torch.nan for name, one in load_file(model / HEAD).items()}, model / HEAD)


def no_adapter(model: Path) -> None:
    for path in model.glob("adapter_*"):
        path.unlink()


def empty_adapter(model: Path) -> None:
    path = model / "adapter_model.safetensors"
    save_file({name: torch.zeros_like(one) for name, one in load_file(path).items()}, path)


HARMS: dict[str, tuple[str, str, Callable[[Path], None]]] = {
    "full: head drawn anew": ("classify", "full", lambda model: random_weights(model / HEAD, "weight")),
    "full: head dropped": ("classify", "full", lambda model: (model / HEAD).unlink()),
    "full: head of no numbers": ("classify", "full", head_of_no_numbers),
    "lora: head drawn anew": ("classify", "lora", lambda model: random_weights(model / HEAD, "weight")),
    "lora: head dropped": ("classify", "lora", lambda model: (model / HEAD).unlink()),
    "head: head dropped": ("classify", "head", lambda model: shutil.rmtree(model / "3_Dense")),
    "chat lora: adapter dropped": ("chat", "lora", no_adapter),
    "chat lora: adapter emptied": ("chat", "lora", empty_adapter),
    "chat full: a layer drawn anew": (
        "chat",
        "full",
        lambda model: random_weights(model / "model.safetensors", "layers.1.mlp"),
    ),
}


def trained(folder: Path, bases: dict[str, Path], task: str, method: str) -> tuple[Job, Callable[[], list[Finding]]]:
    """A finished training, and how to look back at it."""
    make = make_chat_job if task == "chat" else make_job
    job = make(folder, bases[task], method, epochs=1.0, evaluations=1)
    candidate = candidate_of(job, list(train(job))[-1])
    return job, lambda: [one for one in look_back(job, candidate, ())[1] if one.code == "E310"]


@pytest.fixture
def bases(tiny_base: Path, tiny_language_model: Path) -> dict[str, Path]:
    return {"classify": tiny_base, "chat": tiny_language_model}


@pytest.mark.parametrize("harm", HARMS)
def test_a_model_that_loads_otherwise_than_it_was_trained_is_found(
    tmp_path: Path, bases: dict[str, Path], harm: str
) -> None:
    task, method, break_it = HARMS[harm]
    job, look = trained(tmp_path / "run", bases, task, method)
    assert look() == []  # the clean control: the same model, untouched
    break_it(job.run.file(job.file("model")))
    try:
        (found,) = look()
        said = (found.severity, found.message)
    except RunFailed as refused:
        said = ("stop", refused.what)
    assert said[0] == "stop" and DIFFERS in said[1]


def recipe_of(rows_file: Path, tiny_base: Path) -> dict[str, object]:
    training = {"epochs": 8, "learning_rate": 2e-3, "evaluations": 2, "max_tokens": 32, "head_start": "random"}
    return {"data": {"path": str(rows_file)}, "base": f"file:{tiny_base}", "method": "full", "training": training}


def test_a_head_lost_in_saving_gives_no_verdict_and_opens_no_test(
    tmp_path: Path, rows_file: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = PooledLearner.save

    def save_badly(learner: PooledLearner, folder: Path) -> None:
        save(learner, folder)
        random_weights(folder / HEAD, "weight")

    monkeypatch.setattr(PooledLearner, "save", save_badly)
    run = start(make_recipe(recipe_of(rows_file, tiny_base)), tmp_path / "run")
    with pytest.raises(RunFailed, match=DIFFERS):
        improve(run)
    assert not run.file("verdict.json").exists()
    assert not list(rows_file.parent.rglob("openings.jsonl"))


class _Stop(Exception):
    """Somebody pulled the plug."""


def test_a_head_lost_after_the_turn_gives_no_verdict_until_it_is_back(
    tmp_path: Path, rows_file: Path, tiny_base: Path
) -> None:
    def stop_before_judging(progress: Progress) -> None:
        if progress.message == "fitting the honest baselines":
            raise _Stop

    run = start(make_recipe(recipe_of(rows_file, tiny_base)), tmp_path / "run")
    with pytest.raises(_Stop):
        improve(run, stop_before_judging)
    head = run.file("turns/001/model") / HEAD
    whole = head.read_bytes()
    for break_it in (lambda: random_weights(head, "weight"), head.unlink):
        break_it()
        with pytest.raises(RunFailed, match=DIFFERS):
            improve(run)
        assert run.read("verdict.json", Verdict) is None
        assert not list(rows_file.parent.rglob("openings.jsonl"))
    head.write_bytes(whole)
    verdict = improve(run)  # the clean control
    assert verdict.outcome == "better" and verdict.test_openings == 1
    elsewhere = {"both texts compared", "contrastive tuning"}  # rungs of pairs and of few examples
    assert {rung.name for rung in verdict.rungs} == HONEST["classify"] - elsewhere  # its own random head is none
    assert verdict.base in {"majority", "labels at random", "zero-shot by label names"}
