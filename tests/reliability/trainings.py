"""Every kind of training there is, small enough for many repetitions, and what tells two of them apart."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sintonia.methods import METHODS
from sintonia.records import Event
from sintonia.tasks import TASKS
from sintonia.train import Job, train
from sintonia.train.learners import Learner
from tests.nouns_of_tasks import TINY, Sizes, make_tiny_job
from tests.unit.train.jobs import make_chat_job, make_job

KINDS: dict[str, tuple[str, str, dict[str, Any], dict[str, Any]]] = {
    "classify full": ("classify", "full", {}, {}),
    "classify head": ("classify", "head", {}, {}),
    "classify lora": ("classify", "lora", {}, {}),
    "classify dora": ("classify", "lora", {"variant": "dora"}, {}),
    "classify contrastive": ("classify", "contrastive", {}, {}),
    "classify top layer": ("classify", "full", {}, {"frozen_layers": 1}),
    **{f"classify {method} on a decoder": ("classify", method, {}, {}) for method in ("full", "lora", "head")},
    "classify top layer on a decoder": ("classify", "full", {}, {"frozen_layers": 1}),
    "chat full": ("chat", "full", {}, {}),
    "chat top layer": ("chat", "full", {}, {"frozen_layers": 1}),
    "chat lora": ("chat", "lora", {}, {}),
    "chat rslora": ("chat", "lora", {"variant": "rslora", "plus_ratio": 4.0}, {}),
    "chat dora": ("chat", "lora", {"variant": "dora"}, {}),
    "chat lora on the top layer": ("chat", "lora", {"layers": 1}, {}),
    **{
        f"{task} {method}": (task, method, {}, {})
        for task in TASKS
        for method in METHODS
        if task not in ("classify", "chat") and METHODS[method].learns(TASKS[task])
    },
    **{
        f"{data.name} {TASKS[task].METHOD}": (task, TASKS[task].METHOD, {}, {})
        for task in TASKS
        for data in TINY.get(task, ())[1:]
    },
}
"""Task, method, and what differs from the defaults of `lora` and `training`; other forms of a task by the form."""
SETTINGS = {
    "plain": (False, False),
    "dropout": (True, False),
    "accumulation": (False, True),
    "dropout and accumulation": (True, True),
}
"""Whether activations drop out, and whether a batch is computed in pieces."""
PER_EPOCH, NUM_STEPS = 5, 10


def make_training(folder: Path, bases: dict[str, Path], kind: str, setting: str = "plain", **training: Any) -> Job:
    """A job of ten steps in two epochs, validated after steps 3, 7 and 10, with a checkpoint every second step."""
    task, method, lora, own = KINDS[kind]
    drops, accumulates = SETTINGS[setting]
    is_encoder = TASKS[task].BASE == "encoder"
    small = {"batch_examples": 4, "evaluations": 3, "checkpoint_steps": 2, "early_stopping": False, **own}
    if accumulates:
        small["micro_tokens"] = 24 if is_encoder else 200
    small["dropout"] = 0.2 if drops and is_encoder else 0.0
    if drops and method == "lora":
        lora = {**lora, "dropout": 0.2}
    settings = {**small, **training}
    given = {"rank": 4, **lora} if method == "lora" else None
    if task not in _BY_HAND:
        data = next((one for one in TINY[task] if kind.startswith(one.name)), TINY[task][0])
        base = bases["classify" if is_encoder else "chat"]
        return make_tiny_job(folder, base, data, method, sizes=Sizes(train=20, validation=8), lora=given, **settings)
    base = bases["chat" if kind.endswith("on a decoder") else task]
    job = _BY_HAND[task](folder, base, method, given, **settings)
    return dataclasses.replace(job, train=job.train[:20], validation=job.validation[:8])


_BY_HAND = {"classify": make_job, "chat": make_chat_job}


class Crash(BaseException):
    """A process that dies, as far as one can see from outside; nothing catches it."""


@contextmanager
def crash_in(
    patch: Any, learner: type[Learner], name: str, number: int, first: Callable[..., object]
) -> Iterator[None]:
    """Lets call `number` (from 1) of a method of a learner end in a crash, after `first` was called."""
    original, calls = getattr(learner, name), []

    def broken(self: Learner, *given: Any) -> Any:
        calls.append(given)
        if len(calls) == number:
            first(lambda *some: original(self, *some), *given)
            raise Crash
        return original(self, *given)

    with patch.context() as inner:
        inner.setattr(learner, name, broken)
        yield


def losses_by_step(events: Iterable[Event]) -> dict[int, str]:
    """The loss of each step, to the last bit."""
    return {event.step: event.values["loss"].hex() for event in events if event.kind == "step"}


@dataclasses.dataclass(frozen=True)
class Trace:
    """All by which two trainings can be told apart: files of weights, losses, evaluations."""

    weights: str
    losses: dict[int, str]
    evaluations: bytes


def weights_of(job: Job) -> str:
    """One hash over all files of weights of the saved model."""
    files = sorted(job.run.file(job.file("model")).rglob("*.safetensors"))
    assert files
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def trace(job: Job, losses: dict[int, str]) -> Trace:
    """Of a finished training, with the losses that were seen."""
    return Trace(weights_of(job), losses, job.run.file(job.file("evaluations.jsonl")).read_bytes())


def run_whole(job: Job) -> Trace:
    """Trains without a break."""
    return trace(job, losses_by_step(train(job)))
