"""The ladder of honest baselines for chat: B1, B2, B3 and B0 of science.md 1.5. Fits see training rows only.

A rung's setting (which answered examples, how much smoothing) is chosen on a part of validation, before the test is
opened. Every rung is scored on the same tokens as the tuned model; what the one among known answers chooses is seen
among what is written.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from sintonia.evaluate.cautions import few_shot_note
from sintonia.evaluate.ladders.shots import Shots
from sintonia.evaluate.language import Weigher, learned_tokens
from sintonia.evaluate.score import language_scorecard
from sintonia.evaluate.written.closed import WAYS, KnownAnswers
from sintonia.evaluate.written.writing import drawn_examples, prompts_of
from sintonia.metrics import METRICS
from sintonia.records import Baseline, Example, Finding, Rung, Scorecard, Split

MOST_LOOKED_AT = 32
"""Validation examples on which the settings are chosen: each one costs a pass of the base a setting."""
ZERO_SHOT, FEW_SHOT, AMONG_KNOWN = "zero-shot", "few-shot", "zero-shot among known answers"
AMONG_KNOWN_DESCRIPTION = "the untouched base takes the likeliest of the answers that the training examples have"


@dataclass(kw_only=True)
class LanguageGround:
    """What the rungs stand on: the pristine base and the training set."""

    weigher: Weigher
    train: tuple[Example, ...]
    primary_metric: str
    """The metric by which settings are chosen: one that needs no text written."""
    judged_by: str = ""
    """The metric of the verdict, where that is another one."""

    @cached_property
    def shots(self) -> Shots:
        """The answered examples that a prompt may open with."""
        return Shots(self.weigher, self.train)

    @cached_property
    def known(self) -> KnownAnswers:
        """The answers among which the base may choose."""
        return KnownAnswers(weigher=self.weigher, train=self.train)

    @cached_property
    def frequencies(self) -> Counter[int]:
        """How often each token is learned in training."""
        return Counter(token for row in self.weigher.rows(self.train) for token in learned_tokens(row))


Cards = Callable[[LanguageGround, float, Sequence[Example], Split], Scorecard]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    card: Cards
    settings: Callable[[LanguageGround, Sequence[Example]], tuple[float, ...]]
    needs_training: bool
    description: str
    further: Callable[[LanguageGround, float, Sequence[Example]], tuple[float, ...]] = lambda _ground, _best, _some: ()
    """(ground, the best of the settings, examples) to more settings that are worth a try then."""


def choose_chat_baselines(ground: LanguageGround, validation: Sequence[Example]) -> tuple[Baseline, ...]:
    """Each rung with the setting that does best on a part of validation; a rung that cannot be tried is left out."""
    metric, chosen = METRICS[ground.primary_metric], []
    examples = drawn_examples(validation, MOST_LOOKED_AT)
    for name, kind in _LADDER.items():
        scored = _scored(ground, kind, kind.settings(ground, examples), examples)
        if not scored:
            continue
        best = max(scored, key=lambda pair: metric.goodness(pair[0]))[1]
        scored += _scored(ground, kind, kind.further(ground, best, examples), examples)
        value, setting = max(scored, key=lambda pair: metric.goodness(pair[0]))
        baseline = Baseline(
            name=name,
            setting=setting,
            validation_score=value,
            needs_training=kind.needs_training,
            description=kind.description,
        )
        chosen.append(baseline)
    return (*chosen, *_among_known(ground, examples))


def score_chat_baselines(
    ground: LanguageGround, baselines: Sequence[Baseline], examples: Sequence[Example], split: Split
) -> tuple[tuple[Rung, Scorecard], ...]:
    """What each rung does on a set of examples."""
    results: list[tuple[Rung, Scorecard]] = []
    for one in baselines:
        if one.name == AMONG_KNOWN:
            card = _as_zero_shot(ground, [card for _, card in results], examples, split)
        else:
            card = _LADDER[one.name].card(ground, one.setting, examples, split)
        value = _value(card, ground.primary_metric)
        rung = Rung(name=one.name, score=value, needs_training=one.needs_training, description=one.description)
        results.append((rung, card))
    return tuple(results)


def _as_zero_shot(
    ground: LanguageGround, cards: Sequence[Scorecard], examples: Sequence[Example], split: Split
) -> Scorecard:
    """Who chooses among answers finds each as likely as zero-shot does: it is the same model behind the same prompt."""
    weighed = next((one for one in cards if one.subject == ZERO_SHOT), None)
    return replace(weighed or _zero_shot(ground, 0.0, examples, split), subject=AMONG_KNOWN)


def note_missing_rungs(
    ground: LanguageGround, baselines: Sequence[Baseline], validation: Sequence[Example]
) -> tuple[Finding, ...]:
    """That the base was not tried with answered examples in its prompt, and why."""
    if any(one.name == FEW_SHOT for one in baselines):
        return ()
    obstacle = ground.shots.obstacle(drawn_examples(validation, MOST_LOOKED_AT))
    why = obstacle or "they were not tried when the baselines were chosen"
    return (few_shot_note(why),)


def _scored(
    ground: LanguageGround, kind: _Kind, settings: Sequence[float], examples: Sequence[Example]
) -> list[tuple[float, float]]:
    """The primary metric and the setting, of each."""
    cards = [(kind.card(ground, setting, examples, "validation"), setting) for setting in settings]
    return [(_value(card, ground.primary_metric), setting) for card, setting in cards]


def _among_known(ground: LanguageGround, examples: Sequence[Example]) -> tuple[Baseline, ...]:
    """The rung that chooses among known answers, where texts are judged and the answers are few and come again."""
    metric = METRICS.get(ground.judged_by)
    if metric is None or metric.reads not in ("texts", "answers") or not ground.known.texts:
        return ()
    prompts = prompts_of(ground.weigher.opened, examples, 1)
    asked = [one for one, prompt in zip(examples, prompts, strict=True) if prompt and prompt.is_whole]
    if not asked:
        return ()
    found, targets = ground.known.likelihoods(asked), [one.target.strip() for one in asked]
    values = [metric.function(targets, ground.known.chosen(found, setting)) for setting in range(len(WAYS))]
    best = max(range(len(WAYS)), key=lambda setting: metric.goodness(values[setting]))
    return (
        Baseline(
            name=AMONG_KNOWN,
            setting=float(best),
            validation_score=values[best],
            needs_training=False,
            description=AMONG_KNOWN_DESCRIPTION,
        ),
    )


def _value(card: Scorecard, metric: str) -> float:
    return next(one.value for one in card.scores if one.metric == metric)


def _zero_shot(ground: LanguageGround, _setting: float, examples: Sequence[Example], split: Split) -> Scorecard:
    return ground.weigher.card(ZERO_SHOT, split, examples, ground.weigher.rows(examples))


def _few_shot(ground: LanguageGround, setting: float, examples: Sequence[Example], split: Split) -> Scorecard:
    return ground.weigher.card(FEW_SHOT, split, examples, ground.shots.rows(setting, examples))


def _frequencies(ground: LanguageGround, setting: float, examples: Sequence[Example], split: Split) -> Scorecard:
    """Each token by its share of the training answers, `setting` of each token of the vocabulary added."""
    counts, rows = ground.frequencies, ground.weigher.rows(examples)
    size = max(int(ground.weigher.opened.causal.config.vocab_size), max(counts, default=0) + 1)
    total = math.log(counts.total() + setting * size)
    likeliest = min(counts, key=lambda token: (-counts[token], token), default=-1)
    nats = [sum(total - math.log(counts[token] + setting) for token in learned_tokens(row)) for row in rows]
    correct = [set(learned_tokens(row)) == {likeliest} and not row.num_cut_answer for row in rows]
    return language_scorecard("token frequencies", split, examples, (nats, [row.num_bytes for row in rows], correct))


_LADDER: dict[str, _Kind] = {
    ZERO_SHOT: _Kind(
        card=_zero_shot,
        settings=lambda _ground, _examples: (0.0,),
        needs_training=False,
        description="the untouched base, with the very prompt that the tuned model gets",
    ),
    FEW_SHOT: _Kind(
        card=_few_shot,
        settings=lambda ground, examples: ground.shots.settings(examples),
        further=lambda ground, setting, examples: ground.shots.further(setting, examples),
        needs_training=False,
        description="the untouched base, with a few answered training examples before the prompt",
    ),
    "token frequencies": _Kind(
        card=_frequencies,
        settings=lambda _ground, _examples: (1.0, 0.1, 0.01),
        needs_training=True,
        description="each token by how often it occurs in the training answers; no model, and no look at the prompt",
    ),
}
"""B1, B3 and B0, in the order of the report; B2 comes last."""
