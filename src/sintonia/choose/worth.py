"""Should you fine-tune at all? From what was measured on training examples to an answer with its reasons.

A pure function (science.md 1.2, 1.5, 8). It measures nothing, stops nothing, and promises no gain: before training only
the room for one can be seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from sintonia.metrics import METRICS
from sintonia.metrics.metric import Metric
from sintonia.records import Beforehand, Tried, Worth
from sintonia.settings import Recipe
from sintonia.statistics.intervals import wilson
from sintonia.statistics.power import minimum_detectable_effect
from sintonia.statistics.several.levels import level_of_opening

FEWEST_PER_CLASS, FEWEST_EXAMPLES = 8, 50
"""Below these a prompt, or more examples, come first (science.md 8)."""
_FEWEST_MEASURED = {"classify": 30, "chat": 12}
"""Examples from which on a way without any training may be called enough."""
_EXACT_ENOUGH = 0.95
"""Share of the answers that the untouched base writes letter by letter, from which on a prompt is enough."""
_MANY_WRONG = 0.05
_TRAINING_PASSES = {"full": 3.0, "lora": 2.0}
"""What training an example costs, in passes over it as part of a prompt: 6 and 4 operations a weight against 2."""
Answer = Literal["tune", "a probe is enough", "a prompt is enough", "more examples first", "unclear"]


def worth(before: Beforehand, filled: Recipe, num_test: int) -> Worth:
    """Whether tuning is worth its while; `filled` is the recipe without `auto`, `num_test` the sealed examples."""
    known = _Known(before=before, filled=filled, num_test=num_test)
    answer, best = _answer(known), known.best
    return Worth(
        answer=answer,
        reasons=tuple(reason for reason in (*_measured(known), *_why(known, answer), _bill(known)) if reason),
        best_rung=best.name,
        headroom=abs(known.perfect - best.score),
        break_even_queries=known.break_even,
        metric=before.metric,
        best_score=best.score,
        attainable=known.attainable,
        num_measured=best.num_measured,
        advice=_advice(known, answer),
        hints=tuple(hint for hint in (*before.hints, _about_labels(before)) if hint),
    )


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What the rules look at."""

    before: Beforehand
    filled: Recipe
    num_test: int

    @property
    def rule(self) -> Metric:
        return METRICS[self.before.metric]

    @property
    def perfect(self) -> float:
        return self.rule.range[1 if self.rule.higher_is_better else 0]

    @cached_property
    def best(self) -> Tried:
        return self._best(self.before.tried)

    @cached_property
    def best_prompt(self) -> Tried:
        return self._best(tuple(one for one in self.before.tried if not one.needs_fitting))

    def _best(self, tried: tuple[Tried, ...]) -> Tried:
        return max(tried, key=lambda one: self.rule.goodness(one.score))

    @property
    def attainable(self) -> float | None:
        """Of labels: perfect less those that look wrong. How likely answers can become, nobody knows."""
        return self.perfect - (self.before.noise_fraction or 0.0) if self.rule.unit == "points" else None

    @property
    def room(self) -> float | None:
        """What is left of it above the best cheap way."""
        return None if self.attainable is None else max(0.0, self.attainable - self.best.score)

    @property
    def margin(self) -> float:
        asked = self.filled.evaluation
        is_asked = asked.primary_metric == self.before.metric
        return self.rule.margin(asked.margin if is_asked else "auto", self.best.score)

    def is_enough(self, tried: Tried) -> bool:
        if self.attainable is None:
            return (tried.exact_fraction or 0.0) >= _EXACT_ENOUGH
        return tried.score >= self.attainable - self.margin - 1e-9

    @property
    def has_few(self) -> bool:
        per_class = self.before.per_class
        return self.before.num_train < FEWEST_EXAMPLES or (per_class is not None and per_class < FEWEST_PER_CLASS)

    @property
    def visible(self) -> float | None:
        """The least gain over the best cheap way that the sealed test can show, if tuning only mends mistakes."""
        if not self.rule.is_mean_of_correct or not self.num_test:
            return None
        return minimum_detectable_effect(1.0 - self.best.score, self.num_test, level_of_opening(1))

    @property
    def break_even(self) -> float | None:
        """Answers after which tuning has cost less computing than k answered examples before each: 3 E n / k, or 2."""
        passes, shots = _TRAINING_PASSES.get(self.filled.method), max(one.shots for one in self.before.tried)
        if passes is None or not shots:
            return None
        return passes * float(self.filled.training.epochs) * self.before.num_train / shots


def _answer(known: _Known) -> Answer:
    before, prompt = known.before, known.best_prompt
    if known.is_enough(prompt) and prompt.num_measured >= _FEWEST_MEASURED[before.task]:
        return "a prompt is enough"
    if known.has_few:
        return "more examples first"
    if before.evidence != "found":
        return "unclear"
    if known.is_enough(known.best):
        return "a probe is enough"
    if known.visible is not None and known.room is not None and known.room < known.visible:
        return "unclear"
    return "tune"


def _measured(known: _Known) -> tuple[str, ...]:
    """What the best cheap way came to, and what it is to be compared with."""
    best, rule = known.best, known.rule
    if known.attainable is None:
        ways = [f"{_told(known.before.tried[0].score, rule)} for the answers of {best.num_measured} conversations"]
        ways += [
            f"{_told(one.score, rule)} with {one.shots} answered ones before the prompt"
            for one in known.before.tried
            if one.shots
        ]
        exact = f"; {best.exact_fraction:.0%} of them letter by letter" if best.exact_fraction else ""
        return (f"the untouched base needs {', '.join(ways)}{exact}",)
    range_told = ""
    if rule.is_mean_of_correct:
        low, high = wilson(round(best.score * best.num_measured), best.num_measured)
        range_told = f" ({100 * low:.1f} to {100 * high:.1f})"
    seen = "not fitted on" if best.needs_fitting else "not shown"
    first = (
        f"without training the base, {_WAYS.get(best.name, best.name)} reaches {_told(best.score, rule)} {rule.title}"
        f"{range_told} on {best.num_measured:,} training examples that it was {seen}"
    )
    noise = known.before.noise_fraction
    if not noise:
        return (first,)
    return (
        f"{first}; about {noise:.1%} of the labels look wrong, so no more than {known.attainable:.1%} is to be had",
    )


_WAYS = {
    "zero-shot by label names": "comparing texts with the names of the labels",
    "linear probe": "a linear probe of its features",
    "TF-IDF": "a model of words alone",
}


def _why(known: _Known, answer: Answer) -> tuple[str, ...]:
    before, room = known.before, known.room
    if answer == "more examples first":
        few = f"{before.num_train:,} training examples"
        return (few + (f", {before.per_class:.0f} in the middle class" if before.per_class is not None else ""),)
    if answer == "tune" and room is None:
        return (before.evidence_in_words, "how far tuning takes it nobody can say before")
    if answer == "tune" and room is not None:
        visible = known.visible
        shown = f"; the test of {known.num_test:,} can show gains from about {100 * visible:.1f}" if visible else ""
        return (f"tuning can add at most {100 * room:.1f} points, and how many nobody can say before{shown}",)
    if answer == "unclear" and before.evidence == "found" and room is not None:
        return (
            f"at most {100 * room:.1f} points are left to gain, too few for a test of {known.num_test:,} to show: "
            "even a perfect model could not be told from this one",
        )
    if answer == "unclear":
        return (before.evidence_in_words,)
    if room is not None:
        return (f"that leaves {100 * room:.1f} points to gain, and less than {100 * known.margin:.1f} do not matter",)
    return ()


def _bill(known: _Known) -> str:
    answers = known.break_even
    if answers is None:
        return ""
    shots = max(one.shots for one in known.before.tried)
    return (
        f"{shots} examples before each prompt compute less than tuning at first: from about {answers:,.0f} answers "
        "on tuning has computed less in all (where a prompt's beginning is not kept from one to the next)"
    )


def _advice(known: _Known, answer: Answer) -> str:
    if answer == "a prompt is enough" and known.before.task == "chat":
        shots = known.best_prompt.shots
        return f"put {shots} answered examples into the prompt" if shots else "use the base as it is"
    if answer == "a prompt is enough":
        return "the names of the labels are enough for the base as it is"
    if answer == "a probe is enough":
        probe = next((one for one in known.before.tried if one.name == "linear probe"), None)
        if probe is None or not known.is_enough(probe):
            return "logistic regression on words is enough; no language model is needed"
        return "" if known.filled.method == "head" else "`--method head` trains only a head, in seconds"
    if answer == "more examples first":
        wanted = f"{FEWEST_PER_CLASS} examples a class, better 50" if known.before.per_class is not None else ""
        return f"add examples first: at least {wanted or f'{FEWEST_EXAMPLES}, better some hundreds'}"
    return ""


def _about_labels(before: Beforehand) -> str:
    if (before.noise_fraction or 0.0) < _MANY_WRONG:
        return ""
    return "correcting labels may gain more than tuning: `sintonia check --review`"


def _told(value: float, rule: Metric) -> str:
    return f"{value:.1%}" if rule.unit == "points" else f"{value:.3f} {rule.title}"
