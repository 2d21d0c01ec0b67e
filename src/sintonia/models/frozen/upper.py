"""The upper layers of an encoder, started from kept states: what the frozen layers below say is not computed again.

Works on the encoders of transformers by hooks, whatever their architecture; whether the result is the same is to be
tried by whoever uses it. It trains nothing and keeps nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from sintonia.models.frozen.freezing import layers_of
from sintonia.models.pooled import PooledEncoder
from sintonia.models.tokens import num_tokens, pad

_NAME = "hidden_states"


class _Reached(Exception):
    """The states wanted are here; nothing above has to be computed."""


class UpperLayers:
    """An encoder whose lowest layers can be left out, for rows of one sequence each."""

    def __init__(self, model: PooledEncoder, num_lower: int) -> None:
        self._model, self._layers = model, layers_of(model.transformer)
        self._lower = list(self._layers[:num_lower])
        self._given: Tensor | None = None
        self._layers[num_lower].register_forward_pre_hook(self._swap, with_kwargs=True)
        self._is_looking = False

    @torch.inference_mode()
    def lower_states(self, token_rows: Sequence[Sequence[int]]) -> list[Tensor]:
        """Of each row the states (tokens, width) after the lowest layers, in evaluation mode."""
        was_training = self._model.training
        self._model.eval()
        self._is_looking = True
        ids, mask = pad(token_rows)
        try:
            self._model.features(ids, mask)
        except _Reached:
            pass
        finally:
            self._is_looking = False
            self._model.train(was_training)
        found, self._given = self._given, None
        if found is None:
            raise ValueError("the layers of this encoder are not reached")
        return [states[: num_tokens(row)] for states, row in zip(found, token_rows, strict=True)]

    def logits(self, token_rows: Sequence[Sequence[int]], states: Sequence[Tensor]) -> Tensor:
        """Logits (rows, labels) from the tokens of each row and its kept states."""
        self._given = nn.utils.rnn.pad_sequence(list(states), batch_first=True)
        del self._layers[: len(self._lower)]
        try:
            out: Tensor = self._model(*pad(token_rows))
        finally:
            self._given = None
            for position, layer in enumerate(self._lower):
                self._layers.insert(position, layer)
        return out

    def _swap(self, _: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Before the first layer that trains: looks at the states it gets, or gives it others."""
        if self._is_looking:
            self._given = named[_NAME] if _NAME in named else given[0]
            raise _Reached
        if self._given is None:
            return None
        if _NAME in named:
            return given, named | {_NAME: self._given}
        return (self._given, *given[1:]), named
