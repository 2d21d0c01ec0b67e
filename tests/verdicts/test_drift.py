"""E24 of science.md: texts from elsewhere are told apart, texts of a random split are not."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np

from sintonia.prepare.audit import Audit
from sintonia.prepare.checks import d116_drift, d117_production
from tests.unit.prepare.checks.text_rows import audit_of

SEEDS = range(20)
COMMON = [f"{first}{second}" for first in ("ba", "ce", "di", "fo", "gu") for second in "lmnprstvz"]
TIMES = {"then": ["film", "actor", "scene", "plot"], "now": ["camera", "series", "season", "stream"]}


def text(chance: random.Random, time: str) -> str:
    """Nine words; in half of the texts two are words of their time."""
    words = [chance.choice(COMMON) for _ in range(9)]
    if chance.random() < 0.5:
        words[:2] = chance.sample(TIMES[time], 2)
    chance.shuffle(words)
    return " ".join(words)


def audit(seed: int, *, is_drifted: bool, count: int = 900) -> Audit:
    """Two thirds are training rows, the others test rows; drifted ones are of another time."""
    chance = random.Random(seed)
    sets = [0 if chance.random() < 2 / 3 else 2 for _ in range(count)]
    texts = [text(chance, "now" if is_drifted and held == 2 else "then") for held in sets]
    return replace(audit_of(texts), sets=np.array(sets, dtype=np.int8))


def test_e24_a_test_from_another_time_is_strongly_different():
    for seed in SEEDS:
        finding = d116_drift.check(audit(seed, is_drifted=True))
        assert finding and finding.code == "D116" and finding.severity == "warning"
        assert "differ strongly from those of the test set" in finding.message and "p < .0001" in finding.message
        named = [word for words in TIMES.values() for word in words if f"`{word}`" in finding.message]
        assert len(named) >= 6


def test_e24_a_random_split_is_not():
    assert sum(d116_drift.check(audit(seed, is_drifted=False)) is not None for seed in SEEDS) <= 1


def test_real_texts_from_another_time_are_different_from_the_data_and_others_are_not():
    found = {"now": 0, "then": 0}
    for seed in range(8):
        chance = random.Random(seed + 100)
        for time in found:
            finding = d117_production.check_production(
                audit(seed, is_drifted=False), [text(chance, time) for _ in range(300)]
            )
            found[time] += finding is not None and finding.severity == "warning"
    assert found == {"now": 8, "then": 0}
