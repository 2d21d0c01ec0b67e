"""What each remedy gave, as TOML: what the product tells as the gain that can be expected. It measures nothing."""

from __future__ import annotations

import datetime
from collections import defaultdict
from typing import Any

import numpy as np

Line = dict[str, Any]


def experience_of(known: dict[Any, Line]) -> str:
    """One `[[remedy]]` for each finding, setting, direction and task, as `adjust/remedies/experience.toml` holds them.

    Gains are of the metric that the product follows, on validation, where more is better: points for classes, and for
    conversations the bits per byte that are saved, in percent of those before.
    """
    groups: dict[tuple[str, str, str, str], list[tuple[str, float]]] = defaultdict(list)
    for line in known.values():
        remedy = line["remedy"]
        if not remedy or not remedy["differences"]:
            continue
        task = "classify" if line["model"] == "M" else "chat"
        gain = 100 * remedy["differences"][0]["size"]
        gain = gain / line["before"] if line["metric"] == "bits_per_byte" else gain
        groups[remedy["finding"], remedy["setting"], direction(line), task].append((remedy["outcome"], gain))
    return "\n".join(_entry(key, some) for key, some in sorted(groups.items()))


def direction(line: Line) -> str:
    """`up` or `down` between numbers, else the new value."""
    remedy = line["remedy"]
    before, after = _as_number(remedy["before"]), _as_number(remedy["after"])
    if before is None or after is None:
        return str(remedy["after"])
    return "up" if after > before else "down"


def _as_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _entry(key: tuple[str, str, str, str], some: list[tuple[str, float]]) -> str:
    finding, setting, way, task = key
    outcomes, gains = [one for one, _ in some], [gain for _, gain in some]
    low, middle, high = np.quantile(gains, (0.25, 0.5, 0.75))
    return "\n".join(
        (
            "[[remedy]]",
            f'finding = "{finding}"',
            f'setting = "{setting}"',
            f'direction = "{way}"',
            f'task = "{task}"',
            f"cases = {len(some)}",
            f"improved = {outcomes.count('improved')}",
            f"worsened = {outcomes.count('worsened')}",
            f"median_gain = {middle:.1f}",
            f"quartiles = [{low:.1f}, {high:.1f}]",
            'source = "python -m benchmarks.advice"',
            f'date = "{datetime.datetime.now(datetime.UTC).date().isoformat()}"',
            "",
        )
    )
