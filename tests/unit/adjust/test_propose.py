"""One setting at a time, in the order of science.md 2.4, never twice."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest

from sintonia.adjust import TRAINING_FINDINGS, next_changes
from sintonia.methods import METHODS
from sintonia.recipe import check_values, recipe_id
from sintonia.settings import Recipe


def differences(before: Recipe, after: Recipe) -> set[str]:
    """Dotted names of the settings in which two recipes differ."""
    one, two = asdict(before), asdict(after)
    names = {name for name in one if one[name] != two[name] and name != "training"}
    return names | {f"training.{name}" for name in one["training"] if one["training"][name] != two["training"][name]}


def first(turn: Any) -> tuple[str, str]:
    """Setting and new value of the first change."""
    change = next_changes((turn,))[0]
    return change.setting, change.after


def test_nothing_without_history() -> None:
    assert next_changes(()) == ()


def test_rate_far_too_low_goes_to_the_usual_one(make_turn: Any) -> None:
    turn = make_turn("T202", asked={"training.learning_rate": 1e-7})
    change = next_changes((turn,))[0]
    assert change.recipe.training.learning_rate == METHODS["full"].learning_rate
    assert (change.before, change.finding) == ("1e-07", "T202")
    assert "500 times below" in change.reason


def test_low_usual_rate_is_tripled(make_turn: Any) -> None:
    assert first(make_turn("T202")) == ("training.learning_rate", "0.00015")


def test_too_high_rate_goes_down(make_turn: Any) -> None:
    usual = METHODS["full"].learning_rate
    change = next_changes((make_turn("T201", "T204", asked={"training.learning_rate": 0.05}),))[0]
    assert change.recipe.training.learning_rate == usual
    assert first(make_turn("T201")) == ("training.learning_rate", f"{usual / 10:g}")


def test_unstable_also_warms_up_and_clips(make_turn: Any) -> None:
    turn = make_turn(
        "T201", asked={"training.warmup_fraction": 0.0, "training.clip_norm": 10.0}, used={"training.precision": "bf16"}
    )
    settings = [change.setting for change in next_changes((turn,))]
    assert settings == ["training.learning_rate"] * 2 + [
        "training.warmup_fraction",
        "training.clip_norm",
        "training.precision",
    ]


def test_one_step_is_followed_by_enough(make_turn: Any) -> None:
    turn = make_turn("T203", "T213", asked={"training.epochs": 0.02}, best_step=1, last_step=1, seconds=6)
    change = next_changes((turn,))[0]
    assert change.setting == "training.epochs"
    assert change.recipe.training.epochs == pytest.approx(4.0)
    assert change.cost.startswith("about 20 minutes")
    assert len(next_changes((turn,))) == 1, "two findings with one answer give one change"


def test_still_improving_doubles_the_epochs(make_turn: Any) -> None:
    change = next_changes((make_turn("T212"),))[0]
    assert (change.setting, change.before, change.after) == ("training.epochs", "3", "6")
    assert change.cost == "about 4.0 minutes (turn 1 took 2.0 minutes)"


def test_overfitting_by_time_is_shortened_first(make_turn: Any) -> None:
    changes = next_changes((make_turn("T209", best_step=100, last_step=300),))
    assert [change.setting for change in changes] == [
        "training.epochs",
        "training.learning_rate",
        "method",
        "training.weight_decay",
    ]
    assert changes[0].after == "1"


def test_early_stopping_counts_the_planned_steps(make_turn: Any) -> None:
    turn = make_turn("T209", best_step=100, last_step=200, planned_steps=300)
    assert first(turn) == ("training.epochs", "1")


def test_few_examples_are_not_answered_by_shortening(make_turn: Any) -> None:
    turn = make_turn("T211", asked={"training.head_start": "random"}, best_step=100)
    settings = [change.setting for change in next_changes((turn,))]
    assert settings == ["training.head_start", "method", "training.weight_decay"]


def test_new_method_brings_its_own_rate(make_turn: Any) -> None:
    turn = make_turn("T206", asked={"method": "head", "training.learning_rate": 0.01})
    change = next_changes((turn,))[0]
    assert (change.setting, change.after) == ("method", "full")
    assert change.recipe.training.learning_rate == "auto"
    assert "not known" in change.cost


@pytest.mark.parametrize("code", ["T205", "T207", "T208", "T210"])
def test_no_setting_answers_bad_data_or_overconfidence(make_turn: Any, code: str) -> None:
    assert next_changes((make_turn(code),)) == ()


def test_underfitting_is_answered_before_data(make_turn: Any) -> None:
    assert first(make_turn("T202", "T207"))[0] == "training.learning_rate"
    assert next_changes((make_turn("T207", "T209", "T211"),)) == ()


def test_healthy_gets_two_small_probes_of_the_rate_then_nothing(make_turn: Any) -> None:
    turn = make_turn()
    changes = next_changes((turn,))
    assert [change.after for change in changes] == ["0.0001", "2.5e-05"]
    worse = tuple(
        make_turn(recipe=change.recipe, number=number, metric=0.7) for number, change in enumerate(changes, start=2)
    )
    assert next_changes((turn, *worse)) == ()


def test_nothing_is_worth_trying_when_all_is_right(make_turn: Any) -> None:
    assert next_changes((make_turn(metric=0.995),)) == ()


def test_a_value_used_as_auto_is_not_tried_again(make_turn: Any) -> None:
    """Half of twice the automatic rate is the automatic rate, which had its turn."""
    turn = make_turn(metric=0.7)
    better = make_turn(number=2, metric=0.8, asked={"training.learning_rate": 1e-4})
    assert [change.after for change in next_changes((turn, better))] == ["0.0002"]


def test_starts_from_the_best_turn(make_turn: Any) -> None:
    best = make_turn(metric=0.9)
    worse = make_turn("T201", number=2, metric=0.2, asked={"training.learning_rate": 1e-4})
    changes = next_changes((best, worse))
    assert [change.after for change in changes] == ["2.5e-05"]
    assert changes[0].finding == ""


@pytest.mark.parametrize("code", [*TRAINING_FINDINGS, ""])
def test_changes_are_single_valid_new_and_end(make_turn: Any, code: str) -> None:
    """Following the advice for ever: each recipe is new, valid, one setting away, and it comes to an end."""
    history = [make_turn(*filter(None, [code]), best_step=100)]
    for number in range(2, 60):
        changes = next_changes(tuple(history))
        if not changes:
            break
        for change in changes:
            changed = differences(history[0].recipe if number == 2 else _best(history).recipe, change.recipe)
            own = {"training.learning_rate", "training.epochs"} if change.setting == "method" else set()
            assert changed - own <= {change.setting}
            assert change.setting in changed
            assert check_values(change.recipe) == change.recipe
            assert recipe_id(change.recipe) not in {turn.recipe_id for turn in history}
            assert change.reason
            assert change.expected
            assert "minutes" in change.cost
        history.append(
            make_turn(*filter(None, [code]), number=number, metric=0.7, best_step=100, recipe=changes[0].recipe)
        )
    else:
        pytest.fail("the advice never ends")


def _best(history: list[Any]) -> Any:
    return max(history, key=lambda turn: (turn.validation_metric, -turn.number))


def test_history_is_not_changed(make_turn: Any) -> None:
    turn = make_turn("T202")
    copy = replace(turn)
    next_changes((turn,))
    assert turn == copy
