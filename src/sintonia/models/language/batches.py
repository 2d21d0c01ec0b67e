"""What a language model computes of token rows: sequences cut after the last prediction, and groups of them.

No tensor of a model and no weight lives here.
"""

from __future__ import annotations

from collections.abc import Sequence as Several
from dataclasses import dataclass

import torch
from torch import Tensor

from sintonia.models.language.rows import TokenRow


@dataclass(frozen=True, slots=True)
class Sequence:
    """The tokens of one row that must be read, and what is predicted where."""

    row: int
    """Which row of the call it is."""
    ids: tuple[int, ...]
    """Without the last learned token: nothing is predicted from it."""
    places: tuple[int, ...]
    """Positions in `ids` that predict, rising."""
    targets: tuple[int, ...]
    """The token that each of them should predict."""


def sequences_of(rows: Several[TokenRow]) -> list[Sequence]:
    """What is computed of the rows; a row with nothing to learn needs nothing."""
    found = []
    for number, row in enumerate(rows):
        learned = [place for place, is_learned in enumerate(row.learned) if is_learned]
        if learned:
            places = tuple(place - 1 for place in learned)
            targets = tuple(row.ids[place] for place in learned)
            found.append(Sequence(number, tuple(row.ids[: learned[-1]]), places, targets))
    return found


def shared_length(sequences: Several[Sequence]) -> int:
    """Length of the longest beginning that all sequences share and that predicts nothing."""
    first, last = min(one.ids for one in sequences), max(one.ids for one in sequences)
    most = min(one.places[0] for one in sequences)
    pairs = zip(first[:most], last[:most], strict=False)
    return next((place for place, (left, right) in enumerate(pairs) if left != right), min(most, len(first)))


def full_groups(lengths: Several[int], most_tokens: int) -> list[list[int]]:
    """Positions of the rows, shortest first, in the fewest groups of at most `most_tokens`, about equally full."""
    order = sorted(range(len(lengths)), key=lambda position: (lengths[position], position))
    total = sum(lengths)
    goal = total / max(1, -(-total // most_tokens))
    groups: list[list[int]] = [[]]
    filled = done = 0
    for position in order:
        length = lengths[position]
        is_full = filled + length > most_tokens or done + length / 2 > goal * len(groups)
        if groups[-1] and is_full:
            groups.append([])
            filled = 0
        groups[-1].append(position)
        filled += length
        done += length
    return groups


@dataclass(frozen=True, slots=True)
class Flat:
    """Sequences laid end to end, without their shared beginning; tensors on the device of the model."""

    ids: Tensor
    """(tokens,)"""
    positions: Tensor
    """(tokens,): place of each token in its own sequence, the shared beginning counted."""
    lengths: tuple[int, ...]
    places: Tensor
    """(predictions,): tokens that predict, rising."""
    targets: Tensor
    """(predictions,)"""
    num_before: int = 0
    """Length of the shared beginning, if it is here: as the first of the sequences, read by all others."""
    trees: tuple[tuple[int, ...], ...] = ()
    """Where sequences branch: the stem of each tree and its branches, behind the shared beginning; else empty."""


def flat_of(
    sequences: Several[Sequence], device: torch.device, num_shared: int = 0, *, is_inside: bool = False
) -> Flat:
    """The sequences end to end without their first `num_shared` tokens; if `is_inside`, these come once, before all."""
    beginning = sequences[0].ids[:num_shared] if is_inside else ()
    ids, positions, places, targets = list(beginning), list(range(len(beginning))), [], []
    lengths = [len(beginning)] if beginning else []
    for one in sequences:
        places += [len(ids) + place - num_shared for place in one.places]
        ids += one.ids[num_shared:]
        positions += range(num_shared, len(one.ids))
        lengths.append(len(one.ids) - num_shared)
        targets += one.targets
    there = [torch.tensor(numbers, device=device) for numbers in (ids, positions, places, targets)]
    return Flat(there[0], there[1], tuple(lengths), there[2], there[3], len(beginning))
