"""Labels that have an order."""

from __future__ import annotations

import pytest

from sintonia.errors import UsageError
from sintonia.prepare.scales import check_order, order_of


def test_numbers_and_known_scales_have_an_order_and_other_names_have_none() -> None:
    assert order_of({"5", "1", "3", "2", "4"}) == ("1", "2", "3", "4", "5")
    assert order_of(["very_positive", "negative", "neutral"]) == ("negative", "neutral", "very_positive")
    assert order_of(["red", "green", "blue"]) == ()
    assert order_of(["negative", "positive"]) == ()
    assert order_of(["low", "medium", "high", "other"]) == ()


def test_an_order_names_every_label_once() -> None:
    check_order((), ["a", "b"])
    check_order((1, 2), ["1", "2"])
    with pytest.raises(UsageError, match="does not name `c`"):
        check_order(("a", "b"), ["a", "b", "c"])
    with pytest.raises(UsageError, match=r"names `bd`, which no row has.*did you mean `b`") as caught:
        check_order(("a", "b", "bd"), ["a", "b"])
    assert caught.value.where == "classify.order"
