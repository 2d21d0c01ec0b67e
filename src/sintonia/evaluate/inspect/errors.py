"""The examples themselves: what the tuning fixed, what it broke, what stayed wrong, each beside its training examples.

It computes no feature of a model: features are handed in, and without any, texts are compared by their words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sintonia.evaluate.answers import is_right
from sintonia.records import ErrorCase, ErrorCount, ErrorKind, Example, Neighbour, Scorecard

KINDS: tuple[ErrorKind, ...] = ("fixed", "broken", "both wrong")
MOST_OF_A_KIND = 50
NUM_NEIGHBOURS = 3
LONGEST_TEXT = 2_000
"""Characters of a text that are kept."""
_CELLS_AT_ONCE = 8_000_000

Features = Callable[[Sequence[str]], NDArray[np.float32]]
"""Features of texts, shape (texts, width)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """The examples that the tuned model learned from, and how they are compared with those of the test."""

    examples: Sequence[Example]
    features: Features | None = None
    """Called with all training inputs, then with those of the test that are shown; none compares words (TF-IDF)."""


def find_errors(
    base: Scorecard, tuned: Scorecard, examples: Sequence[Example], library: Library
) -> tuple[tuple[ErrorCase, ...], tuple[ErrorCount, ...]]:
    """Examples that changed or stayed wrong, those the tuned model was most sure of first, and how many there are.

    `examples` in the order of the cards; of one that was tested several times, the first answer. Where nothing was
    answered (a language model that was not asked to write) there are none.
    """
    if not (base.predictions and tuned.predictions):
        return (), ()
    kinds = _kinds(base, tuned)
    sureness = _sureness(tuned)
    shown: list[tuple[ErrorKind, int]] = []
    for kind in KINDS:
        meant = sorted((k for k, found in kinds.items() if found == kind), key=lambda k: (-sureness[k], k))
        shown += [(kind, k) for k in meant[:MOST_OF_A_KIND]]
    counts = Counter(kinds.values())
    near = _neighbours(library, [examples[k] for _, k in shown])
    cases = [
        ErrorCase(
            id=tuned.ids[k],
            kind=kind,
            input=_cut(examples[k].input),
            target=_cut(tuned.targets[k]),
            base=_cut(base.predictions[k]),
            tuned=_cut(tuned.predictions[k]),
            confidence=tuned.confidences[k] if tuned.confidences else None,
            neighbours=found,
        )
        for (kind, k), found in zip(shown, near, strict=True)
    ]
    return tuple(cases), tuple(ErrorCount(kind=kind, count=counts[kind]) for kind in KINDS if counts[kind])


def _kinds(base: Scorecard, tuned: Scorecard) -> dict[int, ErrorKind]:
    """Of each example that is not right twice, by its position; each example once."""
    names: dict[tuple[bool, bool], ErrorKind] = {
        (False, True): "fixed",
        (True, False): "broken",
        (False, False): "both wrong",
    }
    found: dict[int, ErrorKind] = {}
    seen: set[str] = set()
    for k, pair in enumerate(zip(is_right(base).tolist(), is_right(tuned).tolist(), strict=True)):
        if tuned.ids[k] not in seen and pair in names:
            found[k] = names[pair]
        seen.add(tuned.ids[k])
    return found


def _sureness(card: Scorecard) -> NDArray[np.float64]:
    """How sure the subject was of its answers; without that, how unlikely it found the targets of its mistakes."""
    if card.confidences:
        return np.array(card.confidences)
    if not card.losses:
        return np.zeros(len(card.ids))
    size = np.maximum(np.array(card.num_bytes), 1) if card.num_bytes else np.ones(len(card.ids))
    surprise = np.array(card.losses) / size
    return np.where(is_right(card), -surprise, surprise)


def _neighbours(library: Library, shown: Sequence[Example]) -> list[tuple[Neighbour, ...]]:
    """The nearest training examples of each, never of its own group: those the tuned model has not seen."""
    if not shown or not library.examples:
        return [() for _ in shown]
    there, here = _vectors(library, [one.input for one in shown])
    groups = np.array([one.group for one in library.examples])
    at_once = max(1, _CELLS_AT_ONCE // len(groups))
    found: list[tuple[Neighbour, ...]] = []
    for start in range(0, len(shown), at_once):
        product = here[start : start + at_once] @ there.T
        dense = product.toarray() if hasattr(product, "toarray") else np.asarray(product)
        for one, row in zip(shown[start : start + at_once], dense, strict=True):
            found.append(_nearest(library, np.where(groups == one.group, 0.0, row)))
    return found


def _nearest(library: Library, similarities: NDArray[np.float64]) -> tuple[Neighbour, ...]:
    """The most similar ones; what has nothing in common (a cosine of 0 or less) is no neighbour."""
    most = min(NUM_NEIGHBOURS, len(similarities))
    best = sorted(np.argpartition(-similarities, most - 1)[:most].tolist(), key=lambda k: (-similarities[k], k))
    return tuple(
        Neighbour(
            id=(example := library.examples[k]).id,
            input=_cut(example.input),
            target=_cut(example.target),
            similarity=min(1.0, float(similarities[k])),
        )
        for k in best
        if similarities[k] > 0
    )


def _vectors(library: Library, texts: Sequence[str]) -> tuple[Any, Any]:
    """Vectors of length 1 of all training inputs and of some texts."""
    inputs = [one.input for one in library.examples]
    if library.features is not None:
        return _unit(library.features(inputs)), _unit(library.features(texts))
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(token_pattern=r"(?u)\w+", sublinear_tf=True)
    try:
        there = words.fit_transform(inputs)
    except ValueError:  # not one word in any training input
        return np.zeros((len(inputs), 1)), np.zeros((len(texts), 1))
    return there, words.transform(texts)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1.0), dtype=np.float32)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"
