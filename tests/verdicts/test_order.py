"""E25 of science.md: concept drift along the file is noticed and a time split proposed; shuffled or sorted, not."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np

from sintonia.prepare.checks.d118_order import check
from sintonia.records import Finding
from tests.unit.prepare.checks.text_rows import audit_of

SEEDS = range(20)
WORDS = [f"{first}{second}" for first in ("ba", "ce", "di", "fo", "gu", "ha") for second in "lmnprstvz"]
KEYS = [[f"{first}{second}" for second in ("ra", "se", "ti", "vo", "zu")] for first in ("kla", "bre", "tri")]
CLASSES = ("late", "lost", "paid")


def rows(seed: int, count: int = 600, *, drift: str = "none") -> list[tuple[str, str]]:
    """Texts with two keywords of their class. Under concept drift the next class's keywords come to mean it."""
    chance = random.Random(seed)
    made = []
    for position in range(count):
        time, label = position / count, chance.randrange(3)
        moved = {"concept": chance.random() < time, "switch": time > 0.5}.get(drift, False)
        words = [chance.choice(WORDS) for _ in range(8)] + chance.sample(KEYS[(label + moved) % 3], 2)
        if drift == "inputs" and chance.random() < time:
            words.append(chance.choice(["stream", "season", "series"]))
        chance.shuffle(words)
        made.append((" ".join(words), CLASSES[label]))
    return made


def found(made: list[tuple[str, str]], groups: list[int] | None = None) -> Finding | None:
    audit = audit_of([text for text, _ in made], [label for _, label in made])
    return check(audit if groups is None else replace(audit, groups=np.array(groups)))


def test_e25_concept_drift_in_the_order_proposes_a_time_split():
    findings = [found(rows(seed, drift="concept")) for seed in SEEDS]
    proposed = [one for one in findings if one and "a time split is proposed: `data.time=COLUMN`" in one.hint]
    assert len(proposed) >= 19
    assert all(one.severity == "warning" and "p = 0.002" in one.message for one in proposed)


def test_drift_of_the_inputs_and_a_sudden_change_are_seen_too():
    for drift in ("inputs", "switch"):
        assert all(found(rows(seed, drift=drift)) for seed in range(5))


def test_a_steady_change_and_a_sudden_one_are_told_apart():
    steady = [found(rows(seed, 1200, drift="concept")) for seed in range(3)]
    sudden = [found(rows(seed, 1200, drift="switch")) for seed in range(3)]
    assert all(one and "steadily with their order, as with time" in one.message for one in steady)
    assert all(one and one.severity == "note" and "in blocks" in one.message for one in sudden)


def test_e25_shuffled_rows_are_left_alone():
    quiet = 0
    for seed in SEEDS:
        made = rows(seed, drift="concept")
        random.Random(seed + 1000).shuffle(made)
        quiet += found(made) is None
    assert quiet >= 19


def test_e25_rows_sorted_by_label_are_left_alone():
    quiet = sum(found(sorted(rows(seed), key=lambda row: row[1])) is None for seed in SEEDS)
    assert quiet >= 19


def test_blocks_of_one_group_each_are_left_alone():
    quiet = 0
    for seed in SEEDS:
        chance = random.Random(seed)
        made, groups = [], []
        for group in range(120):
            subject = " ".join(chance.sample(WORDS, 4))
            for text, label in rows(seed * 1000 + group, 5):
                made.append((f"{subject} {text}", label))
                groups.append(group)
        quiet += found(made, groups) is None
    assert quiet >= 19
