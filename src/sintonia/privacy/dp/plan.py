"""What a private training will do, fixed before its first step: who is drawn how often, the noise, the steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sintonia.errors import UsageError
from sintonia.privacy.dp.accountant import History, epsilon_spent, most_steps, noise_for
from sintonia.settings import DpSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivatePlan:
    """The plan of a private training. `units` are the rows, or the groups, that the promise is made to."""

    epsilon: float
    """The budget."""
    delta: float
    unit: Literal["row", "group"]
    num_units: int
    num_rows: int
    rate: float
    """The probability with which each unit is drawn for a step."""
    noise: float
    """Standard deviation of the noise over `clip_norm`."""
    clip_norm: float
    planned_steps: int
    most_steps: int
    """After so many the budget is used up, or the plan has ended."""
    accountant: Literal["prv", "rdp"]

    @property
    def expected_units(self) -> float:
        """In a step."""
        return self.rate * self.num_units

    def history(self, steps: int) -> History:
        """What so many steps are to an accountant."""
        return ((self.noise, self.rate, steps),) if steps else ()

    def spent(self, steps: int) -> float:
        """The epsilon of so many steps."""
        return epsilon_spent(self.history(steps), self.delta, self.accountant)


_RANGES = {"epsilon": (0.01, 50.0), "delta": (1e-15, 0.1), "clip_norm": (1e-6, 1e6), "noise": (0.05, 1e4)}
"""As a recipe has them. What is far outside takes the tight accountant gigabytes to say."""


def usual_delta(num_units: int) -> float:
    """One over ten times their number.

    >>> usual_delta(1000)
    0.0001
    """
    return 1.0 / (10 * num_units)


def make_plan(asked: DpSettings, *, num_rows: int, num_units: int, batch_examples: int, steps: int) -> PrivatePlan:
    """The plan for so many steps of so many expected rows.

    Raises:
        UsageError: a value is none, the budget allows not one step, the delta is too large to mean anything, or
            opacus is missing.
    """
    if asked.epsilon is None:
        raise ValueError("no budget was asked for")  # a mistake of the caller
    _refuse_senseless(asked)
    delta = usual_delta(num_units) if asked.delta == "auto" else asked.delta
    if delta * num_units >= 1:
        raise UsageError(
            f"`privacy.dp.delta` is {delta:g}: with {num_units} of a {asked.unit} the promise would be to fail for one",
            expected=f"less than 1 / {num_units}",
            hint="leave it on auto",
        )
    rate = min(1.0, batch_examples / num_rows)
    how, epsilon = asked.accountant, asked.epsilon
    noise = noise_for(epsilon, delta, rate, steps, how) if asked.noise == "auto" else asked.noise
    allowed = most_steps(epsilon, delta, (noise, rate, steps), how)
    if not allowed:
        raise UsageError(
            f"one step with `privacy.dp.noise` {noise:g} costs more than the budget of {epsilon:g}",
            hint="leave the noise on auto, or take more of it",
        )
    return PrivatePlan(
        epsilon=epsilon,
        delta=delta,
        unit=asked.unit,
        num_units=num_units,
        num_rows=num_rows,
        rate=rate,
        noise=noise,
        clip_norm=asked.clip_norm,
        planned_steps=steps,
        most_steps=allowed,
        accountant=how,
    )


def _refuse_senseless(asked: DpSettings) -> None:
    """Refuses numbers with which nothing would be promised, wherever the settings come from.

    Raises:
        UsageError: all of them, in one message.
    """
    values = {name: getattr(asked, name) for name in _RANGES}
    wrong = {name: one for name, one in values.items() if one != "auto" and not _is_within(name, one)}
    if wrong:
        raise UsageError(
            "; ".join(f"`privacy.dp.{name}` is {one}" for name, one in wrong.items()),
            expected="; ".join("`{}` within {:g} to {:g}".format(name, *_RANGES[name]) for name in wrong),
            hint="an epsilon of about 8 is usual; leave the others as they are by default",
        )


def _is_within(name: str, value: float) -> bool:
    least, most = _RANGES[name]
    return least <= value <= most
