"""What judging needs from each task: how its base is opened, its rungs, and an answer as it is kept in a file.

The corridor asks this table, so that it knows no task. A new task is one more entry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sintonia.evaluate.ladders.chat import (
    LanguageGround,
    choose_chat_baselines,
    note_missing_rungs,
    score_chat_baselines,
)
from sintonia.evaluate.ladders.classify import Ground, choose_baselines, score_baselines
from sintonia.evaluate.language import Weigher
from sintonia.evaluate.prompts import Swapped, swap_prompts
from sintonia.evaluate.written.writing import UNCUT, Said, prompts_of
from sintonia.records import Base, Baseline, Example, Finding, Prepared, Rung, Scorecard, Split
from sintonia.runs import RunFolder
from sintonia.settings import Recipe
from sintonia.tasks.chat import followed_metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Footing:
    """What the ground of a ladder is made of; `base` is live, as `Ladder.open_base` gave it."""

    run: RunFolder
    base: Any
    prepared: Prepared
    recipe: Recipe
    train: tuple[Example, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """The baselines of a task."""

    open_base: Callable[[Base, Recipe, int], Any]
    """(base, recipe, most tokens of an example) to the pristine base."""
    make_ground: Callable[[Footing], Any]
    choose: Callable[[Any, Sequence[Example]], tuple[Baseline, ...]]
    score: Callable[[Any, Sequence[Baseline], Sequence[Example], Split], tuple[tuple[Rung, Scorecard], ...]]
    notes: Callable[[Any, Sequence[Baseline], Sequence[Example]], tuple[Finding, ...]]
    """What is to be said about the rungs that were chosen."""
    swap_prompts: Callable[[Path, Sequence[Example], str], tuple[Swapped, ...]]
    """(candidate, examples, what is learned) to answers behind the prompts of others, where there are prompts."""
    answer: Callable[[Scorecard, int], Any]
    """One answer of a scorecard, as the file of predictions holds it."""
    cut: Callable[[Any, Sequence[Example]], tuple[str, ...]]
    """(ground, examples) to the ids of those whose input is longer than what is read of it."""
    prompted: Callable[[Any, Sequence[Example], int], tuple[str, ...]]
    """(ground, examples, tokens of an answer) to the ids of those that can be written to."""
    write: Callable[[Any, Sequence[Baseline], Path, Sequence[Example], int], Mapping[str, tuple[Said, ...]]]
    """(ground, baselines, candidate, examples, tokens of an answer) to what each subject writes."""
    inputs: str
    """What the inputs are called."""


def _open_encoder(base: Base, _recipe: Recipe, max_tokens: int) -> Any:
    from sintonia.models.open import open_base

    return open_base(base, max_tokens)


def _open_language_model(base: Base, recipe: Recipe, max_tokens: int) -> Any:
    from sintonia.models.language.saved import open_language_base

    return open_language_base(base, max_tokens, recipe.chat.template)


def _encoder_ground(footing: Footing) -> Ground:
    return Ground(
        run=footing.run,
        base=footing.base,
        labels=footing.prepared.labels,
        train=footing.train,
        primary_metric=footing.prepared.primary_metric,
    )


def _language_ground(footing: Footing) -> LanguageGround:
    return LanguageGround(
        weigher=Weigher(footing.base, footing.recipe.chat.learn),
        train=footing.train,
        primary_metric=followed_metric(footing.prepared.primary_metric),
        judged_by=footing.prepared.primary_metric,
    )


def _weighed(card: Scorecard, position: int) -> dict[str, Any]:
    return {
        "nats": card.losses[position],
        "bytes": card.num_bytes[position],
        "exact": card.correct[position],
    }


def _cut_texts(ground: Ground, examples: Sequence[Example]) -> tuple[str, ...]:
    from sintonia.models.tokens import tokenize

    tokenizer, most = ground.base.tokenizer, ground.base.max_tokens
    lengths = map(len, tokenize(tokenizer, [one.input for one in examples], UNCUT).ids)
    return tuple(one.id for one, length in zip(examples, lengths, strict=True) if length > most)


def _cut_prompts(ground: LanguageGround, examples: Sequence[Example]) -> tuple[str, ...]:
    found = zip(examples, prompts_of(ground.weigher.opened, examples, 1), strict=True)
    return tuple(one.id for one, prompt in found if prompt and not prompt.is_whole)


def _prompted(ground: LanguageGround, examples: Sequence[Example], new_tokens: int) -> tuple[str, ...]:
    found = zip(examples, prompts_of(ground.weigher.opened, examples, new_tokens), strict=True)
    return tuple(one.id for one, prompt in found if prompt and prompt.is_whole)


def _write(
    ground: LanguageGround,
    baselines: Sequence[Baseline],
    weights: Path,
    examples: Sequence[Example],
    new_tokens: int,
) -> Mapping[str, tuple[Said, ...]]:
    from sintonia.evaluate.written.subjects import write_all  # it asks the rungs of this package

    return write_all(ground, baselines, weights, examples, new_tokens)


LADDERS: dict[str, Ladder] = {
    "classify": Ladder(
        open_base=_open_encoder,
        make_ground=_encoder_ground,
        choose=choose_baselines,
        score=score_baselines,
        notes=lambda _ground, _baselines, _validation: (),
        swap_prompts=lambda _weights, _examples, _learn: (),
        answer=lambda card, position: card.predictions[position],
        cut=_cut_texts,
        prompted=lambda _ground, _examples, _new_tokens: (),
        write=lambda _ground, _baselines, _weights, _examples, _new_tokens: {},
        inputs="texts",
    ),
    "chat": Ladder(
        open_base=_open_language_model,
        make_ground=_language_ground,
        choose=choose_chat_baselines,
        score=score_chat_baselines,
        notes=note_missing_rungs,
        swap_prompts=swap_prompts,
        answer=_weighed,
        cut=_cut_prompts,
        prompted=_prompted,
        write=_write,
        inputs="prompts",
    ),
}
