"""Which examples make up each optimizer step: random, yet of similar length, so that padding costs little."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

WINDOW_BATCHES = 50
"""Batches are formed from sorted windows this wide; across windows the order stays random."""


def epoch_batches(lengths: Sequence[int], batch_examples: int, seed: int, epoch: int) -> list[list[int]]:
    """Positions of the examples of each step of an epoch; every example exactly once."""
    generator = np.random.default_rng((seed, epoch))
    order = generator.permutation(len(lengths))
    window = WINDOW_BATCHES * batch_examples
    batches: list[list[int]] = []
    for start in range(0, len(order), window):
        chunk = sorted((int(position) for position in order[start : start + window]), key=lambda p: lengths[p])
        batches += [chunk[k : k + batch_examples] for k in range(0, len(chunk), batch_examples)]
    return [batches[int(k)] for k in generator.permutation(len(batches))]


def planned_steps(epochs: float, num_examples: int, batch_examples: int) -> int:
    """Optimizer steps of so many passes over the examples, one at least."""
    return max(1, math.ceil(epochs * num_batches(num_examples, batch_examples)))


def num_batches(num_examples: int, batch_examples: int) -> int:
    """Steps of one epoch, as `epoch_batches` makes them."""
    full, rest = divmod(num_examples, WINDOW_BATCHES * batch_examples)
    return full * WINDOW_BATCHES + -(-rest // batch_examples)
