"""The membership test, exposure and their words on numbers whose answers are known by hand."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from sintonia.files import from_json, to_json
from sintonia.privacy.memorisation import (
    HowTrained,
    auc_interval,
    calibrate,
    canary_findings,
    chance_of_recognised,
    exposure,
    limit_of_told_apart,
    mean_with_low,
    memory_findings,
    null_threshold,
    recognised_share,
)
from sintonia.records import Interval
from sintonia.records.privacy.memorisation import Canaries, Exposed, Memorisation, Verbatim

FULL = HowTrained(method="full", epochs=3.0, can_be_private=True)


@pytest.mark.parametrize(("rank", "bits"), [(1, math.log2(16)), (4, 2.0), (17, math.log2(16 / 17))])
def test_the_golden_exposures_of_sixteen_references(rank: int, bits: float) -> None:
    """As tensorflow/privacy has them: ranks 1, 4 and 17 of 16 references."""
    references = np.arange(1.0, 17.0)
    assert exposure(rank - 0.5, references) == pytest.approx(bits)
    assert rank < 17 or bits < 0


def test_a_model_that_knows_nothing_ranks_a_secret_in_the_middle() -> None:
    assert exposure(1.0, np.ones(16)) == pytest.approx(math.log2(16 / 9))


def test_secrets_never_seen_stay_below_the_threshold_in_95_of_100() -> None:
    generator = np.random.default_rng(0)
    references, secrets = generator.random(4_096), generator.random((2_000, 20))
    means = [np.mean([exposure(one, references) for one in few]) for few in secrets]
    above = float(np.mean(np.array(means) > null_threshold(20)))
    assert 0.03 < above < 0.07
    assert 1.97 < null_threshold(20) < 2.02


def test_the_lower_end_of_a_mean_lies_below_it() -> None:
    mean, low = mean_with_low([1.0, 2.0, 3.0, 6.0])
    assert mean == 3.0 and 1.0 < low < mean


def alone(count: int, start: int = 0) -> list[int]:
    return list(range(start, start + count))


def test_random_scores_tell_nothing_apart_and_the_interval_is_one() -> None:
    """P2b: at 500 against 500 chance stays within .03 of one half nineteen times of twenty."""
    found = []
    for seed in range(40):
        generator = np.random.default_rng(seed)
        groups = (alone(500), alone(500, 500))
        found.append(auc_interval(generator.normal(size=500), generator.normal(size=500), groups, seed))
    assert sum(abs(value - 0.5) <= 0.036 for value, _, _ in found) >= 36
    assert sum(low <= 0.5 <= high for _, low, high in found) >= 34


def test_the_auc_is_counted_by_hand_and_ties_are_halves() -> None:
    value, low, high = auc_interval(np.array([3.0, 1.0]), np.array([2.0, 1.0]), (alone(2), alone(2, 2)))
    assert value == (1 + 1 + 0 + 0.5) / 4 and low <= value <= high


def test_rows_of_a_group_are_drawn_together() -> None:
    generator = np.random.default_rng(1)
    shifts = generator.normal(size=20)
    scores = np.repeat(shifts, 10) + generator.normal(scale=0.01, size=200)
    groups = np.repeat(np.arange(20), 10).tolist()
    others = generator.normal(size=200)
    _, low, high = auc_interval(scores, others, (alone(200), alone(200, 200)))
    _, low_of_groups, high_of_groups = auc_interval(scores, others, (groups, alone(200, 200)))
    assert high_of_groups - low_of_groups > 1.5 * (high - low)


def test_the_share_recognised_at_one_in_a_hundred_is_counted_by_hand() -> None:
    """Of 200 held-out rows two may be taken for training rows: the threshold is the third from the top."""
    held_out = np.arange(200.0)
    members = np.array([196.0, 197.0, 197.5, 198.0, 300.0])
    assert recognised_share(members, held_out) == 3 / 5
    assert recognised_share(members, held_out[:99]) is None
    assert recognised_share(members, np.repeat(1e9, 100)) == 0.0


def test_the_chance_of_a_share_is_that_of_drawing_without_putting_back() -> None:
    """One of two members above the highest of ... : all orders of 2 members and 100 held-out rows are as likely."""
    held_out, members = np.arange(100.0), np.array([99.5, -1.0])
    groups = (alone(2), alone(100, 2))
    assert recognised_share(members, held_out) == 0.5
    # two of the held-out rows may lie above: at least one member before the second of 100 held-out rows
    nobody = (100 / 102) * (99 / 101)
    assert chance_of_recognised(members, held_out, groups) == pytest.approx(1 - nobody)
    assert chance_of_recognised(np.array([-1.0]), held_out, (alone(1), alone(100, 1))) == 1.0
    assert chance_of_recognised(members, held_out, (alone(2), [0] * 100)) is None, "one group is one row"


def test_hard_rows_do_not_look_like_members_once_the_base_is_held_against_them() -> None:
    generator = np.random.default_rng(0)
    hard = generator.gamma(1.0, 3.0, 600)
    is_held_out = np.arange(600) >= 300
    tuned = hard - np.where(is_held_out, 0.0, 0.5) + generator.normal(scale=0.1, size=600)
    groups = (alone(300), alone(300, 300))
    for share in (1.0, None):
        scores, taken = calibrate(tuned, hard, is_held_out, share)
        assert auc_interval(scores[:300], scores[300:], groups)[0] > 0.98
        assert taken == pytest.approx(1.0, abs=0.02)
    bare, taken = calibrate(tuned, None, is_held_out)
    assert taken == 0.0 and auc_interval(bare[:300], bare[300:], groups)[0] < 0.6


def test_a_probe_that_knows_nothing_is_left_out() -> None:
    generator = np.random.default_rng(0)
    tuned, noise, is_held_out = generator.random(400), 50 * generator.random(400), np.arange(400) >= 200
    assert calibrate(tuned, noise, is_held_out)[1] < 0.01


def test_few_rows_are_not_called_a_shift_by_chance() -> None:
    assert limit_of_told_apart(500) == 0.55
    assert 0.59 < limit_of_told_apart(100) < 0.60 < limit_of_told_apart(50)


def audit(**changes: object) -> Memorisation:
    found = Memorisation(
        turn=1,
        num_members=500,
        num_held_out=500,
        calibrated_by="base",
        share_of_base=1.0,
        auc=Interval(value=0.52, low=0.48, high=0.55),
        recognised=0.012,
        recognised_chance=0.6,
        told_apart=0.5,
        told_apart_limit=0.55,
        is_valid=True,
    )
    return dataclasses.replace(found, **changes)  # type: ignore[arg-type]


def test_a_healthy_model_is_not_warned_about() -> None:
    assert memory_findings(audit(), FULL) == ()
    assert memory_findings(Memorisation(turn=1, why_not_measured="too few rows"), FULL) == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"auc": Interval(value=0.7, low=0.61, high=0.75)},
        {"recognised": 0.06, "recognised_chance": 1e-4},
    ],
)
def test_what_is_remembered_is_warned_about_with_a_next_step(changes: dict[str, object]) -> None:
    (found,) = memory_findings(audit(**changes), FULL)
    assert (found.code, found.severity, found.count) == ("P401", "warning", 500)
    assert all(word in found.hint for word in ("training.epochs", "--method lora", "privacy.dp.epsilon"))
    assert f"{audit(**changes).auc.value:.0%}" in found.message  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "changes",
    [
        {"auc": Interval(value=0.7, low=0.59, high=0.8)},
        {"recognised": 0.06, "recognised_chance": 0.05},
        {"recognised": 0.05, "recognised_chance": 1e-4},
        {"recognised": None, "recognised_chance": None},
    ],
)
def test_what_chance_may_do_is_not(changes: dict[str, object]) -> None:
    assert memory_findings(audit(**changes), FULL) == ()


def test_sets_of_two_sources_are_called_invalid_and_never_warned_about() -> None:
    shifted = audit(auc=Interval(value=0.99, low=0.98, high=1.0), recognised=0.9, recognised_chance=0.0, told_apart=0.8)
    (found,) = memory_findings(dataclasses.replace(shifted, is_valid=False), FULL)
    assert (found.code, found.severity) == ("P402", "note")
    assert "invalid: distribution shift" in found.message


def canaries(bits: float, **rows: int) -> Canaries:
    exposed = Exposed(
        repetitions=4, num_secrets=20, mean_bits=bits, low_bits=bits - 0.5, is_remembered=bits > null_threshold(20)
    )
    whole = {"num_asked": 100, "num_exact": 0, "num_exact_base": 0, "num_beyond_base": 0, "num_held_out": 100}
    verbatim = Verbatim(**{"num_exact_held_out": 0, **whole, **rows})  # type: ignore[arg-type]
    return Canaries(
        turn=1,
        num_references=4_096,
        threshold_bits=null_threshold(20),
        num_planted=420,
        num_train=500,
        exposed=(exposed,),
        verbatim=verbatim,
    )


def test_secrets_and_rows_that_come_out_are_warned_about() -> None:
    assert canary_findings(canaries(1.5), FULL) == ()
    (secret,) = canary_findings(canaries(8.0), FULL)
    assert (secret.code, secret.severity, secret.count) == ("P403", "warning", 20)
    assert "8.0 bits at 4 repetitions" in secret.message and "of at most 12" in secret.message
    (written,) = canary_findings(canaries(1.0, num_exact=40, num_beyond_base=40), FULL)
    assert written.code == "P403" and written.count == 40


def test_rows_that_can_be_learned_without_being_seen_are_no_leak() -> None:
    assert canary_findings(canaries(1.0, num_exact=40, num_beyond_base=40, num_exact_held_out=38), FULL) == ()


def test_the_records_read_back() -> None:
    for record in (audit(most_exposed=("a", "b")), canaries(8.0)):
        assert from_json(type(record), to_json(record)) == record
