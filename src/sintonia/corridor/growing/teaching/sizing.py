"""How large two models are, and how fast they answer the same texts here, one in turn with the other.

The texts are of the validation set: no test is read. It compares no answers.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from math import prod
from pathlib import Path

from sintonia.corridor.doors.pairing import FinishedRun
from sintonia.corridor.turns import read_sets
from sintonia.evaluate.scoring.teaching import Ask, open_teacher
from sintonia.models.open import find_base
from sintonia.models.sources.header import tensor_shapes
from sintonia.records import ModelSize
from sintonia.tasks import TASKS, Input, has_head

_MOST_TEXTS = {"chat": 4}
_USUALLY_TEXTS = 256
_ROUNDS = 3
_MOST_SECONDS = 20.0
"""After so long no further round is begun."""
_ADAPTER = "adapter_config.json"


def sizes_of(first: FinishedRun, second: FinishedRun) -> tuple[ModelSize, ModelSize]:
    """Both models: weights, bytes, and examples a second on this machine, now.

    Raises:
        StorageError: a part of one is missing or damaged.
    """
    train, validation = read_sets(first.run, first.prepared.parts[0])
    task = TASKS[first.prepared.task]
    most = _MOST_TEXTS.get(task.NAME, _USUALLY_TEXTS)
    inputs: list[Input] = [task.inputs(one) if has_head(task) else one.input for one in validation[:most]]
    limits = [one.turn.recipe.evaluation.new_tokens for one in (first, second)]
    models = [
        open_teacher(_weights(one), train, limit if isinstance(limit, int) else None)
        for one, limit in zip((first, second), limits, strict=True)
    ]
    speeds = _speeds(models, inputs)
    return _size(first, speeds[0]), _size(second, speeds[1])


def _weights(one: FinishedRun) -> Path:
    return one.run.file(one.turn.candidate.weights)


def _speeds(models: Sequence[Ask], inputs: Sequence[Input]) -> list[float]:
    """Inputs a second of each: the median of rounds in which one is asked after the other."""
    for ask in models:
        ask(inputs[:1])  # the first call prepares what later ones have
    seconds: list[list[float]] = [[] for _ in models]
    began = time.monotonic()
    for _ in range(_ROUNDS):
        for ask, taken in zip(models, seconds, strict=True):
            start = time.perf_counter()
            ask(inputs)
            taken.append(time.perf_counter() - start)
        if time.monotonic() - began > _MOST_SECONDS:
            break
    return [len(inputs) / max(statistics.median(taken), 1e-9) for taken in seconds]


def _size(one: FinishedRun, speed: float) -> ModelSize:
    folder = _weights(one)
    files = sorted(folder.rglob("*.safetensors"))
    if (folder / _ADAPTER).is_file():
        files += sorted(find_base(one.base).model.rglob("*.safetensors"))
    shapes = [shape for path in files for shape in tensor_shapes(path).values()]
    return ModelSize(
        num_parameters=sum(prod(shape) for shape in shapes),
        num_bytes=sum(path.stat().st_size for path in files),
        examples_per_second=speed,
    )
