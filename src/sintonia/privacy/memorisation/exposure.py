"""How exposed a planted secret is: its rank among references that could have been planted as well.

Source: Carlini et al. 2019 (arXiv 1802.08232), as tensorflow/privacy computes it. Pure functions on losses.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_LEVEL = 0.95


def exposure(secret: float, references: Array) -> float:
    """Bits that the model gives away of a secret: log2 of the number of references less log2 of the secret's rank.

    The rank is 1 where every reference has a higher loss; equals count half, so that a model that knows nothing ranks
    in the middle. Where all 16 references of 16 have a lower loss the rank is 17 and the exposure negative.

    >>> import numpy as np
    >>> references = np.arange(1.0, 17.0)
    >>> [round(exposure(one, references), 3) for one in (0.5, 3.5, 16.5)]
    [4.0, 2.0, -0.087]
    """
    rank = 1 + float((references < secret).sum()) + float((references == secret).sum()) / 2
    return math.log2(len(references)) - math.log2(rank)


def mean_with_low(bits: Sequence[float]) -> tuple[float, float]:
    """The mean, and the lower end of it at 95 % by secrets drawn again."""
    values = np.asarray(bits, dtype=np.float64)
    draws = np.random.default_rng(0).choice(values, size=(2_000, len(values))).mean(axis=1)
    return float(values.mean()), float(np.quantile(draws, (1 - _LEVEL) / 2))


def null_threshold(num_secrets: int) -> float:
    """Bits that the mean exposure of so many secrets that were never seen stays below in 95 of 100.

    The rank of such a secret is uniform, so that its exposure is exponential with mean 1 / ln 2 = 1.443 bits, and the
    sum of them a gamma variable; with 4,096 references what is lost by counting ranks is below .01 bits.

    >>> round(null_threshold(20), 2)
    2.01
    """
    from scipy.stats import gamma

    return float(gamma.ppf(_LEVEL, num_secrets)) / num_secrets / math.log(2)
