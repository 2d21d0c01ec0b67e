"""A recipe is checked at the border: unknown settings, wrong values, overrides, identity."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from sintonia.errors import UsageError
from sintonia.recipe import check_values, load_recipe, make_recipe, override, recipe_id, setting_names

PLAIN = {"data": {"path": "x.csv"}}


def test_an_unknown_setting_names_the_nearest():
    with pytest.raises(UsageError, match=r"unknown setting `training.learning_rat` .*`training.learning_rate`"):
        make_recipe({**PLAIN, "training": {"learning_rat": 1}})


def test_all_problems_are_told_at_once():
    with pytest.raises(UsageError, match=r"`base`.*; .*`seed`|`seed`.*; .*`base`"):
        make_recipe({**PLAIN, "base": 3, "seed": "x"})


@pytest.mark.parametrize(
    ("text", "value"),
    [("2e-4", 2e-4), ("0.001", 0.001), ("auto", "auto")],
)
def test_numbers_may_be_written_as_people_write_them(text: str, value: object):
    body = {"data": {"path": "x"}}
    override(body, f"training.learning_rate={text}")
    assert make_recipe(body).training.learning_rate == value


@pytest.mark.parametrize("wrong", ["training.learning_rate", "training.lr=1", "=3"])
def test_a_wrong_override_is_refused(wrong: str):
    with pytest.raises(UsageError):
        override({}, wrong)


def test_values_out_of_range_are_refused_together():
    recipe = make_recipe({**PLAIN, "training": {"dropout": 2.0, "epochs": 0.0}, "evaluation": {"margin": 5.0}})
    with pytest.raises(UsageError, match=r"dropout.*margin.*epochs"):
        check_values(recipe)


def test_the_id_is_of_the_content_without_budget_and_path():
    recipe = make_recipe(PLAIN)
    same = dataclasses.replace(recipe, budget_seconds=60.0, data=dataclasses.replace(recipe.data, path="y"))
    assert recipe_id(recipe) == recipe_id(same)
    other = make_recipe({**PLAIN, "training": {"learning_rate": 1e-4}})
    assert recipe_id(recipe) != recipe_id(other)
    assert len(recipe_id(recipe)) == 16


def test_a_file_that_is_not_yaml_names_its_line(tmp_path: Path):
    path = tmp_path / "recipe.yaml"
    path.write_text("data:\n  path: x\n bad: [\n")
    with pytest.raises(UsageError) as caught:
        load_recipe(path)
    assert caught.value.where.startswith(f"{path}:")


def test_every_setting_can_be_overridden_by_its_name():
    assert "training.head_start" in setting_names() and "data.columns" in setting_names()
    for name in setting_names():
        override({}, f"{name}=1")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"task": "clasify"}, "`task` is 'clasify', and may be `auto`, `classify`"),
        ({"task": "clasify"}, "(did you mean `classify`?)"),
        ({"training": {"schedule": "cosin"}}, "may be `linear`, `cosine` or `constant` (did you mean `cosine`?)"),
        ({"training": {"epochs": "many"}}, "`training.epochs` is 'many', and may be a number or `auto`"),
        ({"lora": {"rank": 2.5}}, "`lora.rank` is '2.5', and may be a whole number"),
        ({"privacy": {"redact": "perhaps"}}, "may be true or false"),
        ({"training": 5}, "`training` is '5', and may be a block of settings"),
        ({"method": "qlora"}, "take `lora`"),
    ],
)
def test_a_wrong_value_says_what_may_stand_there(given: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError) as refused:
        make_recipe({"data": {"path": "x"}, **given})
    assert told in str(refused.value) and "Input should" not in str(refused.value)
    assert str(refused.value).count(next(iter(given))) <= 2, "one sentence a setting"
