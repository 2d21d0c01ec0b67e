"""How much there is to compute, counted before the training by what the stages do with each example. It runs none.

Of test examples it knows their number alone: they are taken to be as long as training examples.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from sintonia.adjust.searching import search_trainings
from sintonia.corridor.closing.remembering import MOST_ROWS
from sintonia.evaluate.forgetting.measure import MOST_PROMPTS, MOST_READ_TOKENS
from sintonia.evaluate.ladders.chat import MOST_LOOKED_AT
from sintonia.evaluate.prompts import MOST_WEIGHED
from sintonia.evaluate.written.writing import MOST_BESIDE, MOST_VALIDATED
from sintonia.methods import METHODS
from sintonia.metrics import METRICS
from sintonia.models.language.generate import MOST_AT_ONCE, TOKENS_AT_ONCE
from sintonia.records import Prepared
from sintonia.resources.whole import Closing, Work
from sintonia.settings import Recipe
from sintonia.tasks import TASKS
from sintonia.tasks.classify import LABEL_TEMPLATES

_LABEL_TOKENS = 8
"""Of a sentence made of the name of a label."""
_SHOTS_FACTOR = 1.3
"""A prompt with answered examples before it against the bare one: what they share is read once."""
_DIVERGENCE_FACTOR = 1.6
"""A token whose probabilities over the whole vocabulary are compared, against one of plain text whose loss is read."""
_CHAT_RUNGS = 4
"""Settings of few-shot that are tried, each on a part of validation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Lengths in tokens, as the base reads them."""

    num_train: int
    num_validation: int
    train_tokens: int
    longest_tokens: int
    anchor_tokens: int
    """Of the texts by which forgetting is measured."""
    new_tokens: int = 0
    """Most tokens of an answer that is written; 0 where nothing is."""
    answer_tokens: float = 0.0
    """Of a training answer, on average."""

    @property
    def mean(self) -> float:
        """Tokens of a training example."""
        return self.train_tokens / max(1, self.num_train)


def work_of(recipe: Recipe, prepared: Prepared, counted: Counted, num_layers: int) -> Work:
    """The work of a run with this recipe, which is without any `auto`."""
    learns_tokens = METHODS[recipe.method].trains_encoder
    probed = min(counted.num_validation, TASKS[prepared.task].PROBE_EXAMPLES)
    read = round((counted.num_validation + probed) * counted.mean)
    searched = recipe.adjusting.search  # with a budget it takes what time is left
    closing = _of_language if TASKS[prepared.task].BASE == "language" else _of_encoder
    return Work(
        num_train=counted.num_train,
        train_tokens=counted.train_tokens if learns_tokens else counted.num_train,
        validation_tokens=read if learns_tokens else 0,
        num_parts=len(prepared.parts),
        num_layers=num_layers,
        closing=closing(recipe, prepared, counted),
        further_trainings=search_trainings(searched) if searched and recipe.budget_seconds is None else 0.0,
    )


def tokens_kept(counted: Counted, num_test: int) -> int:
    """Tokens whose keys and values are there at once while answers are written; 0 where none are."""
    each = counted.mean - counted.answer_tokens + counted.new_tokens
    rows = min(MOST_AT_ONCE, max(1, int(TOKENS_AT_ONCE / max(1.0, each))), num_test)
    return round(rows * each) if counted.new_tokens else 0


def _remembered(prepared: Prepared, counted: Counted) -> float:
    """Tokens read to find out what is remembered: rows trained on and rows held out, by candidate and base. With
    several parts none is left to be held out."""
    if len(prepared.parts) > 1:
        return 0.0
    return 2 * (min(MOST_ROWS, counted.num_train) + min(MOST_ROWS, counted.num_validation)) * counted.mean


def _of_encoder(recipe: Recipe, prepared: Prepared, counted: Counted) -> Closing:
    test = prepared.parts[0].test.count * counted.mean
    is_alone, is_touched = len(prepared.parts) == 1, METHODS[recipe.method].trains_encoder
    labels = 3 * len(LABEL_TEMPLATES) * len(prepared.labels) * _LABEL_TOKENS
    return Closing(
        looked_back_tokens=round(counted.num_validation * counted.mean),
        tokens=round((3 if is_alone else 2) * test + labels + _remembered(prepared, counted)),
        anchor_tokens=2 * counted.anchor_tokens if is_touched else 0,
        num_opened=3 if is_alone else 1,
        num_opened_once=2,
        num_word_fits=2,
    )


def _of_language(recipe: Recipe, prepared: Prepared, counted: Counted) -> Closing:
    num_test, mean, parts = prepared.parts[0].test.count, counted.mean, len(prepared.parts)
    looked_at = min(MOST_LOOKED_AT, counted.num_validation) * (1 + _CHAT_RUNGS * _SHOTS_FACTOR)
    scored = num_test * (2 + _SHOTS_FACTOR) + 2 * min(MOST_WEIGHED, num_test)
    prompted = min(MOST_READ_TOKENS, MOST_PROMPTS * mean, num_test * mean)
    closing = Closing(
        looked_back_tokens=round(counted.num_validation * mean),
        tokens=round((looked_at + scored) * mean + _remembered(prepared, counted)),
        anchor_tokens=round(2 * (counted.anchor_tokens + _DIVERGENCE_FACTOR * prompted)),
        num_opened=3 if parts == 1 else 2,
        num_opened_once=2,
    )
    if recipe.evaluation.decoding == "none" or not counted.new_tokens:
        return closing
    is_judged = METRICS[prepared.primary_metric].reads in ("texts", "answers")
    num_written = num_test if is_judged else min(MOST_BESIDE, num_test * parts) / parts
    subjects = (1.0, 1.0, _SHOTS_FACTOR) if is_judged else (1.0, 1.0)
    validated = min(MOST_VALIDATED, counted.num_validation) if is_judged else 0
    rows = num_written * len(subjects) + validated
    at_once = max(1.0, min(MOST_AT_ONCE, TOKENS_AT_ONCE / (mean + counted.new_tokens)))
    groups = len(subjects) * math.ceil(num_written / at_once) + math.ceil(validated / at_once)
    prompts = (sum(subjects) * num_written + validated) * max(0.0, mean - counted.answer_tokens)
    return dataclasses.replace(
        closing,
        num_opened=closing.num_opened + 1,
        prompt_tokens=round(parts * prompts),
        num_written_steps=parts * groups * counted.new_tokens,
        num_written=round(parts * rows * (counted.answer_tokens + counted.new_tokens) / 2),
    )
