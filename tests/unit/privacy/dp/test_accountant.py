"""What steps cost: golden values of two other implementations, and no budget is ever exceeded (P3a, P3b, P3f)."""

from __future__ import annotations

import importlib.util
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sintonia.errors import UsageError
from sintonia.privacy.dp import epsilon_spent, make_plan, most_steps, noise_for
from sintonia.recipe import make_recipe
from sintonia.settings import DpSettings

MICROSOFT = {
    (0.8, 0.001, 100): 0.2704033640580187,
    (1.5, 0.001, 100): 0.0393694193093203,
    (2.0, 0.001, 100): 0.0291045369484074,
    (3.0, 0.001, 100): 0.0215200934390883,
    (0.8, 0.05, 100): 6.7410519394140997,
    (1.5, 0.05, 100): 1.9538531356842002,
    (2.0, 0.05, 100): 1.2836373796240652,
    (3.0, 0.05, 100): 0.7679337896668256,
    (0.8, 0.2, 100): 24.333664177922564,
    (1.5, 0.2, 100): 8.4989778591216307,
    (2.0, 0.2, 100): 5.6720556088237295,
    (3.0, 0.2, 100): 3.3812205102218442,
    (0.8, 0.001, 1000): 0.4777712661845226,
    (1.5, 0.001, 1000): 0.0998206602308475,
    (2.0, 0.001, 1000): 0.0712187825381152,
    (3.0, 0.001, 1000): 0.0476159308713589,
    (0.8, 0.05, 1000): 19.525842805383736,
    (1.5, 0.05, 1000): 6.2099692465772771,
    (2.0, 0.05, 1000): 4.1727998666893189,
    (3.0, 0.05, 1000): 2.5275743260597383,
    (0.8, 0.001, 20000): 1.2960092575701606,
    (1.5, 0.001, 20000): 0.4370051086548608,
    (2.0, 0.001, 20000): 0.3058379397624534,
    (3.0, 0.001, 20000): 0.1940310306860547,
    (0.8, 0.05, 20000): 140.65520976007423,
    (1.5, 0.05, 20000): 38.306617914087234,
    (2.0, 0.05, 20000): 24.421718570322586,
    (3.0, 0.05, 20000): 13.961114699236706,
    (0.8, 0.001, 50000): 2.0345148077158664,
    (1.5, 0.001, 50000): 0.7042183845558101,
    (2.0, 0.001, 50000): 0.4913549102114013,
    (3.0, 0.001, 50000): 0.3096941611565440,
    (0.8, 0.05, 50000): 291.38432545239653,
    (1.5, 0.05, 50000): 73.190176723832963,
    (2.0, 0.05, 50000): 45.236995861344631,
    (3.0, 0.05, 50000): 24.942005643144476,
    (0.8, 0.001, 100000): 2.9246221193504103,
    (1.5, 0.001, 100000): 1.0152880750276079,
    (2.0, 0.001, 100000): 0.7067199010818516,
    (3.0, 0.001, 100000): 0.4436717208808755,
}
"""Noise, sampling rate and steps to epsilon at delta 1e-6, by github.com/microsoft/prv_accountant."""
FEW = [(1.5, 0.05, 100), (3.0, 0.2, 100), (0.8, 0.05, 1000)]
RATES = [1e-4, 1e-3, 5e-3, 1e-2, 5e-2, 1e-1, 0.5, 1.0]


@pytest.mark.parametrize("steps", FEW, ids=str)
def test_the_tight_accountant_agrees_with_another_implementation(steps: tuple[float, float, int]) -> None:
    assert epsilon_spent((steps,), 1e-6, "prv") == pytest.approx(MICROSOFT[steps], abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("steps", MICROSOFT, ids=str)
def test_the_tight_accountant_agrees_with_another_implementation_everywhere(steps: tuple[float, float, int]) -> None:
    assert epsilon_spent((steps,), 1e-6, "prv") == pytest.approx(MICROSOFT[steps], abs=1e-4)


def test_the_classic_accountant_gives_the_known_value() -> None:
    assert epsilon_spent(((1.5, 0.04, 2250),), 1e-5, "rdp") == pytest.approx(7.32911117143, abs=1e-4)


def test_the_noise_for_a_budget_is_about_the_known_one() -> None:
    """Opacus finds 1.416 and 1.3562 in its own tests; ours may come closer to the budget, never above it."""
    for steps, known in ((2250, 1.416), (2000, 1.3562)):
        found = noise_for(8.0, 1e-5, 0.04, steps, "rdp")
        assert known - 0.005 < found < known + 0.005
        assert 7.99 <= epsilon_spent(((found, 0.04, steps),), 1e-5, "rdp") <= 8.0


def overshoot(how: str, epsilon: float, steps: int, rate: float, delta: float) -> float:
    noise = noise_for(epsilon, delta, rate, steps, how)  # type: ignore[arg-type]
    return epsilon_spent(((noise, rate, steps),), delta, how) - epsilon  # type: ignore[arg-type]


@given(st.floats(0.1, 20.0), st.integers(1, 5000), st.sampled_from(RATES), st.sampled_from([1e-4, 1e-5, 1e-7]))
@settings(max_examples=5, deadline=None)
def test_no_noise_is_too_little(epsilon: float, steps: int, rate: float, delta: float) -> None:
    assert overshoot("rdp", epsilon, steps, rate, delta) <= 0


@pytest.mark.slow
@pytest.mark.parametrize("how", ["rdp", "prv"])
def test_no_noise_is_too_little_in_two_hundred_plans(how: str) -> None:
    chance = random.Random(0)
    for _ in range(200):
        epsilon, steps = 10 ** chance.uniform(-0.5, 1.3), chance.randint(1, 3000)
        assert overshoot(how, epsilon, steps, chance.choice(RATES), chance.choice([1e-4, 1e-5, 1e-7])) <= 0


@pytest.mark.parametrize("num_plans", [12, pytest.param(200, marks=pytest.mark.slow)])
def test_training_ends_before_the_step_that_would_overspend(num_plans: int) -> None:
    """Plans with a noise of their own: what is spent is within the budget, and one more step is not."""
    chance, num_cut = random.Random(1), 0
    for _ in range(num_plans):
        epsilon, noise = 10 ** chance.uniform(-0.3, 1.0), chance.uniform(0.6, 4.0)
        rate, planned = chance.choice(RATES[1:6]), chance.randint(1, 4000)
        found = most_steps(epsilon, 1e-5, (noise, rate, planned), "rdp")
        assert epsilon_spent(((noise, rate, found),), 1e-5, "rdp") <= epsilon
        if found < planned:
            num_cut += 1
            assert epsilon_spent(((noise, rate, found + 1),), 1e-5, "rdp") > epsilon
    assert 0 < num_cut < num_plans


def test_stretches_with_other_noise_compose() -> None:
    one, other = (1.0, 0.05, 100), (2.0, 0.02, 300)
    alone = [epsilon_spent((part,), 1e-5) for part in (one, other)]
    together = epsilon_spent((one, other), 1e-5)
    assert max(alone) < together < sum(alone)
    assert epsilon_spent(((1.0, 0.05, 60), (1.0, 0.05, 40)), 1e-5) == pytest.approx(alone[0], abs=1e-3)
    assert epsilon_spent((), 1e-5) == 0.0


def test_a_plan_says_its_delta_by_the_number_it_is_promised_to() -> None:
    sizes = {"num_rows": 1000, "num_units": 200, "batch_examples": 50, "steps": 100}
    plan = make_plan(DpSettings(epsilon=3.0), **sizes)
    assert (plan.delta, plan.rate, plan.expected_units) == (1 / 2000, 0.05, 10.0)
    assert plan.most_steps == 100 and 2.97 < plan.spent(100) <= 3.0 and plan.spent(50) < plan.spent(100)
    with pytest.raises(UsageError, match="would be to fail"):
        make_plan(DpSettings(epsilon=3.0, delta=0.01), **sizes)
    with pytest.raises(UsageError, match="one step"):
        make_plan(DpSettings(epsilon=0.01, noise=0.3), **sizes)


def test_without_opacus_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from sintonia.privacy.dp import accountant

    monkeypatch.setattr(accountant, "find_spec", lambda name: None)
    assert importlib.util.find_spec("opacus") is not None
    with pytest.raises(UsageError) as refused:
        accountant.refuse_without_opacus()
    assert "opacus" in refused.value.what and "sintonia[dp]" in refused.value.hint


@pytest.mark.parametrize(
    "wrong",
    [
        {"epsilon": float("nan")},
        {"epsilon": float("inf")},
        {"epsilon": 0.0},
        {"epsilon": -1.0},
        {"epsilon": 51.0},
        {"clip_norm": 0.0},
        {"clip_norm": float("nan")},
        {"delta": 0.0},
        {"delta": -1e-5},
        {"delta": float("nan")},
        {"noise": 0.0},
        {"noise": float("inf")},
    ],
    ids=str,
)
def test_a_number_that_promises_nothing_is_refused(wrong: dict[str, float]) -> None:
    asked = make_recipe({"data": {"path": "x"}, "privacy": {"dp": {"epsilon": 3.0, **wrong}}}).privacy.dp
    with pytest.raises(UsageError, match=f"`privacy.dp.{next(iter(wrong))}` is") as refused:
        make_plan(asked, num_rows=1000, num_units=1000, batch_examples=50, steps=10)
    assert refused.value.expected and refused.value.hint


def test_no_noise_far_below_the_needed_one_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it costs takes the tight accountant minutes and gigabytes to say."""
    from sintonia.privacy.dp import accountant

    tried = list[float]()

    def noting(history: accountant.History, delta: float, how: accountant.How = "prv") -> float:
        tried.append(history[0][0])
        return epsilon_spent(history, delta, "rdp")

    monkeypatch.setattr(accountant, "epsilon_spent", noting)
    found = accountant.noise_for.__wrapped__(50.0, 1e-5, 0.05, 400)
    assert 0.2 < found < 1.0 and min(tried) >= 0.79 * found
    assert 49.9 < epsilon_spent(((found, 0.05, 400),), 1e-5, "rdp") <= 50.0
