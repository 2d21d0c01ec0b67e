"""The proof of an export: what the exported model says beside what the model of the run says, and how far that may be.

Pure numbers: no model is opened and no file is read here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from sintonia.errors import RunFailed

Precision = Literal["f32", "f16", "bf16", "q8_0", "q4_0"]


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far outputs may lie from those of the same rounded weights, relative to the largest of an example; why."""

    largest: float
    reason: str
    cost: float = 0.0
    """By which part of itself the loss on validation may grow because weights are rounded."""
    least_cost: float = 0.0
    """Bits per byte that it may grow by in any case: near zero every change is a large part."""


_EXACT = "the same weights in float32, whose products are added up in another order"
TOLERANCES: dict[Precision, Tolerance] = {
    "f32": Tolerance(1e-4, _EXACT),
    "f16": Tolerance(1e-2, "the runtime rounds what it multiplies with weights to 11 bits", 0.01, 0.01),
    "bf16": Tolerance(5e-2, "the runtime rounds what it multiplies with weights to 8 bits", 0.02, 0.01),
    "q8_0": Tolerance(1e-1, "the runtime rounds what it multiplies with weights to 8 bits and a scale", 0.02, 0.01),
    "q4_0": Tolerance(1e-1, "the runtime rounds what it multiplies with weights to 8 bits and a scale", 0.30, 0.05),
}


QUANTISED: tuple[Precision, ...] = ("q8_0", "q4_0")


def tolerance_of(precision: Precision, runtime: Runtime) -> Tolerance:
    """What is allowed where this runtime computes: no more than float32 needs where it computes in float32."""
    usual = TOLERANCES[precision]
    return replace(usual, largest=TOLERANCES["f32"].largest, reason=_EXACT) if runtime.is_exact else usual


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """What read the exported model."""

    name: str
    version: str
    is_independent: bool = True
    """Whether it is a program of others; else it is our own reading, and proves only that the files are whole."""
    is_exact: bool = True
    """Whether it computes in float32, whatever numbers the weights are written in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What rounding the weights costs on the validation examples of the proof."""

    metric: str
    run: float
    exported: float

    @property
    def change(self) -> float:
        """Above zero is worse."""
        return self.exported - self.run


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How far what is exported agrees with the model of the run."""

    num_examples: int
    largest_difference: float
    """From what the weights of the run say when they are rounded as those in the file are. Over examples: the largest
    difference between two numbers, divided by the largest number."""
    largest_from_run: float
    """The same, from the model of the run as it is."""
    answers_equal: float | None
    """Share of examples whose answers are the same; None where there is no answer but the numbers."""
    compared: str
    """What was compared."""
    num_longer: int = 0
    """Examples with more tokens than are read at once: other programs cut their end, which the run may not, so that
    they were not compared."""
    cost: Cost | None = None


def difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest difference, relative to the largest of our numbers; infinite where shapes differ or one is no number.

    >>> difference(np.array([1.0, -4.0]), np.array([1.0, -4.4])), difference(np.ones(2), np.ones(3))
    (0.1, inf)
    """
    if ours.shape != theirs.shape or not np.isfinite(theirs).all():
        return float("inf")
    if not ours.size:
        return 0.0
    largest = max(float(np.abs(ours).max()), 1e-6)
    return round(float(np.abs(ours.astype(np.float64) - theirs).max()) / largest, 9)


def check(agreement: Agreement, precision: Precision, runtime: Runtime) -> None:
    """Refuses an export that says something else than the model of the run.

    Raises:
        RunFailed: by how much.
    """
    tolerance, found = tolerance_of(precision, runtime), agreement.largest_difference
    place = f"in {runtime.name} {runtime.version}"
    if not found <= tolerance.largest:
        raise RunFailed(
            f"the exported model is not the model of the run: {place} its outputs on {agreement.num_examples} "
            f"validation examples differ by up to {found:.2g} of the largest",
            expected=f"at most {tolerance.largest:g} ({tolerance.reason})",
            hint="nothing was kept; if the files were not touched, this is a fault of the exporter: please report it",
        )
    cost, bound = agreement.cost, 0.0
    if cost is not None and precision != "f32":
        bound = max(tolerance.cost * cost.run, tolerance.least_cost)
    if cost is not None and bound and not cost.change <= bound:
        raise RunFailed(
            f"rounded to {precision} the model is worse than may be: {cost.metric} on {agreement.num_examples} "
            f"validation examples {cost.run:.4f} -> {cost.exported:.4f}",
            expected=f"at most {bound:.4f} more",
            hint="take a finer one with `--precision`: f16, or f32",
        )


def share_equal(ours: Sequence[object], theirs: Sequence[object]) -> float:
    """Share of places where both are the same."""
    return sum(a == b for a, b in zip(ours, theirs, strict=True)) / max(len(ours), 1)
