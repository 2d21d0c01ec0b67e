"""E39 of science.md: a text that holds its label is always flagged; keywords and plain texts are not."""

from __future__ import annotations

import random

import pytest

from sintonia.prepare.checks.d115_target_leak import check
from tests.unit.prepare.checks.text_rows import audit_of

SEEDS = range(20)
WORDS = [f"{first}{second}" for first in ("ba", "ce", "di", "fo", "gu", "ha") for second in "lmnprstvz"]
NAMES = {"spaced": ("card arrival", "lost card", "top up"), "joined": ("AddToPlaylist", "GetWeather"), "short": "ABCD"}


def plain(seed: int, labels: tuple[str, ...], count: int = 400) -> list[tuple[str, str]]:
    """Texts that have a keyword of their class in four of five, never its name."""
    chance = random.Random(seed)
    made = []
    for _ in range(count):
        number = chance.randrange(len(labels))
        words = [chance.choice(WORDS) for _ in range(chance.randint(4, 12))]
        if chance.random() < 0.8:
            words.insert(chance.randrange(len(words)), f"key{'xyzuvw'[number]}")
        made.append((" ".join(words), labels[number]))
    return made


def finding(made: list[tuple[str, str]]):
    return check(audit_of([text for text, _ in made], [label for _, label in made]))


@pytest.mark.parametrize("names", NAMES)
@pytest.mark.parametrize("place", ["end", "begin", "anywhere"])
def test_e39_a_label_in_the_text_is_always_flagged(names: str, place: str):
    for seed in SEEDS:
        chance = random.Random(seed)
        leaked = []
        for text, label in plain(seed, tuple(NAMES[names])):
            words = text.split()
            at = {"end": len(words), "begin": 0, "anywhere": chance.randint(0, len(words))}[place]
            leaked.append((" ".join([*words[:at], label, *words[at:]]), label))
        found = finding(leaked)
        assert found and found.code == "D115" and found.severity == "warning" and found.count == 400


def test_a_label_in_a_third_of_the_texts_is_flagged():
    for seed in SEEDS:
        chance = random.Random(seed)
        made = [
            (f"{text} [{label}]" if chance.random() < 0.3 else text, label)
            for text, label in plain(seed, ("late", "lost", "paid"))
        ]
        found = finding(made)
        assert found and found.count == sum("[" in text for text, _ in made)


@pytest.mark.parametrize("names", NAMES)
def test_plain_texts_with_keywords_are_left_alone(names: str):
    assert [finding(plain(seed, tuple(NAMES[names]))) for seed in SEEDS] == [None] * 20


def test_a_class_named_by_its_keyword_is_left_alone():
    for seed in SEEDS:
        chance = random.Random(seed)
        labels = ("refund", "transfer_fee", "card_lost", "pin_change", "top_up")
        made = []
        for text, label in plain(seed, labels):
            words = text.split()
            if label == "refund" and chance.random() < 0.7:
                words.insert(chance.randrange(len(words)), "refund")
            made.append((" ".join(words), label))
        assert finding(made) is None
