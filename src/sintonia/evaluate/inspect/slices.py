"""On which kinds of examples is the tuned model better or worse than the base? Exploratory, corrected for many looks.

Pure and seeded. Slices never change the outcome. Detecting languages is handed in, for it belongs to another room.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sintonia.evaluate.answers import Answers, answers_of
from sintonia.evaluate.compare import Compared, Rule, compare
from sintonia.metrics import METRICS, Metric
from sintonia.records import Example, Finding, Scorecard, Slice
from sintonia.statistics import benjamini_hochberg

LEAST_EXAMPLES = 30
"""Test examples from which a slice is looked at (science.md 1.4)."""
FALSE_SHARE = 0.10
"""Of the slices found, the share that may be chance (Benjamini and Hochberg 1995)."""
LENGTH, CLASS, LANGUAGE = "length", "class", "language"
_MOST_TOLD = 5

Columns = Mapping[str, Sequence[str]]
"""What each column says of each example; an empty text where it says nothing."""
Detect = Callable[[list[str]], Sequence[str]]
"""The language of each text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Both scorecards of the same test examples, their groups, and the metric that is judged by."""

    base: Scorecard
    tuned: Scorecard
    groups: tuple[str, ...]
    metric: Metric
    confidence: float = 0.95
    draws: int = 2_000


def make_columns(
    examples: Sequence[Example], tuned: Scorecard, detect: Detect | None = None
) -> dict[str, Sequence[str]]:
    """What examples can be told apart by: length, class where targets are labels, language, and columns of the data."""
    texts = [one.input for one in examples]
    columns: dict[str, Sequence[str]] = {LENGTH: _lengths(texts)}
    if tuned.predictions and not tuned.num_bytes:
        columns[CLASS] = [one.target for one in examples]
    if detect is not None:
        columns[LANGUAGE] = detect(texts)
    known = _fields(examples).items()
    return columns | {f"column {name}" if name in columns else name: values for name, values in known}


def _fields(examples: Sequence[Example]) -> dict[str, Sequence[str]]:
    """What the other columns of the data say of the examples."""
    names = dict.fromkeys(name for one in examples for name in one.fields)
    return {name: [one.fields.get(name, "") for one in examples] for name in names}


def find_slices(sides: Sides, columns: Columns) -> tuple[Slice, ...]:
    """Base against tuned on each value of each column that has enough examples, and not all of them.

    Whether a difference is told from chance is decided over all slices together.
    """
    whole = answers_of(sides.metric, sides.base, sides.tuned, sides.groups)
    looked = [
        (column, value, metric.name, compare(metric, _part(whole, is_in), _rule(sides)))
        for column, values in columns.items()
        for metric in (_metric_of(column, sides.metric),)
        for value, is_in in _values(column, values, whole.repeats)
    ]
    adjusted = benjamini_hochberg([compared.comparison.p_value for *_, compared in looked])
    return tuple(_slice(*one, p) for one, p in zip(looked, adjusted, strict=True))


def languages_note(num_examples: int) -> Finding:
    """E320: that the languages of the test were not told apart."""
    return Finding(
        code="E320",
        severity="note",
        count=num_examples,
        message=f"languages were not looked at: {num_examples:,} test examples are more than are told apart in time",
        hint="a column that holds the language is sliced by, however many examples there are",
    )


def slices_finding(slices: Sequence[Slice], *, is_better: bool, hides_values: bool = False) -> Finding | None:
    """E313: the tuned model is better on the whole, and worse than the base where nobody looks.

    With `hides_values` it says of columns of the data which they are, and not what stands in them.
    """
    worse = [one for one in slices if is_worse(one)]
    if not is_better or not worse:
        return None
    worse.sort(key=lambda one: one.adjusted_p)
    told = "; ".join(_told(one, hides_values=hides_values) for one in worse[:_MOST_TOLD])
    more = f"; and {len(worse) - _MOST_TOLD} more" if len(worse) > _MOST_TOLD else ""
    return Finding(
        code="E313",
        severity="warning",
        count=len(worse),
        message=f"better on the whole, but worse than the base on {len(worse)} of {len(slices)} kinds of test examples "
        f"that were looked at: {told}{more}",
        hint="look at the broken answers in the report; add training examples of that kind, or keep the base for it",
    )


def is_worse(one: Slice) -> bool:
    """Whether the tuned model is worse there than the base, beyond chance."""
    return one.is_found and METRICS[one.metric].goodness(one.difference.value) < 0


def _told(one: Slice, *, hides_values: bool) -> str:
    metric, size = METRICS[one.metric], one.difference.value
    change = f"{100 * size:+.1f} points" if metric.unit == "points" else f"{size:+.3f} {metric.title}"
    is_hidden = hides_values and one.column not in (LENGTH, CLASS, LANGUAGE)
    value = "(value hidden, `privacy.redact`)" if is_hidden else one.value
    return f"{one.column} {value} ({change}, {one.num_examples:,} examples)"


def _lengths(texts: Sequence[str]) -> list[str]:
    """Thirds by the number of characters; equal lengths stay together."""
    sizes = np.array([len(text) for text in texts])
    short, long = (int(one) for one in np.quantile(sizes, [1 / 3, 2 / 3], method="inverted_cdf"))
    names = (f"up to {short:,} characters", f"{short + 1:,} to {long:,} characters", f"over {long:,} characters")
    return [names[int(size > short) + int(size > long)] for size in sizes]


def _metric_of(column: str, metric: Metric) -> Metric:
    """Within one class an average over classes says nothing: accuracy there is the share of the class that is found."""
    is_average = metric.reads == "predictions" and not metric.is_mean_of_correct
    return METRICS["accuracy"] if column == CLASS and is_average else metric


def _values(column: str, values: Sequence[str], repeats: int) -> list[tuple[str, list[bool]]]:
    """The values of a column that make a slice, most frequent (or shortest) first, with which examples have them."""
    counts = Counter(value for value in values if value)
    kept = [name for name, n in counts.most_common() if LEAST_EXAMPLES * repeats <= n < len(values)]
    if column == LENGTH:
        kept.sort(key=lambda name: (name.startswith("over"), not name.startswith("up")))
    return [(name, [value == name for value in values]) for name in kept]


def _part(whole: Answers, is_in: list[bool]) -> Answers:
    columns = ("targets", "base", "tuned", "groups", "base_correct", "tuned_correct")
    kept = {name: tuple(itertools.compress(getattr(whole, name), is_in)) for name in columns}
    return Answers(**kept, repeats=whole.repeats)


def _rule(sides: Sides) -> Rule:
    """Only its confidence and its draws matter: what is found is decided over all slices."""
    return Rule(level=0.05, margin=0.0, confidence=sides.confidence, draws=sides.draws)


def _slice(column: str, value: str, metric: str, compared: Compared, adjusted: float) -> Slice:
    found = compared.comparison
    return Slice(
        column=column,
        value=value,
        num_examples=found.examples,
        metric=metric,
        base=found.base.value,
        tuned=found.tuned.value,
        difference=found.difference,
        p_value=found.p_value,
        adjusted_p=adjusted,
        is_found=adjusted <= FALSE_SHARE and not found.difference.low <= 0 <= found.difference.high,
    )
