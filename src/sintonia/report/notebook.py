"""Verdicts, findings and runs as small pieces of HTML, for a notebook that shows them. It computes no score.

Each piece stands alone: no script, no style sheet, nothing from outside, every text escaped. Colours are those of the
notebook, or in the middle between light and dark, so that they can be read on both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from markupsafe import Markup, escape

from sintonia.metrics import adding
from sintonia.metrics.kept import told_metrics
from sintonia.records import Finding, Verdict
from sintonia.report import summaries, wording
from sintonia.report.contents import read_contents
from sintonia.report.page import coded, curve_figures, place_list
from sintonia.runs import RunFolder

_COLOURS = {
    "--ink": "currentColor",
    "--muted": "#7a7a7a",
    "--line": "#9a9a9a",
    "--tuned": "#14857d",
    "--base": "#76808a",
    "--other": "#8a929a",
    "--second": "#c4621a",
}
"""The variables that the pictures ask for: at least 3 to 1 on white and on black."""
_FRAME = (
    "<div style='font: 0.95em/1.5 system-ui, sans-serif; color: inherit; max-width: 46em;{colours}'>\n{inside}\n</div>"
)
_PICTURE = (
    "<div style='display: inline-block; vertical-align: top; width: 24em; max-width: 100%;'>"
    "<div>{title}</div>{figure}</div>"
)
_CELL = "padding: .15em .8em .15em 0; text-align: {side}; border: 0; background: none; color: inherit;"
Cells = Sequence[object]


def verdict_html(verdict: Verdict) -> str:
    """The outcome in words; base, tuned and their difference with intervals; the rungs; the openings of the test."""
    return _framed(_verdict(verdict))


def findings_html(findings: Iterable[Finding]) -> str:
    """What was found, the worst first, each with what to do and where it is."""
    return _framed(_findings(tuple(findings)))


def run_html(run: RunFolder) -> str:
    """A run with its verdict, where it has one, and the curves of its training as pictures.

    Raises:
        StorageError: a file of the run is damaged.
    """
    with adding(*told_metrics(run)):
        contents = read_contents(run)
        title = Markup("<div><b>run</b> {name}</div>").format(name=contents.path.name)
        state = _verdict(contents.verdict) if contents.verdict else _unfinished(len(contents.turns))
        pictures = [Markup(_PICTURE).format(title=title, figure=figure) for title, figure in curve_figures(contents)]
        told = _counted(contents.findings)
        return _framed(Markup("\n").join([title, state, *pictures, told]))


def _framed(inside: Markup) -> str:
    colours = "".join(f" {name}: {colour};" for name, colour in _COLOURS.items())
    return wording.readable(Markup(_FRAME).format(colours=Markup(colours), inside=inside))


def _verdict(verdict: Verdict) -> Markup:
    primary, words = verdict.primary, wording.outcome_words(verdict)
    metric = primary.metric
    head = Markup("<div><b>{symbol} {word}</b>: {gloss}.</div>\n<div>{sentence}</div>").format(
        symbol=words.symbol, word=words.word, gloss=words.gloss, sentence=verdict.sentence
    )
    scored = [
        (name, wording.score(one.value, metric), wording.score_range(one, metric))
        for name, one in (("tuned model", primary.tuned), (f"base ({verdict.base})", primary.base))
    ]
    difference = primary.difference
    changed = ("difference", wording.change(difference.value, metric), wording.change_range(difference, metric))
    table = _table((wording.metric_name(metric), "on the test", "interval"), [*scored, changed])
    fitted = {True: "fitted to the training examples", False: "needs no training"}
    rungs = _table(
        ("rung", wording.metric_name(metric), ""),
        [(rung.name, wording.score(rung.score, metric), fitted[rung.needs_training]) for rung in verdict.rungs],
    )
    reasons = [Markup("<div>Invalid: {reason}</div>").format(reason=one) for one in verdict.invalid_reasons]
    return Markup("\n").join([head, *reasons, table, rungs, _opened(verdict)])


def _opened(verdict: Verdict) -> Markup:
    """How many examples, how sure, and how often the test was opened."""
    primary = verdict.primary
    return Markup("<div>{examples}, {p}; the test was opened {times}; level {level}.</div>").format(
        examples=wording.counted(primary.examples, "test example"),
        p=wording.p_value(primary.p_value),
        times=wording.times(verdict.test_openings),
        level=f"{verdict.level:.3g}",
    )


def _unfinished(num_turns: int) -> Markup:
    words = wording.OUTCOMES["unfinished"]
    done = f"{wording.counted(num_turns, 'turn')} finished"
    return Markup("<div><b>{symbol} {word}</b>; {done}.</div>").format(symbol=words.symbol, word=words.word, done=done)


def _counted(findings: tuple[Finding, ...]) -> Markup:
    """How many findings there are, by their severity."""
    told = [f"{len(group)} {severity}" for severity, group in summaries.by_severity(findings)]
    return Markup("<div>findings: {told}</div>").format(told=", ".join(told) or "none")


def _findings(findings: tuple[Finding, ...]) -> Markup:
    if not findings:
        return Markup("<div>nothing was found</div>")
    rows = [
        (Markup("<b>{code}</b>").format(code=one.code), severity, _told(one))
        for severity, group in summaries.by_severity(findings)
        for one in group
    ]
    return _table(("code", "severity", "what, and what to do"), rows, sides=("left", "left", "left"))


def _told(finding: Finding) -> Markup:
    where = place_list(finding.places)
    told = Markup("{what}").format(what=coded(finding.message))
    if finding.hint:
        told += Markup("<br/>{hint}").format(hint=coded(finding.hint))
    return told + Markup("<br/>{where}").format(where=where) if where else told


def _table(head: Cells, rows: Sequence[Cells], sides: Sequence[str] = ("left", "right", "left")) -> Markup:
    lines = [_row("th", head, sides), *(_row("td", row, sides) for row in rows)]
    style = Markup("border-collapse: collapse; margin: .5em 0; font-variant-numeric: tabular-nums;")
    return Markup("<table style='{style}'>\n{lines}\n</table>").format(style=style, lines=Markup("\n").join(lines))


def _row(tag: str, cells: Cells, sides: Sequence[str]) -> Markup:
    shown: list[Any] = []
    for cell, side in zip(cells, sides, strict=True):
        text = cell if isinstance(cell, Markup) else escape(str(cell))
        shown.append(
            Markup("<{tag} style='{style}'>{text}</{tag}>").format(tag=tag, style=_CELL.format(side=side), text=text)
        )
    return Markup("<tr>{cells}</tr>").format(cells=Markup("").join(shown))
