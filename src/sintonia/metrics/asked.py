"""Which settings of evaluation mean something together: what would be without effect is refused, not passed over.

It computes no metric.
"""

from __future__ import annotations

from collections.abc import Sequence

from sintonia.errors import UsageError, nearest
from sintonia.metrics.table import BUILT_IN, METRICS
from sintonia.settings import EvaluationSettings

WRITING = (
    "evaluation.decoding",
    "evaluation.new_tokens",
    "evaluation.format",
    "evaluation.judge",
    "evaluation.judge_examples",
)
"""Settings of what a language model writes."""


def refuse_unknown(asked: EvaluationSettings) -> None:
    """Refuses a primary metric that no task has and that the recipe does not add.

    Raises:
        UsageError: with the nearest names.
    """
    if asked.primary_metric not in ("auto", *METRICS):
        raise UsageError(
            f"there is no metric `{asked.primary_metric}`",
            hint=f"did you mean {nearest(asked.primary_metric, tuple(METRICS))}?",
            where="evaluation.primary_metric",
        )


def refuse_idle(asked: EvaluationSettings, task: str, known: Sequence[str]) -> None:
    """Refuses settings of writing where nothing is written, and a primary metric that the task does not have.

    `known` are the metrics of the task.

    Raises:
        UsageError: all such settings, in one message.
    """
    plain, primary = EvaluationSettings(), asked.primary_metric
    given = [name for name in WRITING if getattr(asked, _field(name)) != getattr(plain, _field(name))]
    if task != "chat":
        _refuse([f"`{name}` has no effect for the task {task}" for name in given], "leave it out")
    is_added = primary in METRICS and primary not in BUILT_IN
    is_idle = is_added and task != "chat" and METRICS[primary].reads == "texts"
    if primary != "auto" and primary not in known and (not is_added or is_idle):
        raise UsageError(
            f"`evaluation.primary_metric` is {primary}, which the task `{task}` does not have",
            expected=" or ".join(f"`{name}`" for name in known),
            hint="leave it on auto",
        )
    if asked.judge is None and "evaluation.judge_examples" in given:
        _refuse(
            ["`evaluation.judge_examples` has no effect without `evaluation.judge`"], "leave it out, or name a judge"
        )
    if task == "chat" and asked.decoding == "none":
        _refuse(_unwritten(asked, given), "leave it out, or let answers be written: `evaluation.decoding=greedy`")


def _unwritten(asked: EvaluationSettings, given: Sequence[str]) -> list[str]:
    """What has no effect while nothing is written."""
    idle = [name for name in given if name != "evaluation.decoding"]
    idle += ["evaluation.metrics_file"] if asked.metrics_file else []
    found = [f"`{name}` has no effect while `evaluation.decoding` is none" for name in idle]
    metric = METRICS.get(asked.primary_metric)
    if metric is not None and metric.reads in ("texts", "answers"):
        found.append(f"`{asked.primary_metric}` reads what is written, and `evaluation.decoding` is none")
    return found


def _refuse(problems: Sequence[str], hint: str) -> None:
    if problems:
        raise UsageError("; ".join(problems), hint=hint)


def _field(name: str) -> str:
    return name.partition(".")[2]
