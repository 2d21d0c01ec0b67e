"""The verdict: is the tuned model better than the base, by how much, and how sure are we.

With several models (few rows, ten parts) the verdict is on the recipe that made them: their out-of-fold answers
are pooled, each example counts once, and the model that is saved is none of them (science.md 3.6).
Pure: scorecards in, a record out, the same input always the same verdict. It never opens the test, never
computes a prediction and never chooses a baseline (that was done on validation).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

from sintonia.evaluate.answers import answers_of, count_repeats
from sintonia.evaluate.cautions import cautions, near_copies_caution, recipe_note
from sintonia.evaluate.compare import FEWEST_EXAMPLES, Compared, Rule, compare
from sintonia.evaluate.pooled import COLUMNS
from sintonia.evaluate.sentence import Told, verdict_sentence
from sintonia.metrics import METRICS
from sintonia.records import Advice, Finding, Outcome, Rung, Scorecard, Verdict, WorthTuning
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
    doubts: tuple[Finding, ...] = ()
    """What forbids to call a gain one."""
    models: int = 1
    """Models behind the answers. With several, each example was tested once a repeat; the verdict is on the recipe."""
    draws: int = 10_000


def judge(given: JudgeInput) -> Verdict:
    """Judge by the five-valued rule of science.md 1.2, at the level of this opening.

    Raises ValueError when the scorecards are not comparable: a mistake of the caller, not of a person.
    """
    _check(given)
    rule = _rule(given, given.base_name, given.primary_metric)
    primary = _compare(given, given.base_name, given.primary_metric)
    is_one_rung = given.best_rung_name == given.base_name
    against_rung = primary if is_one_rung else _compare(given, given.best_rung_name, given.primary_metric)
    others = (name for name in given.metrics if name != given.primary_metric)
    outcome = _outcome(given, primary)
    doubts = (*_gained_on_copies(given, outcome), *(given.doubts if outcome == "better" else ()))
    outcome = "inconclusive" if doubts else outcome
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
    )
    return Verdict(
        outcome=outcome,
        sentence=verdict_sentence(told),
        base=given.base_name,
        primary=primary.comparison,
        secondary=tuple(_compare(given, given.base_name, name).comparison for name in others),
        rungs=tuple(rung for rung, _ in given.rungs),
        worth_tuning=worth_tuning,
        invalid_reasons=given.invalid_reasons,
        accepted=given.accepted,
        causes=given.causes + _cautions(given) + doubts,
        advice=given.advice,
        test_openings=given.openings,
        level=rule.level,
        turn=given.turn,
    )


def _gained_on_copies(given: JudgeInput, outcome: Outcome) -> tuple[Finding, ...]:
    """Whether a gain is gone where no near-copy was trained on; asked when there are many (science.md 3.3)."""
    is_new = [one not in given.near_copies for one in given.tuned.ids]
    num_copied = len(is_new) - sum(is_new)
    if outcome != "better" or num_copied <= MANY_COPIES_FRACTION * len(is_new):
        return ()
    if sum(is_new) >= FEWEST_EXAMPLES:
        kept = replace(
            given,
            tuned=_only(given.tuned, is_new),
            rungs=tuple((rung, _only(card, is_new)) for rung, card in given.rungs),
            groups=tuple(group for group, held in zip(given.groups, is_new, strict=True) if held),
        )
        alone = _compare(kept, given.base_name, given.primary_metric)
        if alone.outcome == "better":
            return ()
    return (near_copies_caution(num_copied, len(is_new)),)


def _only(card: Scorecard, is_kept: list[bool]) -> Scorecard:
    """The scorecard of some of its examples; its scores, which were of all, are left out."""
    held = {name: tuple(itertools.compress(getattr(card, name), is_kept)) for name in COLUMNS}
    return replace(card, scores=(), **held)


def _rule(given: JudgeInput, rung_name: str, metric_name: str) -> Rule:
    """The level of this opening, and the margin in scores: of some metrics it is a share of what the rung scores."""
    metric, card = METRICS[metric_name], _card(given, rung_name)
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
    rows = dict(zip(given.tuned.ids, zip(given.tuned.targets, given.groups, strict=True), strict=True))
    targets, groups = (tuple(column) for column in zip(*rows.values(), strict=True))
    found = cautions(targets, groups, given.labels, given.primary_metric, given.openings)
    return found if given.models == 1 else (*found, recipe_note(given.models, len(rows)))


def _outcome(given: JudgeInput, compared: Compared) -> Outcome:
    return "invalid" if given.invalid_reasons else compared.outcome


def _compare(given: JudgeInput, rung_name: str, metric_name: str) -> Compared:
    metric = METRICS[metric_name]
    answers = answers_of(metric, _card(given, rung_name), given.tuned, given.groups)
    return compare(metric, answers, _rule(given, rung_name, metric_name))


def _card(given: JudgeInput, rung_name: str) -> Scorecard:
    return next(card for rung, card in given.rungs if rung.name == rung_name)


def _check(given: JudgeInput) -> None:
    names = [rung.name for rung, _ in given.rungs]
    if len(set(names)) != len(names):
        raise ValueError(f"two rungs have the same name: {names}")
    for name in (given.base_name, given.best_rung_name):
        if name not in names:
            raise ValueError(f"no rung is called {name}: {names}")
    if given.primary_metric not in METRICS:
        raise ValueError(f"unknown metric {given.primary_metric}")
    if count_repeats(given.tuned.ids) > 1 and given.models == 1:
        raise ValueError("an example is scored twice")
    if len(given.groups) != len(given.tuned.ids):
        raise ValueError(f"{len(given.groups)} groups for {len(given.tuned.ids)} examples")
    for card in (given.tuned, *(card for _, card in given.rungs)):
        if card.split != "test":
            raise ValueError(f"{card.subject} was scored on the {card.split} set, not on the test")
        if (card.ids, card.targets) != (given.tuned.ids, given.tuned.targets):
            raise ValueError(f"{card.subject} was not scored on the same examples in the same order")
        answers = METRICS[given.primary_metric].answers(card)
        if not len(card.ids) == len(card.targets) == len(answers):
            raise ValueError(f"{card.subject} has {len(answers)} predictions of {len(card.ids)}")
        if card.num_bytes != given.tuned.num_bytes:
            raise ValueError(f"{card.subject} was not scored on the same text of the examples")
