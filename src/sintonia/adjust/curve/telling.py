"""A learning curve in plain words: the answer, what it rests on, a goal, and what to do first. It computes no curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sintonia.adjust.curve.answering import MOST_TIMES, Answer, Fitted
from sintonia.metrics import METRICS
from sintonia.records import Interval, Shortfall

MANY_WRONG = 0.05
"""Share of labels that look wrong, from which on correcting them comes before collecting more."""
_UNDERFIT = ("T201", "T202", "T203", "T204", "T205", "T206", "T215")
_OVERFIT_GAP = "T211"
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of the run besides the curve."""

    noise_fraction: float | None = None
    """Share of the labels that look wrong, where that may be claimed."""
    codes: frozenset[str] = frozenset()
    """Codes of the findings of the best turn."""
    tuned: float | None = None
    """What the tuned model scores on validation."""


def told_answer(fitted: Fitted, answer: Answer, why: str) -> str:
    """The answer in one sentence."""
    gain, twice = fitted.gain(), f"twice the examples ({2 * fitted.num_train:,})"
    title = METRICS[fitted.measured.metric].title
    asked, unit = ("2 %", "% of the loss") if fitted.is_relative else ("two points", f"points of {title}")
    size = f"about {100 * gain.value:.1f} {unit} ({100 * gain.low:.1f} to {100 * gain.high:.1f})"
    if answer == "yes":
        return f"YES, {twice} would gain {size}: more than {asked}"
    if answer == "no":
        return f"NO, {twice} would gain {size}: less than {asked}"
    return f"CAN'T TELL whether {twice} would gain {asked}: {why}; the curve says {size}"


def told_curve(fitted: Fitted, subject: str) -> tuple[str, ...]:
    """What was measured, the law through it, and what it says of two and four times the examples."""
    num, law, metric = fitted.num_train, fitted.law, fitted.measured.metric
    sizes, draws = fitted.measured.sizes, len(fitted.measured.draws)
    whose = "a linear probe of the untouched base" if subject == "probe" else "real trainings with the best recipe"
    floor, scale, exponent = float(law.floor[0]), float(law.scale[0]), float(law.exponent[0])
    times = f", {draws} draws of each" if draws > 1 else ""
    is_single = subject == "fine-tune" and draws == 1
    luck = ("one training a size: the luck of a seed is not in the intervals",) if is_single else ()
    return (
        f"with {2 * num:,} examples {score_in_words(metric, fitted.at(2 * num))}, with {MOST_TIMES * num:,} "
        f"{score_in_words(metric, fitted.at(MOST_TIMES * num))}; nothing is told beyond that",
        f"measured with {whose}, on {len(sizes)} sizes from {sizes[0]:,.0f} to {sizes[-1]:,.0f} examples{times}: "
        f"error(n) = {floor:.3f} + {scale:.3f} (n / {num:,})^-{exponent:.2f}",
        *luck,
    )


def score_in_words(metric: str, error: Interval) -> str:
    """An error as the score that it is, with its band; shares in percent.

    >>> score_in_words("accuracy", Interval(value=0.2, low=0.15, high=0.25))
    'about 80.0 % accuracy (75.0 to 85.0)'
    """
    rule = METRICS[metric]
    ends = (error.value, error.low, error.high)
    value, *band = (rule.range[1] - one for one in ends) if rule.higher_is_better else ends
    low, high = sorted(band)
    if rule.unit == "points":
        return f"about {100 * value:.1f} % {rule.title} ({100 * low:.1f} to {100 * high:.1f})"
    return f"about {value:.3f} {rule.title} ({low:.3f} to {high:.3f})"


def told_goal(fitted: Fitted, goal: float) -> str:
    """How many examples a score needs (science.md 4.1), never beyond four times those there are."""
    rule, num = METRICS[fitted.measured.metric], fitted.num_train
    error = rule.range[1] - goal if rule.higher_is_better else goal
    shown = f"{100 * goal:g} % {rule.title}" if rule.unit == "points" else f"{goal:g} {rule.title}"
    now = score_in_words(rule.name, fitted.at(num)).removeprefix("about ")
    if error >= fitted.at(num).value:
        return f"the goal of {shown} is reached already: with the {num:,} examples there are it is {now}"
    needed, again = float(fitted.law.needed(error)[0]), fitted.laws.needed(error)
    floor = float(fitted.law.floor[0])
    if np.isinf(needed) and float(np.mean(np.isinf(again))) >= 0.5:
        best = score_in_words(rule.name, Interval(value=floor, low=floor, high=floor)).partition(" (")[0]
        return f"the goal of {shown}: the curve flattens at {best}, more of the same examples will not get there"
    if needed > MOST_TIMES * num:
        return (
            f"the goal of {shown} needs more than {MOST_TIMES} times the {num:,} examples there are, which nobody can "
            f"estimate reliably: label in rounds, first twice as many ({2 * num:,}), and ask again"
        )
    low, high = np.quantile(again, 0.05), np.quantile(again, 0.95, method="higher")
    most = f"{high:,.0f}" if high <= MOST_TIMES * num else f"more than {MOST_TIMES * num:,}"
    return f"the goal of {shown} needs about {needed:,.0f} examples ({max(low, 1):,.0f} to {most})"


def advice_of(answer: Answer, known: Known, missing: Sequence[Shortfall], *, is_chat: bool) -> tuple[str, ...]:
    """What to do, in the order of science.md 4.1: labels, then training, then examples."""
    advice = []
    if (known.noise_fraction or 0.0) > MANY_WRONG:
        advice.append(
            f"correct the labels first: about {known.noise_fraction:.0%} of them look wrong, and more examples of the "
            "same kind bring more of them (`sintonia check DATA --review`)"
        )
    underfit = [code for code in _UNDERFIT if code in known.codes]
    if underfit:
        advice.append(
            f"mend the training first ({', '.join(underfit)}): a model that has not learned the examples it has gains "
            "nothing from more (`sintonia adjust RUN`)"
        )
    more = _about_more(answer, known, is_chat=is_chat)
    advice += [more] if more else []
    if missing:
        named = "; ".join(in_words(one) for one in missing[:_MOST_NAMED])
        advice.append(f"where examples are missing, collect those first: {named}")
    return tuple(advice)


def _about_more(answer: Answer, known: Known, *, is_chat: bool) -> str:
    pick = "" if is_chat else "; `sintonia label POOL --run RUN` picks those that teach most"
    has_gap = _OVERFIT_GAP in known.codes
    if answer == "yes":
        return f"{'collect' if is_chat else 'label'} more examples, twice as many to begin with{pick}"
    if answer == "no":
        return "more examples of the same kind are not what helps: another base, or other settings (`sintonia adjust`)"
    if has_gap:
        return f"the gap between training and validation (T211) says that more examples help most{pick}"
    return "label in rounds: some more examples, then ask again, with more of them in validation too"


def in_words(one: Shortfall) -> str:
    """A kind of examples that is answered worse than the others, in one line."""
    if 0 <= one.other_error <= 1 and one.error.high <= 1:
        errors = f"{one.error.value:.0%} wrong ({one.error.low:.0%} to {one.error.high:.0%}), the others "
        errors += f"{one.other_error:.0%}"
    else:
        errors = (
            f"{one.error.value:.3f} ({one.error.low:.3f} to {one.error.high:.3f}), the others {one.other_error:.3f}"
        )
    trained = "" if one.num_train is None else f", {one.num_train:,} in training"
    return f"{one.column} {one.value}: {errors} ({one.num_examples:,} validation examples{trained})"
