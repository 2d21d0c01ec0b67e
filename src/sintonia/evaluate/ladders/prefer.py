"""The ladder of honest baselines for preferences: what the untouched base finds likelier, length alone, a guess.

None of them is trained. Where a rung has a setting (which length is better, what an answer must be above) it is chosen
on validation, before the test is opened. If length alone does as well as the tuned model, the preferences teach length.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from sintonia.evaluate.score import as_rung, best_baseline
from sintonia.evaluate.scoring.preferences import SCORING_TOKENS, preference_card
from sintonia.metrics import METRICS
from sintonia.models.language.preferences.bundles import Bundle, bundles_of, token_counts
from sintonia.models.language.preferences.weighing import BundleEngine
from sintonia.models.language.saved import OpenLanguageModel
from sintonia.records import Baseline, Example, Finding, Rung, Scorecard, Split
from sintonia.tasks.prefer import WANTED, answers_of, is_pair

LIKELIER, LIKELIER_PER_TOKEN, LENGTH, GUESS = "likelier", "likelier per token", "length alone", "guess"
MUCH = 0.65
"""Share of the validation pairs from which it is told that length decides them."""
MOST_THRESHOLDS = 64
"""Values that are tried for what a single answer must be above."""


@dataclass(kw_only=True)
class PreferenceGround:
    """What the rungs stand on: the pristine base and the training set."""

    opened: OpenLanguageModel
    train: tuple[Example, ...]
    primary_metric: str
    _weighed: dict[tuple[str, ...], tuple[np.ndarray, np.ndarray]] = field(default_factory=dict, init=False)
    _engine: BundleEngine | None = field(default=None, init=False)

    def weigh(self, examples: Sequence[Example]) -> tuple[np.ndarray, np.ndarray]:
        """Nats and tokens of each answer, float64 (examples, answers); each set is computed once.

        Where an answer is cut away, there are no nats and one token.
        """
        key = tuple(one.id for one in examples)
        if key not in self._weighed:
            self._weighed[key] = self._computed(examples)
        return self._weighed[key]

    def _computed(self, examples: Sequence[Example]) -> tuple[np.ndarray, np.ndarray]:
        contents = [one.whole for one in examples]
        bundles = bundles_of(self.opened.template, contents, self.opened.max_tokens)
        able = [position for position, bundle in enumerate(bundles) if bundle.is_learnable]
        shape = (len(bundles), len(bundles[0].rows))
        nats, counts = np.zeros(shape), np.ones(shape)
        if able:
            chosen = [bundles[position] for position in able]
            nats[able], counts[able] = self._nats_of(chosen), token_counts(chosen)
        return nats, counts

    def _nats_of(self, bundles: Sequence[Bundle]) -> np.ndarray:
        if self._engine is None:
            self._engine = BundleEngine(self.opened.causal, micro_tokens=SCORING_TOKENS)
        found: np.ndarray = self._engine.weigh_bundles(bundles)
        return found


Values = Callable[[PreferenceGround, Sequence[Example]], np.ndarray]
"""What a rung goes by, of each answer, (examples, answers): more is better, or less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    values: Values
    description: str
    needs_training: bool = False
    """Nothing of them is fitted to training rows."""
    may_turn: bool = False
    """Whether less may be better; validation says."""
    has_losses: bool = False
    """Whether the difference of values says how sure the rung is."""
    has_threshold: bool = True
    """Whether a single answer is wanted above some value, which validation says."""


def choose_preference_baselines(ground: PreferenceGround, validation: Sequence[Example]) -> tuple[Baseline, ...]:
    """Each rung with the setting that does best on validation."""
    metric, chosen = METRICS[ground.primary_metric], []
    for name, kind in _LADDER.items():
        values = kind.values(ground, validation)
        scored = []
        for setting in _settings(kind, values):
            card = _card(name, setting, values, validation, "validation")
            scored.append((metric.function(card.targets, card.predictions), {"setting": setting}))
        chosen.append(best_baseline(name, kind, metric, scored))
    return tuple(chosen)


def score_preference_baselines(
    ground: PreferenceGround, baselines: Sequence[Baseline], examples: Sequence[Example], split: Split
) -> tuple[tuple[Rung, Scorecard], ...]:
    """What each rung does on a set of examples."""
    results = []
    for one in baselines:
        card = _card(one.name, one.setting, _LADDER[one.name].values(ground, examples), examples, split)
        results.append(as_rung(one, card, ground.primary_metric))
    return tuple(results)


def note_length(
    _ground: PreferenceGround, baselines: Sequence[Baseline], validation: Sequence[Example]
) -> tuple[Finding, ...]:
    """That length alone tells which answer is better, where it does so on validation beyond chance."""
    if not validation or not is_pair(validation[0].whole):
        return ()
    length = next((one for one in baselines if one.name == LENGTH), None)
    chance = 0.5 + 2.58 * 0.5 / math.sqrt(len(validation))
    if length is None or length.validation_score < max(MUCH, chance):
        return ()
    which = "longer" if length.setting > 0 else "shorter"
    message = f"the {which} answer is the better one in {length.validation_score:.0%} of the validation pairs"
    hint = "if the tuned model does no better, it learned length: add pairs whose better answer is not the " + which
    return (Finding(code="E323", severity="note", message=message, hint=hint, count=len(validation)),)


def cut_answers(ground: PreferenceGround, examples: Sequence[Example]) -> tuple[str, ...]:
    """The ids of the examples of which something is cut."""
    opened = ground.opened
    bundles = bundles_of(opened.template, [one.whole for one in examples], opened.max_tokens)
    pairs = zip(examples, bundles, strict=True)
    return tuple(one.id for one, bundle in pairs if any(row.num_cut_prompt + row.num_cut_answer for row in bundle.rows))


def _settings(kind: _Kind, values: np.ndarray) -> tuple[float, ...]:
    """What is tried. Of pairs: 1, or -1 for less is better. Of single answers: what they must be above; for lengths
    also what they must be below, which is said by a negative number."""
    if values.shape[1] == 2:
        return (1.0, -1.0) if kind.may_turn else (1.0,)
    if not kind.has_threshold:
        return (0.0,)
    tried = np.unique(np.quantile(values[:, 0], np.linspace(0.0, 1.0, MOST_THRESHOLDS)))
    middles = tuple(((tried[1:] + tried[:-1]) / 2 if len(tried) > 1 else tried).tolist())
    return (*middles, *(-one for one in middles)) if kind.may_turn else middles


def _margins(kind: _Kind, values: np.ndarray, setting: float) -> np.ndarray:
    if values.shape[1] == 2:
        return np.asarray(setting * (values[:, 0] - values[:, 1]))
    if kind.may_turn:
        return np.asarray(np.sign(setting) * (values[:, 0] - abs(setting)))
    return np.asarray(values[:, 0] - setting)


def _card(name: str, setting: float, values: np.ndarray, examples: Sequence[Example], split: Split) -> Scorecard:
    kind = _LADDER[name]
    found, has_losses = _margins(kind, values, setting), kind.has_losses and values.shape[1] == 2
    return preference_card(name, split, examples, found, has_losses=has_losses)


def _likelihoods(ground: PreferenceGround, examples: Sequence[Example]) -> np.ndarray:
    return -ground.weigh(examples)[0]


def _likelihoods_per_token(ground: PreferenceGround, examples: Sequence[Example]) -> np.ndarray:
    nats, counts = ground.weigh(examples)
    return np.asarray(-nats / counts)


def _lengths(_ground: PreferenceGround, examples: Sequence[Example]) -> np.ndarray:
    return np.array([[float(len(text)) for text in answers_of(one.whole)] for one in examples])


def _guesses(ground: PreferenceGround, examples: Sequence[Example]) -> np.ndarray:
    """Of pairs nothing, so that half of them are right; of single answers what most training answers are."""
    if is_pair(examples[0].whole):
        return np.zeros((len(examples), 2))
    num_wanted = sum(one.target == WANTED for one in ground.train)
    return np.full((len(examples), 1), 1.0 if 2 * num_wanted >= len(ground.train) else -1.0)


_LADDER: dict[str, _Kind] = {
    LIKELIER: _Kind(
        values=_likelihoods,
        has_losses=True,
        description="the untouched base prefers the answer that it finds likelier",
    ),
    LIKELIER_PER_TOKEN: _Kind(
        values=_likelihoods_per_token,
        has_losses=True,
        description="the untouched base prefers the answer whose tokens it finds likelier in the mean",
    ),
    LENGTH: _Kind(
        values=_lengths,
        may_turn=True,
        description="the longer answer, or the shorter one, whichever is better on validation; no model",
    ),
    GUESS: _Kind(
        values=_guesses,
        has_threshold=False,
        description="a coin for each pair, or what most ratings of training say; no look at the answers",
    ),
}
"""B1 twice, then what needs no model, in the order of the report."""
