"""Secret chance: as wide as it says, another at each step, the same again from the same key (P3d, P3e)."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from sintonia.privacy.dp import SecretStream


def test_the_noise_has_the_width_it_says() -> None:
    noise = SecretStream.fresh().normals(0, "noise", 1_000_000)
    assert noise.std() == pytest.approx(1.0, rel=0.02) and abs(noise.mean()) < 0.01
    assert stats.kstest(noise[:50_000], "norm").pvalue > 1e-6


def test_each_step_and_each_purpose_has_its_own() -> None:
    stream = SecretStream.fresh()
    first = stream.normals(1, "noise a", 1000)
    for other in (stream.normals(2, "noise a", 1000), stream.normals(1, "noise b", 1000)):
        assert abs(np.corrcoef(first, other)[0, 1]) < 0.2 and not np.any(first == other)


def test_the_key_alone_repeats_it_and_no_two_runs_share_one() -> None:
    stream = SecretStream.fresh()
    again, other = SecretStream(stream.key), SecretStream.fresh()
    assert np.array_equal(stream.normals(7, "x", 1001), again.normals(7, "x", 1001))
    assert np.array_equal(stream.uniforms(7, "x", 11), again.uniforms(7, "x", 11))
    assert not np.array_equal(stream.uniforms(7, "x", 11), other.uniforms(7, "x", 11))


@pytest.mark.parametrize("count", [1, 2, 3, 2**20 + 1])
def test_any_number_of_them_can_be_asked_for(count: int) -> None:
    found = SecretStream.fresh().normals(0, "x", count)
    assert found.shape == (count,) and found.dtype == np.float32 and np.isfinite(found).all()


def test_uniforms_lie_strictly_between_zero_and_one() -> None:
    found = SecretStream.fresh().uniforms(0, "who", 200_000)
    assert found.min() > 0.0 and found.max() < 1.0
    assert stats.kstest(found[:50_000], "uniform").pvalue > 1e-6
