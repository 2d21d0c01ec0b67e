"""What Optuna is asked for: points spread evenly over a space, and from the 26th on what seems promising.

Each answer follows from the plan and from what was tried, so that a resumed search is asked for the same. What was
found is written as a study of its own, for Optuna's tools; nothing here reads it.
"""

from __future__ import annotations

import dataclasses
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sintonia.adjust.searching import DRAWN, SHORT_RUNG, centre_of, centred
from sintonia.files import write_atomic
from sintonia.records import Configuration, SearchAxis, SearchOutcome, SearchPlan, SearchTrial, Values

if TYPE_CHECKING:
    import optuna

QUASI_RANDOM = 25
"""So many configurations are spread evenly; before that nothing else is better (science.md 6.5)."""
STUDY = "search"


def quasi_random(axes: Sequence[SearchAxis], count: int, seed: int) -> tuple[Values, ...]:
    """So many points of a scrambled Sobol sequence in the space."""
    optuna = _optuna()
    space = _space(axes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the sampler is marked experimental, and a count not a power of two
        sampler = optuna.samplers.QMCSampler(scramble=True, seed=seed)
        study = optuna.create_study(sampler=sampler)
        # The sampler takes its space from what came before: this one is in it, and no point of the sequence.
        study.add_trial(_finished(axes, {axis.setting: axis.usual for axis in axes}, value=0.0))
        return tuple(_plain(axes, study.ask(space).params) for _ in range(count))


def promising(
    plan: SearchPlan, tried: Sequence[SearchTrial], number: int, beside: Sequence[Configuration] = ()
) -> Configuration:
    """What to try as number `number`, by a tree-structured Parzen estimator over the losses of the short trainings.

    `beside` is what is tried at the same time: until its losses are there it counts as bad, so that not the same is
    tried twice (the constant liar of Optuna's sampler).
    """
    optuna = _optuna()
    sampler = optuna.samplers.TPESampler(seed=(plan.seed + number) % 2**32, constant_liar=True)
    study = optuna.create_study(sampler=sampler)
    for one in sorted(tried, key=lambda one: one.configuration.number):
        if one.rung == SHORT_RUNG:
            study.add_trial(_finished(plan.axes, one.configuration.values, one.loss))
    for other in beside:
        study.add_trial(_running(plan.axes, other.values))
    values = _plain(plan.axes, study.ask(_space(plan.axes)).params)
    return Configuration(number=number, values=values, origin="TPE")


class Proposals:
    """What is tried as which number: as it was planned, or as Optuna proposes it, for so many processes at once.

    One process is proposed one configuration at a time, from all that came before it. Several are proposed as many at
    once, from what came before all of them, whichever of them ends first.
    """

    def __init__(self, plan: SearchPlan, processes: int) -> None:
        self._plan, self._processes = plan, processes
        self._proposed: dict[int, Configuration] = {}

    def wanted(self, history: Sequence[SearchTrial], numbers: Sequence[int]) -> tuple[Configuration, ...]:
        """The configurations of these numbers, which are due in this order; those that are not known yet are left out.

        The first is always known.
        """
        known = {one.configuration.number: one.configuration for one in history}
        found: list[Configuration] = []
        for number in numbers:
            if number not in known and self._begin_of(number) > numbers[0]:
                break
            found.append(known[number] if number in known else self._configuration(history, number))
        return tuple(found)

    def _begin_of(self, number: int) -> int:
        """The first of those that it is proposed with: what is before it is to be known; 0 for what was planned."""
        behind = number - len(self._plan.first)
        return number - behind % self._processes if behind >= 0 else 0

    def _configuration(self, history: Sequence[SearchTrial], number: int) -> Configuration:
        if number < len(self._plan.first):
            return self._planned(history, self._plan.first[number])
        if number not in self._proposed:
            begin = self._begin_of(number)
            tried = [one for one in history if one.configuration.number < begin]
            beside = [self._configuration(history, other) for other in range(begin, number)]
            self._proposed[number] = promising(self._plan, tried, number, beside)
        return self._proposed[number]

    def _planned(self, history: Sequence[SearchTrial], one: Configuration) -> Configuration:
        """As it was drawn, but around the learning rate that did best in the bracket."""
        centre = centre_of(self._plan, history) if one.origin == DRAWN else None
        if centre is None:
            return one
        return dataclasses.replace(one, values=centred(self._plan.axes, one.values, centre))


def write_study(path: Path, plan: SearchPlan, history: Sequence[SearchTrial], outcome: SearchOutcome | None) -> None:
    """Writes what was tried as a study named `search`, in place of an earlier one; `optuna.load_study` reads it.

    The value of a trial is its mean validation loss in the last rung that it was in, the values on the way are those of
    the rungs by their number; what was dropped is pruned, what broke has failed.
    """
    optuna = _optuna()
    with tempfile.TemporaryDirectory() as folder:  # the path of a run may hold what means something in an address
        work = Path(folder) / "study.db"
        storage = optuna.storages.RDBStorage(f"sqlite:///{work}")
        _unsynced(storage.engine)
        study = optuna.create_study(study_name=STUDY, storage=storage, direction="minimize")
        study.set_user_attr("values", "mean validation losses; those on the way are of the rungs, by their number")
        if outcome is not None:
            study.set_user_attr("winner", outcome.winner.number)
        for number in sorted({one.configuration.number for one in history}):
            taken = sorted((one for one in history if one.configuration.number == number), key=lambda one: one.rung)
            study.add_trial(_trial(plan, taken, outcome))
        storage.remove_session()
        storage.engine.dispose()
        write_atomic(path, work.read_bytes())


def _unsynced(engine: Any) -> None:
    """Lets each trial be written without waiting for the disk: the file is a draft, which `write_atomic` makes last."""
    from sqlalchemy import event

    engine.dispose()
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))


def _trial(plan: SearchPlan, taken: Sequence[SearchTrial], outcome: SearchOutcome | None) -> optuna.trial.FrozenTrial:
    states = _optuna().trial.TrialState
    last, why = taken[-1], outcome.dropped.get(str(taken[0].configuration.number), "") if outcome else ""
    state = states.FAIL if last.loss is None else states.PRUNED if why else states.COMPLETE
    made: optuna.trial.FrozenTrial = _optuna().trial.create_trial(
        state=state,
        value=last.loss,
        params=_chosen(plan.axes, last.configuration.values),
        distributions=_space(plan.axes),
        intermediate_values={one.rung: one.loss for one in taken if one.loss is not None},
        user_attrs={
            "number": last.configuration.number,
            "origin": last.configuration.origin,
            "seconds": sum(one.seconds for one in taken),
            "metric": last.metric,
            **({"why_broken": last.why_broken} if last.why_broken else {}),
            **({"dropped": why} if why else {}),
        },
    )
    return made


def _finished(axes: Sequence[SearchAxis], values: Values, value: float | None) -> optuna.trial.FrozenTrial:
    """A trial that has ended. One that broke is worse than all others, as a pruned one without a value is."""
    states = _optuna().trial.TrialState
    state = states.PRUNED if value is None else states.COMPLETE
    made: optuna.trial.FrozenTrial = _optuna().trial.create_trial(
        state=state, value=value, params=_chosen(axes, values), distributions=_space(axes)
    )
    return made


def _running(axes: Sequence[SearchAxis], values: Values) -> optuna.trial.FrozenTrial:
    """A trial that has not ended."""
    made: optuna.trial.FrozenTrial = _optuna().trial.create_trial(
        state=_optuna().trial.TrialState.RUNNING, params=_chosen(axes, values), distributions=_space(axes)
    )
    return made


def _space(axes: Sequence[SearchAxis]) -> dict[str, Any]:
    kinds = _optuna().distributions
    return {
        axis.setting: kinds.CategoricalDistribution(list(axis.choices))
        if axis.choices
        else kinds.FloatDistribution(axis.low, axis.high, log=True)
        for axis in axes
    }


def _chosen(axes: Sequence[SearchAxis], values: Values) -> dict[str, float]:
    return {axis.setting: values[axis.setting] for axis in axes}


def _plain(axes: Sequence[SearchAxis], chosen: dict[str, Any]) -> Values:
    return {axis.setting: float(chosen[axis.setting]) for axis in axes}


def _optuna() -> Any:
    """Optuna without its lines on the terminal; it takes half a second to load."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
