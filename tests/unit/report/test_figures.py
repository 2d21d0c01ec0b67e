"""The pictures: the same bytes for the same numbers, no text taken as markup, no global state left."""

from __future__ import annotations

from xml.etree import ElementTree

import matplotlib
import pytest

from sintonia.records import Interval
from sintonia.report.figures import SECOND, TUNED, Curve, Gap, curves_figure, difference_figure, ladder_figure
from sintonia.report.summaries import LadderBar

GAP = Gap(name="against <b>$x$ & co</b>", difference=Interval(value=0.1, low=0.05, high=0.15))
BAR = LadderBar(name="probe", score=0.9, interval=None, kind="fitted", description="")


def curves(last: float) -> str:
    lines = [
        Curve(name=name, steps=(0, 10, 20), values=(1.0, 0.5, last), colour=colour)
        for name, colour in (("training", TUNED), ("validation", SECOND))
    ]
    return curves_figure("Loss", lines, 10, is_percent=False)


def test_same_numbers_same_bytes() -> None:
    assert difference_figure([GAP], 0.01, "accuracy") == difference_figure([GAP], 0.01, "accuracy")
    assert ladder_figure([BAR], "accuracy") == ladder_figure([BAR], "accuracy")
    assert curves(0.4) == curves(0.4) != curves(0.3)


def test_settings_of_the_person_change_nothing() -> None:
    before = curves(0.4)
    with matplotlib.rc_context({"lines.linewidth": 9, "svg.fonttype": "path", "font.size": 30}):
        assert curves(0.4) == before
        assert matplotlib.rcParams["lines.linewidth"] == 9


def test_names_are_text_not_markup() -> None:
    drawing = ElementTree.fromstring(difference_figure([GAP], 0.01, "accuracy"))
    assert "against <b>$x$ & co</b>" in ["".join(text.itertext()) for text in drawing.iter("text")]


def test_colours_follow_the_page() -> None:
    drawing = difference_figure([GAP], 0.01, "accuracy")
    assert "var(--tuned)" in drawing and "var(--ink)" in drawing
    assert "#00fa" not in drawing and "font-family" not in drawing


def test_zero_and_margin_are_always_inside() -> None:
    far = Gap(name="far", difference=Interval(value=0.5, low=0.45, high=0.55))
    ticks = [text.text for text in ElementTree.fromstring(difference_figure([far], 0.01, "accuracy")).iter("text")]
    assert "0" in ticks and "+50.0 points" in ticks


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_flat_lines_and_extreme_scores_can_be_drawn(value: float) -> None:
    flat = Curve(name="validation", steps=(0, 1), values=(value, value), colour=SECOND)
    assert "validation" in curves_figure("accuracy", [flat, flat], None, is_percent=True)
    exact = Interval(value=value, low=value, high=value)
    bar = LadderBar(name="all", score=value, interval=exact, kind="tuned", description="")
    assert f"{100 * value:.1f}%" in ladder_figure([bar], "accuracy")


def test_names_of_lines_that_end_together_do_not_touch() -> None:
    drawing = ElementTree.fromstring(curves(0.4))
    heights = [float(text.get("y")) for text in drawing.iter("text") if text.text in ("training", "validation")]
    assert abs(heights[0] - heights[1]) >= 10
