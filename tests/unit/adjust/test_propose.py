"""One setting at a time, in the order of science.md 2.4, never twice."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest

from sintonia.adjust import TRAINING_FINDINGS, next_changes
from sintonia.methods import METHODS
from sintonia.recipe import check_values, recipe_id
from sintonia.records import Combination
from sintonia.resolve import LANGUAGE_BASE
from sintonia.settings import Recipe

FULL_RATE = METHODS["full"].learning_rate("encoder", 384)[0]
CHAT = {"task": "chat", "method": "lora"}


def differences(before: Recipe, after: Recipe) -> set[str]:
    """Dotted names of the settings in which two recipes differ."""
    one, two = asdict(before), asdict(after)
    blocks = ("training", "lora")
    names = {name for name in one if one[name] != two[name] and name not in blocks}
    return names | {
        f"{block}.{name}" for block in blocks for name in one[block] if one[block][name] != two[block][name]
    }


def proposed(turn: Any) -> list[tuple[str, str]]:
    """Settings and new values of all changes."""
    return [(change.setting, change.after) for change in next_changes((turn,))]


def first(turn: Any) -> tuple[str, str]:
    """Setting and new value of the first change."""
    change = next_changes((turn,))[0]
    return change.setting, change.after


def test_a_combined_turn_promises_what_a_training_takes(make_turn: Any) -> None:
    trained = make_turn("T212", seconds=120)
    made = Combination(kind="mean", turns=(1,))
    quick = replace(trained.resources, seconds=5.0)
    combined = replace(trained, number=2, parent=1, validation_metric=0.9, combined=made, resources=quick)
    change = next_changes((trained, combined))[0]
    assert change.seconds == pytest.approx(2 * 120) and "took 2.0 minutes" in change.cost


def test_nothing_without_history() -> None:
    assert next_changes(()) == ()


def test_a_head_on_a_language_model_is_offered_nothing_that_it_would_refuse(make_turn: Any) -> None:
    """It has no dropout of its own, and another usual rate than an encoder."""
    asked, used = {"method": "full", "training.learning_rate": 3e-4}, {"training.dropout": 0.0}
    encoder = make_turn("T209", asked=asked, used=used)
    decoder = replace(
        encoder,
        resolved=tuple(
            replace(one, origin=LANGUAGE_BASE) if one.setting == "training.dropout" else one for one in encoder.resolved
        ),
    )
    assert ("training.dropout", "0.1") in proposed(encoder)
    assert "training.dropout" not in dict(proposed(decoder)) and ("method", "lora") in proposed(decoder)
    rates = [replace(one, findings=make_turn("T204").findings) for one in (encoder, decoder)]
    assert first(rates[0]) == ("training.learning_rate", f"{FULL_RATE:g}")
    assert first(rates[1])[1] == "auto"


def test_rate_far_too_low_goes_to_the_usual_one(make_turn: Any) -> None:
    turn = make_turn("T202", asked={"training.learning_rate": 1e-7})
    change = next_changes((turn,))[0]
    assert change.recipe.training.learning_rate == FULL_RATE
    assert (change.before, change.finding) == ("1e-07", "T202")
    assert "500 times below" in change.reason


def test_low_usual_rate_is_tripled(make_turn: Any) -> None:
    assert first(make_turn("T202")) == ("training.learning_rate", "0.00015")


def test_too_high_rate_goes_down(make_turn: Any) -> None:
    usual = FULL_RATE
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
    settings = ["training.epochs", "training.learning_rate", "training.weight_decay"]
    assert [change.setting for change in changes] == settings
    assert changes[0].after == "1"


def test_a_head_alone_is_tried_only_where_training_did_not_start_from_it(make_turn: Any) -> None:
    asked = {"training.head_start": "random"}
    assert "method" in [name for name, _ in proposed(make_turn("T209", asked=asked, best_step=100, last_step=300))]
    assert "method" not in [name for name, _ in proposed(make_turn("T209", best_step=100, last_step=300))]


def test_early_stopping_counts_the_planned_steps(make_turn: Any) -> None:
    turn = make_turn("T209", best_step=100, last_step=200, planned_steps=300)
    assert first(turn) == ("training.epochs", "1")


def test_few_examples_are_not_answered_by_shortening(make_turn: Any) -> None:
    turn = make_turn("T211", asked={"training.head_start": "random"}, best_step=100)
    settings = [change.setting for change in next_changes((turn,))]
    assert settings == ["training.head_start"]
    assert next_changes((make_turn("T211", best_step=100),)) == (), "more examples, and no setting"


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


@pytest.mark.parametrize("code", ["", "T202", "T212", "T214", "T213", "T209"])
def test_nothing_is_worth_trying_when_all_is_right(make_turn: Any, code: str) -> None:
    """No advice to double the learning rate at 100 %, whatever the curves look like."""
    assert next_changes((make_turn(*filter(None, [code]), metric=1.0),)) == ()
    assert next_changes((make_turn(*filter(None, [code]), metric=0.95),)) != ()


def test_of_bits_the_turn_with_the_fewest_is_the_best_and_none_is_perfect(make_turn: Any) -> None:
    bits = {"asked": CHAT, "primary_metric": "bits_per_byte", "used": {"training.learning_rate": 1e-3}}
    worse = make_turn(metric=1.4, **bits)
    better = make_turn("T209", number=2, metric=0.9, best_step=100, **bits | {"asked": CHAT | {"seed": 1}})
    assert {change.recipe.seed for change in next_changes((worse, better))} == {1}
    assert proposed(make_turn(metric=0.995, **bits)) == [
        ("training.learning_rate", "0.002"),
        ("training.learning_rate", "0.0005"),
    ]


def test_a_typed_rate_of_a_language_model_goes_back_to_that_of_its_base(make_turn: Any) -> None:
    typed = {**CHAT, "training.learning_rate": 1e-6}
    assert proposed(make_turn("T202", asked=typed)) == [
        ("training.learning_rate", "auto"),
        ("training.learning_rate", "3e-06"),
        ("training.learning_rate", "1e-05"),
    ]
    used = {"training.learning_rate": 1e-3}
    assert proposed(make_turn("T202", asked=CHAT, used=used))[0] == ("training.learning_rate", "0.003")
    assert proposed(make_turn("T204", asked=CHAT, used=used)) == [
        ("training.learning_rate", "0.0001"),
        ("training.learning_rate", "0.00033"),
    ]


def test_a_loss_that_jumped_is_answered_by_a_tenth_of_the_rate(make_turn: Any) -> None:
    turn = make_turn("T215", asked=CHAT, used={"training.learning_rate": 1e-3})
    assert first(turn) == ("training.learning_rate", "0.0001")


def test_adapters_grow_but_never_turn_into_all_weights(make_turn: Any) -> None:
    """Going from adapters to all weights multiplies the memory: no remedy that anybody should carry out unasked."""
    turn = make_turn("T206", asked={**CHAT, "lora.layers": 4})
    assert proposed(turn)[:2] == [("lora.layers", "all"), ("lora.rank", "64")]
    layers = make_turn("T206", asked={"task": "chat", "method": "full", "training.frozen_layers": 2})
    assert first(layers) == ("training.frozen_layers", "0")
    for code in TRAINING_FINDINGS:
        assert ("method", "full") not in proposed(make_turn(code, asked=CHAT, best_step=100))


def test_overfitting_adapters_shrink(make_turn: Any) -> None:
    assert proposed(make_turn("T211", asked=CHAT)) == [
        ("lora.rank", "4"),
        ("lora.dropout", "0.05"),
        ("training.weight_decay", "0.1"),
    ]
    assert proposed(make_turn("T211", asked={"task": "chat", "method": "full"}))[0] == ("method", "lora")


def test_a_head_has_nothing_to_drop(make_turn: Any) -> None:
    head = proposed(make_turn("T209", asked={"method": "head"}, used={"training.dropout": 0.0}))
    assert ("training.weight_decay", "0.1") in head and ("training.dropout", "0.1") not in head
    full = proposed(make_turn("T209", asked={"method": "full"}, used={"training.dropout": 0.0}))
    assert ("training.dropout", "0.1") in full


def test_conversations_are_not_answered_with_heads(make_turn: Any) -> None:
    for code in TRAINING_FINDINGS:
        for method in ("lora", "full"):
            turn = make_turn(code, best_step=100, asked={"task": "chat", "method": method})
            words = " ".join(f"{change.setting} {change.after} {change.reason}" for change in next_changes((turn,)))
            assert "head" not in words


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


@pytest.mark.parametrize("asked", [{}, CHAT, {"task": "chat", "method": "full"}, {"method": "head"}])
@pytest.mark.parametrize("code", [*TRAINING_FINDINGS, ""])
def test_changes_are_single_valid_new_and_end(make_turn: Any, code: str, asked: dict[str, str]) -> None:
    """Following the advice for ever: each recipe is new, valid, one setting away, and it comes to an end."""
    history = [make_turn(*filter(None, [code]), best_step=100, asked=asked)]
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
