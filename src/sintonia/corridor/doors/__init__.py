"""What doors ask of finished runs, or of a base alone: no step of the story, and nothing is trained here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sintonia.corridor.beginning import metrics_of_recipe, with_whole_paths
from sintonia.corridor.doors.refusing import refuse_file, refuse_scale
from sintonia.corridor.walk import Listener
from sintonia.records import BaseAlone
from sintonia.records.health import Health
from sintonia.runs import RunFolder
from sintonia.settings import Recipe

if TYPE_CHECKING:
    from sintonia.corridor.doors.scaling import Scaled


__all__ = ["evaluate_base", "look_over_machine", "refuse_file", "write_scaled_model"]


def evaluate_base(recipe: Recipe, listener: Listener = lambda _: None) -> BaseAlone:
    """A base alone, before any tuning: what its rungs do on validation. No run folder is left, no test is opened.

    Raises:
        SintoniaError: one of its kinds, each with place and hint.
    """
    with metrics_of_recipe(recipe):
        with_whole_paths(recipe)  # what cannot work is refused before torch is imported
    from sintonia.corridor.doors.base_alone import weigh_base

    return weigh_base(recipe, listener)


def look_over_machine(*, is_quick: bool = False, listener: Listener = lambda _: None) -> Health:
    """This machine as training will find it, each problem with its cure; without `is_quick` also how fast it is."""
    from sintonia.corridor.doors.health import look_over

    return look_over(is_quick, listener)


def write_scaled_model(run: RunFolder, scale: float, folder: Path) -> Scaled:
    """Writes the model of a finished run into a new folder, going only so far from its base; nothing is trained.

    Raises:
        SintoniaError: one of its kinds, each with place and hint. No half of a folder stays.
    """
    refuse_scale(run, scale, folder)
    from sintonia.corridor.doors.scaling import scale_model

    return scale_model(run, scale, folder)
