"""What a tracker is, and what it is told of an event and of a verdict: names and numbers, never a text of the data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sintonia.corridor.walk import loss_of
from sintonia.records import Event, Verdict

_STEP_SERIES = {
    "learning_rate": "train/learning_rate",
    "gradient_norm": "train/gradient_norm",
    "examples_per_second": "train/examples_per_second",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which training is followed: the folder of its turn, its run, the name it bears, and how it was set."""

    folder: Path
    run: Path
    name: str
    settings: dict[str, str]


class Tracker(Protocol):
    """One open series of a tool. Any exception of it means that it is let go."""

    def last_step(self, series: str) -> int:
        """The highest step that it holds of a series already; -1 of none."""

    def log(self, numbers: dict[str, float], step: int) -> None:
        """Takes the numbers of one step."""

    def flush(self) -> None:
        """Makes what it was told visible."""

    def conclude(self, words: dict[str, str], numbers: dict[str, float]) -> None:
        """Takes the verdict."""

    def close(self, is_finished: bool) -> None:
        """The training has finished, or is only interrupted."""


def numbers_of(event: Event) -> dict[str, float]:
    """The series and numbers of an event: of a step or a validation; of any other none.

    A series has one unit, and `loss` is called by it where it has a name: training and validation can be compared.
    """
    values = event.values
    loss, unit = loss_of(event)
    name = unit.replace(" ", "_") or "loss"
    if event.kind == "step":
        found = {f"train/{name}": loss} | {series: values.get(one) for one, series in _STEP_SERIES.items()}
    elif event.kind == "validated":
        found = {f"validation/{values.get('metric_name', 'metric')}": values.get("metric"), f"validation/{name}": loss}
    else:
        return {}
    return {series: float(value) for series, value in found.items() if isinstance(value, int | float)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Concluded:
    """A verdict as a tracker takes it."""

    words: dict[str, str]
    numbers: dict[str, float]


def words_of_verdict(verdict: Verdict) -> Concluded:
    """The outcome, its sentence, and the primary metric of base and candidate on the test."""
    primary = verdict.primary
    return Concluded(
        words={"outcome": verdict.outcome, "verdict": verdict.sentence},
        numbers={
            f"test/{primary.metric}": primary.tuned.value,
            f"test/{primary.metric}_base": primary.base.value,
            f"test/{primary.metric}_difference": primary.difference.value,
        },
    )
