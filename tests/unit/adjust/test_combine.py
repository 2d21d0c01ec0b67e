"""What may be combined, what is tried, and what wins: beyond one paired standard error and the luck of the best."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from sintonia.adjust.combine import combinable, combinations, further_seeds, grow_mean, pick
from sintonia.records import (
    Candidate,
    Combination,
    Finding,
    Resolved,
    Resources,
    TriedCombination,
    Turn,
)
from sintonia.settings import DataSettings, LoraSettings, Recipe
from sintonia.statistics import selection_optimism


def make_turn(number: int, metric: float, *, method: str = "full", seed: int = 0, max_tokens: int = 64) -> Turn:
    recipe = Recipe(data=DataSettings(path="x"), task="classify", method=method, seed=seed)
    return Turn(
        number=number,
        recipe_id=str(number),
        recipe=recipe,
        resolved=(Resolved(setting="training.max_tokens", value=max_tokens, origin=""),),
        parent=None,
        purpose="",
        part="000",
        candidate=Candidate(
            weights="w", best_step=1, last_step=1, planned_steps=1, stop_reason="", num_trained=1, files_id="f"
        ),
        validation_metric=metric,
        findings=(),
        resources=Resources(basis="measured", seconds=120.0, peak_memory_bytes=1),
    )


def tried(gain: float, error: float, turns: tuple[int, ...] = (1, 2)) -> TriedCombination:
    return TriedCombination(
        combination=Combination(kind="mean", turns=turns), value=0.5 + gain, gain=gain, standard_error=error
    )


def test_only_like_turns_are_combined_the_best_first() -> None:
    broken = Finding(code="E310", severity="stop", message="", hint="")
    turns = (
        make_turn(1, 0.7),
        make_turn(2, 0.8),
        make_turn(3, 0.9, max_tokens=32),
        make_turn(4, 0.6, method="lora"),
        dataclasses.replace(make_turn(5, 0.95), findings=(broken,)),
        dataclasses.replace(make_turn(6, 0.99), combined=Combination(kind="mean", turns=(1, 2))),
        make_turn(7, 0.7),
    )
    assert [one.number for one in combinable(turns)] == [3]
    assert [one.number for one in combinable([one for one in turns if one.number != 3])] == [2, 1, 7]


def test_dora_adapters_of_a_language_model_are_scaled_only() -> None:
    turn = make_turn(1, 0.7, method="lora")
    recipe = dataclasses.replace(turn.recipe, task="chat", lora=LoraSettings(variant="dora"))
    turns = [dataclasses.replace(turn, number=number, recipe=recipe) for number in (1, 2)]
    assert [one.number for one in combinable(turns)] == [1]
    plain = [dataclasses.replace(turn, number=number) for number in (1, 2)]
    assert [one.number for one in combinable(plain)] == [1, 2]


def test_what_is_tried_follows_from_the_members() -> None:
    one, two = make_turn(1, 0.7), make_turn(2, 0.8)
    assert [it.scale for it in combinations((one,), may_have_thresholds=False)] == [0.9, 0.8, 0.7, 0.6, 0.5]
    both = combinations((two, one), may_have_thresholds=True)
    assert both[0] == Combination(kind="mean", turns=(2, 1))
    assert both[1] == Combination(kind="thresholds", turns=(2,))
    assert {it.turns for it in both[1:]} == {(2,)}
    heads = (make_turn(1, 0.7, method="head"), make_turn(2, 0.8, method="head"))
    assert combinations(heads, may_have_thresholds=False) == (Combination(kind="mean", turns=(1, 2)),)


def test_the_greedy_mean_adds_what_does_not_harm() -> None:
    members = [make_turn(number, 1 - number / 10) for number in (1, 2, 3, 4)]
    gains = {(1, 2): 0.01, (1, 2, 3): -0.02, (1, 2, 4): 0.03}
    asked: list[tuple[int, ...]] = []

    def measure(one: Combination) -> TriedCombination:
        asked.append(one.turns)
        return tried(gains[one.turns], 0.01, one.turns)

    found = grow_mean(members, measure, tried(0.0, 0.01, (1, 2, 3, 4)))
    assert asked == [(1, 2), (1, 2, 3), (1, 2, 4)]
    assert [one.combination.turns for one in found] == asked
    asked.clear()
    grow_mean(members[:2], measure, tried(0.01, 0.01, (1, 2)))
    assert asked == []


@pytest.mark.parametrize("num_tried", [1, 7])
def test_a_gain_must_beat_its_error_and_the_luck_of_the_best(num_tried: int) -> None:
    error = 0.01
    bar = max(selection_optimism(error, num_tried) + error, 1.645 * error)
    below = [tried(-0.1, error)] * (num_tried - 1)
    assert pick([*below, tried(bar + 1e-6, error)]).wins
    assert not pick([*below, tried(bar - 1e-6, error)]).wins
    assert pick([tried(bar, error)] * 7).needed > error


def test_the_same_answers_win_nothing() -> None:
    assert not pick([tried(0.0, 0.0)]).wins
    assert not pick([tried(-0.01, 0.0)]).wins


def test_equal_combinations_seldom_win() -> None:
    """Seven that are truly as good as the turn to beat, with its luck in common: kept in at most one case of eight."""
    rng, num_wins = np.random.default_rng(0), 0
    for _ in range(2000):
        gains = (rng.normal(size=7) - rng.normal()) * 0.01 / 2**0.5
        num_wins += pick([tried(float(gain), 0.01) for gain in gains]).wins
    assert num_wins / 2000 < 0.125


def test_further_seeds_are_those_that_are_missing() -> None:
    turns = [make_turn(1, 0.7), make_turn(2, 0.6, seed=1)]
    (change,) = further_seeds(turns, 2)
    assert change.recipe == dataclasses.replace(turns[0].recipe, seed=2)
    assert (change.setting, change.before, change.after, change.seconds) == ("seed", "0", "2", 120.0)
    assert further_seeds(turns, 1) == ()
    assert [one.recipe.seed for one in further_seeds(turns[:1], 2)] == [1, 2]
