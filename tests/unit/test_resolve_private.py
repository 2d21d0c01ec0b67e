"""What `auto` means with differential privacy, and what is refused by its name."""

from __future__ import annotations

from typing import Any

import pytest

from sintonia.errors import UsageError
from sintonia.recipe import check_values, make_recipe, override, setting_names
from sintonia.resolve import resolve, settle
from sintonia.settings import Recipe
from tests.nouns import ENCODER_BASE, make_prepared


def recipe(dp: dict[str, Any] | None = None, **blocks: Any) -> Recipe:
    asked = {"epsilon": 8.0} if dp is None else dp
    return make_recipe({**blocks, "data": {"path": "x", **blocks.get("data", {})}, "privacy": {"dp": asked}})


def listed(num_train: int, **blocks: Any) -> dict[str, tuple[Any, str]]:
    return {
        one.setting: (one.value, one.origin)
        for one in resolve(recipe(**blocks), ENCODER_BASE, make_prepared(num_train))[1]
    }


def test_what_would_look_at_rows_without_noise_is_taken_otherwise_and_told() -> None:
    found = listed(4000, method="lora")
    for name, value in {
        "head_start": "random",
        "early_stopping": False,
        "loss_spikes": "note",
        "clip_norm": 0.0,
    }.items():
        got, origin = found[f"training.{name}"]
        assert got == value and origin.startswith("privacy.dp"), name
    assert found["privacy.dp.epsilon"] == (8.0, "asked for")
    assert found["privacy.dp.delta"] == (1 / 40_000, "one over ten times the number of them")


@pytest.mark.parametrize(("num_train", "batch"), [(240, 16), (4000, 200), (10**6, 2048)])
def test_batches_grow_with_the_rows(num_train: int, batch: int) -> None:
    assert listed(num_train, method="head")["training.batch_examples"][0] == batch
    asked = listed(num_train, method="head", training={"batch_examples": 77, "epochs": 2})
    assert asked["training.batch_examples"] == (77, "asked for") and asked["training.epochs"] == (2.0, "asked for")


def test_without_a_budget_nothing_of_it_is_listed_or_changed() -> None:
    found = {one.setting: one.value for one in resolve(recipe({}), ENCODER_BASE, make_prepared(4000))[1]}
    assert not any(name.startswith("privacy.dp") for name in found)
    assert found["training.head_start"] == "probe" and found["training.early_stopping"] is True


@pytest.mark.parametrize(
    ("dp", "blocks", "said"),
    [
        ({"clip_norm": 2.0}, {}, "no effect without a budget"),
        ({"delta": 1e-6}, {}, "no effect without a budget"),
        (None, {"training": {"class_weights": "balanced"}}, "class_weights"),
        (None, {"adjusting": {"search": 10}}, "adjusting.search"),
        (None, {"training": {"clip_norm": 0.5}}, "training.clip_norm"),
        (None, {"training": {"patience": 5}}, "training.patience"),
        ({"epsilon": 8.0, "unit": "group"}, {}, "data.group"),
        (None, {"method": "contrastive"}, "cannot be learned with differential privacy"),
    ],
)
def test_what_cannot_be_private_is_refused(dp: dict[str, Any] | None, blocks: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        settle(recipe(dp, **blocks), "classify")


@pytest.mark.parametrize("task", ["multilabel", "regress", "tag", "embed", "prefer", "pretrain"])
def test_other_tasks_are_refused(task: str) -> None:
    with pytest.raises(UsageError, match="cannot be learned with differential privacy"):
        settle(recipe(), task)


def test_few_rows_in_parts_are_refused() -> None:
    import dataclasses

    one = make_prepared(200)
    with pytest.raises(UsageError, match="10 parts"):
        resolve(recipe(), ENCODER_BASE, dataclasses.replace(one, parts=one.parts * 10))


def test_settings_within_settings_are_known_by_their_dotted_names() -> None:
    body: dict[str, Any] = {"data": {"path": "x"}}
    override(body, "privacy.dp.epsilon=3")
    assert make_recipe(body).privacy.dp.epsilon == 3.0 and "privacy.dp.unit" in setting_names()
    assert "privacy.dp" not in setting_names()
    for wrong in ("privacy.dp.epsilonn=3", "privacy.dp=3"):
        with pytest.raises(UsageError, match=r"unknown setting"):
            override(body, wrong)
    with pytest.raises(UsageError, match=r"unknown setting `privacy\.dp\.foo`"):
        make_recipe({"data": {"path": "x"}, "privacy": {"dp": {"foo": 1}}})
    with pytest.raises(UsageError, match=r"`privacy\.dp\.unit` is 'person'"):
        make_recipe({"data": {"path": "x"}, "privacy": {"dp": {"unit": "person"}}})


WRONG = [{"epsilon": 0.0}, {"epsilon": -1.0}, {"epsilon": 8, "delta": 1.0}, {"epsilon": 8, "noise": 0}]


@pytest.mark.parametrize("wrong", WRONG)
def test_numbers_without_meaning_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"`privacy\.dp\."):
        check_values(recipe(wrong))
