"""The small tables of a report, worked out from records: worst pairs, most wrong examples, bills, counts.

Only counting and sorting: scores, intervals and verdicts are computed elsewhere.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from sintonia.metrics import METRICS
from sintonia.records import Finding, Interval, Place, Scorecard, SetAside
from sintonia.report.contents import Answer, Contents, Weighed


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A target that the tuned model takes for another label."""

    target: str
    prediction: str
    count: int
    of: int
    """Test examples with this target."""
    base_count: int | None
    """How often the base makes the same mistake; unknown without its scorecard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongAnswer:
    """One of the examples with the highest loss."""

    answer: Answer
    chance: float | None
    """Probability that the tuned model gave to the target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedAnswer:
    """One of the examples that the tuning changed most, in bits per byte of its target."""

    answer: Answer
    before: float
    after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderBar:
    """One subject on the ladder with its test score."""

    name: str
    score: float
    interval: Interval | None
    kind: str
    """`tuned`, `base`, `untrained` or `fitted`."""
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AsideGroup:
    """Rows that were set aside for the same reason."""

    reason: str
    count: int
    places: tuple[Place, ...]


def worst_pairs(contents: Contents, most: int = 8) -> tuple[Pair, ...]:
    """The pairs of labels that the tuned model confuses most often on the test."""
    tuned = contents.scorecards.get("tuned")
    if tuned is None or not tuned.predictions:
        return ()
    base = contents.scorecards.get(contents.verdict.base) if contents.verdict else None
    base_mistakes = _mistakes(base) if base else None
    sizes = Counter(tuned.targets)
    ranked = sorted(_mistakes(tuned).items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(
        Pair(
            target=pair[0],
            prediction=pair[1],
            count=number,
            of=sizes[pair[0]],
            base_count=None if base_mistakes is None else base_mistakes[pair],
        )
        for pair, number in ranked[:most]
    )


def _mistakes(card: Scorecard) -> Counter[tuple[str, str]]:
    pairs = zip(card.targets, card.predictions, strict=True)
    return Counter((target, prediction) for target, prediction in pairs if target != prediction)


def most_changed(
    answers: Iterable[Answer], most: int = 5
) -> tuple[tuple[ChangedAnswer, ...], tuple[ChangedAnswer, ...]]:
    """The targets that the tuning made likelier, most first, and those it made less likely; for language models."""
    changed = [
        ChangedAnswer(answer=one, before=one.base.bits_per_byte, after=one.tuned.bits_per_byte)
        for one in answers
        if isinstance(one.base, Weighed) and isinstance(one.tuned, Weighed)
    ]
    changed.sort(key=lambda one: one.after - one.before)
    improved = tuple(one for one in changed if one.after < one.before)[:most]
    return improved, tuple(one for one in reversed(changed) if one.after > one.before)[:most]


def most_wrong(answers: Iterable[Answer], most: int = 10) -> tuple[WrongAnswer, ...]:
    """The examples with the highest loss; without losses, wrong ones in file order. None when all answers are right."""
    answers = tuple(one for one in answers if not isinstance(one.tuned, Weighed))
    if all(one.tuned == one.target for one in answers):
        return ()
    known = [one for one in answers if one.loss is not None or one.tuned != one.target]
    known.sort(key=lambda one: -math.inf if one.loss is None else one.loss, reverse=True)
    return tuple(
        WrongAnswer(answer=one, chance=None if one.loss is None else math.exp(-one.loss)) for one in known[:most]
    )


def ladder(contents: Contents) -> tuple[LadderBar, ...]:
    """The tuned model and all baselines, best first."""
    verdict = contents.verdict
    if verdict is None:
        return ()
    primary = verdict.primary
    bars = [
        LadderBar(
            name="tuned model",
            score=primary.tuned.value,
            interval=primary.tuned,
            kind="tuned",
            description="the base after training on your examples",
        )
    ]
    for rung in verdict.rungs:
        kind = "base" if rung.name == verdict.base else "fitted" if rung.needs_training else "untrained"
        interval = primary.base if kind == "base" else _rung_interval(contents, rung.name, primary.metric)
        bars.append(
            LadderBar(name=rung.name, score=rung.score, interval=interval, kind=kind, description=rung.description)
        )
    goodness = METRICS[primary.metric].goodness
    return tuple(sorted(bars, key=lambda bar: (-goodness(bar.score), bar.name)))


def _rung_interval(contents: Contents, name: str, metric: str) -> Interval | None:
    """The interval of a rung, from its scorecard or that of what it wrote."""
    cards = (contents.scorecards.get(name), contents.scorecards.get(f"written {name}"))
    for score in (score for card in cards if card for score in card.scores):
        if score.metric == metric:
            return Interval(value=score.value, low=score.low, high=score.high)
    return None


def by_severity(findings: Iterable[Finding]) -> tuple[tuple[str, tuple[Finding, ...]], ...]:
    """The findings under stop, warning and note, worst first; empty groups are left out."""
    found = tuple(findings)
    groups = (
        (severity, tuple(one for one in found if one.severity == severity)) for severity in ("stop", "warning", "note")
    )
    return tuple((severity, group) for severity, group in groups if group)


def aside_groups(rows: Iterable[SetAside]) -> tuple[AsideGroup, ...]:
    """Rows set aside, under their reasons, the most frequent reason first."""
    places: dict[str, list[Place]] = {}
    for row in rows:
        places.setdefault(row.reason, []).append(row.place)
    groups = (AsideGroup(reason=reason, count=len(found), places=tuple(found)) for reason, found in places.items())
    return tuple(sorted(groups, key=lambda group: (-group.count, group.reason)))


def blind_spots(metrics: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """What each metric hides, in the words of the metric itself."""
    return tuple((name, METRICS[name].blind_to) for name in dict.fromkeys(metrics) if name in METRICS)


_COMPARED = (
    "Each of the two texts is read by itself. The head (`pair_head/`) stands on their features u and v, on |u - v| and "
    "on u * v times the root of how many features a text has. Other programs load the features alone; `sintonia "
    "predict` answers with the whole"
)
_LONG = {
    "head_tail": "Of a text with more than {most} tokens the first quarter and the last three quarters of so many are "
    "read",
    "windows": "A text with more than {most} tokens is read in at most 8 windows, whose features are averaged",
}
_ELSEWHERE = "a program that reads the beginning alone, as others do, gets other answers to such texts"


def is_compared(contents: Contents) -> bool:
    """Whether the model compares two texts, which no other program does with it."""
    return _filled(contents).get("training.text_pairs") == "compared"


def how_read(contents: Contents) -> tuple[str, ...]:
    """What whoever uses the model with another program has to know of how it reads, each in a sentence."""
    known = _filled(contents)
    long_texts = _LONG.get(known.get("training.long_texts", ""), "").format(most=known.get("training.max_tokens"))
    compared = (_COMPARED,) if is_compared(contents) else ()
    return (*compared, *((f"{long_texts}; {_ELSEWHERE}",) if long_texts else ()))


def max_tokens(contents: Contents) -> str:
    """How many tokens of an input are read; empty as long as nothing was trained."""
    return _filled(contents).get("training.max_tokens", "")


def _filled(contents: Contents) -> dict[str, str]:
    return {one.setting: str(one.value) for one in (contents.turn.resolved if contents.turn else ())}
