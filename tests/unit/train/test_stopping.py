"""Selection over neighbours, exact while training runs; early stopping on proven rises only."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from sintonia.records import Evaluation
from sintonia.train.selection import best_evaluation, best_evaluations, weights_to_keep
from sintonia.train.stopping import has_risen, patience_of, should_stop

LOSSES = tuple(0.2 + 0.001 * k for k in range(40))


def evaluation(step: int, metric: float = 0.9, rise: float = 0.0, train: float = 0.1) -> Evaluation:
    losses = tuple(loss + rise for loss in LOSSES)
    return Evaluation(
        step=step,
        epoch=step / 10,
        learning_rate=1e-3,
        train_losses=(train,) * 4,
        train_correct=(True,) * 4,
        validation_losses=losses,
        validation_correct=(True,) * len(losses),
        metric=metric,
        relative_update=1e-3,
        max_gradient_norm=1.0,
        median_gradient_norm=1.0,
    )


def curve(*metrics: float) -> list[Evaluation]:
    return [evaluation(step, metric) for step, metric in enumerate(metrics)]


def test_a_lucky_evaluation_among_poor_ones_is_not_the_best() -> None:
    evaluations = curve(0.0, 0.7, 0.95, 0.7, 0.9, 0.91, 0.88)
    assert best_evaluation(evaluations, "accuracy").step == 5
    assert [one.step for one in best_evaluations(evaluations, "accuracy", 2)] == [5, 6]


def test_of_bits_the_fewest_are_best() -> None:
    evaluations = curve(3.0, 1.5, 1.2, 1.0, 1.4, 1.9)
    assert best_evaluation(evaluations, "bits_per_byte").step == 3
    assert best_evaluation(evaluations, "accuracy").step == 5


def test_step_0_counts_only_when_it_is_alone() -> None:
    start, first, second = evaluation(0, 0.99), evaluation(5, 0.8), evaluation(9, 0.7)
    assert best_evaluation([start], "accuracy") is start
    assert best_evaluation([start, first], "accuracy") is first
    assert best_evaluation([start, first, second], "accuracy") is first
    alone = evaluation(9, 0.79)
    assert best_evaluation([start, first, alone], "accuracy") is first, "0.99 is not averaged into its neighbour"


def test_ties_go_to_the_lower_loss_then_to_the_earlier() -> None:
    same = [evaluation(k, 0.1 * 3, rise=rise) for k, rise in enumerate((0.3, 0.2, 0.1, 0.1, 0.3), start=1)]
    assert best_evaluation(same, "accuracy").step == 3
    # 0.6 + 0.7 + 0.8 and 0.7 + 0.7 + 0.7 differ by a rounding; both means are 0.7
    evaluations = [evaluation(1, 0.7, rise=0.5), evaluation(2, 0.7, rise=0.4), evaluation(3, 0.7, rise=0.5)]
    evaluations += [evaluation(4, 0.6, 0.5), evaluation(5, 0.6, 0.3), evaluation(6, 0.7, 0.3), evaluation(7, 0.8, 0.6)]
    assert best_evaluations(evaluations, "accuracy", 2)[0].step == 7
    assert [one.step for one in best_evaluations(evaluations, "accuracy", 4)[1:]] == [6, 2, 1]


def test_what_is_not_a_number_is_never_chosen() -> None:
    evaluations = curve(0.0, 0.8, 0.8, float("nan"), 0.7, 0.7)
    assert best_evaluation(evaluations, "accuracy").step == 1
    assert best_evaluation(evaluations, "bits_per_byte").step == 5
    assert best_evaluation(curve(0.0, float("nan")), "accuracy").step == 1


def test_nothing_evaluated_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing was evaluated"):
        best_evaluation([], "accuracy")


@pytest.mark.parametrize("metric_name", ["accuracy", "bits_per_byte"])
@pytest.mark.parametrize("num_best", [1, 3])
def test_the_live_choice_is_that_of_hindsight(metric_name: str, num_best: int) -> None:
    """A loop that keeps only what it is told to has the weights of the best in memory, whenever it ends."""
    for seed in range(300):
        generator = np.random.default_rng(seed)
        length = int(generator.integers(1, 25))
        values = np.round(generator.normal(0.7, 0.1, length).cumsum() if seed % 2 else generator.random(length), 1)
        evaluations, held, largest = [], set(), 0
        for step, value in enumerate(values):
            evaluations.append(evaluation(step * 7, float(value), rise=float(generator.integers(3))))
            wanted = weights_to_keep(evaluations, metric_name, num_best)
            assert wanted <= held | {step * 7}, "weights are asked for that are gone"
            held, largest = wanted, max(largest, len(wanted))
            best = {one.step for one in best_evaluations(evaluations, metric_name, num_best)}
            assert best <= held
        assert largest <= num_best + 1


def test_keeping_fewer_copies_would_lose_the_best() -> None:
    """The negative control: with the newest and the best so far as judged live, hindsight's choice is gone."""
    evaluations = curve(0.0, 0.9, 0.8, 0.86, 0.92)
    live = best_evaluation(evaluations[:3], "accuracy").step
    later = best_evaluation(evaluations, "accuracy").step
    assert weights_to_keep(evaluations[:3], "accuracy") == {1, 2}
    assert (live, later) == (1, 4)
    assert best_evaluation(curve(0.0, 0.9, 0.8, 0.95, 0.6), "accuracy").step == 2, "it was second, and rose"


def risen(*rises: float, trains: tuple[float, ...] = (), metrics: tuple[float, ...] = ()) -> list[Evaluation]:
    falling = trains or tuple(0.5 - 0.05 * k for k in range(len(rises)))
    values = metrics or (0.9,) * len(rises)
    return [evaluation(k, values[k], rise, falling[k]) for k, rise in enumerate(rises)]


def test_a_rise_is_proven_large_enough_and_with_falling_training_loss() -> None:
    assert has_risen(risen(0.3, 0.0, 0.1))
    assert not has_risen(risen(0.3, 0.1, 0.0)), "it fell"
    assert not has_risen(risen(0.3, 0.0, 0.005)), "under 2 % of the loss at the start"
    assert not has_risen(risen(0.3, 0.0, 0.1, trains=(0.5, 0.3, 0.4))), "both losses rose: not overfitting"
    noisy = risen(0.3, 0.0, 0.0)
    wobble = np.random.default_rng(0).normal(0.02, 0.5, size=len(LOSSES))
    noisy[-1] = dataclasses.replace(noisy[-1], validation_losses=tuple((np.array(LOSSES) + wobble).tolist()))
    assert not has_risen(noisy), "within chance"
    assert not has_risen(risen(0.3, 0.0, float("nan")))


def test_stopping_needs_two_rises_in_a_row_and_a_stale_metric() -> None:
    assert should_stop(risen(0.3, 0.0, 0.1, 0.2, 0.3), 3, "accuracy")
    assert not should_stop(risen(0.3, 0.0, 0.1, 0.2, 0.3), 5, "accuracy"), "patience"
    assert not should_stop(risen(0.3, 0.0, 0.1, 0.0, 0.3), 2, "accuracy"), "only the last one rose"
    better = risen(0.3, 0.0, 0.1, 0.2, 0.3, metrics=(0.5, 0.6, 0.7, 0.8, 0.9))
    assert not should_stop(better, 2, "accuracy"), "the answers get better still"
    assert should_stop(better, 2, "bits_per_byte"), "of bits these are getting worse"


def test_noise_seldom_stops_a_training() -> None:
    """A validation loss that stays where it is, 20 evaluations of 200 examples: at most 5 % are stopped."""
    stopped = 0
    for seed in range(100):
        generator = np.random.default_rng(seed)
        hard, wobble, evaluations = generator.exponential(size=200) + 0.05, np.zeros(200), []
        for step in range(21):
            wobble = 0.7 * wobble + generator.normal(0, 0.3, 200)
            level = 0.5 + 1.8 * np.exp(-step / 1.5)
            one = evaluation(step, 0.85 - 0.5 * np.exp(-step / 1.5) + generator.normal(0, 0.01), train=1 / (step + 1))
            losses = tuple((level * hard * np.exp(wobble)).tolist())
            evaluations.append(dataclasses.replace(one, validation_losses=losses))
        stopped += any(should_stop(evaluations[: k + 1], 3, "accuracy") for k in range(21))
    assert stopped <= 5


@pytest.mark.parametrize(("asked", "planned", "patience"), [(3, 8, 3), (3, 20, 3), (3, 21, 4), (1, 4, 1), (0, 10, 2)])
def test_patience_is_at_least_a_share_of_the_plan(asked: int, planned: int, patience: int) -> None:
    assert patience_of(asked, planned) == patience
