"""`learning_rate_multiplier`: the rate that `auto` takes, times so much; one that is named stays as it is."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from sintonia.choose import choose
from sintonia.records import Base
from sintonia.resolve import _learning_rate, settle
from sintonia.settings import DataSettings, Recipe, TrainingSettings


def test_the_rate_that_auto_takes_is_multiplied(tiny_language_model: Path) -> None:
    recipe = settle(Recipe(data=DataSettings(path="x"), base=f"file:{tiny_language_model}", task="chat"), "chat")
    base: Base = choose(recipe, "chat")
    usual, origin = _learning_rate(recipe, base, "language")
    twice = dataclasses.replace(recipe, training=TrainingSettings(learning_rate_multiplier=2.0))
    assert _learning_rate(twice, base, "language") == (2 * usual, f"{origin}, times 2")
