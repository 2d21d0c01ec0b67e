"""Whether the embeddings of different texts are all alike (science.md 1.6: the mean cosine of random pairs).

E330: nearly all texts have the same embedding.
What: the mean cosine of different texts of the set, drawn in pairs, is above 0.98.
Why it matters: whatever is searched for, everything is found equally near; a similarity says nothing.
What to do: lower the learning rate; see that pairs are not all the same few texts, and that texts are not empty.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sintonia.records import Finding

ALIKE = 0.98
"""Mean cosine of different texts from which they count as all alike: of random directions it is 0, of the sentence
encoders measured below 0.4, of encoders that never learned from pairs up to 0.9."""
_NUM_PAIRS = 2_000
_FEWEST = 10


def mean_cosine(features: np.ndarray) -> float:
    """Of pairs of different texts, drawn always in the same way; `features` are of unit length, (texts, hidden)."""
    generator = np.random.default_rng(0)
    first = generator.integers(len(features), size=_NUM_PAIRS)
    second = (first + generator.integers(1, len(features), size=_NUM_PAIRS)) % len(features)
    return float((features[first].astype(np.float64) * features[second]).sum(axis=1).mean())


def check_collapse(features: np.ndarray, base_features: Callable[[], np.ndarray] | None = None) -> tuple[Finding, ...]:
    """E330 when different texts have nearly the same embedding; of fewer than ten texts nothing is said.

    Args:
        features: unit features of different texts, (texts, hidden).
        base_features: gives the same by the untouched base, to say whether it was so before; asked only then.
    """
    if len(features) < _FEWEST:
        return ()
    found = mean_cosine(features)
    if found < ALIKE:
        return ()
    before = "" if base_features is None else f" (the base has {mean_cosine(base_features()):.3f})"
    return (
        Finding(
            code="E330",
            severity="warning",
            count=len(features),
            message=f"the embeddings of different texts are all alike: their cosine is {found:.3f} on average{before}",
            hint="lower `training.learning_rate`; look whether the pairs repeat the same few texts",
        ),
    )
