"""Which values look like one subject spelled otherwise, and which are somebody else."""

from __future__ import annotations

import pytest

from sintonia.prepare.erasing.spellings import Spelling


@pytest.mark.parametrize(
    ("value", "other", "expected"),
    [
        ("M\u00fcller", "Mu\u0308ller", True),
        ("Anna Rossi", "ANNA rossi", True),
        ("Anna Rossi", "Anna  Rossi", True),
        ("Anna Rossi", "Anna\u00a0Rossi", True),
        ("Anna Rossi", "Anna\u200b Rossi", True),
        ("Stra\u00dfe", "STRASSE", True),
        ("17", "\uff11\uff17", True),
        ("17", "17.0", True),
        ("17", "017", True),
        ("17", "1.7e1", True),
        ("12345678901234567890123456789012345678", "12345678901234567890123456789012345679", False),
        ("17", "18", False),
        ("17", "17", False),
        ("p17", "p18", False),
        ("Muller", "M\u00fcller", False),
        ("17", "nan", False),
        ("1", "1e999999999", False),
    ],
)
def test_spellings_of_one_value_are_alike_and_other_values_are_not(value: str, other: str, expected: bool) -> None:
    assert Spelling.of(value).is_like(other) is expected
