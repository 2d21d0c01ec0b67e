"""Jobs for the tests of training: a run folder, a tiny base, made-up examples."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from sintonia.choose import choose
from sintonia.records import Example, Place
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe, TrainingSettings
from sintonia.train import Job
from tests.tiny import TOPICS, make_rows


def make_examples(count: int, seed: int = 0) -> tuple[Example, ...]:
    """Separable examples of four labels."""
    return tuple(
        Example(
            id=f"{seed}-{k}", input=row["text"], target=row["label"], group=str(k), place=Place(file="rows", line=k + 1)
        )
        for k, row in enumerate(make_rows(count, seed))
    )


def make_job(folder: Path, base: Path, method: str = "full", **training: Any) -> Job:
    """A job on 96 training and 40 validation examples."""
    settings = TrainingSettings(
        **{
            "epochs": 2.0,
            "learning_rate": 1e-3,
            "batch_examples": 8,
            "micro_tokens": 4096,
            "precision": "fp32",
            "evaluations": 4,
            "checkpoint_steps": 6,
            "max_tokens": 32,
            **training,
        }
    )
    recipe = Recipe(
        data=DataSettings(path="rows"), base=f"file:{base}", task="classify", method=method, training=settings
    )
    run = RunFolder.create(folder, recipe)
    return Job(
        run=run,
        recipe=recipe,
        base=choose(recipe),
        labels=tuple(sorted(TOPICS)),
        primary_metric="accuracy",
        train=make_examples(96, 1),
        validation=make_examples(40, 2),
        turn=1,
        part="000",
    )


def with_training(job: Job, **training: Any) -> Job:
    """The job with other settings."""
    recipe = dataclasses.replace(job.recipe, training=dataclasses.replace(job.recipe.training, **training))
    return dataclasses.replace(job, recipe=recipe)
