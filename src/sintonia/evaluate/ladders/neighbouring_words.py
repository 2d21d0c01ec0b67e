"""A linear model on what a word is and what stands beside it: no base model at all (B6 of science.md 1.5 for tags)."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sintonia.tasks.tag import NOT_LEARNED
from sintonia.tasks.words import Place

_NUM_BUCKETS = 1 << 17
_NUM_FACTS = 15
_PASSES, _BATCH_WORDS, _RATE = 5, 256, 0.05
_NOTHING = "\x00"
"""Instead of a word beyond the ends of a text."""


@dataclass(frozen=True, slots=True)
class WordModel:
    """Weights (buckets, tags) and bias (tags,), float32."""

    weight: np.ndarray
    bias: np.ndarray

    def logits(self, texts: Sequence[str], units: Sequence[Sequence[Place]]) -> list[np.ndarray]:
        """Logits (words, tags) of each text."""
        rows = [facts_of_words(text, places) for text, places in zip(texts, units, strict=True)]
        return [self.weight[some].sum(axis=1) + self.bias for some in rows]


def facts_of_words(text: str, units: Sequence[Place]) -> np.ndarray:
    """What is said of each word, as places in a table, int64 (words, facts): itself, its ends, shape and neighbours."""
    words = [text[start:end] for start, end in units]
    folded = [_NOTHING, _NOTHING, *(word.casefold() for word in words), _NOTHING, _NOTHING]
    shapes = [_NOTHING, *map(_shape, words), _NOTHING]
    rows = []
    for k, word in enumerate(words):
        low = folded[k + 2]
        told = (
            *(word, low, low[:2], low[:3], low[-2:], low[-3:]),
            *(shapes[k + 1], "".join(shapes[k : k + 3])),
            *(folded[k + 1], folded[k + 3], folded[k], folded[k + 4]),
            *(f"{folded[k + 1]} {low}", f"{low} {folded[k + 3]}", f"{folded[k]} {folded[k + 1]}"),
        )
        rows.append([zlib.crc32(f"{n} {one}".encode("utf-8", "replace")) % _NUM_BUCKETS for n, one in enumerate(told)])
    return np.array(rows, dtype=np.int64).reshape(len(words), _NUM_FACTS)


def _shape(word: str) -> str:
    """`Xx`, `d.d`, `#x`: kinds of characters, each run once."""
    found = ""
    for character in word[:20]:
        kind = "X" if character.isupper() else "x" if character.isalpha() else "d" if character.isdigit() else character
        found += kind if not found.endswith(kind) else ""
    return found


def fit_word_model(
    texts: Sequence[str], units: Sequence[Sequence[Place]], targets: Sequence[np.ndarray], num_tags: int
) -> WordModel:
    """Multinomial logistic regression by AdaGrad over training words; always the same for the same ones."""
    facts = [np.zeros((0, _NUM_FACTS), np.int64)]
    facts += [facts_of_words(text, places) for text, places in zip(texts, units, strict=True)]
    goal = np.concatenate([np.zeros(0, dtype=np.int64), *targets])
    is_learned = goal != NOT_LEARNED
    if not is_learned.any():
        return WordModel(np.zeros((_NUM_BUCKETS, num_tags), np.float32), np.zeros(num_tags, np.float32))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse invariant checks")
        return _fitted(np.concatenate(facts)[is_learned], goal[is_learned], num_tags)


def _fitted(facts: np.ndarray, goal: np.ndarray, num_tags: int) -> WordModel:
    import torch

    rows, wanted = torch.from_numpy(facts), torch.from_numpy(goal)
    table = torch.nn.EmbeddingBag(_NUM_BUCKETS, num_tags, mode="sum", sparse=True)
    bias = torch.zeros(num_tags, requires_grad=True)
    torch.nn.init.zeros_(table.weight)
    optimizer = torch.optim.Adagrad([table.weight, bias], lr=_RATE)
    generator = np.random.default_rng(0)
    for _ in range(_PASSES):
        for batch in np.array_split(generator.permutation(len(rows)), max(1, len(rows) // _BATCH_WORDS)):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(table(rows[batch]) + bias, wanted[batch])
            loss.backward()
            optimizer.step()
    return WordModel(table.weight.detach().numpy(), bias.detach().numpy())
