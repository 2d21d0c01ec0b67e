"""What a tracker is told by a whole run: the verdict goes to the turn that is shipped, with that turn's settings."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from sintonia.corridor import trackers
from sintonia.corridor.trackers.tracker import Place
from sintonia.pipeline import improve, propose, start
from sintonia.settings import DataSettings, Recipe, TrainingSettings


class Book:
    """A tracker that notes with which settings it was opened, and whether it heard the verdict."""

    def __init__(self, place: Place) -> None:
        self.turn, self.settings, self.has_verdict = place.folder.name, place.settings, False

    def last_step(self, series: str) -> int:
        return -1

    def log(self, numbers: dict[str, float], step: int) -> None:
        pass

    def flush(self) -> None:
        pass

    def conclude(self, words: dict[str, str], numbers: dict[str, float]) -> None:
        self.has_verdict = True

    def close(self, is_finished: bool) -> None:
        pass


@pytest.fixture
def books(monkeypatch: pytest.MonkeyPatch) -> list[Book]:
    """Every tracker that is opened, in order."""
    found: list[Book] = []

    def open_book(_name: str, place: Place) -> Book:
        found.append(Book(place))
        return found[-1]

    monkeypatch.setattr(trackers, "_open", open_book)
    monkeypatch.setattr(trackers, "_NEEDS", {"tensorboard": ()})
    return found


def test_after_adjusting_the_verdict_is_told_with_the_settings_of_the_turn_that_is_shipped(
    tmp_path: Path, tiny_base: Path, rows_file: Path, monkeypatch: pytest.MonkeyPatch, books: list[Book]
) -> None:
    monkeypatch.setenv("SINTONIA_HOME", str(tmp_path / "home"))
    recipe = Recipe(
        data=DataSettings(path=str(rows_file)),
        base=f"file:{tiny_base}",
        tracking=("tensorboard",),
        training=TrainingSettings(learning_rate=1e-6, epochs=0.5, evaluations=1, head_start="random"),
    )
    run = start(recipe, tmp_path / "run")
    assert improve(run).turn == 1
    better = dataclasses.replace(recipe.training, learning_rate=1e-3, epochs=3.0)
    change = dataclasses.replace(
        propose(run).changes[0], recipe=dataclasses.replace(run.recipe(), training=better, seed=1)
    )
    assert improve(run, change=change).turn == 2, "the second turn must be better, or nothing is shown here"
    assert [(one.turn, one.has_verdict) for one in books] == [
        ("001", False),
        ("001", True),
        ("002", False),
        ("002", True),
    ]
    assert books[1].settings == books[0].settings and books[3].settings == books[2].settings
    assert (books[3].settings["training.learning_rate"], books[3].settings["seed"]) == ("0.001", "1")
    assert "auto" not in (books[3].settings["training.batch_examples"], books[3].settings["method"])
