"""A language model of a few thousand weights, trained for seconds by the plainest loop: what `diagnose` sees of it."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM

from sintonia.records import Evaluation
from tests.tiny import ANSWERS, FILLER, TOPICS, make_conversations

_MARKS = ["<pad>", "<answer>", "<end>"]
_WORDS = [*_MARKS, *FILLER, *[word for words in TOPICS.values() for word in words]]
_VOCABULARY = list(dict.fromkeys([*_WORDS, *[word for answer in ANSWERS.values() for word in answer.split()]]))
_ID = {word: k for k, word in enumerate(_VOCABULARY)}
PAD, ANSWER, END = 0, 1, 2
Row = tuple[list[int], int]


def rows_of(conversations: Sequence[dict[str, str]]) -> list[Row]:
    """Tokens of each conversation, and the position of its first learned token."""
    rows = []
    for one in conversations:
        prompt = [_ID[word] for word in one["prompt"].split()] + [ANSWER]
        rows.append(([*prompt, *[_ID[word] for word in one["completion"].split()], END], len(prompt)))
    return rows


def token_losses(model: nn.Module, rows: Sequence[Row]) -> tuple[Tensor, Tensor, Tensor]:
    """Nats of each learned token, which row it is of, and whether it is the likeliest."""
    width = max(len(ids) for ids, _ in rows)
    ids = torch.tensor([row + [PAD] * (width - len(row)) for row, _ in rows])
    logits = model(input_ids=ids).logits[:, :-1].log_softmax(-1)
    places = [(k, t) for k, (row, first) in enumerate(rows) for t in range(first, len(row))]
    where, at = torch.tensor([k for k, _ in places]), torch.tensor([t for _, t in places])
    goal, found = ids[where, at], logits[where, at - 1]
    return -found.gather(1, goal[:, None])[:, 0], where, found.argmax(-1) == goal


def score(model: nn.Module, rows: Sequence[Row]) -> tuple[list[float], list[bool], float]:
    """Mean nats per learned token and exactness of each row, bits per byte of all (a word counts as six bytes)."""
    with torch.no_grad():
        nats, where, is_right = token_losses(model, rows)
    losses = [float(nats[where == k].double().mean()) for k in range(len(rows))]
    exact = [bool(is_right[where == k].all()) for k in range(len(rows))]
    return losses, exact, float(nats.double().sum()) / math.log(2) / (6 * len(nats))


class Low(nn.Module):
    """A frozen layer with an adapter beside it."""

    def __init__(self, base: nn.Linear, rank: int) -> None:
        super().__init__()
        self.base = base
        self.lora_A = nn.Parameter((torch.rand(rank, base.in_features) * 2 - 1) / base.in_features**0.5)
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, rank))

    def forward(self, inputs: Tensor) -> Tensor:
        return self.base(inputs) + 2 * (inputs @ self.lora_A.T) @ self.lora_B.T


def make_base(seed: int = 0) -> nn.Module:
    """A base that knows how answers look, but not which one belongs to which question."""
    torch.manual_seed(seed)
    shape: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    shape |= {"intermediate_size": 64, "max_position_embeddings": 64, "num_key_value_heads": 4}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=len(_VOCABULARY), pad_token_id=PAD, **shape))
    Training(rows_of(make_conversations(4800, seed=90, noise=1.0)), [], epochs=1, rate=3e-3).run(model)
    return model


@dataclass(kw_only=False)
class Training:
    """The plainest loop: AdamW, warm-up, a rate that falls to zero, eight evaluations."""

    train: Sequence[Row]
    validation: Sequence[Row]
    epochs: float = 4.0
    rate: float = 3e-3
    batch: int = 16
    rank: int | None = None
    max_steps: int | None = None
    norms: list[float] = field(default_factory=list)

    def run(self, model: nn.Module) -> tuple[Evaluation, ...]:
        """Trains the model as it is given; its evaluations, step 0 first."""
        weights = self._trained(model)
        optimizer = torch.optim.AdamW(weights, lr=self.rate)
        per_epoch = math.ceil(len(self.train) / self.batch)
        steps = self.max_steps or math.ceil(self.epochs * per_epoch)
        due = {round(steps * (k + 1) / min(8, steps)) for k in range(min(8, steps))}
        orders = [torch.randperm(len(self.train)).tolist() for _ in range(steps // per_epoch + 1)]
        found = [self._evaluate(model, 0, 0.0, 0.0)] if self.validation else []
        for step in range(1, steps + 1):
            optimizer.param_groups[0]["lr"] = self.rate * min(1.0, step / (0.1 * steps)) * (1 - (step - 1) / steps)
            epoch, index = divmod(step - 1, per_epoch)
            chosen = orders[epoch][index * self.batch : (index + 1) * self.batch]
            before = [one.detach().clone() for one in weights] if step in due else []
            token_losses(model, [self.train[k] for k in chosen])[0].mean().backward()
            self.norms.append(float(nn.utils.clip_grad_norm_(weights, 1.0)))
            optimizer.step()
            optimizer.zero_grad()
            if step in due and self.validation:
                change = sum(float(((new.detach() - old) ** 2).sum()) for new, old in zip(weights, before, strict=True))
                size = sum(float((old**2).sum()) for old in before)
                found.append(self._evaluate(model, step, step / per_epoch, math.sqrt(change / size)))
        return tuple(found)

    def _trained(self, model: nn.Module) -> list[nn.Parameter]:
        if self.rank is None:
            return list(model.parameters())
        for one in model.parameters():
            one.requires_grad_(False)
        named = [
            (name, one) for name, one in model.named_modules() if isinstance(one, nn.Linear) and "head" not in name
        ]
        for name, one in named:
            parent, _, last = name.rpartition(".")
            setattr(model.get_submodule(parent), last, Low(one, self.rank))
        return [one for one in model.parameters() if one.requires_grad]

    def _evaluate(self, model: nn.Module, step: int, epoch: float, update: float) -> Evaluation:
        probe = self.train[: min(64, len(self.train), len(self.validation))]
        train_losses, train_exact, _ = score(model, probe)
        losses, exact, bits = score(model, self.validation)
        norms, self.norms = self.norms, []
        return Evaluation(
            step=step,
            epoch=epoch,
            learning_rate=self.rate,
            train_losses=tuple(train_losses),
            train_correct=tuple(train_exact),
            validation_losses=tuple(losses),
            validation_correct=tuple(exact),
            metric=bits,
            relative_update=update,
            max_gradient_norm=max(norms, default=0.0),
            median_gradient_norm=float(np.median(norms)) if norms else 0.0,
        )


def trained(
    base: nn.Module, count: int = 300, *, noise: float = 0.0, seed: int = 1, **asked: Any
) -> tuple[Evaluation, ...]:
    """Evaluations of a copy of the base, trained on so many conversations, of which `noise` have any answer."""
    torch.manual_seed(seed)
    conversations = make_conversations(count + 100, seed=seed, noise=noise)
    train, validation = rows_of(conversations[:count]), rows_of(conversations[count:])
    return Training(train, validation, **asked).run(copy.deepcopy(base))
