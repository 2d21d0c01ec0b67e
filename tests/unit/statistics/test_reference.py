"""Every public function against scipy, statsmodels or scikit-learn: to 1e-9, or to the noise of its draws.

Only what is drawn at random (approximate randomisation beyond counting, the bootstrap over seeds) is held to its noise.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats
from scipy.special import zeta

pytest.importorskip("statsmodels", reason="the reference is in the dev extra")

import statsmodels.api as sm
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import proportion_confint

import sintonia.statistics as ours
from sintonia.statistics.agreement import krippendorff_alpha

SEEDS = range(5)
COUNTS = [(6, 0), (9, 1), (30, 14), (1, 0), (250, 190), (3, 12)]
COVERED = {
    "Bootstrap": "test_bca_interval",
    "RecipeDifference": "test_recipe_difference",
    "cluster_bootstrap": "test_bca_interval",
    "sum_by_group": "test_sums_by_group",
}


def exact(value: float) -> object:
    return pytest.approx(value, abs=1e-9, rel=1e-9)


def test_every_public_function_is_held_to_a_reference() -> None:
    tests = {COVERED.get(name, f"test_{name}") for name in ours.__all__}
    assert tests <= set(globals()), tests - set(globals())


@pytest.mark.parametrize(("fixed", "broken"), COUNTS)
def test_midp(fixed: int, broken: int) -> None:
    total, fewer = fixed + broken, min(fixed, broken)
    half = stats.binom.pmf(fewer, total, 0.5)
    assert ours.midp(fixed, broken) == exact(stats.binomtest(fewer, total).pvalue - half)
    assert ours.midp(fixed, broken) == exact(mcnemar([[5, fixed], [broken, 9]], exact=True).pvalue - half)


def test_paired_difference() -> None:
    """Means of single examples: the estimate to the letter, the error that of scipy's paired test but for its draws."""
    generator = np.random.default_rng(3)
    before = generator.normal(size=(200, 1))
    after = before * 0.5 + generator.normal(0.2, 0.4, size=(200, 1))
    mean = lambda totals: totals[:, 0] / 200  # noqa: E731
    size, error = ours.paired_difference(before, after, range(200), mean, draws=20_000)
    paired = stats.ttest_rel(after[:, 0], before[:, 0])
    assert size == exact(float(np.mean(after - before)))
    assert error == pytest.approx(size / paired.statistic, rel=0.02)
    again, _ = ours.paired_difference(before, before, range(200), mean)
    assert again == 0


def all_flips(values: np.ndarray) -> stats._resampling.PermutationTestResult:
    return stats.permutation_test(
        (values,), lambda x, axis: x.sum(axis=axis), permutation_type="samples", vectorized=True, n_resamples=np.inf
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_clustered_midp(seed: int) -> None:
    net = np.random.default_rng(seed).integers(-4, 5, 12)
    net[0] += 1 if net.sum() == 0 else 0
    null, observed = np.abs(all_flips(net.astype(float)).null_distribution), abs(net.sum())
    assert ours.clustered_midp(net) == exact((null > observed).mean() + (null == observed).mean() / 2)


def test_approximate_randomisation() -> None:
    """To the noise of 20,000 draws: scipy counts all swaps."""
    rng = np.random.default_rng(2)
    base, tuned = rng.normal(0, 1, 12), rng.normal(0.6, 1, 12)
    expected = all_flips(tuned - base).pvalue
    counts = tuple(np.column_stack([one, np.ones(12)]) for one in (base, tuned))
    found = ours.approximate_randomisation(counts, range(12), lambda t: t[:, 0] / t[:, 1], draws=20_000)
    assert found == pytest.approx(expected, abs=4 * math.sqrt(expected / 20_000))


STATISTICS: dict[str, Callable[[np.ndarray, np.ndarray, int], np.ndarray]] = {
    "mean": lambda x, y, axis=-1: x.mean(axis=axis),
    "ratio": lambda x, y, axis=-1: x.sum(axis=axis) / y.sum(axis=axis),
}


@pytest.mark.parametrize("name", STATISTICS)
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_bca_interval(name: str, confidence: float) -> None:
    """scipy is given our own draws, so that the two intervals are of the same resamples."""
    rng = np.random.default_rng(3)
    x, y = rng.exponential(size=60), rng.gamma(3.0, size=60)
    columns = np.column_stack([x, y, np.ones(60)])
    below = 2 if name == "mean" else 1
    found = ours.cluster_bootstrap(columns, range(60), lambda t: t[:, 0] / t[:, below], draws=3_000)
    settings = {"statistic": STATISTICS[name], "paired": True, "method": "BCa", "confidence_level": confidence}
    theirs = stats.bootstrap((x, y), n_resamples=50, rng=0, **settings)
    same = dataclasses.replace(theirs, bootstrap_distribution=found.draws)
    expected = stats.bootstrap((x, y), n_resamples=0, bootstrap_result=same, **settings).confidence_interval
    assert found.interval(confidence) == (exact(expected.low), exact(expected.high))
    assert found.standard_error() == exact(float(np.std(found.draws)))


def test_sums_by_group() -> None:
    import pandas as pd

    rng = np.random.default_rng(4)
    counts, groups = rng.normal(size=(50, 3)), rng.integers(0, 7, 50)
    expected = pd.DataFrame(counts).groupby(groups, sort=False).sum().to_numpy()
    np.testing.assert_allclose(ours.sum_by_group(counts, groups.tolist()).toarray(), expected, atol=1e-9)


@pytest.mark.parametrize(("right", "total"), [(0, 10), (10, 10), (1, 3), (295, 310), (69.3, 99)])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_wilson(right: float, total: float, confidence: float) -> None:
    expected = proportion_confint(right, total, 1 - confidence, method="wilson")
    assert ours.wilson(right, total, confidence) == tuple(exact(one) for one in expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_clustered_wilson(seed: int) -> None:
    """The variance between groups is that of a regression on a constant with errors clustered by group."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(40), rng.integers(1, 6, 40))
    right = (rng.random(len(groups)) < rng.beta(2, 1, 40)[groups]).astype(float)
    fitted = sm.OLS(right, np.ones(len(right))).fit(cov_type="cluster", cov_kwds={"groups": groups})
    share, spread = right.mean(), float(fitted.bse[0] ** 2)
    effective = min(len(right), share * (1 - share) / spread)
    expected = proportion_confint(share * effective, effective, 0.05, method="wilson")
    found = ours.clustered_wilson(np.bincount(groups, right), np.bincount(groups).astype(float))
    assert found == tuple(exact(one) for one in expected)


@pytest.mark.parametrize("num_groups", [1, 20, 1000])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_unseen_fraction(num_groups: int, confidence: float) -> None:
    """Clopper and Pearson's upper end of none."""
    expected = proportion_confint(0, num_groups, 1 - confidence, method="beta")[1]
    assert ours.unseen_fraction(num_groups, confidence) == exact(expected)


@pytest.mark.parametrize("opening", [1, 2, 7])
def test_level_of_opening(opening: int) -> None:
    assert ours.level_of_opening(opening) == exact(0.05 / zeta(2) / opening**2)


@pytest.mark.parametrize("level", [0.05, 0.0304, 0.0019])
def test_fewest_disagreements(level: float) -> None:
    expected = next(m for m in range(1, 60) if stats.binomtest(0, m).pvalue - stats.binom.pmf(0, m, 0.5) < level)
    assert ours.fewest_disagreements(level) == expected


@pytest.mark.parametrize(("disagreement", "num_examples"), [(0.3, 300), (0.1, 1000), (0.5, 200)])
@pytest.mark.parametrize("level", [0.05, 0.0304])
@pytest.mark.parametrize("power", [0.8, 0.9])
def test_minimum_detectable_effect(disagreement: float, num_examples: int, level: float, power: float) -> None:
    """The power of one tail; statsmodels' two-sided one adds the chance of being significant the wrong way round."""
    effect = ours.minimum_detectable_effect(disagreement, num_examples, level, power) / math.sqrt(disagreement)
    assert NormalIndPower().power(effect, num_examples, level / 2, ratio=0, alternative="larger") == exact(power)


@pytest.mark.parametrize("level", [0.05, 0.0304])
def test_detectable_difference(level: float) -> None:
    effect = ours.detectable_difference(0.7 / math.sqrt(250), level) / 0.7
    assert NormalIndPower().power(effect, 250, level / 2, ratio=0, alternative="larger") == exact(0.8)


@pytest.mark.parametrize("difference", [0.02, 0.05, 0.11])
def test_examples_needed(difference: float) -> None:
    solved = NormalIndPower().solve_power(
        difference / math.sqrt(0.3), None, alpha=0.0152, power=0.8, ratio=0, alternative="larger"
    )
    assert ours.examples_needed(0.3, difference, 0.0304) == math.ceil(solved)


@pytest.mark.parametrize("seed", SEEDS)
def test_holm(seed: int) -> None:
    p_values = np.random.default_rng(seed).random(12) ** 3
    p_values[3] = p_values[5]
    assert ours.holm(p_values) == tuple(exact(one) for one in multipletests(p_values, method="holm")[1])


@pytest.mark.parametrize("seed", SEEDS)
def test_benjamini_hochberg(seed: int) -> None:
    p_values = np.random.default_rng(seed).random(12) ** 3
    p_values[3] = p_values[5]
    for expected in (multipletests(p_values, method="fdr_bh")[1], stats.false_discovery_control(p_values)):
        assert ours.benjamini_hochberg(p_values) == tuple(exact(one) for one in expected)


@pytest.mark.parametrize("num_candidates", [1, 2, 5, 30])
def test_selection_optimism(num_candidates: int) -> None:
    """The mean of the density of the largest, by scipy."""
    density = lambda x: x * num_candidates * stats.norm.pdf(x) * stats.norm.cdf(x) ** (num_candidates - 1)  # noqa: E731
    from scipy.integrate import quad

    expected = quad(density, -12, 12, epsabs=1e-12, limit=200)[0]
    assert ours.selection_optimism(math.sqrt(2), num_candidates) == exact(expected)


@pytest.mark.parametrize("num_seeds", [3, 5, 10])
def test_recipe_difference(num_seeds: int) -> None:
    """To the noise of the draws: Student's interval of the seeds where only they vary, else of the examples."""
    values = np.random.default_rng(num_seeds).normal(0.1, 1, num_seeds)
    found = ours.recipe_difference(np.repeat(values[:, None], 80, axis=1), range(80), draws=40_000)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert found.high - found.low == pytest.approx(expected.high - expected.low, rel=0.02)
    assert found.estimate == exact((expected.low + expected.high) / 2)
    shared = np.random.default_rng(1).normal(0.1, 1, 300)
    of_examples = ours.recipe_difference(np.tile(shared, (num_seeds, 1)), range(300), draws=40_000)
    expected = stats.ttest_1samp(shared, 0).confidence_interval(0.95)
    assert of_examples.low == pytest.approx(expected.low, abs=0.005)
    assert of_examples.high == pytest.approx(expected.high, abs=0.005)


@pytest.mark.parametrize("seed", SEEDS)
def test_krippendorff_alpha(seed: int) -> None:
    """With as many labels for each row it follows from Fleiss' kappa."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 4, 60)
    votes = np.where(rng.random((60, 3)) < 0.7, truth[:, None], rng.integers(0, 4, (60, 3)))
    kappa = fleiss_kappa(aggregate_raters(votes)[0])
    expected = 1 - (1 - kappa) * (votes.size - 1) / votes.size
    assert krippendorff_alpha(votes.astype(str).tolist()) == exact(expected)
