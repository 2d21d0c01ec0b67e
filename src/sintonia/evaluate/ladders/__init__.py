"""What judging needs from each task: how its base is opened, its rungs, and an answer as it is kept in a file.

The corridor asks this table, so that it knows no task. A new task is one more entry.
"""

from __future__ import annotations

import dataclasses
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
from sintonia.evaluate.ladders.embed import EmbedGround, choose_embed_baselines, cut_texts, score_embed_baselines
from sintonia.evaluate.ladders.heads import HeadGround, choose_head_baselines, score_head_baselines
from sintonia.evaluate.ladders.prefer import (
    PreferenceGround,
    choose_preference_baselines,
    cut_answers,
    note_length,
    score_preference_baselines,
)
from sintonia.evaluate.ladders.pretrain import (
    PassageGround,
    choose_passage_baselines,
    cut_passages,
    score_passage_baselines,
)
from sintonia.evaluate.ladders.tag import TagGround, choose_tag_baselines, note_tags, score_tag_baselines
from sintonia.evaluate.language import Weigher
from sintonia.evaluate.prompts import Swapped, swap_prompts
from sintonia.evaluate.written.writing import Said, prompts_of
from sintonia.records import Base, Baseline, Example, Finding, Prepared, Rung, Scorecard, Split
from sintonia.runs import RunFolder
from sintonia.settings import Recipe
from sintonia.tasks import TASKS, has_head
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


def _open_encoder(base: Base, recipe: Recipe, max_tokens: int) -> Any:
    from sintonia.models.open import open_base

    opened = open_base(base, max_tokens)
    opened.model.read_as(recipe)
    return opened


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
        method=footing.recipe.method,
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


def _head_ground(footing: Footing) -> HeadGround:
    task = TASKS[footing.prepared.task]
    if not has_head(task):
        raise ValueError(f"the task {task.NAME} has no head")  # a mistake of the caller
    return HeadGround(
        run=footing.run,
        base=footing.base,
        task=task,
        labels=footing.prepared.labels,
        train=footing.train,
        primary_metric=footing.prepared.primary_metric,
    )


def _embed_ground(footing: Footing) -> EmbedGround:
    return EmbedGround(
        run=footing.run, base=footing.base, train=footing.train, primary_metric=footing.prepared.primary_metric
    )


def _preference_ground(footing: Footing) -> PreferenceGround:
    return PreferenceGround(opened=footing.base, train=footing.train, primary_metric=footing.prepared.primary_metric)


def _passage_ground(footing: Footing) -> PassageGround:
    return PassageGround(
        weigher=Weigher(footing.base), train=footing.train, primary_metric=footing.prepared.primary_metric
    )


def _tag_ground(footing: Footing) -> TagGround:
    return TagGround(
        run=footing.run, base=footing.base, train=footing.train, primary_metric=footing.prepared.primary_metric
    )


def _cut_inputs(ground: Ground | HeadGround, examples: Sequence[Example]) -> tuple[str, ...]:
    from sintonia.models.tokens import tokenize

    base, inputs = ground.base, [ground.task.inputs(one) for one in examples]
    cut = tokenize(base.tokenizer, inputs, base.max_tokens, base.model.reading).cut
    return tuple(examples[position].id for position in cut)


class _Ladders(dict[str, Ladder]):
    """Tasks without a ladder of their own that have a head on texts take the one of any such task."""

    def __missing__(self, task: str) -> Ladder:
        return dataclasses.replace(self["classify"], **_OF_HEADS)


_OF_HEADS: dict[str, Any] = {
    "make_ground": _head_ground,
    "choose": choose_head_baselines,
    "score": score_head_baselines,
}

LADDERS: dict[str, Ladder] = _Ladders(
    classify=Ladder(
        open_base=_open_encoder,
        make_ground=_encoder_ground,
        choose=choose_baselines,
        score=score_baselines,
        notes=lambda _ground, _baselines, _validation: (),
        swap_prompts=lambda _weights, _examples, _learn: (),
        answer=lambda card, position: card.predictions[position],
        cut=_cut_inputs,
        prompted=lambda _ground, _examples, _new_tokens: (),
        write=lambda _ground, _baselines, _weights, _examples, _new_tokens: {},
        inputs="texts",
    ),
    chat=Ladder(
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
)
LADDERS["embed"] = dataclasses.replace(
    LADDERS["classify"],
    make_ground=_embed_ground,
    choose=choose_embed_baselines,
    score=score_embed_baselines,
    cut=cut_texts,
)
LADDERS["prefer"] = dataclasses.replace(
    LADDERS["classify"],
    open_base=_open_language_model,
    make_ground=_preference_ground,
    choose=choose_preference_baselines,
    score=score_preference_baselines,
    notes=note_length,
    cut=cut_answers,
    inputs="prompts",
)
LADDERS["pretrain"] = dataclasses.replace(
    LADDERS["classify"],
    open_base=_open_language_model,
    make_ground=_passage_ground,
    choose=choose_passage_baselines,
    score=score_passage_baselines,
    answer=_weighed,
    cut=cut_passages,
    inputs="passages",
)
LADDERS["tag"] = dataclasses.replace(
    LADDERS["classify"],
    make_ground=_tag_ground,
    choose=choose_tag_baselines,
    score=score_tag_baselines,
    notes=note_tags,
    cut=lambda _ground, _examples: (),
)
