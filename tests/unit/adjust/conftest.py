"""Planted training curves and turns. The losses of an example keep their rank, as real ones mostly do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from sintonia.adjust import Prior, prior_from_base
from sintonia.records import Candidate, Evaluation, Finding, Resolved, Resources, Turn
from sintonia.settings import DataSettings, Recipe, TrainingSettings

GUESS = 2.3
"""Loss of guessing in all planted cases: about ten equally frequent labels."""


@dataclass(frozen=True, kw_only=True)
class Planted:
    """Means of the curves, one value an evaluation; the defaults are harmless."""

    train: Sequence[float]
    validation: Sequence[float]
    train_metric: Sequence[float] | float = 0.8
    metric: Sequence[float] | float = 0.78
    update: Sequence[float] | float = 1e-3
    max_gradient: Sequence[float] | float = 2.0
    median_gradient: Sequence[float] | float = 1.0
    steps_each: int = 50
    epochs: float = 3.0
    num_validation: int = 300
    num_probed: int = 300
    start: str = "random"
    guess_metric: float = 0.1
    noise: float = 0.02
    seed: int = 0

    def evaluations(self) -> tuple[Evaluation, ...]:
        """Per-example losses with these means: a fixed difficulty times the mean, plus a little noise."""
        rng = np.random.default_rng(self.seed)
        hard_train = rng.exponential(size=self.num_probed) + 0.05
        hard = rng.exponential(size=self.num_validation) + 0.05
        order = rng.permutation(self.num_validation)
        last = len(self.train) - 1

        def at(values: Sequence[float] | float, t: int) -> float:
            return float(values[t] if isinstance(values, Sequence) else values)

        def losses(mean: float, difficulty: np.ndarray) -> tuple[float, ...]:
            wobble = rng.normal(1, self.noise, size=len(difficulty))
            shares = difficulty * wobble
            return tuple((mean * shares / shares.mean() if np.isfinite(mean) else shares * mean).tolist())

        return tuple(
            Evaluation(
                step=t * self.steps_each,
                epoch=self.epochs * t / last,
                learning_rate=1e-4,
                train_losses=losses(self.train[t], hard_train),
                train_correct=tuple((np.arange(self.num_probed) < at(self.train_metric, t) * self.num_probed).tolist()),
                validation_losses=losses(self.validation[t], hard),
                validation_correct=tuple((order < round(at(self.metric, t) * self.num_validation)).tolist()),
                metric=at(self.metric, t),
                relative_update=at(self.update, t) if t else 0.0,
                max_gradient_norm=at(self.max_gradient, t) if t else 0.0,
                median_gradient_norm=at(self.median_gradient, t) if t else 0.0,
            )
            for t in range(len(self.train))
        )

    def prior(self) -> Prior:
        """Guessing on the same validation examples."""
        if self.start == "base":
            return prior_from_base(self.evaluations())
        rng = np.random.default_rng(self.seed + 1)
        losses = GUESS * rng.uniform(0.9, 1.1, size=self.num_validation)
        correct = rng.permutation(self.num_validation) < round(self.guess_metric * self.num_validation)
        return Prior(
            validation_losses=tuple(losses.tolist()),
            train_entropy=GUESS,
            prior_correct=tuple(correct.tolist()),
            start=self.start,
        )  # type: ignore[arg-type]


@pytest.fixture
def planted() -> type[Planted]:
    """The class that plants curves."""
    return Planted


@pytest.fixture
def make_turn() -> Any:
    """A function that makes a turn with these findings; recipe settings by dotted name in `asked`."""

    def make(
        *codes: str,
        number: int = 1,
        metric: float = 0.8,
        asked: dict[str, Any] | None = None,
        used: dict[str, Any] | None = None,
        best_step: int = 300,
        last_step: int = 300,
        planned_steps: int | None = None,
        seconds: float = 120.0,
        recipe: Recipe | None = None,
        primary_metric: str = "accuracy",
    ) -> Turn:
        from sintonia.recipe import recipe_id

        recipe = recipe or Recipe(data=DataSettings(path="data.csv"), training=TrainingSettings())
        for name, value in (asked or {}).items():
            block, _, last = name.rpartition(".")
            changed = replace(getattr(recipe, block), **{last: value}) if block else value
            recipe = replace(recipe, **{block or last: changed})
        values = {
            "training.epochs": 3.0,
            "training.learning_rate": 5e-5,
            "training.batch_examples": 32,
            "training.precision": "fp32",
            "training.dropout": 0.1,
            "training.weight_decay": 0.01,
        }
        explicit = {name: getattr(recipe.training, name.split(".")[1]) for name in values}
        values |= {"task": "classify" if recipe.task == "auto" else recipe.task}
        if recipe.method != "auto":
            values |= {"method": recipe.method}
        values |= {name: value for name, value in explicit.items() if value != "auto"} | (used or {})
        return Turn(
            number=number,
            recipe_id=recipe_id(recipe),
            recipe=recipe,
            resolved=tuple(Resolved(setting=name, value=one, origin="test") for name, one in values.items()),
            parent=None,
            purpose="test",
            part="0",
            candidate=Candidate(
                weights="turns/001/model",
                best_step=best_step,
                last_step=last_step,
                planned_steps=planned_steps or last_step,
                stop_reason="end",
                num_trained=100,
            ),
            validation_metric=metric,
            primary_metric=primary_metric,
            findings=tuple(Finding(code=code, severity="note", message="m 1", hint="h") for code in codes),
            resources=Resources(basis="measured", seconds=seconds, peak_memory_bytes=1),
        )

    return make
