"""States of the words of the frozen base: computed once and kept in the run's `cache/`, for probe and head.

The key holds weights, windows and places, so a stale array can never be read. Nothing fitted is kept here.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sintonia.files import write_atomic
from sintonia.models.open import OpenBase
from sintonia.models.probe import Probe, fit_probe
from sintonia.models.tagging.alignment import Aligned
from sintonia.models.tagging.depth import lowest_layers
from sintonia.models.tagging.head import TokenTagger, compute_word_states
from sintonia.runs import RunFolder


@dataclass(frozen=True, slots=True)
class WordStates:
    """States of words, text after text; `ends` says where each text ends."""

    values: np.ndarray
    """Float32 (words, hidden), read from the disk; NaN where no sub-token stands for a word."""
    ends: tuple[int, ...]

    def split(self, rows: np.ndarray) -> list[np.ndarray]:
        """Rows (words, anything) as one array a text."""
        return [np.asarray(some) for some in np.split(rows, self.ends[:-1])] if self.ends else []

    def of(self, positions: Sequence[int]) -> np.ndarray:
        """The states of some texts, one after the other."""
        begins = (0, *self.ends[:-1])
        pieces = [self.values[begins[k] : self.ends[k]] for k in positions]
        return np.concatenate(pieces) if pieces else self.values[:0]


MOST_PROBED = 20_000
"""Words that a probe is fitted on, at most: whole texts are drawn until there are so many."""
_STRENGTH = 1.0


def fit_word_probe(
    states: WordStates, targets: Sequence[np.ndarray], num_tags: int, strength: float | None = None
) -> Probe:
    """A linear probe of the states of words, fitted on training words only; always the same for the same ones.

    Where all words have one tag there is nothing to fit, and the probe says that tag.
    """
    drawn, count = [], 0
    for k in np.random.default_rng(0).permutation(len(targets)).tolist():
        if count >= MOST_PROBED:
            break
        drawn.append(k)
        count += len(targets[k])
    goal = np.concatenate([np.zeros(0, dtype=np.int64), *(targets[k] for k in drawn)])
    is_learned = goal >= 0
    known = np.unique(goal[is_learned])
    if len(known) < 2:
        bias = np.zeros(num_tags, dtype=np.float32)
        bias[known] = 1.0
        return Probe(weight=np.zeros((num_tags, states.values.shape[1]), np.float32), bias=bias, strength=0.0)
    return fit_probe(states.of(drawn)[is_learned], goal[is_learned], num_tags, strength or _STRENGTH)


def word_states(run: RunFolder, base: OpenBase, aligned: Aligned, depth: int) -> WordStates:
    """States of the lowest `depth` layers of the pristine base at each word; computed at the first call only."""
    digest = hashlib.sha256(f"word states {base.record.revision} {depth}".encode())
    for ids in aligned.windows:
        digest.update(np.array([len(ids), *ids], dtype=np.int64).tobytes())
    for places in aligned.spoken:
        digest.update(len(places).to_bytes(8, "big") + places.tobytes())
    path = run.file(f"cache/states-{digest.hexdigest()[:32]}.npy")
    ends = tuple(np.cumsum([len(places) for places in aligned.spoken]).tolist())
    if path.is_file():
        try:
            return WordStates(np.load(path, allow_pickle=False, mmap_mode="r"), ends)
        except ValueError:
            path.unlink()
    tagger = TokenTagger(base.model.transformer, base.model.hidden_size)
    with lowest_layers(base.model.transformer, depth):
        found = compute_word_states(tagger, aligned)
    stream = io.BytesIO()
    empty = np.zeros((0, base.model.hidden_size), dtype=np.float32)
    np.save(stream, np.concatenate([empty, *found]), allow_pickle=False)
    write_atomic(path, stream.getvalue())
    return WordStates(np.load(path, allow_pickle=False, mmap_mode="r"), ends)
