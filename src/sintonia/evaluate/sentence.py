"""The verdict in words for a person who knows no statistics. It never decides anything."""

from __future__ import annotations

from dataclasses import dataclass

from sintonia.evaluate.compare import FEWEST_EXAMPLES, Rule
from sintonia.metrics import METRICS
from sintonia.records import Comparison, Outcome, WorthTuning


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the sentence is about."""

    outcome: Outcome
    base: str
    primary: Comparison
    examples_for_margin: int | None
    worth_tuning: WorthTuning
    rung_score: float
    rule: Rule
    opening: int
    invalid_reasons: tuple[str, ...]
    accepted: tuple[str, ...]
    models: int = 1
    """With several, the verdict is on the recipe that made them."""
    doubts: tuple[str, ...] = ()
    """Why a gain that was measured is not believed."""


def verdict_sentence(told: Told) -> str:
    """The outcome first, then the numbers, then what must be known besides."""
    parts = [f"{_opening_words(told)}: {_numbers(told)}{_ending(told)}."]
    if told.outcome not in ("invalid", "worse"):
        parts.append(_about_worth(told))
    if told.models > 1:
        parts.append(
            f"This is a verdict on the recipe: {told.models} models trained by it were each tested on examples they "
            f"had not seen. The model saved is none of those: it was trained afterwards on all "
            f"{told.primary.examples:,} examples, and itself it was not tested."
        )
    if told.opening > 1:
        parts.append(
            f"This was opening {told.opening} of this test, or of tests that share examples with it, so it was judged "
            f"more strictly (level {told.rule.level:.2g})."
        )
    parts += [f"But {doubt}." for doubt in told.doubts]
    if told.accepted:
        parts.append(f"Reached in spite of accepted findings: {', '.join(told.accepted)}.")
    return " ".join(part for part in parts if part)


def _opening_words(told: Told) -> str:
    difference = told.primary.difference
    if told.outcome == "invalid":
        return f"No verdict, because {'; '.join(told.invalid_reasons)}. For the record only"
    if told.outcome in ("better", "worse"):
        is_slight = abs(difference.value) < told.rule.margin
        return told.outcome.capitalize() + (", but only slightly" if is_slight else "")
    if told.outcome == "equivalent":
        return "No difference that matters"
    if told.primary.examples < FEWEST_EXAMPLES:
        return f"Not decided, since {told.primary.examples} unseen examples are too few for a verdict"
    return "Not decided"


def _numbers(told: Told) -> str:
    primary, difference = told.primary, told.primary.difference
    is_one = told.models == 1
    if METRICS[primary.metric].is_mean_of_correct:
        scores = (
            f"the tuned {'model gets' if is_one else 'models get'} {_percent(primary.tuned.value)} % of "
            f"{primary.examples:,} unseen examples right, the base (`{told.base}`) {_percent(primary.base.value)} %"
        )
    else:
        scores = (
            f"on {primary.examples:,} unseen examples the tuned {'model has' if is_one else 'models have'} a "
            f"{METRICS[primary.metric].title} "
            f"(every class counts the same) of {_percent(primary.tuned.value)} out of 100, "
            f"the base (`{told.base}`) {_percent(primary.base.value)}"
        )
    value, low, high = _points(difference.value, difference.low, difference.high)
    interval = f"{100 * told.rule.confidence:.10g} % interval {_unsigned(low)} to {_unsigned(high)}"
    verbs = ("it fixes", "breaks") if is_one else ("they fix", "break")
    changes = f"{verbs[0]} {_answers(primary.fixed)} and {verbs[1]} {primary.broken}"
    return f"{scores}: {value} points ({interval}); {changes}"


def _ending(told: Told) -> str:
    primary, margin = told.primary, _plain(told.rule.margin)
    if told.outcome == "worse":
        return "; keep the base"
    if told.outcome == "equivalent":
        return f"; differences under {margin} points do not matter (the margin), so keep whichever is cheaper"
    if told.outcome != "inconclusive":
        return ""
    smallest = _plain(primary.minimum_detectable_effect)
    detectable = f"; this test can only find differences from about {smallest} points"
    if primary.examples_needed is not None and abs(primary.difference.value) >= told.rule.margin:
        return f"{detectable}, and deciding this one would take about {primary.examples_needed:,} examples"
    if told.examples_for_margin is not None:
        return (
            f"{detectable}, and deciding a difference of {margin} points (the margin) would take about "
            f"{told.examples_for_margin:,} examples"
        )
    return detectable


def _about_worth(told: Told) -> str:
    worth = told.worth_tuning
    if worth.outcome == "better" or worth.best_rung == told.base:
        return ""
    value, low, high = _points(worth.difference.value, worth.difference.low, worth.difference.high)
    unit = " %" if METRICS[told.primary.metric].is_mean_of_correct else ""
    start = {
        "worse": "It is not worth its cost: the quick baseline",
        "equivalent": "A quick baseline does as well:",
        "inconclusive": "Whether it also beats the best quick baseline is not decided:",
    }[worth.outcome]
    doubt = ""
    if worth.outcome == "inconclusive" and (worth.difference.low > 0 or worth.difference.high < 0):
        doubt = f"; p = {worth.p_value:.3f}, not below the {told.rule.level:.3f} that this opening needs"
    return (
        f"{start} `{worth.best_rung}` gets {_percent(told.rung_score)}{unit} "
        f"(tuned minus this: {value} points, {_unsigned(low)} to {_unsigned(high)}{doubt})."
    )


def _percent(share: float) -> str:
    """One decimal, more only where one would claim a perfect or an empty score that is not."""
    decimals = 1
    while decimals < 4 and 0 < share < 1 and float(f"{100 * share:.{decimals}f}") in (0.0, 100.0):
        decimals += 1
    return f"{100 * share:.{decimals}f}"


def _points(*differences: float) -> tuple[str, ...]:
    """Signed points with one decimal, more only where one would make a difference look like zero."""
    decimals = 1
    nonzero = [100 * difference for difference in differences if abs(difference) > 1e-9]
    while decimals < 4 and any(float(f"{points:.{decimals}f}") == 0 for points in nonzero):
        decimals += 1
    signed = [f"{100 * difference:+.{decimals}f}" for difference in differences]
    return tuple(text[1:] if float(text) == 0 else text for text in signed)


def _plain(difference: float) -> str:
    return _unsigned(_points(difference)[0])


def _unsigned(points: str) -> str:
    return points.removeprefix("+")


def _answers(count: int) -> str:
    return f"{count:,} answer" if count == 1 else f"{count:,} answers"
