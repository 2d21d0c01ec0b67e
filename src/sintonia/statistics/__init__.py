"""Paired tests, intervals, detectable effects and significance levels: pure functions on numbers and arrays.

Nothing here knows a record, a model or a file; what the numbers mean is decided in `evaluate/judge.py`.
"""

from sintonia.statistics.bootstrap import Bootstrap, cluster_bootstrap, paired_difference, sum_by_group
from sintonia.statistics.intervals import clustered_wilson, unseen_fraction, wilson
from sintonia.statistics.mcnemar import clustered_midp, midp
from sintonia.statistics.power import (
    detectable_difference,
    examples_needed,
    fewest_disagreements,
    minimum_detectable_effect,
)
from sintonia.statistics.randomisation import approximate_randomisation
from sintonia.statistics.several import (
    RecipeDifference,
    benjamini_hochberg,
    holm,
    level_of_opening,
    recipe_difference,
    selection_optimism,
)

__all__ = [
    "Bootstrap",
    "RecipeDifference",
    "approximate_randomisation",
    "benjamini_hochberg",
    "cluster_bootstrap",
    "clustered_midp",
    "clustered_wilson",
    "detectable_difference",
    "examples_needed",
    "fewest_disagreements",
    "holm",
    "level_of_opening",
    "midp",
    "minimum_detectable_effect",
    "paired_difference",
    "recipe_difference",
    "selection_optimism",
    "sum_by_group",
    "unseen_fraction",
    "wilson",
]
