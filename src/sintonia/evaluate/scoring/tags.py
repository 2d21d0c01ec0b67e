"""What an encoder that tags says of examples: spans and losses, no probabilities of whole answers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sintonia.errors import RunFailed, StorageError
from sintonia.evaluate.score import bare_card, metrics_of, with_scores
from sintonia.models.open import open_candidate
from sintonia.models.tagging import Aligned, TokenTagger, align, compute_word_logits, masked
from sintonia.records import Example, Scorecard, Split
from sintonia.tasks import tag
from sintonia.tasks.words import Place, words_of


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


Asked = str | Mapping[str, Any]
"""A text; or one as `text`, with the places of its `tokens` where these are to be tagged."""
Found = tuple[tuple[int, int, str], ...]
"""Start, end and label of spans."""


def tag_texts(folder: Path, texts: Sequence[Asked]) -> tuple[Found, ...]:
    """The spans that the candidate in `folder` finds in texts: of the tokens that a text has, or else of its words.

    Raises:
        StorageError: the folder is not a model of ours.
    """
    return texts_tagged(open_tagger(folder), texts)


def texts_tagged(tagger: OpenTagger, texts: Sequence[Asked]) -> tuple[Found, ...]:
    """The same of a candidate that is open."""
    asked = [{"text": one} if isinstance(one, str) else one for one in texts]
    found: dict[int, Found] = {}
    for has_tokens in (False, True):
        rows = [k for k, one in enumerate(asked) if ("tokens" in one) == has_tokens]
        found |= zip(rows, _tagged(tagger, [asked[k] for k in rows], has_tokens=has_tokens), strict=True)
    return tuple(found[k] for k in range(len(asked)))


def _tagged(tagger: OpenTagger, asked: Sequence[Mapping[str, Any]], *, has_tokens: bool) -> tuple[Found, ...]:
    texts, is_of_pieces = [str(one["text"]) for one in asked], tagger.fitted["units"] == tag.PIECES
    units: list[list[Place] | None]
    if has_tokens:
        units = [[(int(start), int(end)) for start, end in one["tokens"]] for one in asked]
    else:
        units = [None if is_of_pieces else words_of(text) for text in texts]
    words = align(tagger.tokenizer, texts, units, tagger.max_tokens, may_join=not has_tokens)
    return tag.spans(compute_word_logits(tagger.model, words), tagger.fitted, words.units)


def open_tagger(folder: Path) -> OpenTagger:
    """Loads a candidate that tags.

    Raises:
        StorageError: the folder is not such a model of ours.
    """
    tagger = open_candidate(folder)
    if not isinstance(tagger.model, TokenTagger):
        raise StorageError(f"`{folder}` holds no tuned tagger", hint="`sintonia resume` finishes the run")
    return OpenTagger(tagger.model, tagger.tokenizer, tagger.max_tokens, tagger.fitted)


@dataclasses.dataclass(frozen=True, slots=True)
class OpenTagger:
    """A candidate that tags, in memory."""

    model: TokenTagger
    tokenizer: Any
    max_tokens: int
    fitted: Mapping[str, Any]


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
