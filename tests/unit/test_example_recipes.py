"""The recipes that we show are recipes: read, checked and resolved as they stand."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from sintonia.recipe import check_values, load_recipe, make_recipe
from sintonia.resolve import resolve
from sintonia.tasks import TASKS
from tests.nouns import ENCODER_BASE, make_prepared

RECIPES = sorted((Path(__file__).parents[2] / "examples" / "recipes").glob("*.yaml"))


def test_there_is_one_for_each_task() -> None:
    assert {path.stem for path in RECIPES} == set(TASKS)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_it_is_complete(path: Path) -> None:
    recipe = check_values(make_recipe(load_recipe(path)))
    assert recipe.task == path.stem
    base = dataclasses.replace(ENCODER_BASE, hidden_size=576, num_layers=30, max_tokens=8192)
    metric = TASKS[recipe.task].METRICS[0]
    prepared = dataclasses.replace(make_prepared(2000), task=recipe.task, primary_metric=metric)
    filled, listed = resolve(recipe, base, prepared)
    assert {one.setting for one in listed} >= {"base", "method", "training.learning_rate"}
    assert filled.training.learning_rate != "auto"
