"""A search of settings: what is varied (`space.py`), who goes on to the next rung, and who won (`halving.py`).

Pure: what was measured in, what is asked out. The corridor trains.
"""

from __future__ import annotations

from sintonia.adjust.searching.halving import (
    Rung,
    best_of,
    dropped_by,
    next_configurations,
    optimism_of,
    rungs_of,
)
from sintonia.adjust.searching.space import (
    Earlier,
    adapted,
    changes_of,
    earlier_of,
    first_configurations,
    make_axes,
    shortened,
)

__all__ = [
    "Earlier",
    "Rung",
    "adapted",
    "best_of",
    "changes_of",
    "dropped_by",
    "earlier_of",
    "first_configurations",
    "make_axes",
    "next_configurations",
    "optimism_of",
    "rungs_of",
    "shortened",
]
