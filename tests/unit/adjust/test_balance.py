"""Balanced classes are offered where a class is rare, once, and nowhere else."""

from __future__ import annotations

import dataclasses

from sintonia.adjust import next_changes
from sintonia.records import Turn
from sintonia.settings import EvaluationSettings
from tests.unit.adjust.test_combine import make_turn


def rare(turn: Turn) -> Turn:
    """The turn, where macro-F1 is what counts."""
    return dataclasses.replace(turn, primary_metric="macro_f1")


def offered(turn: Turn, *data_codes: str) -> list[str]:
    return [one.setting for one in next_changes((turn,), data_codes)]


def test_it_comes_before_a_look_to_each_side_of_the_learning_rate() -> None:
    (first, *_) = next_changes((rare(make_turn(1, 0.7)),), {"D104"})
    assert (first.setting, first.before, first.after, first.finding) == (
        "training.class_weights",
        "none",
        "balanced",
        "D104",
    )
    assert first.recipe.training.class_weights == "balanced"


def test_it_is_not_offered_where_it_would_do_nothing() -> None:
    assert "training.class_weights" not in offered(make_turn(1, 0.7), "D104")
    turn = rare(make_turn(1, 0.7))
    assert "training.class_weights" not in offered(turn) and "training.class_weights" not in offered(turn, "D103")
    training = dataclasses.replace(turn.recipe.training, class_weights="balanced")
    balanced = dataclasses.replace(turn, recipe=dataclasses.replace(turn.recipe, training=training))
    assert "training.class_weights" not in offered(balanced, "D104")


def test_it_depends_on_the_data_and_not_on_who_named_the_metric() -> None:
    """A run that is gone on with has its metric named, whoever took it first."""
    turn = rare(make_turn(1, 0.7))
    asked = dataclasses.replace(turn.recipe, evaluation=EvaluationSettings(primary_metric="macro_f1"))
    named = dataclasses.replace(turn, recipe=asked)
    assert offered(named, "D104")[0] == "training.class_weights"
    assert "training.class_weights" not in offered(named)
