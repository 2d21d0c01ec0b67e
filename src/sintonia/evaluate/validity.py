"""What makes a verdict worthless, whatever the scores: the gates of science.md 1.6 that can be seen in scorecards.

Pure. Each reason says what is wrong, in numbers, and what to do about it.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from sintonia.evaluate.answers import is_right
from sintonia.records import Scorecard

_LEFT_OVER = 0.25
_SURE = 1.645
_LEVEL_OF_FALL = 0.001
_SHUFFLES = 1000


def invalid_reasons(tuned: Scorecard, leaked: Collection[str], validation: Scorecard | None) -> tuple[str, ...]:
    """Why no verdict can be had from this test, in words; empty when one can.

    `leaked` are ids of test examples whose text is trained on too (few of them are taken out of training instead, and
    are none of these), `validation` the same model's scorecard there.
    """
    has_labels = bool(tuned.predictions)
    found = (_leak(tuned, leaked), _unrelated(tuned, validation) if validation and has_labels else None)
    return tuple(reason for reason in found if reason)


def _leak(tuned: Scorecard, leaked: Collection[str]) -> str | None:
    is_leaked = np.isin(np.array(tuned.ids), np.array(sorted(leaked), dtype=str))
    count = int(is_leaked.sum())
    if not count:
        return None
    others = f", on the others {_score_in_words(tuned, ~is_leaked)}" if count < len(tuned.ids) else ""
    return (
        f"{count:,} of {len(tuned.ids):,} test examples ({count / len(tuned.ids):.1%}) are trained on too (D113): on "
        f"them {_does(tuned)} {_score_in_words(tuned, is_leaked)}{others}; take them out of the training file"
    )


def _does(card: Scorecard) -> str:
    return "the model is right in" if card.predictions else "the answers take"


def _score_in_words(card: Scorecard, is_meant: np.ndarray) -> str:
    """The share of right answers, or the bits per byte, of some of the examples."""
    if card.predictions:
        return f"{is_right(card)[is_meant].mean():.1%}"
    nats, num_bytes = (np.array(column)[is_meant].sum() for column in (card.losses, card.num_bytes))
    return f"{nats / np.log(2) / max(num_bytes, 1):.2f} bits per byte"


def _unrelated(tuned: Scorecard, validation: Scorecard) -> str | None:
    """The test targets have nothing to do with the inputs: a model that knows validation only guesses there.

    What is left of the agreement beyond chance (Cohen's kappa) must be below a quarter of validation's, with what a
    shuffling of the targets makes of it by chance allowed for on both sides.
    """
    here, there = is_right(tuned), is_right(validation)
    (kappa, error), (usual, usual_error) = _agreement(tuned), _agreement(validation)
    is_known = usual > _SURE * usual_error
    if not is_known or kappa + _SURE * error > _LEFT_OVER * usual or not _has_fallen(there, here):
        return None
    return (
        f"the test targets seem unrelated to the inputs: the model is right in {there.mean():.1%} of validation and in "
        f"{here.mean():.1%} of the test, hardly more than with shuffled targets; check that the targets of the test "
        "file stand beside their texts"
    )


def _agreement(card: Scorecard) -> tuple[float, float]:
    """Agreement of predictions and targets beyond chance, 1 at most, and its standard deviation under shuffling."""
    _, codes = np.unique(np.array([*card.predictions, *card.targets]), return_inverse=True)
    predictions, targets = np.split(codes, 2)
    generator = np.random.default_rng(0)
    shuffled = np.array([(predictions == generator.permutation(targets)).mean() for _ in range(_SHUFFLES)])
    room = max(1.0 - shuffled.mean(), 1e-9)
    return float(((predictions == targets).mean() - shuffled.mean()) / room), float(shuffled.std() / room)


def _has_fallen(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether the share of right answers is lower by more than chance (Fisher's exact test, one-sided)."""
    from scipy.stats import fisher_exact

    table = [[int(before.sum()), int((~before).sum())], [int(after.sum()), int((~after).sum())]]
    return bool(fisher_exact(table, alternative="greater").pvalue < _LEVEL_OF_FALL)
