"""The spans that an open tagger finds in texts. It scores nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sintonia.errors import StorageError
from sintonia.models.open import OpenCandidate, open_candidate
from sintonia.tasks import tag
from sintonia.tasks.words import Place, words_of

if TYPE_CHECKING:
    from sintonia.models.tagging import TokenTagger

Asked = str | Mapping[str, Any]
"""A text; or one as `text`, with the places of its `tokens` where these are to be tagged."""
Found = tuple[tuple[int, int, str], ...]
"""Start, end and label of spans."""


@dataclass(frozen=True, slots=True)
class OpenTagger:
    """A candidate that tags, in memory."""

    model: TokenTagger
    tokenizer: Any
    max_tokens: int
    fitted: Mapping[str, Any]


def open_tagger(folder: Path) -> OpenTagger:
    """Loads a candidate that tags.

    Raises:
        StorageError: the folder is not such a model of ours.
    """
    from sintonia.models.tagging import TokenTagger

    candidate = open_candidate(folder)
    if not isinstance(candidate.model, TokenTagger):
        raise StorageError(f"`{folder}` holds no tuned tagger", hint="`sintonia resume` finishes the run")
    return tagger_of(candidate)


def tagger_of(candidate: OpenCandidate) -> OpenTagger:
    """A candidate whose task is to tag, as what it is."""
    model: Any = candidate.model
    return OpenTagger(model, candidate.tokenizer, candidate.max_tokens, candidate.fitted)


def texts_tagged(tagger: OpenTagger, texts: Sequence[Asked]) -> tuple[Found, ...]:
    """The spans that a tagger finds in texts: of the tokens that a text has, or else of its words."""
    asked = [{"text": one} if isinstance(one, str) else one for one in texts]
    found: dict[int, Found] = {}
    for has_tokens in (False, True):
        rows = [k for k, one in enumerate(asked) if ("tokens" in one) == has_tokens]
        found |= zip(rows, _tagged(tagger, [asked[k] for k in rows], has_tokens=has_tokens), strict=True)
    return tuple(found[k] for k in range(len(asked)))


def _tagged(tagger: OpenTagger, asked: Sequence[Mapping[str, Any]], *, has_tokens: bool) -> tuple[Found, ...]:
    from sintonia.models.tagging import align, compute_word_logits

    texts, is_of_pieces = [str(one["text"]) for one in asked], tagger.fitted["units"] == tag.PIECES
    units: list[list[Place] | None]
    if has_tokens:
        units = [[(int(start), int(end)) for start, end in one["tokens"]] for one in asked]
    else:
        units = [None if is_of_pieces else words_of(text) for text in texts]
    words = align(tagger.tokenizer, texts, units, tagger.max_tokens, may_join=not has_tokens)
    return tag.spans(compute_word_logits(tagger.model, words), tagger.fitted, words.units)
