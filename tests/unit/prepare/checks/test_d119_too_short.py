"""Texts that are too short, where that is not what they all are."""

from __future__ import annotations

import pytest

from sintonia.prepare.checks import d119_too_short
from tests.unit.prepare.checks.text_rows import audit_of, lines_of, row, run_row_check, sentences


@pytest.mark.parametrize("text", ["ok", "see above", "yes !", "stop", "Donaudampfschiffe", "好的", "a b c"])
def test_a_short_text_is_suspected(text: str) -> None:
    assert d119_too_short.suspect(row(text))


@pytest.mark.parametrize("text", ["turn it off", "my card is lost", "打开厨房的灯", "เปิดไฟในครัว", "キッチンの電気"])
def test_a_text_that_says_something_is_not(text: str) -> None:
    assert not d119_too_short.suspect(row(text))


def test_planted_rows_give_a_note_with_their_lines() -> None:
    finding = run_row_check(d119_too_short, audit_of([*sentences("en", 97), "ok", "see above", "no"]))
    assert lines_of(finding) == [98, 99, 100]
    assert finding
    assert (finding.severity, finding.count) == ("note", 3)
    assert "3 rows of 100 (3.0 %)" in finding.message


def test_nothing_is_said_of_clean_rows_nor_where_short_is_usual() -> None:
    assert run_row_check(d119_too_short, audit_of(sentences("it", 100))) is None
    assert run_row_check(d119_too_short, audit_of([*sentences("en", 60), *["lights on"] * 40])) is None
