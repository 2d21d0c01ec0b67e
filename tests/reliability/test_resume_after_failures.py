"""R6 and R7: what is not a number never reaches the weights, and a batch too large for memory is done in pieces."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from sintonia.corridor.turns import run_training
from sintonia.corridor.walk import Walk
from sintonia.errors import RunFailed, StorageError
from sintonia.files import read_lines
from sintonia.records import Event
from sintonia.train import Job, train
from sintonia.train.checkpoint import load_checkpoint
from sintonia.train.fitting import is_out_of_memory
from sintonia.train.learners import make_learner
from sintonia.train.loop import Loop
from sintonia.train.snapshot import checkpoint_bytes
from tests.reliability.trainings import NUM_STEPS, losses_by_step, make_training, weights_of

pytestmark = pytest.mark.usefixtures("one_thread")
SMALL = ["classify full", "classify head", "chat lora"]


Accumulate = Callable[[Any, list[int]], float]


def replace_accumulate(patch: pytest.MonkeyPatch, job: Job, made: Callable[[Accumulate], Accumulate]) -> None:
    owner = next(one for one in type(make_learner(job)).__mro__ if "accumulate" in one.__dict__)
    patch.setattr(owner, "accumulate", made(owner.accumulate))  # type: ignore[attr-defined]


def plant(where: str, step: int) -> Callable[[Accumulate], Accumulate]:
    """Makes the loss of a step, a weight before it, or a gradient in it something that is no number."""
    calls: list[list[int]] = []

    def made(original: Accumulate) -> Accumulate:
        def planted(self: Any, positions: list[int]) -> float:
            calls.append(positions)
            if len(calls) != step:
                return original(self, positions)
            parameter = list(self.parameters.values())[-1]
            if where == "weights":
                with torch.no_grad():
                    parameter.view(-1)[-1] = float("nan")
            loss = original(self, positions)
            if where == "gradient":
                parameter.grad.view(-1)[0] = float("inf")
            return float("nan") if where == "loss" else loss

        return planted

    return made


def planted_cases(count: int) -> list[tuple[str, str, int]]:
    generator = random.Random(6)
    kinds = ["classify full", "classify full", "classify head"]
    return [
        (generator.choice(kinds), generator.choice(["loss", "weights", "gradient"]), generator.randint(1, NUM_STEPS))
        for _ in range(count)
    ]


def stops_before_the_update(folder: Path, bases: dict[str, Path], kind: str, where: str, step: int) -> None:
    job = make_training(folder, bases, kind)
    with pytest.MonkeyPatch.context() as patch:
        replace_accumulate(patch, job, plant(where, step))
        with pytest.raises(RunFailed) as caught:
            run_training(Walk(job.run, lambda _: None), job)
    told = str(caught.value)
    assert f"step {step} is not a finite number; the update was not made (rows rows:" in told
    events = job.run.lines(job.file("events.jsonl"), Event)
    assert [event.step for event in events if event.kind == "step"] == list(range(1, step))
    last = read_lines(job.run.file(job.file("events.jsonl")))[-1]
    assert None in (last["values"]["loss"], last["values"]["gradient_norm"])
    saved, problems = load_checkpoint(job.run.file(job.file("checkpoints")))
    assert problems == [] and (saved is None) == (step <= 2)
    for group in saved.tensors.values() if saved else ():
        assert all(bool(torch.isfinite(value).all()) for value in group.values())


def test_what_is_no_number_stops_before_the_update_at_60_places(tmp_path: Path, bases: dict[str, Path]) -> None:
    for number, (kind, where, step) in enumerate(planted_cases(60)):
        stops_before_the_update(tmp_path / str(number), bases, kind, where, step)


@pytest.mark.parametrize("where", ["loss", "weights", "gradient"])
def test_what_is_no_number_stops_a_chat_before_the_update(tmp_path: Path, bases: dict[str, Path], where: str) -> None:
    stops_before_the_update(tmp_path / "run", bases, "chat lora", where, 5)


def test_weights_that_an_update_broke_are_not_saved(
    tmp_path: Path, bases: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loss and gradients were finite; the checkpoint before stays the newest."""
    job = make_training(tmp_path / "run", bases, "classify head", evaluations=1)
    original = Loop._measured

    def breaks(self: Loop, *given: Any, **named: Any) -> Event:
        if self.step == 4:
            next(iter(self.learner.parameters.values())).data.view(-1)[0] = float("inf")
        return original(self, *given, **named)

    monkeypatch.setattr(Loop, "_measured", breaks)
    with pytest.raises(RunFailed, match=r"after step 4 `.*` holds values that are not finite numbers"):
        list(train(job))
    saved, problems = load_checkpoint(job.run.file(job.file("checkpoints")))
    assert saved is not None and saved.state["step"] == 2 and problems == []


def short_of_memory(failing: set[int], counted: list[int]) -> Callable[[Accumulate], Accumulate]:
    """Fails at these calls, after some of the batch has given its gradients and the generators have moved."""

    def made(original: Accumulate) -> Accumulate:
        def short(self: Any, positions: list[int]) -> float:
            counted.append(self.micro_tokens)
            if len(counted) in failing:
                original(self, positions[:2])
                torch.rand(7)
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
            return original(self, positions)

        return short

    return made


def numbers(events: list[Event]) -> list[float]:
    return [float.fromhex(loss) for loss in losses_by_step(events).values()]


def survives(folder: Path, bases: dict[str, Path], kind: str, failing: set[int], expected: list[float]) -> int:
    """Trains with such failures; how many there were."""
    job, counted = make_training(folder, bases, kind), []
    with pytest.MonkeyPatch.context() as patch:
        replace_accumulate(patch, job, short_of_memory(failing, counted))
        events = list(train(job))
    met = len(failing & set(range(1, len(counted) + 1)))
    assert [event.step for event in events if event.kind == "step"] == list(range(1, NUM_STEPS + 1))
    assert numbers(events) == pytest.approx(expected, abs=1e-5)
    told = [event.values["text"] for event in events if event.kind == "message"]
    assert len(told) == met and all("out of memory" in text for text in told)
    saved, _ = load_checkpoint(job.run.file(job.file("checkpoints")))
    assert saved is not None and saved.state["micro_tokens"] == counted[-1]
    assert (counted[-1] < counted[0]) == bool(met)
    return met


@pytest.mark.parametrize(
    ("kind", "num_points"),
    [("classify full", 60), ("chat lora", 6), *(pytest.param(k, 200, marks=pytest.mark.slow) for k in SMALL[::2])],
)
def test_a_batch_that_does_not_fit_is_done_in_pieces(
    tmp_path: Path, bases: dict[str, Path], kind: str, num_points: int
) -> None:
    expected = numbers(list(train(make_training(tmp_path / "whole", bases, kind))))
    generator, met, run = random.Random(7), 0, 0
    while met < num_points:
        run += 1
        failing = set(generator.sample(range(1, NUM_STEPS + 4), 3))
        met += survives(tmp_path / str(run), bases, kind, failing, expected)


def test_after_it_the_resume_is_bit_identical(tmp_path: Path, bases: dict[str, Path]) -> None:
    """The smaller size is part of the state."""
    ends = []
    for name in ("whole", "broken"):
        job, counted = make_training(tmp_path / name, bases, "classify full", "dropout"), []
        with pytest.MonkeyPatch.context() as patch:
            replace_accumulate(patch, job, short_of_memory({2, 3, 4, 5, 6}, counted))
            for event in train(job):
                if name == "broken" and event.step == 7 and event.kind == "step":
                    break
        if name == "broken":
            torch.manual_seed(3)
            list(train(job))
        ends.append(weights_of(job))
    assert ends[0] == ends[1]


@pytest.mark.parametrize(
    ("micro_tokens", "told"), [(16, "even for one example at a time"), (10**6, "also after 8 tries")]
)
def test_memory_that_is_too_short_for_anything_ends_with_what_is_needed(
    tmp_path: Path, bases: dict[str, Path], micro_tokens: int, told: str
) -> None:
    job, counted = make_training(tmp_path / "run", bases, "classify full", micro_tokens=micro_tokens), []
    with pytest.MonkeyPatch.context() as patch:
        replace_accumulate(patch, job, short_of_memory(set(range(100)), counted))
        with pytest.raises(RunFailed, match=told) as caught:
            list(train(job))
    assert "GiB are free" in str(caught.value) and len(counted) <= 9
    assert caught.value.__context__ is None, "the error that was met holds on to all that was computed"


def test_only_want_of_memory_is_tried_again(tmp_path: Path, bases: dict[str, Path]) -> None:
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"))
    assert not is_out_of_memory(RuntimeError("shapes cannot be multiplied"))
    job, calls = make_training(tmp_path / "run", bases, "classify head"), []

    def made(original: Accumulate) -> Accumulate:
        def wrong(self: Any, positions: list[int]) -> float:
            calls.append(positions)
            raise RuntimeError("shapes cannot be multiplied")

        return wrong

    with pytest.MonkeyPatch.context() as patch:
        replace_accumulate(patch, job, made)
        with pytest.raises(RuntimeError, match="shapes"):
            list(train(job))
    assert len(calls) == 1


@pytest.mark.parametrize("kind", ["classify full", "classify lora", "chat full", "chat lora"])
@pytest.mark.parametrize("cadence", [2, "validation"])
def test_the_size_of_a_checkpoint_is_known_before_within_10_percent(
    tmp_path: Path, bases: dict[str, Path], kind: str, cadence: Any
) -> None:
    job = make_training(tmp_path / "run", bases, kind, checkpoint_steps=cadence)
    estimated, sizes = checkpoint_bytes(Loop(job, make_learner(job))), []
    for event in train(job):
        if event.kind == "checkpoint":
            folder = job.run.file(job.file("checkpoints")) / event.values["path"]
            tensors = [path for path in folder.glob("*.safetensors") if path.stem != "random"]
            headers = sum(8 + int.from_bytes(path.read_bytes()[:8], "little") for path in tensors)
            sizes.append(sum(path.stat().st_size for path in tensors) - headers)  # which only matter in tiny models
    assert max(sizes) == pytest.approx(estimated, rel=0.1)


def test_training_does_not_begin_on_a_disk_that_is_too_small(
    tmp_path: Path, bases: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from sintonia.train import checkpoint

    job = make_training(tmp_path / "run", bases, "classify full")
    whole = checkpoint.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(checkpoint.shutil, "disk_usage", lambda _: whole._replace(free=1000))
    with pytest.raises(StorageError, match=r"too little space is free to begin \(\d+ bytes needed, 1000 free\)"):
        list(train(job))
    assert not job.run.file(job.file("checkpoints")).exists()
