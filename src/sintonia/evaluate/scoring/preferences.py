"""What a saved candidate prefers: its margins, as its loss makes them, and the scorecard of these.

The candidate is loaded from its folder, and where its loss compares with the untouched base, so is that.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sintonia.errors import RunFailed
from sintonia.evaluate.score import bare_card, metrics_of, with_scores
from sintonia.records import Example, Scorecard, Split
from sintonia.tasks.prefer import decide, is_yes

SCORING_TOKENS = 2048
"""Most tokens computed at once; without gradients that is little memory."""


def score_preferences(folder: Path, examples: Sequence[Example], split: Split, subject: str = "tuned") -> Scorecard:
    """The scorecard of the candidate in `folder`: `losses` are nats of the right answer by the sigmoid of its margin.

    Raises:
        StorageError: the folder is no such model of ours, or its base was changed since.
        UsageError: the base is not on this machine any more.
        RunFailed: a margin is not a finite number.
    """
    return preference_card(subject, split, examples, candidate_margins(folder, examples))


def candidate_margins(folder: Path, examples: Sequence[Example]) -> np.ndarray:
    """By how much the candidate prefers each chosen answer, or wants each single one, float64 (examples,)."""
    from sintonia.models.language.preferences.reference import open_base_of, read_rule
    from sintonia.models.language.preferences.sets import PreferenceSet
    from sintonia.models.language.preferences.weighing import BundleEngine
    from sintonia.models.language.saved import open_language_candidate

    opened = open_language_candidate(folder)
    rule, threshold = read_rule(folder)
    some = PreferenceSet(opened.template, opened.max_tokens, examples, dataclasses.replace(rule, has_rest=False))
    if rule.needs_base:
        base = BundleEngine(open_base_of(folder), micro_tokens=SCORING_TOKENS)
        some.ask_base(base.weigh_bundles)
    engine = BundleEngine(opened.causal, micro_tokens=SCORING_TOKENS)
    return some.spread(some.margins(engine, range(len(some.bundles)), divergence=threshold))


def preference_card(
    subject: str, split: Split, examples: Sequence[Example], margins: np.ndarray, *, has_losses: bool = True
) -> Scorecard:
    """The scorecard of somebody with these margins; those of a rule of thumb say nothing of how sure it is.

    Raises:
        RunFailed: a margin is not a finite number.
    """
    from sintonia.models.language.preferences.sets import surprises

    num_broken = int((~np.isfinite(margins)).sum())
    if num_broken:
        raise RunFailed(
            f"the margins of {num_broken} of {len(examples)} examples are not finite numbers",
            hint="the weights of the model are damaged, or it was trained with too high a learning rate",
        )
    targets = [one.target for one in examples]
    losses = surprises(margins, [is_yes(target) for target in targets]).tolist() if has_losses else ()
    card = dataclasses.replace(
        bare_card(subject, split, examples),
        predictions=decide(margins.tolist(), targets, [one.id for one in examples]),
        losses=tuple(losses),
    )
    return with_scores(card, examples, metrics_of("prefer"))
