"""D118: when the order is known, of several files, or too short to say anything."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sintonia.prepare.checks.d118_order import check
from sintonia.prepare.rows import Rows
from sintonia.statistics.order import order_test
from tests.unit.prepare.checks.text_rows import audit_of, sentences

ANSWERS = ["yes", "no"] * 200
CHANGED = [*sentences("en", 200), *sentences("it", 200)]


def with_rows(**changes: object):
    """The changed texts, each row with something replaced."""
    audit = audit_of(CHANGED, ANSWERS)
    return replace(audit, rows=Rows.keep((replace(row, **changes) for row in audit.rows.scan()), has_classes=True))


def test_two_halves_that_differ_are_blocks():
    finding = check(audit_of(CHANGED, ANSWERS))
    assert finding and finding.code == "D118" and finding.severity == "note"
    assert "in blocks that differ" in finding.message and "`data.group=COLUMN`" in finding.hint


def test_a_named_group_column_makes_blocks_no_news():
    assert check(with_rows(group_key="00000000000000ab")) is None


def test_a_named_time_column_makes_the_order_no_news():
    assert check(with_rows(time=17.0)) is None


def test_the_order_of_different_files_means_nothing():
    audit = audit_of(CHANGED, ANSWERS)
    rows = [replace(row, file=f"{position}.txt") for position, row in enumerate(audit.rows.scan())]
    assert check(replace(audit, rows=Rows.keep(rows, has_classes=True))) is None


def test_few_rows_are_left_alone():
    assert check(audit_of([*sentences("en", 40), *sentences("it", 40)])) is None


def test_tasks_without_classes_are_tested_too():
    assert check(audit_of(CHANGED, [f"answer {i}" for i in range(400)], task="chat"))


def test_under_the_null_p_is_small_as_often_as_it_should_be():
    generator = np.random.default_rng(0)
    values = []
    for seed in range(60):
        features = generator.normal(size=(80, 5))
        features /= np.linalg.norm(features, axis=1, keepdims=True)
        values.append(order_test(features, generator.integers(0, 3, 80), seed).p_value)
    assert sum(value <= 0.1 for value in values) <= 14 and sum(value <= 0.5 for value in values) >= 18


def test_a_change_of_one_class_alone_is_seen():
    generator = np.random.default_rng(1)
    codes = generator.integers(0, 3, 300)
    features = generator.normal(size=(300, 5))
    features[codes == 1, 0] += np.linspace(-2, 2, (codes == 1).sum())
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    assert order_test(features, codes).p_value == 0.002
