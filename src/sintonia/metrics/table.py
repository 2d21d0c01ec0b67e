"""The table of metrics: the built-in ones, and for the length of one run those that its recipe adds.

What a run adds is seen by the code that runs inside `adding(...)`, in its thread, and by nobody afterwards.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NoReturn

from sintonia.errors import UsageError
from sintonia.metrics.accuracy import ACCURACY
from sintonia.metrics.bits_per_byte import BITS_PER_BYTE
from sintonia.metrics.brier import BRIER
from sintonia.metrics.chrf import CHRF
from sintonia.metrics.exact_match import EXACT_MATCH
from sintonia.metrics.format_validity import NAME, format_validity
from sintonia.metrics.formats import parse_format
from sintonia.metrics.log_loss import LOG_LOSS
from sintonia.metrics.macro_f1 import MACRO_F1
from sintonia.metrics.mean_steps import NAME as MEAN_STEPS
from sintonia.metrics.mean_steps import mean_steps
from sintonia.metrics.metric import Metric, mean_from_counts
from sintonia.metrics.ndcg import NDCG_AT_10
from sintonia.metrics.normalised_match import NORMALISED_MATCH
from sintonia.metrics.of_label_sets import EXACT_SETS, MACRO_F1_OF_LABELS, MICRO_F1_OF_LABELS
from sintonia.metrics.of_numbers import MEAN_ABSOLUTE_ERROR, PEARSON, R_SQUARED, ROOT_MEAN_SQUARED_ERROR
from sintonia.metrics.own import load_metric
from sintonia.metrics.preference_accuracy import PREFERENCE_ACCURACY
from sintonia.metrics.recall_at import RECALL_AT_1, RECALL_AT_10
from sintonia.metrics.rouge_l import ROUGE_L
from sintonia.metrics.span_f1 import SPAN_F1
from sintonia.metrics.spearman import SPEARMAN
from sintonia.metrics.token_accuracy import TOKEN_ACCURACY
from sintonia.metrics.token_f1 import TOKEN_F1

_OF_LABELS = (ACCURACY, MACRO_F1, LOG_LOSS, BRIER)
_OF_TEXTS = (BITS_PER_BYTE, EXACT_MATCH, NORMALISED_MATCH, TOKEN_F1, ROUGE_L, CHRF)
_OF_EMBEDDINGS = (NDCG_AT_10, RECALL_AT_1, RECALL_AT_10, SPEARMAN)
_OF_NUMBERS = (MEAN_ABSOLUTE_ERROR, ROOT_MEAN_SQUARED_ERROR, R_SQUARED, PEARSON)
_OF_SPANS = (SPAN_F1, TOKEN_ACCURACY)
_OF_LABEL_SETS = (MICRO_F1_OF_LABELS, MACRO_F1_OF_LABELS, EXACT_SETS)
_ALL = (*_OF_LABELS, *_OF_TEXTS, *_OF_EMBEDDINGS, *_OF_NUMBERS, *_OF_SPANS, *_OF_LABEL_SETS, PREFERENCE_ACCURACY)
BUILT_IN: dict[str, Metric] = {metric.name: metric for metric in _ALL}

_ADDED: ContextVar[Mapping[str, Metric]] = ContextVar("metrics of this run")


class _Table(Mapping[str, Metric]):
    """The built-in metrics, then those of the run that is going on."""

    def __getitem__(self, name: str) -> Metric:
        return BUILT_IN[name] if name in BUILT_IN else _ADDED.get({})[name]

    def __iter__(self) -> Iterator[str]:
        yield from (*BUILT_IN, *_ADDED.get({}))

    def __len__(self) -> int:
        return len(BUILT_IN) + len(_ADDED.get({}))


METRICS: Mapping[str, Metric] = _Table()
"""Every metric by its name."""


def asked_for(
    declared_format: str | None, metrics_file: str | None, order: Sequence[str | int | float] = ()
) -> tuple[Metric, ...]:
    """The metrics that three settings of a recipe add: validity in its format, a person's own, steps between labels.

    Raises:
        UsageError: no such format or file, or one that cannot be used.
    """
    validity = (format_validity(parse_format(declared_format)),) if declared_format else ()
    ordered = (mean_steps(order),) if order else ()
    taken = {**BUILT_IN, NAME: ACCURACY, MEAN_STEPS: ACCURACY}
    own = (load_metric(metrics_file, taken),) if metrics_file else ()
    return (*validity, *own, *ordered)


@contextmanager
def adding(*metrics: Metric) -> Iterator[None]:
    """Inside, the table has these metrics too, and of what an outer one added nothing.

    Never use it around a `yield` of a generator of your own: the caller would see them.
    Raises ValueError when a name is taken: a mistake of the caller.
    """
    names = [metric.name for metric in metrics]
    if len(set(names)) != len(names) or set(names) & set(BUILT_IN):
        raise ValueError(f"a metric has the name of another: {names}")
    before = _ADDED.set({metric.name: metric for metric in metrics})
    try:
        yield
    finally:
        _ADDED.reset(before)


def facts(metric: Metric) -> dict[str, Any]:
    """What a report says of a metric, as plain values: a run folder that holds them needs the person's file no more."""
    kept = {field.name: getattr(metric, field.name) for field in dataclasses.fields(metric)}
    bounds = [bound if math.isfinite(bound) else None for bound in metric.range]
    return {name: value for name, value in kept.items() if not callable(value)} | {"range": bounds}


def from_facts(told: Mapping[str, Any]) -> Metric:
    """The metric of such facts; it can be spoken of, and not be computed."""

    def counts(*_: Any) -> NoReturn:
        raise UsageError(f"`{told['name']}` needs the file or format that its recipe names to be computed")

    ends = (-math.inf, math.inf)
    low, high = (end if bound is None else bound for bound, end in zip(told["range"], ends, strict=True))
    return Metric(**{**told, "range": (low, high)}, counts=counts, from_counts=mean_from_counts)
