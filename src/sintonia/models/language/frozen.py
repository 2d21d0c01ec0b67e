"""What the frozen layers of a language model say of token rows, kept for all epochs and turns (`models/kept.py`)."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence

import numpy as np

from sintonia.models.frozen.kept import FrozenSettings, KeptStates, keep_states
from sintonia.models.language.batches import sequences_of
from sintonia.models.language.losses import Engine
from sintonia.models.language.rows import TokenRow
from sintonia.runs import RunFolder

_CHUNK_ROWS = 64


def keep_frozen(
    run: RunFolder, engine: Engine, rows: Sequence[TokenRow], settings: FrozenSettings
) -> Generator[str, None, KeptStates | None]:
    """The states of these rows after the frozen layers, as `keep_states` keeps them.

    Raises:
        StorageError: they cannot be written.
        ValueError: the engine does not take the fused path.
    """

    def produce() -> Iterator[np.ndarray]:
        for start in range(0, len(rows), _CHUNK_ROWS):
            for states in engine.lower_states(rows[start : start + _CHUNK_ROWS], settings.num_layers):
                yield states.float().cpu().numpy()

    return (yield from keep_states(run, settings, read_tokens(rows), produce))


def read_tokens(rows: Sequence[TokenRow]) -> list[tuple[int, ...]]:
    """The tokens of each row that are read at all: none after the last learned one."""
    found: list[tuple[int, ...]] = [()] * len(rows)
    for one in sequences_of(rows):
        found[one.row] = one.ids
    return found
