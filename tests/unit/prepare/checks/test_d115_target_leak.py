"""D115: the answer in the text or in another column, and what only looks like it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from sintonia.prepare.checks.d115_target_leak import check, columns_in_words, leaking_columns
from sintonia.prepare.table import Row, Table
from tests.unit.prepare.checks.text_rows import audit_of, lines_of, sentences

LABELS = ("late", "lost", "paid")


def answers(count: int) -> list[str]:
    chance = random.Random(5)
    return [chance.choice(LABELS) for _ in range(count)]


def test_lines_that_name_their_class_are_listed():
    texts, labels = sentences("en", 200), answers(200)
    leaked = [f"{text} ({label})" if i % 2 else text for i, (text, label) in enumerate(zip(texts, labels, strict=True))]
    finding = check(audit_of(leaked, labels))
    assert finding and finding.count == 100 and "50.0 %" in finding.message
    assert lines_of(finding) == list(range(2, 42, 2))


def test_a_class_name_within_a_longer_one_is_not_taken_for_another_class():
    chance = random.Random(1)
    labels = [chance.choice(("very good", "good", "bad", "very bad")) for _ in range(300)]
    finding = check(audit_of([f"{t} {label}" for t, label in zip(sentences("en", 300), labels, strict=True)], labels))
    assert finding and finding.count == 300


def test_a_word_in_nearly_every_text_of_one_class_is_flagged_and_a_keyword_is_not():
    texts, labels = sentences("en", 300), answers(300)
    marked = [f"ticket {t}" if label == "paid" else t for t, label in zip(texts, labels, strict=True)]
    finding = check(audit_of(marked, labels))
    assert finding and "`ticket`" in finding.message and finding.count == labels.count("paid")
    keyword = [
        f"invoice {t}" if x == "paid" and i % 5 else t for i, (t, x) in enumerate(zip(texts, labels, strict=True))
    ]
    assert check(audit_of(keyword, labels)) is None


def test_a_code_that_gives_the_class_away_in_some_rows_is_flagged():
    texts, labels = sentences("it", 300), answers(300)
    coded = [
        f"{t} src_a" if x == "lost" and i % 3 == 0 else t for i, (t, x) in enumerate(zip(texts, labels, strict=True))
    ]
    finding = check(audit_of(coded, labels))
    assert finding and "`src_a`" in finding.message


@pytest.mark.parametrize("language", ["en", "it", "de"])
def test_plain_texts_are_left_alone(language: str):
    assert check(audit_of(sentences(language, 300), answers(300))) is None


def test_other_tasks_are_left_alone():
    texts = [f"{text} yes" for text in sentences("en", 200)]
    assert check(audit_of(texts, ["yes"] * 200, task="chat")) is None


def test_it_is_quick_and_says_how_many_rows_it_looked_at():
    texts, labels = sentences("en", 20_500), answers(20_500)
    finding = check(audit_of([f"{t} {x}" for t, x in zip(texts, labels, strict=True)], labels))
    assert finding and "20,000 rows of the 20,000 looked at" in finding.message


def test_a_text_of_nothing_but_the_class_name_costs_no_more_than_another():
    labels = ["late", "lost"] * 100
    assert check(audit_of(["late " * 20_000 + str(i) for i in range(200)], labels)) is None


def table(columns: dict[str, list[object]]) -> Table:
    count = len(next(iter(columns.values())))
    rows = tuple(Row(i + 1, {name: values[i] for name, values in columns.items()}) for i in range(count))
    return Table(path=Path("rows.csv"), container="csv", columns=tuple(columns), rows=rows, num_rows=count)


def test_columns_that_say_the_target_are_found_with_their_share():
    chance = random.Random(2)
    labels = sorted(answers(300))
    columns: dict[str, list[object]] = {
        "text": sentences("en", 300),
        "label": list(labels),
        "code": [LABELS.index(label) for label in labels],
        "key": [f"{label[:3]}-{i:04}" for i, label in enumerate(labels)],
        "id": list(range(300)),
        "note": ["checked" if label == "paid" else None for label in labels],
        "score": [chance.random() for _ in labels],
        "country": [chance.choice(("it", "fr", "de")) for _ in labels],
        "tags": [[label] for label in labels],
    }
    found = leaking_columns(table(columns), "label", ("text",))
    assert [name for name, _ in found] == ["code", "key", "id"]
    assert found[0][1] == 1.0 and found[2][1] > 0.98
    assert columns_in_words(found) == f"`code` (100.0 %), `key` (100.0 %), `id` ({100 * found[2][1]:.1f} %)"


def test_columns_of_a_shuffled_file_and_of_one_class_are_left_alone():
    labels = answers(300)
    columns: dict[str, list[object]] = {"text": sentences("en", 300), "label": list(labels), "id": list(range(300))}
    assert leaking_columns(table(columns), "label", ("text",)) == ()
    assert leaking_columns(table(columns | {"label": ["one"] * 300}), "label", ("text",)) == ()
