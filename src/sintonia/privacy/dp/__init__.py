"""Differential privacy without a model: what steps cost, how many there may be, the noise, and what was spent on which
rows. It trains nothing and knows no gradient.
"""

from __future__ import annotations

from sintonia.privacy.dp.accountant import (
    History,
    epsilon_spent,
    most_steps,
    noise_for,
    refuse_without_opacus,
)
from sintonia.privacy.dp.plan import PrivatePlan, make_plan
from sintonia.privacy.dp.stream import SecretStream

__all__ = [
    "History",
    "PrivatePlan",
    "SecretStream",
    "epsilon_spent",
    "make_plan",
    "most_steps",
    "noise_for",
    "refuse_without_opacus",
]
