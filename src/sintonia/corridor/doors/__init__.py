"""What doors ask of finished runs, or of a base alone: no step of the story, and nothing is trained here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sintonia.corridor.walk import Listener
from sintonia.records import BaseAlone
from sintonia.runs import RunFolder
from sintonia.settings import Recipe

if TYPE_CHECKING:
    from sintonia.corridor.doors.scaling import Scaled


def evaluate_base(recipe: Recipe, listener: Listener = lambda _: None) -> BaseAlone:
    """A base alone, before any tuning: what its rungs do on validation. No run folder is left, no test is opened.

    Raises:
        SintoniaError: one of its kinds, each with place and hint.
    """
    from sintonia.corridor.doors.base_alone import weigh_base

    return weigh_base(recipe, listener)


def write_scaled_model(run: RunFolder, scale: float, folder: Path) -> Scaled:
    """Writes the model of a finished run into a new folder, going only so far from its base; nothing is trained.

    Raises:
        SintoniaError: one of its kinds, each with place and hint. No half of a folder stays.
    """
    from sintonia.corridor.doors.scaling import scale_model

    return scale_model(run, scale, folder)
