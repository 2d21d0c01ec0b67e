"""Numbers and outcomes as a person reads them. Nothing here knows HTML or Markdown."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sintonia.metrics import METRICS
from sintonia.records import Interval, Verdict

UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeWords:
    """A word, a symbol and half a sentence for one outcome: colour alone never says it."""

    word: str
    symbol: str
    gloss: str


OUTCOMES: dict[str, OutcomeWords] = {
    "better": OutcomeWords(word="Better", symbol="▲", gloss="the tuned model beats the base"),
    "worse": OutcomeWords(word="Worse", symbol="▼", gloss="the base was better; keep it"),
    "equivalent": OutcomeWords(word="Equivalent", symbol="=", gloss="no difference that matters in practice"),
    "inconclusive": OutcomeWords(word="Inconclusive", symbol="?", gloss="this test cannot tell the two apart"),
    "invalid": OutcomeWords(word="Invalid", symbol="×", gloss="this comparison must not be relied on"),
    "unfinished": OutcomeWords(word="No verdict yet", symbol="…", gloss="the run has not been judged"),
}
_OUTDONE = {
    "worse": OutcomeWords(word="Better", symbol="△", gloss="than the base; a simpler baseline does better still"),
    "equivalent": OutcomeWords(word="Better", symbol="△", gloss="than the base; a simpler baseline does as well"),
}


def outcome_words(verdict: Verdict | None) -> OutcomeWords:
    """The words of an outcome; a gain over the base that a simpler baseline gives too is said with it."""
    if verdict is None:
        return OUTCOMES["unfinished"]
    found = OUTCOMES[verdict.outcome]
    return _OUTDONE.get(verdict.worth_tuning.outcome, found) if verdict.outcome == "better" else found


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedWords:
    """What the two numbers of a comparison count, on the page and on the card."""

    title: str
    fixed: str
    broken: str
    card_fixed: str
    card_broken: str


_RIGHT = CountedWords(
    title="Fixed : broken",
    fixed="fixed: the base was wrong, the tuned model is right",
    broken="broken: the base was right, the tuned model is wrong",
    card_fixed="mistakes of the base fixed",
    card_broken="right answers broken",
)
_EXACT = CountedWords(
    title="Exact answers gained : lost",
    fixed="gained: only the tuned model would write the answer letter by letter",
    broken="lost: only the base would",
    card_fixed="exact answers gained",
    card_broken="lost",
)
AGAINST_BEST_RUNG = {
    "better": "worth the tuning: it beats this baseline too",
    "worse": "this baseline does better than the tuned model",
    "equivalent": "no difference that matters: this baseline does as well",
    "inconclusive": "this test cannot tell the two apart",
    "invalid": "this comparison must not be relied on",
}


def counted_words(metric: str, *, is_chat: bool) -> CountedWords:
    """What is counted beside a metric; of written answers its own hits, where it calls answers right or wrong."""
    found = METRICS.get(metric)
    if not is_chat:
        return _RIGHT
    if found is None or found.reads not in ("texts", "answers"):
        return _EXACT
    right = f"right by {found.title}" if found.is_mean_of_correct else "the target, but for case, spaces and marks"
    return CountedWords(
        title="Written answers gained : lost",
        fixed=f"gained: only what the tuned model wrote is {right}",
        broken="lost: only what the base wrote is",
        card_fixed=f"written answers gained ({right})",
        card_broken="lost",
    )


def readable(text: str) -> str:
    """The text without characters that no page can show; each becomes the replacement character."""
    return UNREADABLE.sub("\ufffd", text)


def shortened(text: str, longest: int) -> str:
    """The text cut to `longest` characters, saying so."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def metric_name(metric: str) -> str:
    """`macro_f1` as `macro-F1`, `bits_per_byte` as `bits per byte`."""
    return METRICS[metric].title if metric in METRICS else metric.replace("_", "-")


def in_unit(metric: str) -> str:
    """How differences of a metric are told, behind a comma: `in points`, `in nats of log loss: less is better`."""
    unit, name = _unit(metric), metric_name(metric)
    told = {"points": "in points", "plain": f"in {name}"}.get(
        unit, f"in {unit}" + (f" of {name}" if name != unit else "")
    )
    return told if direction(metric) == "higher is better" else f"{told}: less is better"


def is_in_bits(metric: str) -> bool:
    """Whether the scores of a metric are bits per byte."""
    return _unit(metric) == "bits per byte"


def is_share(metric: str) -> bool:
    """Whether the scores of a metric are shares, told in hundredths; else they are told as they are."""
    return _unit(metric) == "points"


def _unit(metric: str) -> str:
    return METRICS[metric].unit if metric in METRICS else "points"


def _noun(metric: str) -> str:
    """What stands behind a number that is no share: ` bits per byte`, ` nats`, or nothing."""
    return "" if _unit(metric) == "plain" else f" {_unit(metric)}"


def direction(metric: str) -> str:
    """`higher is better`, or `lower is better`."""
    return "lower is better" if metric in METRICS and not METRICS[metric].higher_is_better else "higher is better"


def score(value: float, metric: str) -> str:
    """A score of a metric: 0.9352 as `93.5%`; what is no share, such as bits per byte, as `0.935`."""
    return percent(value) if is_share(metric) else f"{value:.3f}"


def score_range(interval: Interval, metric: str) -> str:
    """The interval of a score as `90.2% to 95.7%`, or `0.902 to 0.957`."""
    return f"{score(interval.low, metric)} to {score(interval.high, metric)}"


def change(value: float, metric: str, *, unit: bool = True) -> str:
    """A difference of scores: 0.312 as `+31.2 points`; of bits per byte as `+0.312 bits per byte`."""
    if is_share(metric):
        return points(value, unit=unit)
    number = f"{value:+.3f}".replace("-", "−")
    number = "0.000" if number[1:] == "0.000" else number
    return f"{number}{_noun(metric)}" if unit else number


def change_range(interval: Interval, metric: str) -> str:
    """The interval of a difference as `+26.1 to +36.3`."""
    return f"{change(interval.low, metric, unit=False)} to {change(interval.high, metric, unit=False)}"


def size_of_change(value: float, metric: str) -> str:
    """The size of a difference: 0.054 as `5.4 points`, or as `0.054 bits per byte`."""
    return size_of_points(value) if is_share(metric) else f"{abs(value):.3f}{_noun(metric)}"


def percent(fraction: float, digits: int = 1) -> str:
    """0.9352 as `93.5%`."""
    return f"{100 * fraction:.{digits}f}%"


def points(fraction: float, *, unit: bool = True) -> str:
    """0.312 as `+31.2 points`, with a real minus sign when it is negative."""
    number = f"{100 * fraction:+.1f}".replace("-", "−")
    if number[1:] == "0.0":
        number = "0.0"
    return f"{number} points" if unit else number


def size_of_points(fraction: float) -> str:
    """0.054 as `5.4 points`: a size, without a sign."""
    return f"{100 * abs(fraction):.1f} points"


def p_value(value: float) -> str:
    """`p = 0.013`, never `p = 0`; it does not break over two lines."""
    return "p\u00a0<\u00a00.0001" if value < 0.0001 else f"p\u00a0=\u00a0{value:.2g}"


def duration(seconds: float) -> str:
    """212 as `3 min 32 s`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min"


def size(num_bytes: float) -> str:
    """1_290_000_000 as `1.29 GB` (decimal units)."""
    for unit, factor, digits in (("GB", 1e9, 2), ("MB", 1e6, 0), ("kB", 1e3, 0)):
        if num_bytes >= factor:
            return f"{num_bytes / factor:.{digits}f} {unit}"
    return f"{num_bytes:.0f} bytes"


def count(number: float) -> str:
    """13083 as `13,083`."""
    return f"{number:,.0f}"


def counted(number: int, noun: str) -> str:
    """`1 example`, `310 examples`."""
    return f"{count(number)} {noun}" if number == 1 else f"{count(number)} {noun}s"


def times(number: int) -> str:
    """`once`, `twice`, `3 times`."""
    return {1: "once", 2: "twice"}.get(number, f"{count(number)} times")


def setting_value(value: object) -> str:
    """A setting's value the way the recipe would write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if value is None:
        return "none"
    if isinstance(value, dict):
        return ", ".join(f"{key}={inner}" for key, inner in value.items()) or "none"
    return str(value)
