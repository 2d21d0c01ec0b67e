"""Adjusting: what went wrong in a training, and which change is worth trying next."""

from __future__ import annotations

from sintonia.adjust.axes import Prior, prior_from_base
from sintonia.adjust.codes import TRAINING_FINDINGS
from sintonia.adjust.diagnose import diagnose
from sintonia.adjust.propose import next_changes

__all__ = ["TRAINING_FINDINGS", "Prior", "diagnose", "next_changes", "prior_from_base"]
