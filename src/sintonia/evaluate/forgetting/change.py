"""From what base and tuned model make of the anchor texts to what was forgotten: pure, on numbers.

Thresholds: science.md 7. Both the interval and the p-value must show a loss, else nothing is said.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sintonia.metrics import METRICS
from sintonia.records import AnchorScore, Interval
from sintonia.records.details import ForgettingSeverity
from sintonia.statistics import approximate_randomisation, cluster_bootstrap, midp

Steps = tuple[tuple[float, ForgettingSeverity], ...]
LEVEL = 0.05
GROWN: Steps = ((0.15, "serious"), (0.05, "warning"), (0.02, "note"))
"""By how much bits per byte have grown, and what that is called."""
DROPPED: Steps = ((0.15, "serious"), (0.02, "warning"))
"""By how much the share of halves found again has dropped; `serious` is by analogy, science.md ends at 2 points."""

_BITS = METRICS["bits_per_byte"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What base and tuned model make of all anchor texts, and how sure the difference is."""

    anchors: tuple[AnchorScore, ...]
    base: float
    tuned: float
    change: Interval
    p_value: float
    severity: ForgettingSeverity


def bits_of(nats: np.ndarray, num_bytes: np.ndarray) -> float:
    """Bits per byte over all texts: the ratio of the sums."""
    return float(_BITS.from_counts(np.array([[nats.sum(), num_bytes.sum()]]))[0])


def change_of_bits(languages: Sequence[str], base: np.ndarray, tuned: np.ndarray, num_bytes: np.ndarray) -> Changed:
    """How bits per byte have changed; nats of each text under both models, shape (texts,), paired.

    The interval is BCa at 95 % with texts drawn again; the p-value is of approximate randomisation.
    """
    texts = range(len(base))
    resampled = cluster_bootstrap(
        np.stack([base, tuned], axis=1), texts, lambda totals: totals[:, 1] / np.maximum(totals[:, 0], 1e-12) - 1
    )
    low, high = resampled.interval()
    change = Interval(value=resampled.estimate, low=low, high=high)
    counts = [np.stack([nats, num_bytes], axis=1) for nats in (base, tuned)]
    p_value = approximate_randomisation((counts[0], counts[1]), texts, _BITS.from_counts)

    def bits(kept: np.ndarray) -> tuple[float, float]:
        return bits_of(base[kept], num_bytes[kept]), bits_of(tuned[kept], num_bytes[kept])

    return Changed(
        anchors=_by_language(languages, bits),
        base=bits_of(base, num_bytes),
        tuned=bits_of(tuned, num_bytes),
        change=change,
        p_value=p_value,
        severity=_severity(change.value, change.low, p_value, GROWN),
    )


def change_of_pairs(languages: Sequence[str], base: np.ndarray, tuned: np.ndarray) -> Changed:
    """How the share of halves found again has changed; whether each was found, shape (texts,), paired.

    The interval is BCa at 95 % with texts drawn again; the p-value is McNemar's mid-p.
    """
    num_texts = len(base)
    differences = (tuned.astype(np.float64) - base).reshape(-1, 1)
    resampled = cluster_bootstrap(differences, range(num_texts), lambda totals: totals[:, 0] / num_texts)
    low, high = resampled.interval()
    change = Interval(value=resampled.estimate, low=low, high=high)
    p_value = midp(int((differences > 0).sum()), int((differences < 0).sum()))
    return Changed(
        anchors=_by_language(languages, lambda kept: (float(base[kept].mean()), float(tuned[kept].mean()))),
        base=float(base.mean()),
        tuned=float(tuned.mean()),
        change=change,
        p_value=p_value,
        severity=_severity(-change.value, -change.high, p_value, DROPPED),
    )


def _severity(loss: float, sure_loss: float, p_value: float, steps: Steps) -> ForgettingSeverity:
    """The name of a loss; `sure_loss` is the end of the interval that is nearest to none."""
    if sure_loss <= 0 or p_value >= LEVEL:
        return "none"
    # A share of 4 of 200 is two points, whatever floating point makes of it.
    return next((name for least, name in steps if loss >= least - 1e-9), "none")


def _by_language(
    languages: Sequence[str], scores: Callable[[np.ndarray], tuple[float, float]]
) -> tuple[AnchorScore, ...]:
    spoken = np.array(languages)
    found = []
    for language in dict.fromkeys(languages):
        kept = np.flatnonzero(spoken == language)
        base, tuned = scores(kept)
        found.append(AnchorScore(language=language, num_texts=len(kept), base=base, tuned=tuned))
    return tuple(found)
