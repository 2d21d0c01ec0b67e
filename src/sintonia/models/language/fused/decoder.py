"""The forward pass of llama-like decoders over the parameters of transformers, fused; rows are laid end to end.

Llama, Mistral, Qwen2 and Qwen3. It holds no weights of its own and decides nothing about training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from sintonia.models.language.batches import Flat
from sintonia.models.language.fused.attention import Attend, Block, Shape, plan_blocks
from sintonia.models.language.fused.kernels import Embed, Gate, Normalise, Rotate
from sintonia.models.language.fused.projections import Projection, is_known
from sintonia.models.language.fused.trees import plan_trees

FAMILIES = ("llama", "mistral", "qwen2", "qwen3")
ROPES = ("default", "linear", "llama3", "yarn")
"""Kinds of rotary positions that do not depend on the length of the input."""

PRECISIONS = (torch.float32, torch.float64)


@dataclass(frozen=True, slots=True)
class Turns:
    """Rotary positions of some tokens: cosine and sine (tokens, 1, size / 2)."""

    cosine: Tensor
    sine: Tensor


@dataclass(frozen=True, slots=True)
class Layout:
    """What all layers need to know of a batch."""

    turns: Turns
    blocks: list[Block]
    places: Tensor | None = None
    """Of the last layer: the tokens that predict. The other tensors are then about them alone, but for `all_turns`."""
    all_turns: Turns | None = None


class Layer:
    """One layer of the decoder, over the modules of transformers."""

    def __init__(self, module: nn.Module, shape: Shape) -> None:
        attention, dense = module.self_attn, module.mlp
        self.module, self.shape = module, shape
        query, pair = attention.q_proj, [attention.k_proj, attention.v_proj]
        self.all_heads = Projection([query, *pair])
        self.all_heads.packed()
        self.queries, self.pairs = Projection([query]), Projection(pair)
        self.out = Projection([attention.o_proj])
        self.gate_up, self.down = Projection([dense.gate_proj, dense.up_proj]), Projection([dense.down_proj])

    @property
    def is_trained(self) -> bool:
        """Whether any parameter of it trains."""
        return any(parameter.requires_grad for parameter in self.module.parameters())

    def states(self, states: Tensor, before: Tensor | None, layout: Layout) -> tuple[Tensor, Tensor]:
        """The states after the layer, and the keys and values; `before` are those of a shared prefix."""
        normed, states = _normalised(states, self.module.input_layernorm)
        if layout.places is None:
            heads = self._turned(self.all_heads(normed), layout.turns, True, True)
            read = Attend.apply(heads, None, before, (layout.blocks, self.shape))
            pairs = heads[:, self.shape.num_heads * self.shape.size :]
        else:
            pairs = self._turned(self.pairs(normed), layout.all_turns, False, True)
            queries = self._turned(self.queries(normed[layout.places]), layout.turns, True, False)
            read = Attend.apply(queries, pairs, before, (layout.blocks, self.shape))
            states = states[layout.places]
        states = self.out(read, states)
        normed, states = _normalised(states, self.module.post_attention_layernorm)
        return self.down(Gate.apply(self.gate_up(normed)), states), pairs

    def keys_and_values(self, states: Tensor, turns: Turns) -> Tensor:
        """All that the last layer computes of a prefix."""
        normed, _ = _normalised(states, self.module.input_layernorm)
        return self._turned(self.pairs(normed), turns, False, True)

    def _turned(self, heads: Tensor, turns: Turns | None, has_queries: bool, has_pairs: bool) -> Tensor:
        shape, attention = self.shape, self.module.self_attn
        parts = [(shape.num_heads, "q_norm")] * has_queries + [(shape.num_pairs, "k_norm")] * has_pairs
        if hasattr(attention, "q_norm"):
            normed, start = [], 0
            for count, name in parts:
                part = heads[:, start : start + count * shape.size].reshape(-1, shape.size)
                normed.append(_normalised(part, getattr(attention, name))[0].view(len(heads), -1))
                start += count * shape.size
            heads = torch.cat([*normed, heads[:, start:]], -1)
        return Rotate.apply(heads, turns.cosine, turns.sine, sum(count for count, _ in parts))


def _normalised(states: Tensor, norm: nn.Module) -> tuple[Tensor, Tensor]:
    return Normalise.apply(states, norm.weight, norm.variance_epsilon)


def _planned(flat: Flat, picked: Tensor | None, like: Tensor) -> list[Block]:
    if flat.trees:
        return plan_trees(flat.trees, picked, like, flat.num_before)
    return plan_blocks(flat.lengths, picked, like, flat.num_before)


def refusal(causal: Any) -> str | None:
    """Why this model is not computed by the fused path, in words; None when it can be."""
    settings = causal.config
    if settings.model_type not in FAMILIES:
        return f"the family {settings.model_type} is not known"
    if settings.hidden_act != "silu" or (settings.rope_parameters or {}).get("rope_type") not in ROPES:
        return "its activation or its rotary positions are of another kind"
    if "sliding_attention" in (getattr(settings, "layer_types", None) or ()):
        return "some of its layers see a window only"
    if any(one.device.type != "cpu" or one.dtype not in PRECISIONS for one in causal.parameters()):
        return "it is made for processors, in fp32"
    names = ("q_proj", "k_proj", "v_proj", "o_proj")
    for layer in causal.model.layers:
        parts = [getattr(layer.self_attn, name) for name in names]
        parts += [layer.mlp.gate_proj, layer.mlp.up_proj, layer.mlp.down_proj]
        if not all(is_known(part) for part in parts):
            return "some linear layer of it is of another kind"
    return None


class FusedDecoder:
    """Embedding, layers and last norm; the output layer is not its part."""

    def __init__(self, causal: Any, uses_checkpoints: bool = False) -> None:
        settings = causal.config
        heads = settings.num_attention_heads
        size = getattr(settings, "head_dim", None) or settings.hidden_size // heads
        self.body, self.uses_checkpoints = causal.model, uses_checkpoints
        self.window: int | None = getattr(settings, "sliding_window", None)
        """A row longer than this is not computed right here."""
        shape = Shape(heads, settings.num_key_value_heads, size)
        self.layers = [Layer(module, shape) for module in self.body.layers]
        self._turns = Turns(torch.empty(0), torch.empty(0))

    def hidden(
        self, flat: Flat, before: Sequence[Tensor] | None = None, lower: tuple[int, Tensor] | None = None
    ) -> Tensor:
        """Normed states (predictions, width) that predict; `before` are keys and values of a shared prefix, by layer.

        `lower` are the states (tokens, width) after so many of the lowest layers, which are then not computed.
        """
        first, states = lower if lower is not None else (0, self.embedded(flat.ids))
        turns = self._turns_at(flat.positions, states)
        layout = Layout(turns, _planned(flat, None, states))
        asked = _planned(flat, flat.places, states)
        turned = Turns(turns.cosine[flat.places], turns.sine[flat.places])
        at_the_end = Layout(turned, asked, flat.places, turns)
        for number in range(first, len(self.layers)):
            is_last = number == len(self.layers) - 1
            known = None if before is None else before[number]
            states, _ = self._layer(number, states, known, at_the_end if is_last else layout)
        return _normalised(states, self.body.norm)[0]

    def lower_states(self, ids: Tensor, positions: Tensor, lengths: Sequence[int], num_layers: int) -> Tensor:
        """States (tokens, width) of rows laid end to end after the lowest `num_layers` layers."""
        states = self.embedded(ids)
        layout = Layout(self._turns_at(positions, states), plan_blocks(lengths, None, states))
        for number in range(num_layers):
            states, _ = self._layer(number, states, None, layout)
        return states

    def keys_and_values(self, ids: Tensor, lower: tuple[int, Tensor] | None = None) -> list[Tensor | None]:
        """Of one row, by layer, rotated: (tokens, 2 * pairs * size); None for layers below those that are computed."""
        first, states = lower if lower is not None else (0, self.embedded(ids))
        turns = self._turns_at(torch.arange(len(ids), device=ids.device), states)
        layout = Layout(turns, plan_blocks([len(ids)], None, states))
        found: list[Tensor | None] = [None] * first
        for number in range(first, len(self.layers) - 1):
            states, pairs = self._layer(number, states, None, layout)
            found.append(pairs)
        return [*found, self.layers[-1].keys_and_values(states, turns)]

    def embedded(self, ids: Tensor) -> Tensor:
        """Word vectors (tokens, width)."""
        table = self.body.embed_tokens
        return Embed.apply(table.weight, ids, table.padding_idx)

    def _layer(self, number: int, states: Tensor, before: Tensor | None, layout: Layout) -> tuple[Tensor, Tensor]:
        layer = self.layers[number]
        is_recorded = torch.is_grad_enabled() and (states.requires_grad or layer.is_trained)
        if self.uses_checkpoints and is_recorded:
            return checkpoint(layer.states, states, before, layout, use_reentrant=False)
        return layer.states(states, before, layout)

    def _turns_at(self, positions: Tensor, like: Tensor) -> Turns:
        num_known, num_needed = len(self._turns.cosine), int(positions.max()) + 1
        if num_known < num_needed or self._turns.cosine.dtype != like.dtype:
            places = torch.arange(max(num_needed, 2 * num_known), device=positions.device)[None]
            cosine, sine = self.body.rotary_emb(like, position_ids=places)
            half = cosine.shape[-1] // 2
            self._turns = Turns(cosine[0, :, None, :half].contiguous(), sine[0, :, None, :half].contiguous())
        return Turns(self._turns.cosine[positions], self._turns.sine[positions])
