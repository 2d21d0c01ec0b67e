"""Losses and gradients of any causal language model of transformers, through its own forward pass. The reference.

Rows are padded on the right and no mask is given: a causal model never looks at what comes after.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from collections.abc import Sequence as Several
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.modeling_layers import GradientCheckpointingLayer

from sintonia.models.language.batches import Sequence
from sintonia.models.language.head import Head, Judged
from sintonia.models.tokens import thrifty_groups
from sintonia.tasks.chat import GROUP_OVERHEAD_TOKENS

PROBE_TOKENS = 8


class PlainDecoder:
    """A language model and how its losses are computed."""

    def __init__(self, causal: Any, uses_checkpoints: bool = False) -> None:
        self.causal, self.uses_checkpoints = causal, uses_checkpoints
        self.head = self._plain_head()
        """The output layer; None when logits are more than its product (scaled or capped), and come from the model."""

    @property
    def device(self) -> torch.device:
        """Where the ids belong."""
        return next(self.causal.parameters()).device

    def groups(self, sequences: Several[Sequence], micro_tokens: int) -> list[list[int]]:
        """Sequences to compute together, with as little padding as pays."""
        return thrifty_groups([len(one.ids) for one in sequences], micro_tokens, GROUP_OVERHEAD_TOKENS)

    def learn(self, sequences: Several[Sequence], scale: float) -> Tensor:
        """Adds the gradient of `scale` times the sum of the nats; gives the nats (predictions,)."""
        with _recomputing(self.causal, self.uses_checkpoints):
            if self.head is None:
                nats = self._from_logits(sequences)[0]
                (nats.sum() * scale).backward()
                return nats.detach()
            hidden = self._hidden(sequences)
            judged = self.head.learn(hidden.detach(), self._targets(sequences), scale)
            if hidden.requires_grad:
                hidden.backward(judged.hidden_grad)
        return judged.nats

    @torch.no_grad()
    def judge(self, sequences: Several[Sequence]) -> Judged:
        """Nats of all predictions, and whether each is the most likely one."""
        if self.head is None:
            return Judged(*self._from_logits(sequences))
        return self.head.judge(self._hidden(sequences), self._targets(sequences))

    def _plain_head(self) -> Head | None:
        layer = self.causal.get_output_embeddings()
        if type(layer) is not nn.Linear:
            return None
        probe = torch.arange(PROBE_TOKENS, device=self.device)[None] % len(layer.weight)
        with torch.no_grad(), evaluating(self.causal):
            hidden = self._body()(input_ids=probe, use_cache=False).last_hidden_state
            logits = self.causal(input_ids=probe, use_cache=False).logits
            is_plain = torch.allclose(layer(hidden).float(), logits.float(), rtol=1e-5, atol=1e-5)
        return Head(layer) if is_plain else None

    def _body(self) -> Any:
        return self.causal.get_decoder()

    def _targets(self, sequences: Several[Sequence]) -> Tensor:
        return torch.tensor([target for one in sequences for target in one.targets], device=self.device)

    def _padded(self, sequences: Several[Sequence]) -> tuple[Tensor, Tensor, Tensor]:
        """Ids (rows, longest), and row and position of each prediction."""
        ids = torch.zeros(len(sequences), max(len(one.ids) for one in sequences), dtype=torch.long)
        for row, one in enumerate(sequences):
            ids[row, : len(one.ids)] = torch.tensor(one.ids)
        rows = torch.tensor([row for row, one in enumerate(sequences) for _ in one.places])
        places = torch.tensor([place for one in sequences for place in one.places])
        return ids.to(self.device), rows.to(self.device), places.to(self.device)

    def _hidden(self, sequences: Several[Sequence]) -> Tensor:
        ids, rows, places = self._padded(sequences)
        return self._body()(input_ids=ids, use_cache=False).last_hidden_state[rows, places]

    def _from_logits(self, sequences: Several[Sequence]) -> tuple[Tensor, Tensor]:
        ids, rows, places = self._padded(sequences)
        logits = self.causal(input_ids=ids, use_cache=False).logits[rows, places]
        logits = logits if logits.dtype in (torch.float32, torch.float64) else logits.float()
        targets = self._targets(sequences)
        return F.cross_entropy(logits, targets, reduction="none"), logits.argmax(1) == targets


@contextlib.contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode; afterwards each part is in the mode it was in."""
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for part, mode in modes.items():
            part.training = mode


@contextlib.contextmanager
def _recomputing(causal: Any, uses_checkpoints: bool) -> Iterator[None]:
    """Layers keep their inputs only, if asked for. Dropout stays as it is: only the layers' own flags are raised."""
    if not uses_checkpoints:
        yield
        return
    enable, disable = _switches(causal)
    enable({"use_reentrant": False})
    layers = [part for part in causal.modules() if isinstance(part, GradientCheckpointingLayer)]
    modes = [layer.training for layer in layers]
    for layer in layers:
        layer.training = True
    try:
        yield
    finally:
        for layer, mode in zip(layers, modes, strict=True):
            layer.training = mode
        disable()


def _switches(causal: Any) -> tuple[Any, Any]:
    """What turns recomputing on and off; it has another name in newer versions of transformers."""
    kind = "activation" if hasattr(causal, "activation_checkpointing_enable") else "gradient"
    return getattr(causal, f"{kind}_checkpointing_enable"), getattr(causal, f"{kind}_checkpointing_disable")
