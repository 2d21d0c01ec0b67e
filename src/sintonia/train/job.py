"""What one training needs to know, and the seeds derived from it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sintonia.records import Base, Example
from sintonia.runs import RunFolder
from sintonia.settings import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One training: the recipe without any `auto`, the data of one part, and where the turn is kept."""

    run: RunFolder
    recipe: Recipe
    base: Base
    labels: tuple[str, ...]
    primary_metric: str
    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    turn: int
    part: str
    until: int | None = None
    """Take exactly so many steps of the plan, without validation, and keep the last weights."""
    head_strength: float | None = None
    """Strength of the probe that the head starts from, where no validation set can choose it."""

    def file(self, name: str) -> str:
        """The path of a file of this turn, relative to the run."""
        return f"{self.run.turn(self.turn)}/{name}"

    def seed(self, purpose: str) -> int:
        """A seed for one purpose: independent of every other, the same in every process."""
        text = f"{self.recipe.seed} {purpose} {self.turn} {self.part}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
