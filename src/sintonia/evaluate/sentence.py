"""The verdict in words for a person who knows no statistics. It never decides anything."""

from __future__ import annotations

from dataclasses import dataclass

from sintonia.evaluate.compare import FEWEST_EXAMPLES, Rule
from sintonia.evaluate.units import unit_of
from sintonia.metrics import METRICS, Metric
from sintonia.metrics.format_validity import NAME as FORMAT_VALIDITY
from sintonia.records import Comparison, Outcome, WorthTuning

_FAR, _SLIGHT = 0.2, 0.05
"""Changes of the bits per byte, as a share of the base's, from which they are large, and below which small."""
_SPELT_WITH_VOWEL = ("ND", "F1", "R2")
"""How titles begin that are said letter by letter, with a vowel first."""
_EXPLAINED = (
    "Bits per byte say how surprised a model is by {what}, letter by letter: 0 is sure of every letter, "
    "8 knows nothing."
)


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
    num_written: int = 0
    """Examples to which both sides wrote answers that were compared; 0 when nobody was asked to write."""
    is_plain_text: bool = False
    """Whether the examples are passages of text, which answer nobody."""


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
            f"more strictly: a p-value below {told.rule.level:.2g} is needed, more than the "
            f"{100 * told.rule.confidence:.10g} % interval asks for."
        )
    parts += [f"But {doubt}." for doubt in told.doubts]
    metric = METRICS[told.primary.metric]
    if metric.reads == "losses":
        parts.append(_EXPLAINED.format(what="a text" if told.is_plain_text else "the right answer"))
    if metric.reads in ("losses", "correct") and not told.is_plain_text:
        parts.append(_about_writing(told))
    if told.accepted:
        parts.append(f"Reached in spite of accepted findings: {', '.join(told.accepted)}.")
    return " ".join(part for part in parts if part)


def _about_writing(told: Told) -> str:
    if not told.num_written:
        return "Nobody read the answers as text: the model was not asked to write any."
    which = "all of them" if told.num_written == told.primary.examples else f"{told.num_written:,} of them"
    return f"What both write by themselves to {which} is compared beside this."


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
    metric = METRICS[primary.metric]
    if metric.reads == "losses":
        scores = _about_bits(told)
    elif metric.reads == "correct":
        scores = _about_exact(told)
    elif metric.is_mean_of_correct and metric.name != FORMAT_VALIDITY:
        scores = (
            f"the tuned {_model(told, 'gets', 'get')} {_score(primary, primary.tuned.value)} % of "
            f"{primary.examples:,} unseen examples right, the base (`{told.base}`) "
            f"{_score(primary, primary.base.value)} %"
        )
    else:
        scores = (
            f"on {primary.examples:,} unseen examples the tuned {_model(told, 'has', 'have')} "
            f"{'an' if metric.title[:2] in _SPELT_WITH_VOWEL else 'a'} {metric.title}"
            f"{_remark(metric)} of {_score(primary, primary.tuned.value)}{unit_of(metric).whole}, "
            f"the base (`{told.base}`) {_score(primary, primary.base.value)}"
        )
    unit = unit_of(metric)
    value = unit.differences(difference.value, difference.low, difference.high)[0]
    ends = unit.interval(difference.low, difference.high, difference.value)
    noun = f" {unit.noun}" if metric.reads != "losses" and unit.noun else ""
    return f"{scores}: {value}{noun} ({100 * told.rule.confidence:.10g} % interval {ends}){_changes(told)}"


def _remark(metric: Metric) -> str:
    """What must be known to read a score, where it is not plain."""
    if metric.name == "macro_f1":
        return " (every class counts the same)"
    return "" if metric.higher_is_better else " (lower is better)"


def _about_bits(told: Told) -> str:
    primary = told.primary
    tuned, base = (_score(primary, one.value) for one in (primary.tuned, primary.base))
    answers = f"the right answers to {primary.examples:,} unseen examples take {tuned} bits per byte"
    if told.is_plain_text:
        answers = f"{primary.examples:,} unseen passages of the text take {tuned} bits per byte"
    if told.outcome not in ("better", "worse"):
        return f"{answers}, and {base} with the base (`{told.base}`)"
    change = primary.tuned.value / primary.base.value - 1 if primary.base.value else 0.0
    size = "far " if abs(change) >= _FAR else "" if abs(change) >= _SLIGHT else "slightly "
    likely = f"{size}{'more' if change < 0 else 'less'} likely"
    return (
        f"{answers} instead of {base} with the base (`{told.base}`), so the tuned {_model(told, 'finds', 'find')} them "
        f"{likely}"
    )


def _about_exact(told: Told) -> str:
    primary = told.primary
    return (
        f"taking the likeliest word each time, the tuned {_model(told, 'gives', 'give')} "
        f"{_score(primary, primary.tuned.value)} % of {primary.examples:,} unseen answers letter by letter, "
        f"the base (`{told.base}`) {_score(primary, primary.base.value)} %"
    )


def _changes(told: Told) -> str:
    """What becomes of single answers, behind a semicolon; nothing where none is right or wrong."""
    primary, reads = told.primary, METRICS[told.primary.metric].reads
    if reads == "numbers" or told.is_plain_text:
        return ""
    if reads == "ranks":
        return f"; the right text now comes first for {primary.fixed:,} more, and no longer for {primary.broken:,}"
    if reads == "losses":
        if not primary.fixed + primary.broken:
            return "; no answer becomes exact, letter by letter, or stops being so"
        return (
            f"; {_answers(primary.fixed)} {'becomes' if primary.fixed == 1 else 'become'} exact, letter by letter, and "
            f"{primary.broken:,} no longer {'is' if primary.broken == 1 else 'are'}"
        )
    verbs = ("it fixes", "breaks") if told.models == 1 else ("they fix", "break")
    return f"; {verbs[0]} {_answers(primary.fixed)} and {verbs[1]} {primary.broken}"


def _model(told: Told, one: str, several: str) -> str:
    return f"model {one}" if told.models == 1 else f"models {several}"


def _score(comparison: Comparison, value: float) -> str:
    return unit_of(METRICS[comparison.metric]).score(value)


def _ending(told: Told) -> str:
    primary, unit = told.primary, unit_of(METRICS[told.primary.metric])
    margin = unit.size(told.rule.margin)
    if told.outcome == "worse":
        return "; keep the base"
    if told.outcome == "equivalent":
        return f"; differences under {margin} do not matter (the margin), so keep whichever is cheaper"
    if told.outcome != "inconclusive":
        return ""
    detectable = f"; this test can only find differences from about {unit.size(primary.minimum_detectable_effect)}"
    if primary.examples_needed is not None and abs(primary.difference.value) >= told.rule.margin:
        return f"{detectable}, and deciding this one would take about {primary.examples_needed:,} examples"
    if told.examples_for_margin is not None:
        return (
            f"{detectable}, and deciding a difference of {margin} (the margin) would take about "
            f"{told.examples_for_margin:,} examples"
        )
    return detectable


def _about_worth(told: Told) -> str:
    worth = told.worth_tuning
    if worth.outcome == "better" or worth.best_rung == told.base:
        return ""
    metric, difference = METRICS[told.primary.metric], worth.difference
    unit = unit_of(metric)
    value = unit.differences(difference.value, difference.low, difference.high)[0]
    ends = unit.interval(difference.low, difference.high, difference.value)
    noun = " %" if metric.is_mean_of_correct else f" {unit.noun}" if unit.noun and unit.factor == 1 else ""
    start = {
        "worse": "It is not worth its cost: the quick baseline",
        "equivalent": "A quick baseline does as well:",
        "inconclusive": "Whether it also beats the best quick baseline is not decided:",
    }[worth.outcome]
    doubt = ""
    if worth.outcome == "inconclusive" and (worth.difference.low > 0 or worth.difference.high < 0):
        if told.primary.examples < FEWEST_EXAMPLES:
            doubt = f"; fewer than {FEWEST_EXAMPLES} examples decide nothing"
        else:
            doubt = f"; p = {worth.p_value:.3f}, not below the {told.rule.level:.3f} that this opening needs"
    return (
        f"{start} `{worth.best_rung}` gets {unit.score(told.rung_score)}{noun} "
        f"(tuned minus this: {value}{unit.noun and ' '}{unit.noun}, {ends}{doubt})."
    )


def _answers(count: int) -> str:
    return f"{count:,} answer" if count == 1 else f"{count:,} answers"
