"""D116 and D117: what the two-sample test does with copies, with few texts, and with personal data."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from sintonia.prepare.checks import d116_drift, d117_production
from sintonia.statistics.two_sample import compare_texts
from tests.unit.prepare.checks.text_rows import audit_of, sentences

WORDS = [f"{first}{second}" for first in ("ba", "ce", "di", "fo", "gu", "ha", "ki") for second in "lmnprstvz"]


def texts(count: int, seed: int, length: int = 6) -> list[str]:
    chance = random.Random(seed)
    return [" ".join(chance.choice(WORDS) for _ in range(length)) for _ in range(count)]


def split(held: list[str], num_train: int, groups: list[int] | None = None):
    sets = np.array([0] * num_train + [1] * (len(held) - num_train), dtype=np.int8)
    audit = replace(audit_of(held), sets=sets)
    return audit if groups is None else replace(audit, groups=np.array(groups))


def test_a_validation_set_in_another_language_is_named():
    finding = d116_drift.check(split([*sentences("en", 200), *sentences("it", 100)], 200))
    assert finding and finding.severity == "warning"
    assert "those of the validation set" in finding.message and "100 training and validation texts" in finding.message


def test_copies_of_one_text_do_not_separate_the_sets():
    held = [*texts(100, 1), *texts(100, 2)]
    copies = [one for one in held for _ in range(5)]
    groups = [number for number in range(200) for _ in range(5)]
    assert d116_drift.check(split(copies, 500, groups)) is None


def test_a_set_of_few_groups_is_not_compared():
    held = [*texts(300, 1), *sentences("it", 100)]
    assert d116_drift.check(split(held, 300, [*range(300), *[300 + i % 20 for i in range(100)]])) is None


def test_no_number_and_no_address_is_shown():
    marked = [f"{text} write to anna.b{i % 3}@example.org or 555{i % 4}" for i, text in enumerate(texts(200, 3))]
    finding = d116_drift.check(split([*texts(200, 4), *marked], 200))
    assert finding and "555" not in finding.message and "@" not in finding.message and "`write`" in finding.message
    assert finding.message.count("`") <= 2 * 15


def test_words_in_two_texts_only_are_not_shown():
    rare = [f"{text} common{' zanzibar' if i < 2 else ''}" for i, text in enumerate(texts(100, 5))]
    words = compare_texts(texts(100, 6), rare, num_words=100).words
    assert words[0] == "common" and "zanzibar" not in words


def test_the_same_texts_give_the_same_numbers():
    assert compare_texts(texts(80, 1), texts(80, 2)) == compare_texts(texts(80, 1), texts(80, 2))


def test_scripts_without_spaces_are_compared():
    chance = random.Random(0)
    first = ["".join(chance.choice("天地玄黄宇宙洪荒") for _ in range(8)) for _ in range(100)]
    second = ["".join(chance.choice("日月盈昃辰宿列张") for _ in range(8)) for _ in range(100)]
    assert compare_texts(first, second).auc > 0.9


def test_texts_without_a_common_word_cannot_be_told_apart():
    result = compare_texts([f"a{chr(97 + i)}" for i in range(20)], [f"b{chr(97 + i)}" for i in range(20)])
    assert result.auc == 0.5 and result.words == () and result.p_value > 0.01


def test_unequal_sets_are_refused():
    with pytest.raises(ValueError, match="20 and 30 texts"):
        compare_texts(texts(20, 1), texts(30, 2))


def test_production_texts_are_compared_with_all_rows():
    audit = replace(audit_of(sentences("en", 200)), production=tuple(sentences("it", 200)))
    finding = d117_production.check(audit)
    assert finding and finding.code == "D117" and finding.severity == "warning"
    assert d117_production.check(audit_of(sentences("en", 200))) is None
    assert d117_production.check(replace(audit, production=tuple(sentences("en", 200, seed=9)))) is None


def test_repeated_production_texts_count_once_and_too_few_are_said():
    finding = d117_production.check_production(audit_of(sentences("en", 200)), [*sentences("it", 30), "ciao!"] * 50)
    assert finding and finding.severity == "note" and "31 different texts" in finding.message
