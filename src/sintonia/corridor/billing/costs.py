"""What energy and money a time will cost, by what real steps used; and where the promises of a run are kept."""

from __future__ import annotations

import dataclasses
import os

from sintonia.corridor.walk import Walk
from sintonia.records import Energy, Resources
from sintonia.resources.energy import Stretch, add_energies, scaled_energy
from sintonia.resources.price import money_of

PROMISE, REFINED = "cache/estimate.json", "cache/refined.json"
"""Before training, and by its real steps."""
TRIED = "cache/energy-tried.json"
"""What the steps used that were tried before it."""


def with_costs(walk: Walk, estimate: Resources, steps: Stretch | None) -> Resources:
    """An estimate of the whole time with energy and money; without them where what was spent so far is not known.

    What is left is taken to go on as in real `steps`. Without them it may keep any number of cores busy.
    """
    spent = walk.spent()
    if spent.energy is None or spent.seconds <= 0:
        return dataclasses.replace(estimate, why_no_energy=spent.why_no_energy)
    whole = (estimate.low_seconds or estimate.seconds, estimate.seconds, estimate.high_seconds or estimate.seconds)
    low, middle, high = (max(0.0, seconds - spent.seconds) for seconds in whole)
    if steps is not None:
        factors = (low / steps.seconds, middle / steps.seconds, high / steps.seconds)
        left = scaled_energy(steps.energy, factors)
    else:
        left = _left_of_any_cores(walk, spent, spent.energy, (low, middle, high))
    energy = add_energies(spent.energy, left)
    return dataclasses.replace(estimate, energy=energy, money=money_of(walk.prices, energy))


def _left_of_any_cores(
    walk: Walk, spent: Resources, energy: Energy, left_seconds: tuple[float, float, float]
) -> Energy:
    """By what was counted so far, and with one core or all of them busy instead."""
    cores, busy = os.cpu_count() or 1, walk.busy_cores or 1.0
    low, middle, high = (seconds / spent.seconds for seconds in left_seconds)
    words = f"no step was counted, so from one core to all {cores} busy: "
    return scaled_energy(energy, (low * min(1.0, 1 / busy), middle, high * max(1.0, cores / busy)), words)


def energy_in_words(found: Resources) -> str:
    """Energy with its range and how it was found, and money where somebody gave a price."""
    energy, money = found.energy, found.money
    if energy is None:
        return f"energy unknown: {found.why_no_energy}"
    words = f"about {_kwh(energy.kwh)} kWh ({_kwh(energy.low)} to {_kwh(energy.high)}; {energy.method})"
    if money is None:
        return words
    return f"{words}; {money.amount:.2g} {money.currency} ({money.low:.2g} to {money.high:.2g})".replace(" ;", ";")


def _kwh(value: float) -> str:
    return f"{value:.2g}"
