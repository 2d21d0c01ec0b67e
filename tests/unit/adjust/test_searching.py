"""A search on simulated losses: a planted best is found, chance drops no more than is stated, and time is kept to."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest

from sintonia.adjust.searching import (
    DRAWN,
    Earlier,
    adapted,
    best_of,
    centre_of,
    centred,
    changes_of,
    dropped_by,
    first_configurations,
    make_axes,
    next_configurations,
    optimism_of,
    rungs_of,
    search_trainings,
    shortened,
)
from sintonia.adjust.searching.halving import LEVEL, paired_error, stand, standard_errors
from sintonia.adjust.searching.space import BATCH, DECAY, EPOCHS, RANK, RATE, carried_over, cost_of, usual_values
from sintonia.records import Configuration, SearchOutcome, SearchPlan, SearchTrial, Values
from sintonia.settings import DataSettings, LoraSettings, Recipe, TrainingSettings

NUM_VALIDATION = 120
GROUPS = [str(k) for k in range(NUM_VALIDATION)]
TRAINING = TrainingSettings(learning_rate=1e-4, epochs=4.0, batch_examples=16, weight_decay=0.01)


def recipe_of(method: str = "full") -> Recipe:
    return Recipe(data=DataSettings(path="x"), task="classify", method=method, training=TRAINING)  # type: ignore[arg-type]


def plan_of(count: int, seed: int = 0) -> SearchPlan:
    """With points at random: what Optuna would draw is not known here."""
    axes, rng = make_axes(recipe_of(), count), np.random.default_rng(seed)
    drawn = [
        {
            axis.setting: float(rng.choice(axis.choices)) if axis.choices else float(axis.low * 25 ** rng.random())
            for axis in axes
        }
        for _ in range(count)
    ]
    first = first_configurations(axes, (), drawn, count)
    return SearchPlan(axes=axes, num_configurations=count, first=first, seed=0, full_seconds=10.0)


def searched(
    plan: SearchPlan, loss: Callable[[Values, float], float], noise: float, seed: int = 0
) -> tuple[list[SearchTrial], float]:
    """The whole search on losses that follow from the values and the share, and what it cost in whole trainings."""
    rng, history, cost = np.random.default_rng(seed), list[SearchTrial](), 0.0
    hardness = rng.exponential(0.5, NUM_VALIDATION)  # what all have in common, much larger than what differs
    while due := next_configurations(plan, history, GROUPS):
        rung, numbers = due
        one, centre = plan.first[numbers[0]], centre_of(plan, history)
        if one.origin == DRAWN and centre is not None:
            one = dataclasses.replace(one, values=centred(plan.axes, one.values, centre))
        values = one.values
        losses = hardness + loss(values, rung.share) + noise * rng.standard_normal(NUM_VALIDATION)
        history.append(trial(one, rung.number, losses))
        cost += rung.share * (cost_of(plan.axes, values) if rung.is_last else 1)
    return history, cost


def trial(configuration: Configuration, rung: int, losses: np.ndarray | tuple[float, ...]) -> SearchTrial:
    return SearchTrial(
        configuration=configuration, rung=rung, num_steps=5, seconds=1.0, losses=tuple(map(float, losses)), metric=0.5
    )


def bowl(values: Values, share: float) -> float:
    """Lowest at twice the usual rate and weight decay 0.1; shorter trainings are worse, and differ less."""
    distance = math.log(values[RATE] / 2e-4) ** 2 + (0.5 if values.get(DECAY, 0.1) != 0.1 else 0.0)
    return 0.3 * distance * share**0.25 - 0.2 * math.log(share * 27)


def _goodness(one: Configuration) -> float:
    return bowl(one.values, 1.0)


@pytest.mark.parametrize("count", [9, 27])
def test_a_planted_best_is_found(count: int) -> None:
    plan = plan_of(count)
    history, _ = searched(plan, bowl, noise=0.1)
    winner = best_of(plan, history, GROUPS)
    assert winner is not None
    ranked = sorted({one.configuration.number: one.configuration for one in history}.values(), key=_goodness)
    assert winner.configuration.number in [one.number for one in ranked[:2]]


def test_a_useless_ranking_finds_nothing() -> None:
    """The control: where losses do not follow from the values, the planted best is found no more than by chance."""
    found = 0
    for seed in range(60):
        plan = plan_of(9, seed)
        history, _ = searched(plan, lambda *_: 0.0, noise=0.1, seed=seed)
        winner = best_of(plan, history, GROUPS)
        tried = [one.configuration for one in history]
        found += winner is not None and winner.configuration.number == min(tried, key=_goodness).number
    assert found <= 20, "3 to 5 of 9 can win, each as often; 1 in 5 is 12 of 60, and 20 beyond 99 %"


@pytest.mark.parametrize("count", [3, 5, 9, 10, 16, 27])
def test_winner_and_second_seed_included_it_takes_five_trainings_at_most(count: int) -> None:
    plan = plan_of(count)
    for loss in (bowl, lambda values, _: -values.get(EPOCHS, 0.0), lambda *_: 0.0):
        _, cost = searched(plan, loss, noise=0.1)
        assert cost + 2 <= 4.6, "and what is scored on the way"


@pytest.mark.parametrize("count", [6, 9, 27])
def test_of_the_short_trainings_at_most_two_go_on(count: int) -> None:
    plan = plan_of(count)
    history, _ = searched(plan, lambda *_: 0.0, noise=0.1)
    sizes = [sum(one.rung == rung.number for one in history) for rung in rungs_of(count)]
    assert sizes[:2] == [3, count - 3] and sizes[2] <= 2


def test_the_others_are_drawn_around_the_best_rate_of_the_bracket() -> None:
    """Short trainings mislead: where they say the opposite of long ones, the long ones decide on the rate."""

    def misleading(values: Values, share: float) -> float:
        return (1 if share < 0.3 else -1) * math.log(values[RATE])

    plan = plan_of(27)
    history, _ = searched(plan, misleading, noise=0.01)
    assert centre_of(plan, history) == pytest.approx(3e-4)
    drawn = [one.configuration.values[RATE] for one in history if one.configuration.origin == DRAWN]
    assert min(drawn) > 3e-4 / math.sqrt(5) - 1e-9 and max(drawn) <= 5e-4 * (1 + 1e-9)
    winner = best_of(plan, history, GROUPS)
    assert winner is not None and winner.configuration.values[RATE] == pytest.approx(3e-4)
    assert centre_of(plan, [trial(plan.first[0], 2, (0.1,) * NUM_VALIDATION)]) is None


def test_what_hardly_differs_does_not_go_on_twice() -> None:
    plan = plan_of(27)
    losses, usual = np.linspace(0.5, 1.5, NUM_VALIDATION), {RATE: 1e-4, EPOCHS: 4.0, BATCH: 8.0, DECAY: 0.1}
    near, far = {**usual, RATE: 1.2e-4, DECAY: 0.0}, {**usual, RATE: 1.6e-4}

    def alive(*values: Values) -> tuple[int, ...]:
        made = [Configuration(number=k, values=one, origin="") for k, one in enumerate(values)]
        standing = stand(plan, [trial(one, 2, losses) for one in made], GROUPS)
        assert set(standing.dropped) == set(range(len(values))) - set(standing.alive)
        return standing.alive

    assert alive(usual, near, far) == (0, 2)
    assert alive(usual, far, near) == (0, 1)
    assert alive(usual, {**usual, BATCH: 16.0}) == alive(usual, {**usual, EPOCHS: 2.0}) == (0, 1)
    bracket = trial(Configuration(number=9, values={**usual, RATE: 1.1e-4}, origin=""), 1, losses)
    made = [Configuration(number=k, values=one, origin="") for k, one in enumerate((usual, far))]
    standing = stand(plan, [bracket, *(trial(one, 2, losses) for one in made)], GROUPS)
    assert standing.alive == (1,) and standing.dropped[0].startswith("hardly different from number 9")


@pytest.mark.parametrize("rate", [2e-5, 3e-5, 1e-4, 3e-4, 5e-4])
def test_around_another_rate_nothing_leaves_the_space_and_nothing_falls_together(rate: float) -> None:
    axes = make_axes(recipe_of(), 27)
    drawn = [1e-4 * 5 ** (k / 10) for k in range(-10, 11)]
    usual = usual_values(axes)
    found = [centred(axes, {**usual, RATE: one}, rate)[RATE] for one in drawn]
    assert found == sorted(found) and min(found) > 2e-5 * 0.999 and max(found) < 5e-4 * 1.001
    is_at_the_end = rate in (2e-5, 5e-4)
    assert len({f"{one:.9f}" for one in found}) == (11 if is_at_the_end else 21)
    assert found[10] == pytest.approx(rate) and max(found) / min(found) <= 5.001


def test_more_epochs_have_to_win_by_more_than_chance() -> None:
    plan = plan_of(10)
    long, usual = (Configuration(number=k, values={RATE: 1e-4, EPOCHS: e}, origin="") for k, e in ((4, 8.0), (0, 4.0)))
    noise = np.random.default_rng(0).standard_normal((2, NUM_VALIDATION))
    noise -= noise.mean(axis=1, keepdims=True)
    for gain, expected in ((0.01, usual), (2.0, long)):
        winner = best_of(plan, [trial(usual, 1, noise[0]), trial(long, 3, noise[1] - gain)], GROUPS)
        assert winner is not None and winner.configuration == expected


def test_the_test_drops_one_of_equals_no_more_than_it_says() -> None:
    """All are equally good, so that number 0 is as truly the best as any; a planted worse one is the control."""
    plan = plan_of(27)
    rng, by_chance, worse, num_draws = np.random.default_rng(1), 0, 0, 400
    for _ in range(num_draws):
        losses = rng.exponential(0.5, NUM_VALIDATION) + 0.3 * rng.standard_normal((27, NUM_VALIDATION))
        losses[26] += 0.3
        trials = [trial(one, 2, losses[one.number]) for one in plan.first]
        dropped = stand(plan, trials, GROUPS).dropped
        by_chance += "standard errors" in dropped.get(0, "")
        worse += "standard errors" in dropped.get(26, "")
    assert by_chance <= LEVEL * num_draws + 2.6 * math.sqrt(LEVEL * (1 - LEVEL) * num_draws)
    assert worse == num_draws


def test_rows_that_belong_together_count_once() -> None:
    rng = np.random.default_rng(0)
    half = rng.standard_normal(60)
    twice, together = np.repeat(half, 2), [str(k // 2) for k in range(120)]
    zero = np.zeros(120)
    apart = paired_error(twice, zero, [str(k) for k in range(120)])
    assert paired_error(twice, zero, together) == pytest.approx(apart * math.sqrt(2), rel=0.02)
    assert paired_error(half, zero[:60], [str(k) for k in range(60)]) == pytest.approx(
        paired_error(twice, zero, together)
    )
    assert standard_errors(zero, zero, together) == 0 and standard_errors(zero + 1, zero, together) == math.inf


def test_what_broke_is_dropped_and_nothing_is_found_where_all_broke() -> None:
    plan, good = plan_of(3), np.linspace(0, 1, NUM_VALIDATION)
    broken = dataclasses.replace(trial(plan.first[1], 1, ()), why_broken="the loss is no number")
    trials = [trial(plan.first[0], 1, good), broken, trial(plan.first[2], 1, good + 0.001)]
    assert "the loss is no number" in dropped_by(plan, trials, GROUPS)[1]
    winner = best_of(plan, trials, GROUPS)
    assert winner is not None and winner.configuration.number == 0
    assert next_configurations(plan, trials, GROUPS) is None
    nothing = [dataclasses.replace(broken, configuration=one) for one in plan.first]
    assert best_of(plan, nothing, GROUPS) is None and set(dropped_by(plan, nothing, GROUPS)) == {0, 1, 2}


def test_what_was_trained_for_a_short_time_never_wins_beside_what_was_trained_for_longer() -> None:
    """Whatever its loss: trainings of other lengths cannot be compared."""
    plan = plan_of(9)
    losses = np.random.default_rng(0).exponential(0.5, (9, NUM_VALIDATION))
    history = [trial(one, 1, losses[one.number]) for one in plan.first[:3]]
    history += [trial(one, 2, losses[one.number] - 0.4) for one in plan.first[3:]]
    _, due = next_configurations(plan, history, GROUPS) or (None, ())
    assert len(due) == 2
    winner = best_of(plan, history, GROUPS)
    assert winner is not None and winner.rung == 1, "the search was broken off here"
    history.append(trial(plan.first[due[1]], 3, losses[due[1]] - 0.4))
    whole = best_of(plan, history, GROUPS)
    assert whole is not None and (whole.rung, whole.configuration.number) == (3, due[1])
    alone = best_of(plan, history[3:9], GROUPS)
    assert alone is not None and alone.rung == 2, "better than nothing"


def test_more_configurations_vary_more() -> None:
    names = {count: [axis.setting for axis in make_axes(recipe_of("lora"), count)] for count in (3, 9, 10, 24, 25)}
    assert names[3] == names[9] == [RATE]
    assert names[10] == names[24] == [RATE, EPOCHS]
    assert names[25] == [RATE, EPOCHS, BATCH, DECAY, RANK]
    rate = make_axes(recipe_of(), 3)[0]
    assert (rate.low, rate.high) == pytest.approx((2e-5, 5e-4))
    assert (
        24
        in make_axes(dataclasses.replace(recipe_of(), training=dataclasses.replace(TRAINING, batch_examples=24)), 25)[
            2
        ].choices
    ), "what the first turn was trained with can be tried"


def test_first_the_recipe_as_it_is_then_the_bracket_then_earlier_runs_and_nothing_twice() -> None:
    axes = make_axes(recipe_of(), 10)
    earlier = Earlier(run="yesterday", first={RATE: 1e-4, EPOCHS: 10.0}, best={RATE: 9e-4, EPOCHS: 20.0})
    drawn = [usual_values(axes), {RATE: 4e-5, EPOCHS: 2.0}]
    found = first_configurations(axes, [earlier], drawn, 10)
    assert [one.origin for one in found] == [
        "the recipe as it is",
        "bracket",
        "bracket",
        "run yesterday",
        "quasi-random",
    ]
    assert [one.values[RATE] for one in found] == pytest.approx([1e-4, 1e-4 / 3, 3e-4, 5e-4, 4e-5])
    assert found[3].values[EPOCHS] == 8.0, "twice as long as its first turn, as there"
    assert [one.number for one in found] == [0, 1, 2, 3, 4]
    assert carried_over(axes, dataclasses.replace(earlier, best={RATE: 1e-4, EPOCHS: 6.0}))[EPOCHS] == 2.0


def test_early_on_all_see_as_many_examples_and_in_the_last_rung_a_share_of_their_own() -> None:
    recipe = adapted(recipe_of("lora"), {RATE: 2e-4, EPOCHS: 9.0, BATCH: 8.0, RANK: 32.0, DECAY: 0.1})
    assert (recipe.training.learning_rate, recipe.training.batch_examples, recipe.lora) == (
        2e-4,
        8,
        LoraSettings(rank=32),
    )
    assert isinstance(recipe.training.batch_examples, int) and isinstance(recipe.lora.rank, int)
    usual = recipe_of("lora")
    early = shortened(recipe, usual, 1 / 9, is_last=False)
    assert early.training == dataclasses.replace(recipe.training, epochs=4 / 9), "all see as many examples"
    assert shortened(recipe, usual, 1 / 3, is_last=True).training.epochs == pytest.approx(3.0)


def test_the_winner_becomes_two_changes_and_the_recipe_as_it_is_one() -> None:
    plan, recipe = plan_of(10), recipe_of()
    outcome = SearchOutcome(
        winner=Configuration(number=4, values={RATE: 3e-4, EPOCHS: 4.0}, origin="TPE"),
        num_configurations=10,
        dropped={},
        optimism=0.01,
        loss=0.5,
        seconds=1.0,
        ended="",
    )
    first, again = changes_of(recipe, plan.axes, outcome)
    assert (first.setting, first.before, first.after) == (RATE, "0.0001", "0.0003")
    assert first.reason == "search: best of 10 by validation"
    assert (first.recipe.training.learning_rate, first.recipe.training.epochs, first.recipe.seed) == (3e-4, 4.0, 0)
    assert again.recipe == dataclasses.replace(first.recipe, seed=1) and again.setting == "seed"
    usual = dataclasses.replace(outcome, winner=plan.first[0])
    only = changes_of(recipe, plan.axes, usual)
    assert [one.recipe for one in only] == [dataclasses.replace(recipe, seed=1)]


def test_optimism_grows_with_what_was_tried_and_with_noise() -> None:
    def told(count: int, noise: float) -> float:
        plan = plan_of(count)
        history, _ = searched(plan, lambda *_: 0.0, noise)
        winner = best_of(plan, history, GROUPS)
        assert winner is not None
        return optimism_of(plan, winner, history, GROUPS)

    assert told(27, 0.1) > told(3, 0.1) > 0 and told(9, 0.4) > 2 * told(9, 0.1)


def test_more_epochs_cost_where_each_trains_for_its_own() -> None:
    bracket, short, last = rungs_of(27)
    assert not bracket.is_last and not short.is_last and last.is_last
    plan = plan_of(27)
    longest = max(one.values[EPOCHS] for one in plan.first)
    values = [{**one.values, EPOCHS: longest, RATE: 1e-5 * 2**one.number} for one in plan.first]
    long = [dataclasses.replace(one, values=its) for one, its in zip(plan.first, values, strict=True)]
    losses = np.linspace(0.5, 1.5, NUM_VALIDATION)
    going_on = stand(plan, [trial(one, 2, losses) for one in long], GROUPS).alive
    assert cost_of(plan.axes, long[0].values) == 2 and len(going_on) == 1, "there is time for two of the usual length"
    usual = [dataclasses.replace(one, values={**one.values, EPOCHS: 4.0}) for one in long]
    assert len(stand(plan, [trial(one, 2, losses) for one in usual], GROUPS).alive) == last.most == 2
    assert search_trainings(27) == pytest.approx(1 + 24 / 27 + 2 / 3 + 2)
    assert search_trainings(3) == pytest.approx(1 + 2)
