"""R1: a resumed training ends with the same bits as one left alone, wherever it stopped; and the test can fail."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from sintonia.corridor.turns import read_sets
from sintonia.errors import StorageError
from sintonia.files import sha256_file
from sintonia.records import Event, ExampleSet, Part, SealedTest
from sintonia.settings import PricesSettings
from sintonia.train import Job, snapshot, train
from sintonia.train import loop as loop_module
from sintonia.train.checkpoint import load_checkpoint, save_checkpoint
from sintonia.train.learners import make_learner
from tests.reliability.trainings import (
    KINDS,
    NUM_STEPS,
    PER_EPOCH,
    SETTINGS,
    Crash,
    Trace,
    crash_in,
    losses_by_step,
    make_training,
    run_whole,
    trace,
)
from tests.tiny import make_tiny_base

pytestmark = pytest.mark.usefixtures("one_thread")
STOPS = ["mid-epoch", "epoch boundary", "evaluation", "micro-batches"]
_HARD = "dropout and accumulation"


@pytest.fixture(scope="module")
def undisturbed(bases: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Trace]:
    """What a training comes to that nobody stops; each is trained once."""
    found: dict[tuple[str, str], Trace] = {}

    def of(kind: str, setting: str) -> Trace:
        if (kind, setting) not in found:
            folder = tmp_path_factory.mktemp("whole") / "run"
            found[kind, setting] = run_whole(make_training(folder, bases, kind, setting))
            shutil.rmtree(folder)
        return found[kind, setting]

    return of


def train_until(job: Job, stop: str) -> dict[int, str]:
    """Trains until it is stopped there; the losses seen so far."""
    seen: dict[int, str] = {}
    events: list[Event] = []
    learner = next(one for one in type(make_learner(job)).__mro__ if "accumulate" in one.__dict__)
    scorer = next(one for one in learner.__mro__ if "score_validation" in one.__dict__)
    patch = pytest.MonkeyPatch()
    if stop == "evaluation":  # the third: after step 7
        crash = crash_in(patch, scorer, "score_validation", 3, lambda score: score())
    else:  # two of its four examples have given their gradients
        number = 8 if stop == "micro-batches" else NUM_STEPS + 1
        crash = crash_in(patch, learner, "accumulate", number, lambda add, positions: add(positions[:2]))
    with crash:
        try:
            for event in train(job):
                events.append(event)
                if event.kind != "step":
                    continue
                seen[event.step] = event.values["loss"].hex()
                if stop == "mid-epoch" and event.step == 8:
                    break
                if stop == "epoch boundary" and event.step == PER_EPOCH:
                    job.run.file(job.file("stop")).write_text("pause\n")
        except Crash:
            pass
    job.run.file(job.file("stop")).unlink(missing_ok=True)
    assert len(seen) == {"mid-epoch": 8, "epoch boundary": 5, "evaluation": 7, "micro-batches": 7}[stop]
    return seen


def resume(job: Job, seen: dict[int, str]) -> Trace:
    torch.manual_seed(999)
    events = list(train(job))
    assert [event.kind for event in events].count("resumed") == 1
    losses = losses_by_step(events)
    again = {step: loss for step, loss in losses.items() if step in seen}
    assert len(again) <= 2, "more than one interval was lost"
    return trace(job, {**seen, **losses})


THOROUGH = ("classify full", "chat lora")
HARMS = ("one weight", "a swapped batch", "random state", "schedule")
NOTICED = [
    *((kind, harm) for kind in THOROUGH for harm in HARMS),
    *((kind, harm) for kind in ("regress full", "embed full", "tag full", "prefer lora") for harm in HARMS[:2]),
]
"""Where it is shown that the smallest harm is noticed."""


def is_for_every_run(kind: str, setting: str, stop: str) -> bool:
    """The other cells are for the slow tier."""
    if kind in THOROUGH:
        return setting == _HARD or (setting, stop) == ("plain", "mid-epoch")
    is_usual = ":" not in kind
    return is_usual and setting == _HARD and stop == ("mid-epoch" if kind.startswith("chat") else "micro-batches")


CELLS = [
    pytest.param(kind, setting, stop, marks=[] if is_for_every_run(kind, setting, stop) else [pytest.mark.slow])
    for kind in KINDS
    for setting in SETTINGS
    for stop in STOPS
]


@pytest.mark.parametrize(("kind", "setting", "stop"), CELLS)
def test_a_resumed_training_ends_with_the_same_bits(
    tmp_path: Path, bases: dict[str, Path], undisturbed: Callable[[str, str], Trace], kind: str, setting: str, stop: str
) -> None:
    whole, job = undisturbed(kind, setting), make_training(tmp_path / "run", bases, kind, setting)
    seen = train_until(job, stop)
    assert seen == {step: loss for step, loss in whole.losses.items() if step in seen}
    assert resume(job, seen) == whole


@pytest.mark.parametrize("kind", THOROUGH)
def test_the_trace_is_of_a_training_that_learns(undisturbed: Callable[[str, str], Trace], kind: str) -> None:
    """Two traces that are equal because nothing happens would prove nothing."""
    losses = undisturbed(kind, _HARD).losses
    assert len(losses) == NUM_STEPS == len(set(losses.values()))
    assert losses != undisturbed(kind, "plain").losses


@pytest.mark.parametrize(("kind", "harm"), NOTICED)
def test_the_smallest_harm_is_noticed(
    tmp_path: Path,
    bases: dict[str, Path],
    undisturbed: Callable[[str, str], Trace],
    kind: str,
    harm: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Negative controls (R1-neg): each of them makes the test above fail."""
    whole, job = undisturbed(kind, _HARD), make_training(tmp_path / "run", bases, kind, _HARD)
    seen = train_until(job, "mid-epoch")
    if harm == "one weight":
        move_one_weight(job)
    elif harm == "a swapped batch":
        original = loop_module.epoch_batches
        monkeypatch.setattr(loop_module, "epoch_batches", lambda *given: swapped(original(*given)))
    elif harm == "random state":
        monkeypatch.setattr(snapshot, "set_random_state", lambda _: None)
    else:
        factor = loop_module.learning_rate_factor
        monkeypatch.setattr(
            loop_module, "learning_rate_factor", lambda name, step, *more: factor(name, step - 1, *more)
        )
    assert resume(job, seen) != whole


def swapped(batches: list[list[int]]) -> list[list[int]]:
    return [*batches[:-2], batches[-1], batches[-2]]


def move_one_weight(job: Job) -> None:
    """By the smallest step that float32 has."""
    folder = job.run.file(job.file("checkpoints"))
    saved, _ = load_checkpoint(folder)
    assert saved is not None
    value = max(saved.tensors["weights"].values(), key=lambda one: float(one.abs().max())).reshape(-1)
    largest = int(value.abs().argmax())
    value[largest] = torch.nextafter(value[largest], torch.tensor(0.0))
    shutil.rmtree(folder)
    save_checkpoint(folder, saved.state["step"], saved)


@pytest.fixture
def stopped(tmp_path: Path, bases: dict[str, Path]) -> Job:
    """A training that was stopped after a checkpoint."""
    job = make_training(tmp_path / "run", bases, "classify head")
    train_until(job, "mid-epoch")
    return job


def refused(job: Job) -> str:
    with pytest.raises(StorageError) as caught:
        list(train(job))
    assert caught.value.exit_code == 74 and "\n" not in str(caught.value)
    assert not job.run.file(job.file("model")).exists()
    return str(caught.value)


def changed(job: Job, **training: object) -> Job:
    recipe = dataclasses.replace(job.recipe, training=dataclasses.replace(job.recipe.training, **training))
    return dataclasses.replace(job, recipe=recipe)


def test_another_recipe_is_refused_and_every_change_named(stopped: Job) -> None:
    told = refused(changed(stopped, learning_rate=2e-3, epochs=3.0))
    assert "setting `training.epochs` was 2.0, now 3.0" in told
    assert "setting `training.learning_rate` was 0.001, now 0.002" in told
    assert "hint: undo the change, or begin a new run" in told


@pytest.mark.parametrize("name", ["train", "validation"])
def test_other_examples_are_refused(stopped: Job, name: str) -> None:
    one, *more = getattr(stopped, name)
    other = (dataclasses.replace(one, target="food" if one.target != "food" else "music"), *more)
    told = refused(dataclasses.replace(stopped, **{name: other}))
    assert f"training: {'training' if name == 'train' else 'validation'} set was {len(other)} examples, id " in told


def test_another_base_is_refused(stopped: Job, tmp_path: Path) -> None:
    """The base is looked at before the checkpoint is; of two bases with one name the hash tells."""
    with pytest.raises(StorageError, match="was changed since this run began"):
        list(train(dataclasses.replace(stopped, base=dataclasses.replace(stopped.base, revision="0" * 64))))
    other = make_training(tmp_path / "other", {"classify": make_tiny_base(tmp_path / "base", seed=1)}, "classify head")
    told = refused(dataclasses.replace(stopped, base=other.base))
    assert f"weights of the base (sha256) was {stopped.base.revision}, now {other.base.revision}" in told


def test_the_budget_the_prices_and_the_paths_may_change(stopped: Job) -> None:
    data = dataclasses.replace(stopped.recipe.data, path="elsewhere")
    recipe = dataclasses.replace(stopped.recipe, budget_seconds=9.0, data=data, prices=PricesSettings(kwh=0.3))
    assert list(train(dataclasses.replace(stopped, recipe=recipe)))[-1].kind == "finished"


@pytest.mark.parametrize(("asked", "taken"), [(2048, 2048), (8192, 4096)])
def test_smaller_micro_batches_are_taken_larger_ones_are_not_and_both_are_said(
    stopped: Job, asked: int, taken: int
) -> None:
    events = list(train(changed(stopped, micro_tokens=asked)))
    told = next(event.values["text"] for event in events if event.kind == "message")
    assert f"at most {taken} tokens" in told and str(asked) in told and "4096" in told


def test_a_set_that_was_changed_since_the_split_is_refused(stopped: Job) -> None:
    sets = {}
    for name in ("train", "validation"):
        path = stopped.run.file(f"data/{name}.jsonl")
        for example in getattr(stopped, name):
            stopped.run.append(f"data/{name}.jsonl", example, sync=False)
        sets[name] = ExampleSet(path=f"data/{name}.jsonl", count=1, sha256=sha256_file(path))
    part = Part(name="000", test=SealedTest(count=1, sha256="0"), **sets)
    assert read_sets(stopped.run, part) == (stopped.train, stopped.validation)
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(StorageError, match="was changed or removed since the split"):
        read_sets(stopped.run, part)
