"""Columns: taken by name or by shape and said so; two that fit are never chosen between."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest

from sintonia.errors import DataError, UsageError
from sintonia.prepare.columns import as_text
from sintonia.prepare.forms import find_form
from sintonia.prepare.table import Row, Table
from sintonia.settings import DataSettings

TEXTS = [f"a rather long sentence number {i} about something" for i in range(60)]
CLASSES = [("red", "green", "blue")[i % 3] for i in range(60)]


def _table(**columns: list[Any]) -> Table:
    rows = tuple(Row(i + 1, {name: values[i] for name, values in columns.items()}) for i in range(60))
    return Table(path=Path("rows.jsonl"), container="jsonl", columns=tuple(columns), rows=rows, num_rows=60)


def _choose(table: Table, group: str | None = None, **asked: str) -> tuple[dict[str, str], tuple[str, ...]]:
    _, match = find_form(table, DataSettings(path="x", columns=asked, group=group), "classify")
    return match.columns, match.why


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("text", "label"),
        ("Utterance", "Intent"),
        ("frase", "etichetta"),
        (" question ", "category"),
        ("testo", "sentimento"),
    ],
)
def test_columns_are_taken_by_name_and_said(text: str, label: str) -> None:
    columns, notes = _choose(_table(**{"id": list(range(60)), label: CLASSES, text: TEXTS}))
    assert columns == {"input": text, "target": label}
    assert sum("by its name" in note for note in notes) == 2
    assert any("--columns" in note for note in notes)


def test_columns_are_taken_by_shape_and_said() -> None:
    columns, notes = _choose(_table(number=list(range(60)), what_they_wrote=TEXTS, colour=CLASSES))
    assert columns == {"input": "what_they_wrote", "target": "colour"}
    assert any("only column of free text" in note for note in notes)
    assert any("often repeated values" in note for note in notes)


def test_two_classes_that_fit_are_refused_with_what_to_type() -> None:
    with pytest.raises(DataError) as caught:
        _choose(_table(text=TEXTS, colour=CLASSES, size=CLASSES[1:] + CLASSES[:1]))
    assert "`colour`, `size`" in caught.value.what
    assert "`--columns input=text,target=colour` or `--columns input=text,target=size`" in caught.value.hint


def test_two_names_that_fit_are_refused() -> None:
    with pytest.raises(DataError, match="2 columns may be the target: `label`, `category`"):
        _choose(_table(text=TEXTS, label=CLASSES, category=CLASSES))


def test_a_name_with_one_value_only_does_not_compete() -> None:
    columns, _ = _choose(_table(text=TEXTS, label=CLASSES, type=["ticket"] * 60))
    assert columns["target"] == "label"


def test_no_fit_lists_the_columns() -> None:
    with pytest.raises(DataError) as caught:
        _choose(_table(a=list(range(60)), b=list(range(60))))
    assert "no column looks like the input" in caught.value.what
    assert "`a`, `b`" in caught.value.what
    assert "--columns input=NAME,target=NAME" in caught.value.hint


def test_what_was_asked_wins_over_names() -> None:
    columns, notes = _choose(_table(text=TEXTS, label=CLASSES, other=CLASSES), target="other")
    assert columns == {"input": "text", "target": "other"}
    assert any("as asked" in note for note in notes)


def test_the_group_column_plays_no_other_role() -> None:
    columns, _ = _choose(_table(text=TEXTS, who=CLASSES, colour=CLASSES), group="who")
    assert columns["target"] == "colour"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"input": "txt"}, "no column `txt`.*hint: did you mean `text`"),
        ({"inptu": "text"}, "no role `inptu`.*`input`"),
        ({"input": "text", "target": "text"}, "two roles"),
    ],
)
def test_what_does_not_exist_is_a_usage_error_with_the_nearest(asked: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        _choose(_table(text=TEXTS, label=CLASSES), **asked)
    assert re.search(message, str(caught.value))


def test_a_file_without_header_is_not_read_as_if_it_had_one() -> None:
    rows = tuple(Row(i + 2, {TEXTS[0]: TEXTS[i], "red": CLASSES[i]}) for i in range(60))
    with pytest.raises(DataError, match="looks like data"):
        _choose(Table(path=Path("rows.csv"), container="csv", columns=(TEXTS[0], "red"), rows=rows, num_rows=60))


def test_another_column_that_could_be_the_target_is_named() -> None:
    columns, notes = _choose(_table(text=TEXTS, label=CLASSES, fine_label=CLASSES))
    assert columns["target"] == "label"
    assert any("`fine_label` could be the target too" in note for note in notes)
    assert not any("could be" in note for note in _choose(_table(text=TEXTS, label=CLASSES))[1])


def test_one_row_with_a_list_does_not_unmake_a_column() -> None:
    columns, _ = _choose(_table(words=[*TEXTS[:59], ["a", "b"]], colour=CLASSES))
    assert columns == {"input": "words", "target": "colour"}


def test_values_become_text() -> None:
    assert [as_text(value) for value in (None, math.nan, " a ", 3, True, False, 1.5, [1], {}, 10**5000)] == [
        "",
        "",
        "a",
        "3",
        "true",
        "false",
        "1.5",
        None,
        None,
        None,
    ]
