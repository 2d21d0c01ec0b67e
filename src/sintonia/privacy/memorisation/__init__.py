"""What a model remembers of the rows it was trained on: pure functions on losses. They load no model and no row."""

from sintonia.privacy.memorisation.exposure import exposure, mean_with_low, null_threshold
from sintonia.privacy.memorisation.membership import (
    auc_interval,
    calibrate,
    chance_of_recognised,
    limit_of_told_apart,
    recognised_share,
)
from sintonia.privacy.memorisation.telling import HowTrained, canary_findings, memory_findings

__all__ = [
    "HowTrained",
    "auc_interval",
    "calibrate",
    "canary_findings",
    "chance_of_recognised",
    "exposure",
    "limit_of_told_apart",
    "mean_with_low",
    "memory_findings",
    "null_threshold",
    "recognised_share",
]
