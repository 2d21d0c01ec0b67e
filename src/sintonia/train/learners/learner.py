"""What the loop asks of whatever it trains: gradients of a batch, scores of the sets, weights in and out.

It knows no task and no architecture.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from sintonia.methods import METHODS
from sintonia.models.adapters import AdapterPlan
from sintonia.models.frozen.kept import FrozenSettings, has_room, is_kept
from sintonia.records import Place
from sintonia.train.job import Job

Row = Sequence[int]
"""The tokens of an example."""
KeptHow = tuple[FrozenSettings, FrozenSettings] | None
"""How the states of training and validation rows are kept; None when they are not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the weights say about some examples, one after the other."""

    losses: tuple[float, ...]
    """Of a classifier the negative log-likelihood of the label; of a language model nats per learned byte."""
    correct: tuple[bool, ...]
    metric: float
    """The primary metric; NaN where nobody asked for it."""


class Learner:
    """Live weights in training. `parameters` train; `accumulate` adds the gradients of a batch to them."""

    loss_unit: str = ""
    """Unit of the losses of answers, where it is another than that of a batch: nats an example each."""
    lengths: list[int]
    """Tokens of each example that is learned from: the loop makes its batches of them."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.tokens_id = ""
        """Stands for what is learned from, as the base reads it: tokens, and which of them are learned."""
        self.is_kept = False
        """Whether what the frozen layers say is read from the disk."""
        self.num_frozen = _frozen_layers(job)
        """How many of the lowest layers keep the weights of the base."""

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        """The weights that train, by name."""
        raise NotImplementedError

    @property
    def rate_factors(self) -> dict[str, float]:
        """For weights that learn faster or slower than the others: their learning rate over that of the recipe."""
        ratio = self.job.recipe.lora.plus_ratio
        return {name: ratio for name in self.parameters if name.endswith("lora_B")}

    def prepare(self) -> Iterator[str]:
        """What is to be computed before the first step, each told in a line before it is begun."""
        return iter(())

    @property
    def micro_tokens(self) -> int:
        """Most tokens that are computed at once; may be lowered between two steps."""
        raise NotImplementedError

    @micro_tokens.setter
    def micro_tokens(self, most: int) -> None:
        raise NotImplementedError

    def batches(self, batch_examples: int, seed: int, epoch: int) -> list[list[int]]:
        """Positions of the examples of each step of an epoch, where it matters which are together; else nothing."""
        return []

    def accumulate(self, positions: Sequence[int]) -> float:
        """Adds the gradients of the mean loss of a batch; returns that loss, NaN when it is not finite."""
        raise NotImplementedError

    def step_scores(self, loss: float, positions: Sequence[int]) -> dict[str, float]:
        """The loss of a batch, as `accumulate` gave it, in the unit of the validation; nothing where it is in it."""
        return {}

    def score_train(self, positions: Sequence[int]) -> Answers:
        """Training examples in evaluation mode, without a metric."""
        raise NotImplementedError

    def train_losses(self) -> tuple[float, ...]:
        """The loss of every training example of the job, in evaluation mode."""
        return self.score_train(range(len(self.lengths))).losses

    def score_validation(self) -> Answers:
        """The validation set in evaluation mode."""
        raise NotImplementedError

    def save(self, folder: Path) -> None:
        """Writes the model into a new folder. Training cannot go on after this."""
        raise NotImplementedError

    def stepped(self, learning_rate: float) -> None:
        """Told after each optimizer step."""

    def end_reason(self) -> str:
        """Why no further step may be taken, whatever the plan says; empty while one may."""
        return ""

    def told(self) -> dict[str, Any]:
        """What the events that begin and end a training say of it besides."""
        return {}

    def state(self) -> dict[str, Any] | None:
        """What a checkpoint needs besides weights, as plain values."""
        return None

    def take_state(self, state: dict[str, Any] | None) -> None:
        """Goes on from what `state` gave."""

    def places(self, positions: Sequence[int]) -> list[Place]:
        """Where the examples of a batch stand in their file."""
        return [self.job.train[position].place for position in positions]

    def frozen_settings(self, tokens: tuple[list[Row], list[Row]]) -> Generator[str, None, KeptHow]:
        """How the states of the frozen layers are kept, of training and of validation; None when they are not.

        Validation is kept exactly, for it is compared with the saved model.
        """
        job = self.job
        if not self.num_frozen or job.recipe.training.cache != "on":
            return None
        train = FrozenSettings(revision=job.base.revision, num_layers=self.num_frozen, width=job.base.hidden_size)
        settings = (train, dataclasses.replace(train, is_exact=True))
        needed = sum(one.num_bytes(rows) for one, rows in zip(settings, tokens, strict=True))
        size = f"the states of the {self.num_frozen} frozen layers take {needed / 2**20:,.1f} MiB in the run's cache"
        has_them = all(is_kept(job.run, one, rows) for one, rows in zip(settings, tokens, strict=True))
        if not has_them and not has_room(job.run, needed):
            yield f"{size}: more than the disk has room for, so they are computed each time"
            return None
        yield size
        return settings

    def weights(self) -> dict[str, Tensor]:
        """The values that training has changed: the live ones, not a copy."""
        return {name: value.detach() for name, value in self.parameters.items()}

    def load(self, weights: dict[str, Tensor]) -> None:
        """Takes these values, as `weights` gave them."""
        import torch

        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(weights[name])


def adapter_plan(job: Job) -> AdapterPlan:
    """The adapters that a recipe asks for, on all layers or on the highest ones."""
    lora = job.recipe.lora
    highest = None if lora.layers == "all" else tuple(range(job.base.num_layers - lora.layers, job.base.num_layers))
    return AdapterPlan(rank=lora.rank, alpha=lora.alpha, dropout=lora.dropout, variant=lora.variant, layers=highest)


def _frozen_layers(job: Job) -> int:
    """How many of the lowest layers keep their weights: as asked, or those below the adapters."""
    lora = job.recipe.lora
    if METHODS[job.recipe.method].has_adapters:
        return 0 if lora.layers == "all" else job.base.num_layers - lora.layers
    return job.recipe.training.frozen_layers
