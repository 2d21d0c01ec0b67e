"""The picture of a learning curve: what was measured, the law through it with its band, twice and four times the
examples. It fits nothing and reads no file.
"""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from sintonia.records import CurvePoint, LearningCurve
from sintonia.report.figures import INK, LINE, MUTED, SECOND, TUNED, WIDTH, draw
from sintonia.report.wording import count, is_share, metric_name, percent

_HEIGHT = 240.0
_ANSWERS = {"yes": "Yes", "no": "No", "can't tell": "Cannot be told"}


def curve_values(curve: LearningCurve | None) -> dict[str, Any] | None:
    """What the template shows of a learning curve; None where none was asked for."""
    if curve is None:
        return None
    return {
        "answer": _ANSWERS[curve.answer],
        "figure": curve_figure(curve) if curve.points else None,
        "told": curve.told,
        "advice": curve.advice,
        "missing": curve.missing,
        "points": curve.points,
        "measure": curve.measure,
        "num_validation": curve.num_validation,
        "is_share": _is_share(curve),
    }


def curve_figure(curve: LearningCurve) -> Markup:
    """Errors over training examples, which double from mark to mark; the band ends at four times the examples."""
    factor = 100.0 if _is_share(curve) else 1.0

    def paint(figure: Any) -> None:
        axes = figure.add_axes((46 / WIDTH, 40 / _HEIGHT, (WIDTH - 64) / WIDTH, (_HEIGHT - 68) / _HEIGHT))
        axes.set_xscale("log", base=2)
        sizes = [point.num_examples for point in curve.band]
        low, value, high = ([factor * one for one in ends] for ends in _ends(curve.band))
        axes.fill_between(sizes, low, high, color=SECOND, alpha=0.2, linewidth=0)
        axes.plot(sizes, value, color=SECOND, linewidth=1.8)
        for point in curve.points:
            ends = [factor * point.error.low, factor * point.error.high]
            axes.plot([point.num_examples] * 2, ends, color=TUNED, linewidth=1.3)
            axes.plot([point.num_examples], [factor * point.error.value], marker="o", markersize=4.5, color=TUNED)
        _mark_sizes(axes, curve)
        axes.grid(axis="y", color=LINE, linewidth=0.6)
        if factor == 100.0:
            axes.yaxis.set_major_formatter(lambda share, _: f"{share:g}%")
        axes.set_xlabel("training examples")

    name = metric_name(curve.metric)
    spoken = "; ".join(f"{count(one.num_examples)} examples {_spoken(one, factor)}" for one in curve.points)
    told = f"Error of {name} over training examples: {spoken}. {curve.told[0]}"
    return draw("learning-curve", _HEIGHT, told, paint)


def _mark_sizes(axes: Any, curve: LearningCurve) -> None:
    """Marks at once, twice and four times the examples there are."""
    marks = [curve.num_train * times for times in (1, 2, 4)]
    first = curve.points[0].num_examples
    axes.set_xticks([first, *marks], [count(first), *(count(one) for one in marks)])
    axes.minorticks_off()
    for mark, label in zip(marks[:2], ("now", "twice"), strict=True):
        axes.axvline(mark, color=INK if mark == marks[0] else MUTED, linewidth=1.0, linestyle=(0, (2, 2)))
        axes.annotate(
            label,
            (mark, 1),
            xycoords=axes.get_xaxis_transform(),
            xytext=(0, 6),
            textcoords="offset points",
            ha="center",
            va="bottom",
            color=INK,
        )


def _is_share(curve: LearningCurve) -> bool:
    return bool(is_share(curve.metric))


def _ends(points: tuple[CurvePoint, ...]) -> tuple[list[float], list[float], list[float]]:
    errors = [point.error for point in points]
    return [one.low for one in errors], [one.value for one in errors], [one.high for one in errors]


def _spoken(point: CurvePoint, factor: float) -> str:
    return percent(point.error.value) if factor == 100.0 else f"{point.error.value:.3f}"
