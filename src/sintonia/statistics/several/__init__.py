"""Claims that rest on several things: openings, tests, candidates, seeds. Pure, as the parent is.

One comparison of two subjects on one set of examples is never here.
"""

from sintonia.statistics.several.levels import level_of_opening
from sintonia.statistics.several.multiplicity import benjamini_hochberg, holm
from sintonia.statistics.several.seeds import FEWEST_SEEDS, RecipeDifference, recipe_difference
from sintonia.statistics.several.selection import selection_optimism

__all__ = [
    "FEWEST_SEEDS",
    "RecipeDifference",
    "benjamini_hochberg",
    "holm",
    "level_of_opening",
    "recipe_difference",
    "selection_optimism",
]
