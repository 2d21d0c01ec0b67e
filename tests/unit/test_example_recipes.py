"""The recipes that we show are recipes: read, checked and resolved as they stand."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from sintonia.recipe import check_values, load_recipe, make_recipe
from sintonia.resolve import resolve
from tests.unit.test_resolve import BASE, prepared

RECIPES = sorted((Path(__file__).parents[2] / "examples" / "recipes").glob("*.yaml"))


def test_there_is_one_for_each_task() -> None:
    from sintonia.tasks import TASKS

    assert {path.stem for path in RECIPES} == set(TASKS)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_it_is_complete(path: Path) -> None:
    recipe = check_values(make_recipe(load_recipe(path)))
    assert recipe.task == path.stem
    base = dataclasses.replace(BASE, hidden_size=576, num_layers=30, max_tokens=8192)
    filled, listed = resolve(recipe, base, dataclasses.replace(prepared(2000), task=recipe.task))
    assert {one.setting for one in listed} >= {"base", "method", "training.learning_rate"}
    assert filled.training.learning_rate != "auto"
