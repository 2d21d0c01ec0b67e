"""The offer to train the upper half of the layers: for speed, last, and only where a turn has measured its ground."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sintonia.adjust import TRAINING_FINDINGS, next_changes
from sintonia.adjust.remedies.speed import time_factor
from sintonia.records import Change, LayerWork, Turn

CHAT = {"task": "chat", "method": "lora"}
WORK = LayerWork(
    num_layers=30,
    num_epochs=3.0,
    step_seconds=300.0,
    validation_seconds=72.0,
    num_validations=9,
    forward_fraction=0.46,
    kept_bytes=50 * 2**20,
    keeps_validation=True,
)


@pytest.fixture
def measured(make_turn: Any) -> Any:
    """A function that makes a turn of a language model whose layers were measured."""

    def make(*codes: str, work: LayerWork | None = WORK, asked: dict[str, Any] | None = None, **more: Any) -> Turn:
        used = {"training.learning_rate": 1e-3} | more.pop("used", {})
        more = {"metric": 1.3, "primary_metric": "bits_per_byte", "seconds": 380.0} | more
        return replace(make_turn(*codes, asked=CHAT | (asked or {}), used=used, **more), layers=work)

    return make


def offers(turn: Turn) -> list[Change]:
    """What is offered for speed."""
    return [one for one in next_changes((turn,)) if one.aim == "speed"]


def test_a_healthy_turn_of_thirty_layers_is_offered_the_upper_half_after_all_that_is_for_quality(measured: Any) -> None:
    turn = measured()
    changes = next_changes((turn,))
    assert [one.aim for one in changes] == ["quality", "quality", "speed"]
    offer = changes[-1]
    assert (offer.setting, offer.before, offer.after) == ("lora.layers", "all", "15")
    assert offer.recipe.lora.layers == 15
    assert offer.reason.startswith("for speed, not for quality") and "upper 15 of 30 layers" in offer.reason
    # steps (.5 + .5 * .46 / 3) * 300 = 173, validations (.5 + .5 / 9) * 72 = 40, the rest 8: 221 of 380 seconds
    assert offer.expected.startswith("about 58% of the training time of turn 1")
    assert offer.cost == (
        "about 3.7 minutes (turn 1 took 6.3 minutes); about 50.0 MiB of disk for what is kept, until the run is deleted"
    )


def test_one_epoch_saves_the_backward_pass_alone_and_says_so(measured: Any) -> None:
    one_epoch = replace(WORK, num_epochs=1.0, step_seconds=100.0, validation_seconds=16.0)
    (offer,) = offers(measured(work=one_epoch, used={"training.epochs": 1}, seconds=120.0))
    assert "keeping what the lower ones compute saves nothing" in offer.reason
    assert "disk" not in offer.cost
    assert offer.expected.startswith("about 78% ")  # 46 + 27 + 16 + 4 of 120


def test_states_that_cannot_be_kept_are_not_promised(measured: Any) -> None:
    asked_not = offers(measured(asked={"training.cache": "off"}))[0]
    cannot = offers(measured(work=replace(WORK, kept_bytes=0)))[0]
    assert "`training.cache` is off" in asked_not.reason and "with this base it cannot be" in cannot.reason
    for one in (asked_not, cannot):
        assert "disk" not in one.cost and "79%" in one.expected  # 138 + 81 + 72 + 8 of 380


@pytest.mark.parametrize(
    ("work", "asked"),
    [
        (None, {}),
        (WORK, {"lora.layers": 15}),
        (replace(WORK, num_layers=1), {}),
        (replace(WORK, step_seconds=10.0), {}),
        (WORK, {"task": "classify", "method": "head"}),
        (WORK, {"method": "full", "training.frozen_layers": 15}),
    ],
    ids=["layers unknown", "upper half already", "one layer", "hardly any steps", "head", "frozen already"],
)
def test_no_offer_where_nothing_is_gained_or_known(
    measured: Any, work: LayerWork | None, asked: dict[str, Any]
) -> None:
    assert offers(measured(work=work, asked=asked)) == []


@pytest.mark.parametrize("code", TRAINING_FINDINGS)
def test_no_offer_while_something_is_wrong(measured: Any, code: str) -> None:
    assert offers(measured(code, best_step=100)) == []


def test_training_all_weights_freezes_the_lower_half(measured: Any) -> None:
    for task in ("chat", "classify"):
        (offer,) = offers(measured(work=replace(WORK, num_layers=7), asked={"task": task, "method": "full"}))
        assert (offer.setting, offer.recipe.training.frozen_layers) == ("training.frozen_layers", 3)
        assert "upper 4 of 7" in offer.reason


def test_it_is_offered_once(measured: Any) -> None:
    turn = measured()
    (offer,) = offers(turn)
    tried = measured(recipe=offer.recipe, number=2, metric=1.4, asked=None)
    assert not [one for one in next_changes((turn, tried)) if one.aim == "speed"]


@pytest.mark.parametrize(
    ("forward", "upper", "times_by_epochs"),
    [
        (0.46, 0.532, {1: 1.34, 2: 1.57, 3: 1.66, 5: 1.74, 10: 1.81}),
        (1 / 3, 0.5, {1: 3 / 2, 2: 12 / 7, 3: 9 / 5, 5: 15 / 8, 10: 60 / 31}),
    ],
    ids=["counted operations", "by hand"],
)
def test_the_factor_is_that_of_counted_operations(
    forward: float, upper: float, times_by_epochs: dict[int, float]
) -> None:
    """The first are counted (performance.md 2.5 c): there the upper half and the output layer take 1 / 1.88 of a step.

    The second is 1 / (1/2 + 1/6 over the epochs), where backward takes twice as long as forward.
    """
    for epochs, times in times_by_epochs.items():
        work = replace(WORK, num_epochs=float(epochs), validation_seconds=0.0, forward_fraction=forward)
        found = 1 / time_factor(work, work.step_seconds, upper, keeps_states=True)
        assert found == pytest.approx(times, rel=0.01)
        assert found < 1 / time_factor(work, work.step_seconds, upper / 2, keeps_states=True)
