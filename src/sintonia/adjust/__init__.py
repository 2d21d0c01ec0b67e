"""Adjusting: what went wrong in a training, and which change is worth trying next."""

from __future__ import annotations

from sintonia.adjust.axes import Prior, prior_from_base
from sintonia.adjust.causes import Evidence
from sintonia.adjust.codes import TRAINING_FINDINGS
from sintonia.adjust.diagnose import diagnose
from sintonia.adjust.label_next import pick, pick_spread, shortlist
from sintonia.adjust.propose import is_small_probe, next_changes
from sintonia.adjust.remedies.data_steps import data_steps

__all__ = [
    "TRAINING_FINDINGS",
    "Evidence",
    "Prior",
    "data_steps",
    "diagnose",
    "is_small_probe",
    "next_changes",
    "pick",
    "pick_spread",
    "prior_from_base",
    "shortlist",
]
