"""What energy and money a time will cost, by what was counted so far; and where the promises of a run are kept."""

from __future__ import annotations

import dataclasses

from sintonia.corridor.walk import Walk
from sintonia.records import Resources
from sintonia.resources.energy import scaled_energy
from sintonia.resources.price import money_of

PROMISE, REFINED = "cache/estimate.json", "cache/refined.json"
"""Before training, and by its real steps."""


def with_costs(walk: Walk, estimate: Resources) -> Resources:
    """An estimate of time with energy and money, by what was counted so far; without them where nothing was."""
    spent = walk.spent()
    if spent.energy is None or spent.seconds <= 0:
        return dataclasses.replace(estimate, why_no_energy=spent.why_no_energy)
    low, high = estimate.low_seconds or estimate.seconds, estimate.high_seconds or estimate.seconds
    energy = scaled_energy(spent.energy, (low / spent.seconds, estimate.seconds / spent.seconds, high / spent.seconds))
    return dataclasses.replace(estimate, energy=energy, money=money_of(walk.prices, energy))


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
