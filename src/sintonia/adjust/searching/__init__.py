"""A search of settings: what is varied (`space.py`), who goes on to the next rung, and who won (`halving.py`).

Pure: what was measured in, what is asked out. The corridor trains.
"""

from __future__ import annotations

from sintonia.adjust.searching.halving import (
    BRACKET,
    FULL_TURNS,
    SHORT_RUNG,
    Rung,
    best_of,
    centre_of,
    dropped_by,
    next_configurations,
    optimism_of,
    rungs_of,
    search_trainings,
)
from sintonia.adjust.searching.space import (
    DRAWN,
    Earlier,
    adapted,
    centred,
    changes_of,
    cost_of,
    earlier_of,
    first_configurations,
    make_axes,
    shortened,
)

__all__ = [
    "BRACKET",
    "DRAWN",
    "FULL_TURNS",
    "SHORT_RUNG",
    "Earlier",
    "Rung",
    "adapted",
    "best_of",
    "centre_of",
    "centred",
    "changes_of",
    "cost_of",
    "dropped_by",
    "earlier_of",
    "first_configurations",
    "make_axes",
    "next_configurations",
    "optimism_of",
    "rungs_of",
    "search_trainings",
    "shortened",
]
