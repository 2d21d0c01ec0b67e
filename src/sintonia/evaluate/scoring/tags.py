"""What an encoder that tags says of examples: spans and losses, no probabilities of whole answers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sintonia.errors import RunFailed
from sintonia.evaluate.score import bare_card, metrics_of, with_scores
from sintonia.models.answering import open_tagger
from sintonia.models.tagging import Aligned, align, compute_word_logits, masked
from sintonia.records import Example, Scorecard, Split
from sintonia.tasks import tag


def score_tagger(folder: Path, examples: Sequence[Example], split: Split) -> Scorecard:
    """What the saved candidate does on a set of examples.

    Raises:
        StorageError: the folder is not a model of ours.
        RunFailed: an answer is no finite number: the model is damaged.
    """
    tagger = open_tagger(folder)
    words = words_of_examples(tagger.tokenizer, examples, tagger.fitted, tagger.max_tokens)
    logits = compute_word_logits(tagger.model, words)
    num_broken = sum(_is_broken(*pair) for pair in zip(logits, words.spoken, strict=True))
    if num_broken:
        raise RunFailed(
            f"the saved model answers {num_broken:,} of {len(examples):,} {split} examples with what is no number",
            where=str(folder),
            hint="lower `training.learning_rate`, or train in float32, and begin a new run",
        )
    card = bare_tag_card("tuned", split, examples, SaidOfWords(tagger.fitted, words, logits))
    return with_scores(card, examples, metrics_of(tag.NAME))


def words_of_examples(
    tokenizer: Any, examples: Sequence[Example], fitted: Mapping[str, Any], max_tokens: int
) -> Aligned:
    """The words of examples, and the sub-tokens that stand for them."""
    texts, units = [tag.inputs(one) for one in examples], [tag.units_of(one, fitted) for one in examples]
    return align(tokenizer, texts, units, max_tokens, may_join=fitted["units"] != tag.TOKENS)


def _is_broken(logits: np.ndarray, spoken: np.ndarray) -> bool:
    return not np.isfinite(logits[spoken[:, 0] >= 0]).all()


@dataclasses.dataclass(frozen=True, slots=True)
class SaidOfWords:
    """Logits (words, tags) of each example, NaN where no token stands for a word, and what it takes to read them."""

    fitted: Mapping[str, Any]
    words: Aligned
    logits: Sequence[np.ndarray]


def bare_tag_card(subject: str, split: Split, examples: Sequence[Example], said: SaidOfWords) -> Scorecard:
    """The scorecard of such logits, without its scores."""
    goal = masked(tag.encode(examples, (), said.fitted, said.words.units), said.words, tag.NOT_LEARNED)
    answers = tag.answers(said.logits, (), said.fitted, said.words.units)
    return dataclasses.replace(
        bare_card(subject, split, examples),
        predictions=answers,
        losses=tuple(tag.losses(said.logits, goal).tolist()),
        correct=tag.are_right(answers, examples, said.fitted),
    )
