"""The picture of a learning curve: the same bytes for the same numbers, words for those who do not see it."""

from __future__ import annotations

import dataclasses
from xml.etree import ElementTree

from sintonia.adjust.curve import Asked, Known, learning_curve
from sintonia.records import LearningCurve
from sintonia.report.curve_figure import curve_figure, curve_values
from tests.unit.adjust.curve.planted import planted_curve


def _curve(law: tuple[float, float, float] = (0.05, 0.15, 0.6)) -> LearningCurve:
    asked = Asked(subject="probe", metric="accuracy", num_train=800, num_validation=170, known=Known())
    return learning_curve(planted_curve(law), asked)


def test_same_numbers_same_bytes() -> None:
    assert curve_figure(_curve()) == curve_figure(_curve()) != curve_figure(_curve((0.1, 0.15, 0.6)))


def test_now_and_twice_are_marked_and_four_times_is_the_end() -> None:
    drawing = ElementTree.fromstring(curve_figure(_curve()))
    shown = {text.strip() for text in drawing.itertext() if text.strip()}
    assert {"now", "twice", "800", "1,600", "3,200", "training examples"} <= shown
    assert "Error of accuracy over training examples: 50 examples" in drawing.attrib["aria-label"]


def test_words_are_text_not_markup() -> None:
    told = ("<b>YES</b> & so on",)
    drawing = ElementTree.fromstring(curve_figure(dataclasses.replace(_curve(), told=told)))
    assert "<b>YES</b> & so on" in drawing.attrib["aria-label"]


def test_too_few_examples_have_no_picture() -> None:
    values = curve_values(dataclasses.replace(_curve(), points=(), band=(), answer="can't tell"))
    assert values is not None
    assert values["figure"] is None
    assert values["answer"] == "Cannot be told"
    assert curve_values(None) is None
