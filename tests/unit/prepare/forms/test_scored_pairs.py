"""Two texts with a number: `regress` by itself, `embed` for who asks."""

from __future__ import annotations

import pytest

from sintonia.errors import SintoniaError
from sintonia.prepare.forms import find_form
from sintonia.settings import DataSettings
from tests.unit.prepare.forms.tables import table_of

ROWS = [{"text1": f"first text {k}", "text2": f"second text {k}", "score": round(k * 0.37 % 5, 2)} for k in range(60)]


def test_who_asks_for_embed_gets_scored_pairs_and_nobody_else() -> None:
    table = table_of(ROWS)
    assert find_form(table, DataSettings(path="x"), "auto")[0].name == "pair and number"
    form, match = find_form(table, DataSettings(path="x"), "embed")
    assert form.name == "scored pair"
    parsed = form.parse(table.rows[1], match.columns)
    assert parsed.input == {"texts": ["first text 1", "second text 1"]} and parsed.answer == "0.37"


def test_texts_without_a_number_are_no_scored_pairs() -> None:
    table = table_of([{"text1": one["text1"], "text2": one["text2"]} for one in ROWS])
    with pytest.raises(SintoniaError):
        find_form(table, DataSettings(path="x"), "embed")
