"""The verdict: is the tuned model better than the base, by how much, and how sure are we.

With several models (few rows, ten parts) the verdict is on the recipe that made them: their out-of-fold answers
are pooled, each example counts once, and the model that is saved is none of them (science.md 3.6).
Pure: scorecards in, a record out, the same input always the same verdict. It never opens the test, never
computes a prediction and never chooses a baseline (that was done on validation).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from sintonia.evaluate.answers import answers_of, count_repeats
from sintonia.evaluate.cautions import cautions, near_copies_caution, recipe_note
from sintonia.evaluate.compare import FEWEST_EXAMPLES, Compared, Rule, compare
from sintonia.evaluate.pooled import Side
from sintonia.evaluate.sentence import Told, verdict_sentence
from sintonia.metrics import METRICS
from sintonia.metrics.format_validity import NAME as FORMAT_VALIDITY
from sintonia.records import Advice, Comparison, Finding, Outcome, Rung, Scorecard, Verdict, WorthTuning
from sintonia.settings import EvaluationSettings
from sintonia.statistics import level_of_opening
from sintonia.tasks import classify

MANY_COPIES_FRACTION = 0.1
"""Share of test examples with a near-copy in training from which a gain must also show on the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeInput:
    """Everything the verdict rests on. All scorecards are of the test: same examples, same order."""

    tuned: Scorecard
    rungs: tuple[tuple[Rung, Scorecard], ...]
    base_name: str
    """The best rung that needs no training, picked with hindsight: a choice that can only favour the rung."""
    best_rung_name: str
    """The best of the fitted rungs, picked in the same way."""
    groups: tuple[str, ...]
    """The group of each test example."""
    evaluation: EvaluationSettings
    labels: tuple[str, ...]
    primary_metric: str
    openings: int
    metrics: tuple[str, ...] = classify.METRICS
    """The metrics of the task; those that are not the primary one are told beside it."""
    invalid_reasons: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()
    causes: tuple[Finding, ...] = ()
    advice: tuple[Advice, ...] = ()
    turn: int = 0
    near_copies: frozenset[str] = frozenset()
    """Ids of test examples that have a near-copy in training."""
    is_plain_text: bool = False
    """Whether the examples are passages of text, which answer nobody."""
    doubts: tuple[Finding, ...] = ()
    """What forbids to call a gain one."""
    models: int = 1
    """Models behind the answers. With several, each example was tested once a repeat; the verdict is on the recipe."""
    draws: int = 10_000
    written: Side | None = None
    """Of a language model that was asked to write: the scorecards of texts, maybe of fewer examples. What reads texts
    is compared on these; where the primary metric does, `rungs` are theirs."""
    readable: frozenset[str] | None = None
    """Ids of the examples that base and tuned model both answered in the declared format, if the base did so less."""
    remarks: tuple[Finding, ...] = ()
    """What must be known about how the scorecards were made."""

    @property
    def weighed(self) -> Side:
        """All test examples, with what needs no text to be written."""
        return Side(tuned=self.tuned, rungs=self.rungs, groups=self.groups)

    def side(self, metric_name: str) -> Side:
        """The scorecards that a metric is computed from."""
        reads = METRICS[metric_name].reads
        return self.written if self.written and reads in ("texts", "answers") else self.weighed

    @property
    def judged(self) -> Side:
        """The scorecards that the verdict is about."""
        return self.side(self.primary_metric)


def judge(given: JudgeInput) -> Verdict:
    """Judge by the five-valued rule of science.md 1.2, at the level of this opening.

    Raises ValueError when the scorecards are not comparable: a mistake of the caller, not of a person.
    """
    _check(given)
    rule = _rule(given, given.base_name, given.primary_metric)
    primary = _compare(given, given.base_name, given.primary_metric)
    against_rung = _against_rung(given, primary)
    given, outcome, doubts = _decided(given, primary)
    told = Told(
        outcome=outcome,
        base=given.base_name,
        primary=primary.comparison,
        examples_for_margin=primary.examples_for_margin,
        worth_tuning=(worth_tuning := _worth_tuning(given, against_rung)),
        rung_score=against_rung.comparison.base.value,
        rule=rule,
        opening=given.openings,
        invalid_reasons=given.invalid_reasons,
        accepted=given.accepted,
        models=given.models,
        doubts=tuple(one.message for one in doubts),
        num_written=len(set(given.written.tuned.ids)) if given.written else 0,
        is_plain_text=given.is_plain_text,
    )
    return Verdict(
        outcome=outcome,
        sentence=verdict_sentence(told),
        base=given.base_name,
        primary=primary.comparison,
        secondary=_beside(given),
        rungs=tuple(rung for rung, _ in given.judged.rungs),
        worth_tuning=worth_tuning,
        invalid_reasons=given.invalid_reasons,
        accepted=given.accepted,
        causes=given.causes + _cautions(given) + given.remarks + doubts,
        advice=given.advice,
        test_openings=given.openings,
        level=rule.level,
        turn=given.turn,
    )


def _decided(given: JudgeInput, primary: Compared) -> tuple[JudgeInput, Outcome, tuple[Finding, ...]]:
    """The input with all that makes it invalid, the outcome, and why a gain is not believed."""
    given = replace(given, invalid_reasons=given.invalid_reasons + _format_alone(given, primary))
    outcome = _outcome(given, primary)
    doubts = (*_gained_on_copies(given, outcome), *(given.doubts if outcome == "better" else ()))
    return given, "inconclusive" if doubts else outcome, doubts


def _against_rung(given: JudgeInput, primary: Compared) -> Compared:
    """The same against the best of the fitted rungs."""
    is_one_rung = given.best_rung_name == given.base_name
    return primary if is_one_rung else _compare(given, given.best_rung_name, given.primary_metric)


def _beside(given: JudgeInput) -> tuple[Comparison, ...]:
    """The other metrics of which both sides have what they read."""
    names = [name for name in given.metrics if name != given.primary_metric and _is_had(given, name)]
    return tuple(_compare(given, given.base_name, name).comparison for name in names)


def _gained_on_copies(given: JudgeInput, outcome: Outcome) -> tuple[Finding, ...]:
    """Whether a gain is gone where no near-copy was trained on; asked when there are many (science.md 3.3)."""
    ids = given.judged.tuned.ids
    new = frozenset(ids) - given.near_copies
    num_new = sum(one in new for one in ids)
    num_copied = len(ids) - num_new
    if outcome != "better" or num_copied <= MANY_COPIES_FRACTION * len(ids):
        return ()
    if num_new >= FEWEST_EXAMPLES:
        alone = _compare(_only(given, new), given.base_name, given.primary_metric)
        if alone.outcome == "better":
            return ()
    return (near_copies_caution(num_copied, len(ids)),)


def _format_alone(given: JudgeInput, primary: Compared) -> tuple[str, ...]:
    """Why a gain may be the format that the base was not told: it is not there where both can be read (1.6)."""
    name, readable = given.primary_metric, given.readable
    is_of_texts = METRICS[name].reads in ("texts", "answers") and name != FORMAT_VALIDITY
    if readable is None or not is_of_texts or primary.outcome not in ("better", "equivalent"):
        return ()
    num_all = len(set(given.judged.tuned.ids))
    why = f"only {len(readable):,} of {num_all:,} are, too few to see anything else"
    if len(readable) >= FEWEST_EXAMPLES:
        if _compare(_only(given, readable), given.base_name, name).outcome == primary.outcome:
            return ()
        why = f"on the {len(readable):,} of {num_all:,} that are, the same is not shown"
    return (
        "many answers of the base are not in the declared format, and where base and tuned model both are in it, "
        f"{why} (E314); tell the base the format in the prompts of the data, or judge the format itself: "
        f"`evaluation.primary_metric={FORMAT_VALIDITY}`",
    )


def _only(given: JudgeInput, ids: Collection[str]) -> JudgeInput:
    """The same about some of the examples."""
    weighed, written = given.weighed.only(ids), given.written.only(ids) if given.written else None
    return replace(given, tuned=weighed.tuned, rungs=weighed.rungs, groups=weighed.groups, written=written)


def _is_had(given: JudgeInput, metric_name: str) -> bool:
    """Whether both sides have what a metric reads."""
    side = given.side(metric_name)
    base, metric = side.card(given.base_name), METRICS[metric_name]
    return base is not None and bool(metric.answers(base)) and bool(metric.answers(side.tuned))


def _rule(given: JudgeInput, rung_name: str, metric_name: str) -> Rule:
    """The level of this opening, and the margin in scores: of some metrics it is a share of what the rung scores."""
    metric, card = METRICS[metric_name], _card(given.side(metric_name), rung_name)
    return Rule(
        level=level_of_opening(given.openings),
        margin=metric.margin(given.evaluation.margin, metric.function(card.targets, metric.answers(card))),
        confidence=given.evaluation.confidence,
        draws=given.draws,
    )


def _worth_tuning(given: JudgeInput, compared: Compared) -> WorthTuning:
    return WorthTuning(
        best_rung=given.best_rung_name,
        difference=compared.comparison.difference,
        p_value=compared.comparison.p_value,
        outcome=_outcome(given, compared),
    )


def _cautions(given: JudgeInput) -> tuple[Finding, ...]:
    tuned = given.judged.tuned
    rows = dict(zip(tuned.ids, zip(tuned.targets, given.judged.groups, strict=True), strict=True))
    targets, groups = (tuple(column) for column in zip(*rows.values(), strict=True))
    found = cautions(targets, groups, given.labels, given.primary_metric, given.openings)
    return found if given.models == 1 else (*found, recipe_note(given.models, len(rows)))


def _outcome(given: JudgeInput, compared: Compared) -> Outcome:
    return "invalid" if given.invalid_reasons else compared.outcome


def _compare(given: JudgeInput, rung_name: str, metric_name: str) -> Compared:
    metric, side = METRICS[metric_name], given.side(metric_name)
    answers = answers_of(metric, _card(side, rung_name), side.tuned, side.groups)
    return compare(metric, answers, _rule(given, rung_name, metric_name))


def _card(side: Side, rung_name: str) -> Scorecard:
    card = side.card(rung_name)
    if card is None:
        raise ValueError(f"no rung is called {rung_name}: {[rung.name for rung, _ in side.rungs]}")
    return card


def _check(given: JudgeInput) -> None:
    if given.primary_metric not in METRICS:
        raise ValueError(f"unknown metric {given.primary_metric}")
    if count_repeats(given.tuned.ids) > 1 and given.models == 1:
        raise ValueError("an example is scored twice")
    sides = (given.weighed, given.written) if given.written else (given.weighed,)
    for side in sides:
        _check_side(side)
    for name in (given.base_name, given.best_rung_name):
        _card(given.judged, name)
    for card in given.judged.cards:
        answers = METRICS[given.primary_metric].answers(card)
        if not len(card.ids) == len(card.targets) == len(answers):
            raise ValueError(f"{card.subject} has {len(answers)} predictions of {len(card.ids)}")
    for side in sides:
        other = next((card for card in side.cards if card.num_bytes != side.tuned.num_bytes), None)
        if other:
            raise ValueError(f"{other.subject} was not scored on the same text of the examples")


def _check_side(side: Side) -> None:
    names = [rung.name for rung, _ in side.rungs]
    if len(set(names)) != len(names):
        raise ValueError(f"two rungs have the same name: {names}")
    if len(side.groups) != len(side.tuned.ids):
        raise ValueError(f"{len(side.groups)} groups for {len(side.tuned.ids)} examples")
    for card in side.cards:
        if card.split != "test":
            raise ValueError(f"{card.subject} was scored on the {card.split} set, not on the test")
        if (card.ids, card.targets) != (side.tuned.ids, side.tuned.targets):
            raise ValueError(f"{card.subject} was not scored on the same examples in the same order")
