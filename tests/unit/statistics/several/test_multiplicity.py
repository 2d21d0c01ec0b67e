"""Holm and Benjamini-Hochberg: their edges, and that they keep what they promise where bare p-values do not."""

from __future__ import annotations

import numpy as np
import pytest

from sintonia.statistics import benjamini_hochberg, holm


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
def test_one_is_left_as_it_is_and_none_is_none(adjust) -> None:
    assert adjust([0.03]) == (0.03,)
    assert adjust([]) == ()
    assert max(adjust([0.9, 0.8, 1.0])) <= 1.0


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
@pytest.mark.parametrize("p_values", [[0.1, 1.1], [-0.1], [float("nan")], [[0.1]]])
def test_what_is_no_p_value_is_refused(adjust, p_values) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        adjust(p_values)


def test_holm_keeps_one_false_finding_in_twenty_families() -> None:
    rng = np.random.default_rng(1)
    families = rng.random((1_000, 10))
    assert sum(min(holm(one)) < 0.05 for one in families) <= 70
    assert sum(min(one) < 0.05 for one in families) >= 300  # the control: unadjusted
    assert holm([1e-6, *families[0][:9]])[0] < 0.05


def test_benjamini_hochberg_keeps_the_false_share_of_what_is_found() -> None:
    """Twenty slices with a true difference among a hundred."""
    rng, shares, num_found = np.random.default_rng(2), [], 0
    for _ in range(300):
        p_values = np.concatenate([rng.random(80), rng.random(20) ** 12])
        is_found = np.array(benjamini_hochberg(p_values)) < 0.10
        num_found += int(is_found[80:].sum())
        shares.append(is_found[:80].sum() / max(1, is_found.sum()))
    assert np.mean(shares) <= 0.10
    assert num_found >= 0.5 * 300 * 20
