"""What doors ask of finished runs, or of a base alone: no step of the story, and nothing is trained here."""

from __future__ import annotations

from sintonia.corridor.walk import Listener
from sintonia.records import BaseAlone
from sintonia.settings import Recipe


def evaluate_base(recipe: Recipe, listener: Listener = lambda _: None) -> BaseAlone:
    """A base alone, before any tuning: what its rungs do on validation. No run folder is left, no test is opened.

    Raises:
        SintoniaError: one of its kinds, each with place and hint.
    """
    from sintonia.corridor.doors.base_alone import weigh_base

    return weigh_base(recipe, listener)
