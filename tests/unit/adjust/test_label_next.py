"""Picks are unsure, apart from one another, partly by chance, and never twice."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from sintonia.adjust import pick, pick_spread, shortlist
from sintonia.adjust.label_next import margins
from sintonia.records import Batch


def _pool(seed: int = 0, count: int = 600) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of three labels, and features: the first 120 texts are unsure and lie in six heaps."""
    generator = np.random.default_rng(seed)
    lead = np.where(np.arange(count) < 120, generator.uniform(0.0, 0.1, count), generator.uniform(0.5, 0.9, count))
    first = (1 + lead) / 2
    probabilities = np.stack([first - 0.005, 1 - first - 0.005, np.full(count, 0.01)], axis=1)
    heaps = np.eye(8)[np.where(np.arange(count) < 120, np.arange(count) % 6, 6)]
    return probabilities, heaps + generator.normal(0, 0.01, (count, 8))


def test_the_margin_is_the_lead_of_the_likeliest_label() -> None:
    found = margins(np.array([[0.5, 0.3, 0.2], [0.4, 0.4, 0.2], [0.05, 0.05, 0.9]]))
    assert found == pytest.approx([0.2, 0.0, 0.85])


def test_what_is_picked_is_unsure_and_what_is_sure_comes_by_chance_only() -> None:
    probabilities, features = _pool()
    batch = Batch(num_wanted=20, random_fraction=0.15, seed=3)
    picks = pick(probabilities, features[shortlist(probabilities, batch)], batch)
    assert Counter(one.origin for one in picks) == {"margin": 17, "random": 3}
    assert all(one.position < 120 for one in picks if one.origin == "margin")
    assert any(one.position >= 120 for one in picks if one.origin == "random")
    assert len({one.position for one in picks}) == 20


def test_what_is_picked_lies_apart_where_the_smallest_margins_alone_would_not() -> None:
    probabilities, features = _pool()
    probabilities[:20, :2] = [[0.495, 0.4949]] * 20  # the least sure of all lie in one heap
    features[:20] = np.eye(8)[7] + np.random.default_rng(1).normal(0, 0.001, (20, 8))
    batch = Batch(num_wanted=8, random_fraction=0.0, seed=0)
    listed = shortlist(probabilities, batch)
    assert set(range(20)) - set(listed[:20].tolist()) <= set(_by_chance(probabilities, batch))
    picks = [one for one in pick(probabilities, features[listed], batch) if one.origin == "margin"]
    assert sum(one.position < 20 for one in picks) <= 2
    assert len({int(features[one.position].argmax()) for one in picks}) >= 6


def _by_chance(probabilities: np.ndarray, batch: Batch) -> list[int]:
    features = np.zeros((len(shortlist(probabilities, batch)), 8))
    return [one.position for one in pick(probabilities, features, batch) if one.origin == "random"]


@pytest.mark.parametrize(
    ("fraction", "wanted", "num_random"), [(0.15, 20, 3), (0.01, 20, 1), (0.0, 20, 0), (0.2, 50, 10), (1.0, 5, 5)]
)
def test_the_share_by_chance_is_kept_and_none_only_where_it_is_0(fraction: float, wanted: int, num_random: int) -> None:
    probabilities, features = _pool()
    batch = Batch(num_wanted=wanted, random_fraction=fraction, seed=1)
    picks = pick(probabilities, features[shortlist(probabilities, batch)], batch)
    assert len(picks) == wanted
    assert sum(one.origin == "random" for one in picks) == num_random


def test_what_comes_by_chance_does_not_depend_on_the_model_and_stands_anywhere() -> None:
    probabilities, features = _pool()
    batch = Batch(num_wanted=40, random_fraction=0.25, seed=5)
    turned = probabilities[:, ::-1] * np.linspace(0.5, 1, len(probabilities))[:, None]
    assert set(_by_chance(probabilities, batch)) == set(_by_chance(turned, batch))
    places = {
        place
        for seed in range(8)
        for place, one in enumerate(_picks(probabilities, features, Batch(num_wanted=8, seed=seed)))
        if one.origin == "random"
    }
    assert len(places) >= 4


def _picks(probabilities, features, batch):
    return pick(probabilities, features[shortlist(probabilities, batch)], batch)


def test_the_same_seed_picks_the_same_and_another_one_others() -> None:
    probabilities, features = _pool()
    again = [_picks(probabilities, features, Batch(num_wanted=20, seed=seed)) for seed in (0, 0, 1)]
    assert again[0] == again[1] != again[2]


@pytest.mark.parametrize("count", [1, 2, 5, 20])
def test_a_pool_smaller_than_a_batch_is_picked_whole(count: int) -> None:
    probabilities, features = _pool(count=count)
    batch = Batch(num_wanted=20)
    assert sorted(one.position for one in _picks(probabilities, features, batch)) == list(range(count))
    cold = pick_spread(features, features[:0], batch)
    assert sorted(one.position for one in cold) == list(range(count))


def test_equal_texts_make_no_trouble() -> None:
    probabilities, _ = _pool(count=100)
    picks = _picks(probabilities, np.ones((100, 8)), Batch(num_wanted=10))
    assert len({one.position for one in picks}) == 10


def test_a_cold_start_covers_what_chance_would_miss() -> None:
    """Nine of ten texts are of one kind; the other kinds have two hundredths each."""
    generator = np.random.default_rng(0)
    kinds = np.where(np.arange(500) < 450, 0, 1 + np.arange(500) % 5)
    features = np.eye(8)[kinds] + generator.normal(0, 0.02, (500, 8))
    batch = Batch(num_wanted=12, seed=2)
    picks = pick_spread(features, features[:0], batch)
    spread = [one.position for one in picks if one.origin == "spread"]
    assert len(spread) == 10 and len({one.position for one in picks}) == 12
    assert set(kinds[spread].tolist()) == set(range(6))
    control = [set(kinds[generator.permutation(500)[:10]].tolist()) for _ in range(50)]
    assert sum(len(one) < 6 for one in control) >= 45


def test_a_cold_start_leaves_kinds_alone_that_are_labelled() -> None:
    generator = np.random.default_rng(0)
    kinds = np.arange(400) % 4
    features = np.eye(8)[kinds] + generator.normal(0, 0.001, (400, 8))
    labelled = np.eye(8)[[0, 1]]
    picks = pick_spread(features, labelled, Batch(num_wanted=3, random_fraction=0.0, seed=1))
    assert {one.origin for one in picks} == {"spread"} and len(picks) == 3
    assert {2, 3} <= set(kinds[[one.position for one in picks]].tolist())


@pytest.mark.parametrize("num_labelled", [0, 3])
@pytest.mark.parametrize(("wanted", "fraction"), [(1, 0.15), (5, 1.0)])
def test_without_a_model_all_may_come_by_chance(wanted: int, fraction: float, num_labelled: int) -> None:
    features = _pool()[1]
    picks = pick_spread(features, features[:num_labelled], Batch(num_wanted=wanted, random_fraction=fraction, seed=0))
    assert [one.origin for one in picks] == ["random"] * wanted
    assert len({one.position for one in picks}) == wanted
