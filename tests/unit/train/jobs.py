"""Jobs for the tests of training: a run folder, a tiny base, made-up examples."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from sintonia.choose import choose
from sintonia.records import Example, Place
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, LoraSettings, Recipe, TrainingSettings
from sintonia.train import Job
from tests.tiny import TOPICS, make_conversations, make_rows


def make_examples(count: int, seed: int = 0) -> tuple[Example, ...]:
    """Separable examples of four labels."""
    return tuple(
        Example(
            id=f"{seed}-{k}", input=row["text"], target=row["label"], group=str(k), place=Place(file="rows", line=k + 1)
        )
        for k, row in enumerate(make_rows(count, seed))
    )


def make_job(
    folder: Path, base: Path, method: str = "full", lora: dict[str, Any] | None = None, **training: Any
) -> Job:
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
            "dropout": 0.1,
            "weight_decay": 0.01,
            **training,
        }
    )
    recipe = Recipe(
        data=DataSettings(path="rows"),
        base=f"file:{base}",
        task="classify",
        method=method,
        training=settings,
        lora=LoraSettings(**(lora or {})),
    )
    run = RunFolder.create(folder, recipe)
    return Job(
        run=run,
        recipe=recipe,
        base=choose(recipe, "classify"),
        labels=tuple(sorted(TOPICS)),
        primary_metric="accuracy",
        train=make_examples(96, 1),
        validation=make_examples(40, 2),
        turn=1,
        part="000",
    )


def make_chat_examples(count: int, seed: int = 0) -> tuple[Example, ...]:
    """Conversations of one question and the answer that belongs to its topic."""
    return tuple(
        Example(
            id=f"{seed}-{k}",
            input=row["prompt"],
            target=row["completion"],
            group=str(k),
            place=Place(file="rows", line=k + 1),
            content={
                "messages": [
                    {"role": "user", "content": row["prompt"]},
                    {"role": "assistant", "content": row["completion"]},
                ]
            },
        )
        for k, row in enumerate(make_conversations(count, seed))
    )


def make_chat_job(
    folder: Path, base: Path, method: str = "lora", lora: dict[str, Any] | None = None, **training: Any
) -> Job:
    """A job on 48 training and 16 validation conversations; `base` is a tiny language model."""
    settings = TrainingSettings(
        **{
            "epochs": 2.0,
            "learning_rate": 5e-3,
            "batch_examples": 8,
            "micro_tokens": 2048,
            "precision": "fp32",
            "evaluations": 3,
            "checkpoint_steps": 3,
            "max_tokens": 128,
            "dropout": 0.0,
            "weight_decay": 0.0,
            **training,
        }
    )
    recipe = Recipe(
        data=DataSettings(path="rows"),
        base=f"file:{base}",
        task="chat",
        method=method,
        training=settings,
        lora=LoraSettings(**{"rank": 4, **(lora or {})}),
    )
    run = RunFolder.create(folder, recipe)
    return Job(
        run=run,
        recipe=recipe,
        base=choose(recipe, "chat"),
        labels=(),
        primary_metric="bits_per_byte",
        train=make_chat_examples(48, 1),
        validation=make_chat_examples(16, 2),
        turn=1,
        part="000",
    )


def with_training(job: Job, **training: Any) -> Job:
    """The job with other settings."""
    recipe = dataclasses.replace(job.recipe, training=dataclasses.replace(job.recipe.training, **training))
    return dataclasses.replace(job, recipe=recipe)
