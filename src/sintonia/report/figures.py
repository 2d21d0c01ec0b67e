"""The pictures of a report, as inline SVG drawn by matplotlib without any global state.

All are drawn 350 points wide, so that they can be read on a phone; colours are the page's own variables, so
that one drawing serves light, dark and paper. The bytes depend on the numbers alone. It reads no file.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from markupsafe import Markup, escape

from sintonia.records import Interval
from sintonia.report.summaries import LadderBar
from sintonia.report.wording import (
    change,
    change_range,
    direction,
    is_share,
    metric_name,
    percent,
    readable,
    score,
    shortened,
)

WIDTH = 350.0
ROW = 34.0
GAP_ROW = 42.0
INK, MUTED, LINE, TUNED, BASE, OTHER, SECOND = (f"#00fa{number:02x}" for number in range(1, 8))
VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    LINE: "--line",
    TUNED: "--tuned",
    BASE: "--base",
    OTHER: "--other",
    SECOND: "--second",
}
SETTINGS = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 11.0,
    "axes.edgecolor": LINE,
    "axes.linewidth": 0.8,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.major.size": 3.0,
    "ytick.major.size": 0.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.labelsize": 10.5,
    "xtick.labelsize": 10.5,
    "ytick.labelsize": 10.5,
    "path.simplify": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A difference between the tuned model and one opponent, as drawn."""

    name: str
    difference: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One line over the steps of training."""

    name: str
    steps: Sequence[float]
    values: Sequence[float]
    colour: str
    is_dashed: bool = False


def difference_figure(gaps: Sequence[Gap], margin: float, metric: str) -> Markup:
    """Each difference with its interval, the zero line and the margin below which nothing matters."""
    factor = 100.0 if is_share(metric) else 1.0
    low = min(-margin, *(gap.difference.low for gap in gaps))
    high = max(margin, *(gap.difference.high for gap in gaps))
    pad = 0.06 * (high - low)
    height = GAP_ROW * len(gaps) + 46

    def paint(figure: Any) -> None:
        axes = _row_axes(figure, height, GAP_ROW * len(gaps), (factor * (low - pad), factor * (high + pad)))
        axes.set_ylim(0, len(gaps))
        band = [-factor * margin, factor * margin]
        for position, gap in enumerate(gaps):
            row = len(gaps) - position
            axes.fill_between(band, row - 1, row - 0.48, color=MUTED, alpha=0.22, linewidth=0)
            axes.plot([0, 0], [row - 1, row - 0.48], color=INK, linewidth=1.1)
            colour = TUNED if position == 0 else BASE
            ends = [factor * gap.difference.low, factor * gap.difference.high]
            axes.plot(ends, [row - 0.74] * 2, color=colour, linewidth=2.4, solid_capstyle="round")
            axes.plot([factor * gap.difference.value], [row - 0.74], marker="o", markersize=7.5, color=colour)
            texts = (shortened(gap.name, 38), change(gap.difference.value, metric))
            _row_text(axes, row - 0.24, texts, is_strong=position == 0)
        axes.xaxis.set_major_formatter(lambda value, _: _signed(value))
        axes.set_xlabel(_sides(metric, "other" if len(gaps) > 1 else "base"))

    spoken = "; ".join(
        f"{gap.name} {change(gap.difference.value, metric)}, interval {change_range(gap.difference, metric)}"
        for gap in gaps
    )
    label = f"Difference of {metric_name(metric)} between the tuned model and others: {spoken}."
    return draw("difference", height, label, paint)


def _signed(value: float) -> str:
    return f"{value:+g}".replace("-", "−") if abs(value) > 1e-9 else "0"


def _sides(metric: str, opponent: str) -> str:
    """Which side of zero is whose."""
    sides = [f"{opponent} better", "tuned better"]
    left, right = sides if direction(metric) == "higher is better" else sides[::-1]
    name = metric_name(metric)
    return f"{f'points of {name}' if is_share(metric) else name}: {left}  ←  0  →  {right}"


def ladder_figure(bars: Sequence[LadderBar], metric: str) -> Markup:
    """Horizontal bars from zero with their intervals, best first, the tuned model in its own colour."""
    height = ROW * len(bars) + 46
    colours = {"tuned": TUNED, "base": BASE, "untrained": OTHER, "fitted": OTHER}
    factor = 100.0 if is_share(metric) else 1.0
    ends = [bar.interval.high if bar.interval else bar.score for bar in bars]
    longest = 100.0 if is_share(metric) else 1.05 * max(ends)

    def paint(figure: Any) -> None:
        axes = _row_axes(figure, height, ROW * len(bars), (0.0, longest))
        axes.set_ylim(0, len(bars))
        for position, bar in enumerate(bars):
            row = len(bars) - position
            y = row - 0.7
            axes.barh([y], [factor * bar.score], height=0.3, color=colours[bar.kind], linewidth=0)
            if bar.interval:
                reach = [factor * bar.interval.low, factor * bar.interval.high]
                axes.plot(reach, [y, y], color=INK, linewidth=1.3, marker="|", markersize=7)
            name = f"{bar.name} (the base)" if bar.kind == "base" else bar.name
            _row_text(axes, row - 0.3, (shortened(name, 42), score(bar.score, metric)), is_strong=bar.kind == "tuned")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0f}%" if is_share(metric) else f"{value:g}")
        axes.set_xlabel(
            f"{metric_name(metric)} on the sealed test" + (": less is better" if "lower" in direction(metric) else "")
        )

    spoken = "; ".join(f"{bar.name} {score(bar.score, metric)}" for bar in bars)
    return draw("ladder", height, f"{metric_name(metric)} of the tuned model and of each baseline: {spoken}.", paint)


def _row_axes(figure: Any, height: float, rows_height: float, limits: tuple[float, float]) -> Any:
    """Axes for rows of text and drawing, one for each subject, with a scale below."""
    axes = figure.add_axes((2 / WIDTH, (height - rows_height - 4) / height, (WIDTH - 14) / WIDTH, rows_height / height))
    axes.set_xlim(*limits)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.locator_params(axis="x", nbins=6)
    return axes


def _row_text(axes: Any, y: float, texts: tuple[str, str], *, is_strong: bool) -> None:
    """A name on the left and its number on the right."""
    place = {
        "transform": axes.get_yaxis_transform(),
        "va": "center",
        "fontweight": "bold" if is_strong else "normal",
    }
    axes.text(0, y, readable(texts[0]), ha="left", **place)
    axes.text(1, y, texts[1], ha="right", **place)


def curves_figure(name: str, curves: Sequence[Curve], best_step: int | None, *, is_percent: bool) -> Markup:
    """Lines over the steps of training, each named at its end, the chosen step marked."""
    height = 240.0
    factor = 100.0 if is_percent else 1.0

    def paint(figure: Any) -> None:
        axes = figure.add_axes((42 / WIDTH, 40 / height, (WIDTH - 108) / WIDTH, (height - 68) / height))
        ends = _end_places(
            [factor * curve.values[-1] for curve in curves],
            [factor * value for curve in curves for value in curve.values],
        )
        for curve, end in zip(curves, ends, strict=True):
            values = [factor * value for value in curve.values]
            axes.plot(
                curve.steps,
                values,
                color=curve.colour,
                linewidth=1.8,
                marker="o",
                markersize=3.6,
                linestyle="--" if curve.is_dashed else "-",
            )
            axes.annotate(
                curve.name,
                (1, end),
                xycoords=axes.get_yaxis_transform(),
                xytext=(6, 0),
                textcoords="offset points",
                color=curve.colour,
                va="center",
            )
        axes.grid(axis="y", color=LINE, linewidth=0.6)
        axes.locator_params(nbins=5)
        axes.set_xlabel("step")
        if is_percent:
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}%")
        _mark_step(axes, best_step, max(curves[0].steps))

    spoken = "; ".join(
        f"{curve.name} from {_spoken(curve.values[0], is_percent)} to {_spoken(curve.values[-1], is_percent)}"
        for curve in curves
    )
    chosen = "" if best_step is None else f" Chosen step {best_step}."
    return draw(re.sub(r"\W+", "-", name), height, f"{name} over training steps: {spoken}.{chosen}", paint)


def _end_places(ends: list[float], values: list[float]) -> list[float]:
    """Where to write the names of the lines so that two of them do not touch."""
    least = 0.09 * ((max(values) - min(values)) or 1.0)
    places = list(ends)
    order = sorted(range(len(ends)), key=lambda index: ends[index])
    for below, above in pairwise(order):
        places[above] = max(places[above], places[below] + least)
    return places


def _mark_step(axes: Any, step: int | None, last: float) -> None:
    if step is None:
        return
    axes.axvline(step, color=INK, linewidth=1.0, linestyle=(0, (2, 2)))
    share = step / last if last else 0.0
    side = "left" if share < 0.25 else "right" if share > 0.75 else "center"
    axes.annotate(
        f"chosen: step {step:,}",
        (step, 1),
        xycoords=axes.get_xaxis_transform(),
        xytext=(0, 7),
        textcoords="offset points",
        ha=side,
        va="bottom",
        color=INK,
    )


def _spoken(value: float, is_percent: bool) -> str:
    return percent(value) if is_percent else f"{value:.3f}"


def draw(name: str, height: float, label: str, paint: Callable[[Any], None]) -> Markup:
    """Runs `paint` on a figure with our settings alone and returns it as SVG for the page."""
    import matplotlib  # here, so that importing the package stays fast
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    buffer = io.StringIO()
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({**SETTINGS, "svg.hashsalt": name})
        figure = Figure(figsize=(WIDTH / 72, height / 72))
        FigureCanvasSVG(figure)
        paint(figure)
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    return _for_page(buffer.getvalue(), height, label)


def _for_page(drawing: str, height: float, label: str) -> Markup:
    """The drawing without what only a file of its own needs, with the page's colours and a description."""
    body = drawing[drawing.index("</defs>") + len("</defs>") :]
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    body = re.sub(r"font-family: [^;\"]*;? ?", "", body)
    body = re.sub(r' transform="rotate\(-0 [^"]*\)"', "", body)
    body = re.sub(
        r"font: (bold )?([\d.]+px) [^;\"]*",
        lambda found: f"font-size: {found[2]}" + ("; font-weight: bold" if found[1] else ""),
        body,
    )
    body = body.replace("xlink:href", "href")
    body = re.sub(r"\s*\n\s*", " ", body)
    for colour, variable in VARIABLES.items():
        body = body.replace(colour, f"var({variable})")
    opening = f'<svg role="img" viewBox="0 0 {WIDTH:g} {height:g}" aria-label="{escape(readable(label))}">'
    return Markup(opening + body)
