"""What remedies gave where they were measured: read from `experience.toml`, never guessed. It proposes nothing.

The file is written by `python -m benchmarks.advice --experience` on real models and data sets that no threshold came
from; what was not measured has no entry, and is told so.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from sintonia.records import Confidence, Gain
from sintonia.statistics import wilson

FEWEST_CASES = 5
"""With fewer, quartiles are single cases and nothing is said."""
HIGH, MEDIUM = 0.5, 0.25
"""Lower end (95 %, Wilson) of the share of cases that improved beyond one paired standard error. From the first on, the
change is more likely than not to help, also at the worst; from the second on, it helps in one case of four."""
MOST_WORSENED = 0.10
"""Share of cases that got worse by as much above which confidence is never high: the mark of E38 (science.md 9)."""
NOT_MEASURED = "not measured yet"
_FILE = Path(__file__).with_name("experience.toml")
_UNITS = {"classify": "points", "chat": "percent of the bits per byte"}
Key = tuple[str, str, str, str]
"""Finding, setting, direction, task."""


def gain_of(finding: str, setting: str, direction: str, task: str) -> Gain | None:
    """What the same change gave after the same finding in the same kind of task; None where too few were measured."""
    gain = experience().get((finding, setting, direction, task))
    return gain if gain and gain.num_cases >= FEWEST_CASES else None


def direction_of(before: Any, after: Any) -> str:
    """`up` or `down` between numbers, else the new value.

    >>> direction_of(1e-7, 5e-5), direction_of(3.0, 1.0), direction_of("full", "head")
    ('up', 'down', 'head')
    """
    if isinstance(before, int | float) and isinstance(after, int | float) and before != after:
        return "up" if after > before else "down"
    return str(after)


def confidence_of(gain: Gain | None) -> Confidence:
    """How sure it is that validation improves."""
    if gain is None:
        return "unknown"
    low = wilson(gain.num_improved, gain.num_cases)[0]
    if low >= HIGH and gain.num_worsened <= MOST_WORSENED * gain.num_cases:
        return "high"
    return "medium" if low >= MEDIUM else "low"


def gain_in_words(gain: Gain | None) -> str:
    """What was measured, in one clause."""
    if gain is None:
        return f"its gain was {NOT_MEASURED}"
    unit = gain.unit if gain.unit == "points" else f"% of the {gain.unit.partition(' of the ')[2]}"
    cases = f"{gain.num_cases} measured cases"
    return (
        f"{gain.median:+.1f} {unit} in the middle of {cases} (half of them {gain.low:+.1f} to {gain.high:+.1f}): "
        f"{gain.num_improved} improved beyond chance, {gain.num_worsened} got worse"
    )


@cache
def experience() -> Mapping[Key, Gain]:
    """All that was measured."""
    return read_experience(_FILE)


def read_experience(path: Path) -> Mapping[Key, Gain]:
    """The entries of a file of experience.

    Raises:
        ValueError: an entry cannot be true (more improved than there were cases), or two are about the same.
    """
    found: dict[Key, Gain] = {}
    for one in tomllib.loads(path.read_text(encoding="utf-8")).get("remedy", ()):
        key: Key = (one["finding"], one["setting"], one["direction"], one["task"])
        low, high = one["quartiles"]
        if one["improved"] + one["worsened"] > one["cases"] or not low <= one["median_gain"] <= high or key in found:
            raise ValueError(f"experience that cannot be true: {key}")
        found[key] = Gain(
            median=one["median_gain"],
            low=low,
            high=high,
            unit=_UNITS[one["task"]],
            num_cases=one["cases"],
            num_improved=one["improved"],
            num_worsened=one["worsened"],
            source=f"{one.get('source', '')} ({one.get('date', '')})",
        )
    return found
