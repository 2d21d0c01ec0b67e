"""What lies behind the verdict, as the page shows it: classes, kinds of examples, certainty, and the examples.

`inspection.html.j2` holds the words. Nothing is computed here but counts and means of what the records say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup

from sintonia.metrics import METRICS
from sintonia.records import Calibration, Details, ErrorCase, ErrorKind, Slice
from sintonia.report.figures import INK, LINE, MUTED, TUNED, WIDTH, draw
from sintonia.report.wording import in_unit, percent

MOST_CLASSES = 12
MOST_VALUES = 12
KINDS: dict[ErrorKind, str] = {
    "broken": "the base was right, the tuned model is wrong",
    "both wrong": "neither is right",
    "fixed": "the base was wrong, the tuned model is right",
}
"""In the order in which they are shown: what to look at first comes first."""
COLUMNS = {"length": "by length of the text", "class": "by class", "language": "by language of the text"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceRow:
    """A slice with the word for what it shows."""

    slice: Slice
    word: str
    """`better`, `worse`, or empty where chance may be all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorGroup:
    """The examples of a kind."""

    kind: str
    gloss: str
    count: int
    """All there are, of which `cases` are the first."""
    cases: tuple[ErrorCase, ...]


def inspection_values(
    details: Details | None, preferred: str = "", *, is_redacted: bool, is_chat: bool
) -> dict[str, Any]:
    """What `inspection.html.j2` shows; texts of the data are hidden where they are to be."""
    found = details or Details()
    worst = sorted(found.classes, key=lambda one: (one.f1.value, one.label))
    rows = [SliceRow(slice=one, word=_word(one)) for one in found.slices]
    open_rows = [row for row in rows if not is_redacted or row.slice.column in COLUMNS]
    shown, folded = _shown_slices(open_rows)
    is_hidden = is_redacted and is_chat
    return {
        "classes": tuple(worst[:MOST_CLASSES]),
        "more_classes": tuple(worst[MOST_CLASSES:]),
        "confusions": found.confusions,
        "sizes": {one.label: one.num_examples for one in found.classes},
        "calibration": found.calibration,
        "certainty": certainty(found.calibration) if found.calibration else None,
        "reliability": reliability_figure(found.calibration) if found.calibration else None,
        "slices": shown,
        "more_slices": folded,
        "num_hidden_slices": len(rows) - len(open_rows),
        "slices_told": _slices_told(open_rows),
        "slice_counts": Counter(row.word for row in rows),
        "forgetting": found.forgetting,
        "num_anchors": sum(one.num_texts for one in found.forgetting.anchors) if found.forgetting else 0,
        "preferred": preferred,
        "errors": () if is_hidden else _groups(found, is_redacted=is_redacted),
    }


def _slices_told(rows: Sequence[SliceRow]) -> str:
    """In what the differences are told; classes may be compared by another metric than the rest."""
    by_metric: dict[str, list[str]] = {}
    for row in rows:
        known = by_metric.setdefault(in_unit(row.slice.metric), [])
        if row.slice.column not in known:
            known.append(row.slice.column)
    if len(by_metric) < 2:
        return next(iter(by_metric), "")
    return "; ".join(f"{told} (by {', '.join(columns)})" for told, columns in by_metric.items())


def certainty(found: Calibration) -> dict[str, float]:
    """How sure the model is on average, and how often right, over all bins."""
    total = sum(one.num_examples for one in found.bins)
    sure = sum(one.num_examples * one.confidence for one in found.bins) / total
    return {"sure": sure, "right": sum(one.num_examples * one.accuracy.value for one in found.bins) / total}


def reliability_figure(found: Calibration) -> Markup:
    """How often right against how sure, bin by bin with intervals; on the diagonal the two agree."""
    height = 330.0
    most = max(one.num_examples for one in found.bins)

    def paint(figure: Any) -> None:
        axes = figure.add_axes((46 / WIDTH, 42 / height, (WIDTH - 66) / WIDTH, (height - 54) / height))
        axes.set_xlim(0, 100)
        axes.set_ylim(0, 103)
        axes.grid(color=LINE, linewidth=0.6)
        axes.plot([0, 100], [0, 100], color=INK, linewidth=1.0, linestyle=(0, (2, 2)))
        axes.text(3, 95, "not sure enough", color=MUTED, va="center")
        axes.text(97, 6, "too sure", color=MUTED, ha="right", va="center")
        for one in found.bins:
            x, right = 100 * one.confidence, one.accuracy
            axes.plot([x, x], [100 * right.low, 100 * right.high], color=TUNED, linewidth=1.4, alpha=0.55)
            size = 4.0 + 8.0 * (one.num_examples / most) ** 0.5
            axes.plot([x], [100 * right.value], marker="o", markersize=size, color=TUNED, clip_on=False)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_ticks([0, 20, 40, 60, 80, 100])
            axis.set_major_formatter(lambda value, _: f"{value:g}%")
        axes.set_xlabel("how sure the model is of its answer")
        axes.set_ylabel("how often it is right")

    spoken = "; ".join(
        f"{percent(one.confidence, 0)} sure, {percent(one.accuracy.value, 0)} right, {one.num_examples} answers"
        for one in found.bins
    )
    return draw("reliability", height, f"How sure the tuned model is and how often it is right: {spoken}.", paint)


def _word(one: Slice) -> str:
    if not one.is_found or one.difference.value == 0:
        return ""
    return "better" if METRICS[one.metric].goodness(one.difference.value) > 0 else "worse"


Shown = tuple[tuple[str, tuple[SliceRow, ...]], ...]
"""The title of a column, and its rows."""


def _shown_slices(rows: Sequence[SliceRow]) -> tuple[Shown, Shown]:
    """What is shown at once and what is folded away: of a column with many values, those that show nothing."""
    sizes = Counter(row.slice.column for row in rows)
    is_shown = [bool(row.word == "worse" or sizes[row.slice.column] <= MOST_VALUES) for row in rows]
    parts = ([row for row, shown in zip(rows, is_shown, strict=True) if shown is wanted] for wanted in (True, False))
    shown, folded = (_by_column(part) for part in parts)
    return shown, folded


def _by_column(rows: Sequence[SliceRow]) -> Shown:
    """Columns in their order; worse ones first, except for lengths, which stay in order."""
    found = []
    for column in dict.fromkeys(row.slice.column for row in rows):
        of_column = [row for row in rows if row.slice.column == column]
        if column != "length":
            of_column.sort(key=lambda row: METRICS[row.slice.metric].goodness(row.slice.difference.value))
        found.append((COLUMNS.get(column, f"by column `{column}`"), tuple(of_column)))
    return tuple(found)


def _groups(found: Details, *, is_redacted: bool) -> tuple[ErrorGroup, ...]:
    counts = {one.kind: one.count for one in found.error_counts}
    groups = (
        ErrorGroup(
            kind=kind,
            gloss=gloss,
            count=counts.get(kind, len(cases)),
            cases=tuple(_hidden(one) for one in cases) if is_redacted else cases,
        )
        for kind, gloss in KINDS.items()
        for cases in (tuple(one for one in found.errors if one.kind == kind),)
        if cases
    )
    return tuple(groups)


def _hidden(case: ErrorCase) -> ErrorCase:
    """Without the texts of the example and of its neighbours; labels stay."""
    near = tuple(replace(one, input=f"(hidden: example {one.id})") for one in case.neighbours)
    return replace(case, input=f"(hidden: example {case.id})", neighbours=near)


def num_quoted(values: dict[str, Any]) -> int:
    """Examples of the data whose texts `inspection_values` shows, for the warning at the end of the page."""
    cases = [case for group in values["errors"] for case in group.cases]
    return len({case.id for case in cases} | {near.id for case in cases for near in case.neighbours})
