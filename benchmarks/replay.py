"""Sintonia's side of a comparison: given batches of tokens, trained by the product's own learner and loop.

The base opens, gets its adapters and takes its steps as in any run of `tune`. No peer is imported here.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.peers import Batches, FirstValues, Plan, Run
from sintonia.choose import choose
from sintonia.models.language.template import Template, load_template
from sintonia.records import Example, Place
from sintonia.resources.plan import MICRO_TOKENS
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, LoraSettings, Recipe, TrainingSettings
from sintonia.train import Job
from sintonia.train.learners.conversation import ConversationLearner
from sintonia.train.loop import Loop

_SPOKEN = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hello."}]
_EXAMPLE = Example(
    id="0", input="Hello", target="Hello.", group="", place=Place(file="", line=1), content={"messages": _SPOKEN}
)
"""A job needs one; the rows that are trained on are put in its place."""


class Replay(Loop):
    """Sintonia's own loop over given batches, without validation: what the peers do here too."""

    def __init__(self, learner: ConversationLearner, batches: Batches) -> None:
        learner.train_rows = list(dict.fromkeys(row for batch in batches for row in batch))
        learner.lengths = [len(row.ids) for row in learner.train_rows]
        for _ in learner.prepare():
            pass
        super().__init__(learner.job, learner)
        positions = {row: position for position, row in enumerate(learner.train_rows)}
        self.order = [[positions[row] for row in batch] for batch in batches]
        self.total_steps, self.evaluation_steps = len(batches), set()

    def batch(self, step: int) -> list[int]:
        """The batch that was asked for."""
        return self.order[step]


@contextmanager
def opened(plan: Plan, **training: Any) -> Iterator[ConversationLearner]:
    """The learner that `tune` would train; `training` are settings that differ from the defaults."""
    recipe = Recipe(
        data=DataSettings(path="rows"),
        task="chat",
        base=f"file:{plan.base}",
        method="lora",
        lora=LoraSettings(rank=plan.rank, alpha=plan.alpha, layers=plan.trained_layers or "all"),
        training=TrainingSettings(
            epochs=1.0,
            learning_rate=plan.learning_rate,
            batch_examples=plan.batch_rows,
            warmup_fraction=0.0,
            weight_decay=0.0,
            dropout=0.0,
            clip_norm=plan.clip_norm,
            precision="fp32",
            max_tokens=plan.max_tokens,
            checkpoint_steps=10**9,
            **({"micro_tokens": MICRO_TOKENS} | training),
        ),
    )
    with tempfile.TemporaryDirectory() as folder:
        yield ConversationLearner(
            Job(
                run=RunFolder.create(Path(folder) / "run", recipe),
                recipe=recipe,
                base=choose(recipe, "chat"),
                labels=(),
                primary_metric="bits_per_byte",
                train=(_EXAMPLE,),
                validation=(_EXAMPLE,),
                turn=1,
                part="000",
            )
        )


def first_values(plan: Plan) -> FirstValues:
    """The values that the matrices A of the adapters start from, by the name of their linear layer."""
    with opened(plan) as learner:
        weights = {name: value.clone() for name, value in learner.weights().items()}
    return {name.removesuffix(".lora_A"): value for name, value in weights.items() if name.endswith(".lora_A")}


def train_with_sintonia(plan: Plan, batches: Batches, **training: Any) -> Run:
    """These batches, a step each."""
    run = Run(batches=batches, padded_tokens=sum(len(row.ids) for batch in batches for row in batch))
    with opened(plan, **training) as learner:
        began = time.perf_counter()
        loop = Replay(learner, batches)
        run.preparing_seconds = time.perf_counter() - began
        while loop.step < loop.total_steps:
            began = time.perf_counter()
            run.losses += [event.values["loss"] for event in loop.advance() if event.kind == "step"]
            run.seconds.append(time.perf_counter() - began)
        run.weights = {name: value.clone() for name, value in learner.weights().items()}
    return run


def template_of(plan: Plan) -> Template:
    """How `tune` would render conversations for this base."""
    from transformers import AutoTokenizer

    return load_template(AutoTokenizer.from_pretrained(plan.base))
