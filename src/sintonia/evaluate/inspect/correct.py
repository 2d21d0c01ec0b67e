"""Which answers of a scorecard are right, one by one. It scores nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sintonia.records import Scorecard


def is_right(card: Scorecard) -> NDArray[np.bool_]:
    """Whether each answer is right: as the scorecard says, else by comparing it with its target.

    Raises ValueError when the card holds neither: a mistake of the caller.
    """
    if card.correct:
        return np.array(card.correct, dtype=bool)
    if len(card.predictions) != len(card.targets):
        raise ValueError(f"{card.subject} has no answers that are right or wrong")
    return np.array([a == b for a, b in zip(card.targets, card.predictions, strict=True)], dtype=bool)
