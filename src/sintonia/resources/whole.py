"""The time of a whole run before anything is trained: paces measured on this machine, times the work there is.

Pure arithmetic: it reads no clock and no file. Where a pace was not measured the interval is wide.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from sintonia.records import Resources
from sintonia.resources.energy import Stretch
from sintonia.resources.estimate import ALL_ROWS_TURNS, FORWARD_AND_BACKWARD, num_frozen
from sintonia.resources.plan import RUNTIME_BYTES
from sintonia.settings import Recipe

_OTHER_SECONDS = {"train": 0.5, "evaluate": 2.0, "report": 0.8}
"""What no pace says: statistics, records, pictures, and the libraries of each, loaded when first used; by what twelve
runs of `python -m benchmarks.estimates` took."""
_RANGES: dict[str, tuple[float, float]] = {"train": (0.8, 1.3), "evaluate": (0.65, 1.6), "report": (0.4, 2.5)}
"""What a stage may take over what is promised; set by hand, and held by all twelve runs of `benchmarks.estimates`."""
_UNTRIED_RANGE = (0.6, 1.8)
"""Of training, where the steps were not tried; set by hand."""
_LIBRARIES_BYTES = 200 * 2**20
"""What audit, ladder and statistics load, which a training alone does not; set by hand."""
_HEAP_FACTOR = 1.2
"""What groups of texts of many lengths leave behind in the heap, of an encoder's run in the end; set by hand."""
_MODELS_AT_ONCE = 2.5
"""Language models that are there together when the test is open: base, candidate, and part of one not yet given back;
set by hand."""
_TIMES_KEPT = 2
"""Keys and values of rows that are written together, while rows that have ended are dropped from them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paces:
    """What was measured with this base, these examples and this recipe."""

    forward_seconds: float
    """Of a token, without gradients."""
    step_seconds: float = 0.0
    """Of a token of a batch that is learned; 0 where no step was tried."""
    update_seconds: float = 0.0
    """Of what a step costs besides, whatever its tokens: gradients clipped, weights moved."""
    begin_seconds: float = 0.0
    """Of a training until its first step: the base opened, texts read, the head's start fitted."""
    open_seconds: float = 0.0
    """Of opening a model."""
    disk_seconds: float = 0.0
    """Of writing a byte so that it is safe."""
    checkpoint_bytes: int = 0
    anchor_seconds: float = 0.0
    """Of a token of the texts by which forgetting is measured: plain ones, all of which is read; 0 as any other."""
    prompt_seconds: float = 0.0
    """Of reading a token of a prompt that is to be answered."""
    writing_seconds: float = 0.0
    """Of one more token for each of the rows that are written together, whatever their number."""
    written_seconds: float = 0.0
    """Of each token besides."""
    words_seconds: float = 0.0
    """Of fitting the rung of words to all training examples, once."""
    counted: Stretch | None = None
    """Energy while steps were tried and validation texts read; None where that was too short to count it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """What is computed after a training, and when the test is open."""

    looked_back_tokens: int = 0
    """Read after each training, from its saved model."""
    tokens: int = 0
    """Read once for each part: by the ladder, by the candidate, by checks of the verdict."""
    anchor_tokens: int = 0
    """Read once whatever the parts: the texts by which forgetting is measured, under base and candidate."""
    num_opened: int = 0
    """Models that are opened, each part."""
    num_opened_once: int = 0
    prompt_tokens: int = 0
    """Read before answers are written; all parts."""
    num_written_steps: int = 0
    """Tokens that are written one after the other, of rows together as one; all parts."""
    num_written: int = 0
    """Tokens that are written, of each row."""
    num_word_fits: int = 0
    """Fits of the rung of words, each part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """How much there is to compute, of the first part; parts are alike."""

    num_train: int
    train_tokens: int
    validation_tokens: int
    """Of a validation, with the training examples that are scored beside."""
    num_parts: int
    num_layers: int
    closing: Closing
    further_trainings: float = 0.0
    """What a search of settings trains besides, in whole trainings."""


def estimate_whole(
    recipe: Recipe, work: Work, paces: Paces, memory_and_disk: Resources, done: Mapping[str, float]
) -> Resources:
    """The promise: one turn of each part, and all that follows, on top of what is `done` (seconds by stage).

    `recipe` is without any `auto`; peak memory and disk are taken as they are given. Turns of adjusting are not in it:
    a budget says how long they may go on.
    """
    turns = 1.0 if work.num_parts == 1 else work.num_parts + ALL_ROWS_TURNS
    train = (turns + work.further_trainings) * training_seconds(recipe, work, paces)
    stages = {"train": train, "evaluate": _evaluating(work, paces, turns), "report": _OTHER_SECONDS["report"]}
    ranges = _RANGES | ({} if paces.step_seconds else {"train": _UNTRIED_RANGE})
    spent = sum(done.values())
    low, high = (spent + sum(stages[name] * ranges[name][side] for name in stages) for side in (0, 1))
    return Resources(
        basis="estimated",
        seconds=spent + sum(stages.values()),
        stages={**done, **stages},
        low_seconds=low,
        high_seconds=high,
        peak_memory_bytes=memory_and_disk.peak_memory_bytes,
        disk_bytes=memory_and_disk.disk_bytes,
    )


def encoder_run_bytes(training_bytes: int) -> int:
    """The most memory that a whole run with an encoder takes, of what its training takes alone."""
    return round(_HEAP_FACTOR * (training_bytes + _LIBRARIES_BYTES))


def language_run_bytes(training_bytes: int, model_bytes: int, kept_bytes: int) -> int:
    """The same of a language model: in training, or when base and candidate are judged side by side.

    `model_bytes` are those of an open model, `kept_bytes` keys and values of the rows that are written together.
    """
    judged = RUNTIME_BYTES + _MODELS_AT_ONCE * model_bytes + _TIMES_KEPT * kept_bytes
    return round(max(training_bytes, judged)) + _LIBRARIES_BYTES


def training_seconds(recipe: Recipe, work: Work, paces: Paces) -> float:
    """Of one training: opened, all steps, validations and checkpoints, and the model saved."""
    training = recipe.training
    epochs = float(training.epochs)
    steps = max(1, math.ceil(epochs * math.ceil(work.num_train / int(training.batch_examples))))
    validations = min(training.evaluations, steps)
    every = training.checkpoint_steps
    checkpoints = validations if every == "validation" else steps // int(every)
    return (
        _OTHER_SECONDS["train"]
        + paces.begin_seconds
        + _learning(recipe, work, paces, epochs)
        + steps * paces.update_seconds
        + (validations + 1) * work.validation_tokens * paces.forward_seconds
        + (checkpoints + 0.5) * paces.checkpoint_bytes * paces.disk_seconds
    )


def _learning(recipe: Recipe, work: Work, paces: Paces, epochs: float) -> float:
    """All batches, forwards and backwards; what frozen layers say is computed once where it is kept."""
    step = paces.step_seconds or FORWARD_AND_BACKWARD * paces.forward_seconds
    frozen = num_frozen(recipe, work.num_layers) / max(1, work.num_layers)
    if not frozen or recipe.training.cache != "on":
        return epochs * work.train_tokens * step
    below = frozen * min(paces.forward_seconds, step / (1 + 2 * (1 - frozen)))
    return work.train_tokens * (epochs * (step - below) + below)


def _evaluating(work: Work, paces: Paces, turns: float) -> float:
    """After each training and at the end."""
    closing, parts = work.closing, work.num_parts
    tokens = turns * closing.looked_back_tokens + parts * closing.tokens
    opened = turns + parts * closing.num_opened + closing.num_opened_once
    return (
        _OTHER_SECONDS["evaluate"]
        + tokens * paces.forward_seconds
        + closing.anchor_tokens * (paces.anchor_seconds or paces.forward_seconds)
        + opened * paces.open_seconds
        + closing.prompt_tokens * paces.prompt_seconds
        + closing.num_written_steps * paces.writing_seconds
        + closing.num_written * paces.written_seconds
        + parts * closing.num_word_fits * paces.words_seconds
    )
