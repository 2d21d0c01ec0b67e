"""Steep says yes, flat says no, noisy and strange say can't tell; bands hold the truth; nothing beyond four times."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sintonia.adjust.curve import Draw, Measured, answer_of, fit_curve
from sintonia.adjust.curve.answering import NO_BELOW, YES_FROM
from sintonia.metrics import METRICS
from tests.unit.adjust.curve.planted import error_at, planted_curve

STEEP, FLAT, BETWEEN = (0.05, 0.15, 0.6), (0.2, 0.002, 0.5), (0.1, 0.08, 0.42)


def _answers(law: tuple[float, float, float], seeds: int, **asked: Any) -> list[str]:
    return [answer_of(fit_curve(planted_curve(law, seed=seed, **asked), 800))[0] for seed in range(seeds)]


def test_a_steep_curve_says_yes() -> None:
    answers = _answers(STEEP, 10)
    assert answers.count("yes") >= 8
    assert "no" not in answers


def test_a_flat_curve_says_no() -> None:
    answers = _answers(FLAT, 10)
    assert answers.count("no") >= 8
    assert "yes" not in answers


def test_between_one_and_three_points_nobody_is_told() -> None:
    true = error_at(np.array([800.0, 1_600.0]), *BETWEEN, 800)
    assert NO_BELOW < true[0] - true[1] < YES_FROM
    answers = _answers(BETWEEN, 10)
    assert answers.count("can't tell") >= 6


def test_noise_says_that_it_cannot_be_told() -> None:
    law = (0.1, 0.15, 0.4)  # 3.6 points
    noisy = _answers(law, 12, num_scored=60, num_draws=1, chance=1.0)
    assert noisy.count("can't tell") >= 6
    assert _answers(law, 6, num_scored=4_000).count("yes") >= 5


def test_a_curve_that_rises_cannot_be_told() -> None:
    measured = planted_curve((0.1, 0.1, 0.5), num_scored=2_000)
    turned = [
        Draw(scored=draw.scored, sizes=draw.sizes, counts=(*draw.counts[:-1], draw.counts[0]))
        for draw in measured.draws
    ]
    answer, why = answer_of(fit_curve(Measured(metric="accuracy", draws=tuple(turned), groups=measured.groups), 800))
    assert answer == "can't tell"
    assert "worse on the way" in why


def test_a_curve_that_falls_off_a_step_cannot_be_told() -> None:
    measured = planted_curve((0.3, 0.0001, 0.5), num_scored=4_000)
    better = planted_curve((0.1, 0.0001, 0.5), num_scored=4_000, seed=1)
    step = [
        Draw(scored=one.scored, sizes=one.sizes, counts=(*one.counts[:3], *other.counts[3:]))
        for one, other in zip(measured.draws, better.draws, strict=True)
    ]
    answer, why = answer_of(fit_curve(Measured(metric="accuracy", draws=tuple(step), groups=measured.groups), 800))
    assert answer == "can't tell"
    assert "usual form" in why


def test_the_band_holds_the_truth() -> None:
    law, held, gains_held, seeds = (0.08, 0.12, 0.5), 0, 0, 40
    now, then = error_at(np.array([800.0, 1_600.0]), *law, 800)
    misses = []
    for seed in range(seeds):
        fitted = fit_curve(planted_curve(law, num_scored=500, seed=seed), 800)
        told, gain = fitted.at(1_600), fitted.gain()
        held += told.low <= then <= told.high
        gains_held += gain.low <= now - then <= gain.high
        misses.append(abs(told.value - then))
    assert held >= 0.8 * seeds
    assert gains_held >= 0.8 * seeds
    assert np.mean(misses) < 0.015


def test_nothing_is_told_beyond_four_times_the_examples() -> None:
    fitted = fit_curve(planted_curve(STEEP), 800)
    assert fitted.at(3_200).value < fitted.at(1_600).value
    assert max(point.num_examples for point in fitted.band()) == 3_200
    with pytest.raises(ValueError, match="beyond 4 times"):
        fitted.at(3_300)


@pytest.mark.parametrize(("num_rare", "is_told"), [(6, False), (60, True)])
def test_an_average_over_classes_needs_examples_of_each(num_rare: int, *, is_told: bool) -> None:
    plain = planted_curve(STEEP, num_scored=1_000)
    targets = ["rare"] * num_rare + ["usual"] * (1_000 - num_rare)
    order = np.random.default_rng(0).permutation(1_000)
    targets = [targets[int(k)] for k in order]
    other = {"rare": "usual", "usual": "rare"}
    draws = []
    for draw in plain.draws:
        answers = [
            [one if is_right else other[one] for one, is_right in zip(targets, counts[:, 0] > 0, strict=True)]
            for counts in draw.counts
        ]
        counted = tuple(METRICS["macro_f1"].counts(targets, said).toarray() for said in answers)
        draws.append(Draw(scored=draw.scored, sizes=draw.sizes, counts=counted))
    measured = Measured(metric="macro_f1", draws=tuple(draws), groups=plain.groups)
    assert measured.rarest == num_rare
    why = answer_of(fit_curve(measured, 800))[1]
    assert ("scored examples, and counts as much" in why) != is_told


def test_losses_are_told_as_shares() -> None:
    generator, sizes = np.random.default_rng(0), (100, 200, 400, 800)
    lengths = generator.integers(20, 200, 300).astype(float)
    hard = generator.normal(1.0, 0.2, 300)
    true = error_at(np.array(sizes, dtype=float), 0.5, 0.5, 0.4, 800)
    counts = tuple(np.column_stack([bits * np.log(2) * lengths * hard, lengths]) for bits in true)
    draw = Draw(scored=np.arange(300), sizes=sizes, counts=counts)
    fitted = fit_curve(Measured(metric="bits_per_byte", draws=(draw,), groups=np.arange(300)), 800)
    value = (1.0 - error_at(np.array([1_600.0]), 0.5, 0.5, 0.4, 800)[0]) / 1.0
    assert fitted.is_relative
    assert fitted.gain().value == pytest.approx(value, abs=0.01)
    assert answer_of(fitted)[0] == "yes"


def test_groups_widen_the_band() -> None:
    measured = planted_curve(STEEP, num_scored=400)
    grouped = Measured(metric="accuracy", draws=measured.draws, groups=measured.groups // 40)
    single = fit_curve(measured, 800).points()[-1].error
    together = fit_curve(grouped, 800).points()[-1].error
    assert together.value == single.value
    assert together.low != single.low


def test_three_sizes_are_too_few() -> None:
    with pytest.raises(ValueError, match="4 sizes"):
        fit_curve(planted_curve(STEEP, sizes=(200, 400, 800)), 800)
