"""Writes `report.html`: one self-contained page for a person, made from the run folder alone.

Here the records become what the template shows; the template holds the words, `figures` the pictures. The
page asks for nothing from outside, runs no script, and escapes every text of the data. It computes no score.
"""

from __future__ import annotations

import functools
import re
import shlex
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from sintonia.files import write_atomic
from sintonia.metrics import METRICS, adding
from sintonia.metrics.kept import told_metrics
from sintonia.records import Evaluation, Place, Verdict
from sintonia.report import summaries, wording
from sintonia.report.bill import amount_words, bill_notes, bill_rows
from sintonia.report.contents import Contents, read_contents
from sintonia.report.curve_figure import curve_values
from sintonia.report.figures import SECOND, TUNED, Curve, Gap, curves_figure, difference_figure, ladder_figure
from sintonia.report.inspection import inspection_values, num_quoted
from sintonia.report.privacy.protecting import DUTIES, most_right, protection_rows
from sintonia.report.privacy.remembering import (
    CANNOT_SHOW,
    HELD_AGAINST,
    canaries_in_words,
    later_findings,
    memory_in_words,
)
from sintonia.runs import RunFolder
from sintonia.tasks import TASKS
from sintonia.tasks.pretrain import NAME as PRETRAIN

LONGEST_TEXT = 400
MOST_PLACES = 6
FILTERS = (
    wording.metric_name,
    wording.direction,
    wording.is_in_bits,
    wording.in_unit,
    wording.counted_words,
    wording.percent,
    wording.score,
    wording.score_range,
    wording.change,
    wording.change_range,
    wording.size_of_change,
    wording.p_value,
    wording.duration,
    wording.size,
    wording.count,
    wording.counted,
    wording.setting_value,
    wording.shortened,
    wording.times,
    amount_words,
)


def write_report(run: RunFolder) -> Path:
    """Writes `report.html` in the run folder, readable by its owner only because it quotes test examples.

    Parts that the run does not have yet are left out and said to be missing.

    Raises:
        StorageError: the run folder cannot be written.
    """
    path = run.file("report.html")
    with adding(*told_metrics(run)):
        write_atomic(path, render(read_contents(run)).encode())
    return path


def render(contents: Contents) -> str:
    """The page as text."""
    template = environment(escapes=True).get_template("report.html.j2")
    return f"{template.render(page_values(contents))}\n"


@functools.cache
def environment(*, escapes: bool) -> Any:
    """The templates with our filters, made ready once; `escapes` for HTML."""
    import jinja2  # here, so that importing the package stays fast

    found = jinja2.Environment(
        loader=jinja2.PackageLoader("sintonia.report"),
        autoescape=escapes,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: wording.readable(value) if type(value) is str else value,
    )
    found.filters.update({function.__name__: function for function in FILTERS})
    found.filters.update(places=place_list, coded=coded)
    return found


def shared_values(contents: Contents) -> dict[str, Any]:
    """What both page and card show: words and numbers, no picture."""
    verdict = contents.verdict
    return {
        "run": contents,
        "name": contents.path.name,
        "verdict": verdict,
        "words": wording.outcome_words(verdict),
        "confidence": contents.recipe.evaluation.confidence if contents.recipe else 0.95,
        "bars": summaries.ladder(contents),
        "hub_tag": TASKS[contents.prepared.task if contents.prepared else "classify"].HUB_TAG,
        "is_chat": bool(contents.prepared and TASKS[contents.prepared.task].BASE == "language"),
        "is_plain_text": bool(contents.prepared and contents.prepared.task == PRETRAIN),
        "is_written": any(name in METRICS and METRICS[name].reads == "texts" for name in _metrics(contents)),
        "findings": summaries.by_severity((*contents.findings, *later_findings(contents))),
        **_bill(contents),
        "blind": summaries.blind_spots(_metrics(contents)),
        "protection": protection_rows(contents),
        "duties": DUTIES,
        "most_right": most_right(contents.guarantee),
        "remembered": memory_in_words(contents.memorisation),
        "planted_told": canaries_in_words(contents.canaries),
        "held_against": HELD_AGAINST[contents.memorisation.calibrated_by] if contents.memorisation else "",
        "cannot_show": CANNOT_SHOW,
        "how_read": summaries.how_read(contents),
        "is_compared": summaries.is_compared(contents),
    }


def page_values(contents: Contents) -> dict[str, Any]:
    """Everything the template shows."""
    verdict, shared = contents.verdict, shared_values(contents)
    improved, worsened = summaries.most_changed(contents.answers)
    is_redacted = contents.recipe is None or contents.recipe.privacy.redact
    preferred = contents.preference.told if contents.preference else ""
    inspected = inspection_values(contents.details, preferred, is_redacted=is_redacted, is_chat=shared["is_chat"])
    return {
        **shared,
        "outcome": verdict.outcome if verdict else "unfinished",
        "against_best_rung": wording.AGAINST_BEST_RUNG,
        "margin": _margin(contents),
        "difference": _difference(contents, verdict) if verdict else None,
        "ladder": ladder_figure(shared["bars"], verdict.primary.metric) if verdict else None,
        "curves": curve_figures(contents),
        "tree": contents.tree,
        "has_change": verdict is not None and any(" -> " in one.action for one in verdict.advice),
        "growth": curve_values(contents.curve),
        "rounds": [_round(evaluation) for evaluation in contents.evaluations],
        "pairs": summaries.worst_pairs(contents),
        "wrong": summaries.most_wrong(contents.answers),
        "improved": improved,
        "worsened": worsened,
        "inspection": inspected,
        "num_quoted": 0 if is_redacted else num_quoted(inspected),
        "is_redacted": is_redacted,
        "metric_of_rounds": _followed(contents),
        "longest_text": LONGEST_TEXT,
        "aside": summaries.aside_groups(contents.set_aside),
        "command_path": shlex.quote(str(contents.path)),
        "python_path": repr(str(contents.path)),
    }


def _bill(contents: Contents) -> dict[str, Any]:
    """Its rows and its notes, with how many turns tried a change: those that came after the first of their part."""
    num_adjusted = sum(turn.parent is not None and turn.part != "all rows" for turn in contents.turns)
    return {
        "bill": bill_rows(contents.bill),
        "bill_notes": bill_notes(contents.bill, contents.worth, num_adjusted),
    }


def _margin(contents: Contents) -> float:
    """The margin in scores: of some metrics it is a share of what the base scores."""
    if contents.recipe is None or contents.verdict is None:
        return 0.0
    primary = contents.verdict.primary
    return METRICS[primary.metric].margin(contents.recipe.evaluation.margin, primary.base.value)


def _followed(contents: Contents) -> str:
    """The metric that was followed in training."""
    prepared = contents.prepared
    if prepared is None or prepared.task not in TASKS:
        return "metric"
    return str(TASKS[prepared.task].followed_metric(prepared.primary_metric))


def _metrics(contents: Contents) -> tuple[str, ...]:
    if contents.verdict:
        return (contents.verdict.primary.metric, *(one.metric for one in contents.verdict.secondary))
    return (contents.prepared.primary_metric,) if contents.prepared else ()


def _difference(contents: Contents, verdict: Verdict) -> Any:
    gaps = [Gap(name="against the base", difference=verdict.primary.difference)]
    worth = verdict.worth_tuning
    if worth.best_rung != verdict.base:
        gaps.append(Gap(name=f"against {worth.best_rung}", difference=worth.difference))
    return difference_figure(gaps, _margin(contents), verdict.primary.metric)


def curve_figures(contents: Contents) -> list[Any]:
    """Losses on the left, the metric on the right; nothing without two validations."""
    rounds = [_round(evaluation) for evaluation in contents.evaluations]
    if len(rounds) < 2:
        return []
    steps = [one["step"] for one in rounds]
    best = contents.turn.candidate.best_step if contents.turn else None
    metric = _followed(contents)
    losses = [
        Curve(
            name="training",
            steps=steps,
            values=[one["train_loss"] for one in rounds],
            colour=TUNED,
            is_dashed=True,
        ),
        Curve(name="validation", steps=steps, values=[one["validation_loss"] for one in rounds], colour=SECOND),
    ]
    scores = [Curve(name="validation", steps=steps, values=[one["metric"] for one in rounds], colour=SECOND)]
    if metric in METRICS and METRICS[metric].is_mean_of_correct:
        scores.insert(
            0,
            Curve(
                name="training",
                steps=steps,
                values=[one["train_correct"] for one in rounds],
                colour=TUNED,
                is_dashed=True,
            ),
        )
    return [
        ("Loss (lower is better)", curves_figure("Loss", losses, best, is_percent=False)),
        (
            f"{wording.metric_name(metric).capitalize()} ({wording.direction(metric)})",
            curves_figure(wording.metric_name(metric), scores, best, is_percent=wording.is_share(metric)),
        ),
    ]


def _round(evaluation: Evaluation) -> dict[str, float]:
    return {
        "step": evaluation.step,
        "epoch": evaluation.epoch,
        "train_loss": _mean(evaluation.train_losses),
        "validation_loss": _mean(evaluation.validation_losses),
        "train_correct": _mean(evaluation.train_correct),
        "metric": evaluation.metric,
    }


def _mean(values: tuple[float, ...] | tuple[bool, ...]) -> float:
    return sum(values) / len(values) if values else 0.0


def coded(text: str) -> Markup:
    """The text escaped, with what stands between backticks set as code."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(wording.readable(text)))))


def place_list(places: tuple[Place, ...]) -> str:
    """`data.csv:3, 7, 12 and 40 more`, the file named once while it stays the same."""
    shown, last = [], None
    for place in places[:MOST_PLACES]:
        shown.append(str(place.line) if place.file == last else f"{place.file}:{place.line}")
        last = place.file
    more = len(places) - len(shown)
    return ", ".join(shown) + (f" and {wording.count(more)} more" if more else "")
