"""Losses and gradients of a causal language model for token rows, by the fastest way that gives the same numbers.

It never chooses rows, never changes a weight and never writes a file.
"""

from __future__ import annotations

import math
from collections.abc import Sequence as Several
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sintonia.models.language.batches import (
    Flat,
    Sequence,
    flat_of,
    full_groups,
    sequences_of,
    shared_length,
)
from sintonia.models.language.fused.decoder import FusedDecoder, refusal
from sintonia.models.language.fused.kernels import keep_memory
from sintonia.models.language.fused.prefix import LEAST_SAVED_BY_PASS, LEAST_SAVED_TOKENS, SharedPrefix
from sintonia.models.language.head import Head, Judged
from sintonia.models.language.plain import PlainDecoder, evaluating
from sintonia.models.language.rows import TokenRow

TOLERANCE = 1e-4
"""By how much the fused path may differ from the plain one, relative to its largest state."""
PROBE_LENGTHS = (9, 17)


@dataclass(frozen=True, slots=True)
class RowLosses:
    """Of each row: nats of its learned tokens together, and whether each of them is the most likely token."""

    nats: np.ndarray
    """float64 (rows,)"""
    is_exact: np.ndarray
    """bool (rows,)"""


@dataclass(frozen=True, slots=True)
class _Step:
    """What the rows of one call have in common."""

    lower: Several[Tensor] | None = None
    num_lower: int = 0
    num_shared: int = 0
    """Length of the beginning that is computed once: with the rows, unless `prefix` holds it."""
    prefix: SharedPrefix | None = None

    @property
    def is_inside(self) -> bool:
        """Whether the shared beginning is computed with the rows."""
        return self.num_shared > 0 and self.prefix is None


@dataclass(eq=False)
class Engine:
    """Computes with one model; the parameters that train are those that require a gradient.

    `backward` leaves dropout as the modes of the modules say; `losses` computes without it.
    """

    causal: Any
    _: KW_ONLY
    micro_tokens: int
    """Most tokens computed at a time; it may be changed between calls."""
    shares_prefix: bool = True
    """Whether the beginning that the rows of a call share is computed once."""
    is_fused: bool = True
    """Asked for the fused path; afterwards: whether it is taken."""
    uses_checkpoints: bool = False
    """Whether layers are computed again in the backward pass, to save memory."""
    refusal: str | None = field(init=False, default=None)
    """Why the fused path is not taken, in words; None when it is."""

    def __post_init__(self) -> None:
        self.plain = PlainDecoder(self.causal, self.uses_checkpoints)
        self._fused: FusedDecoder | None = None
        self.refusal = refusal(self.causal) if self.is_fused else "it is switched off"
        if self.refusal is None and self.plain.head is None:
            self.refusal = "its output layer is of another kind"
        if self.refusal is None:
            self._verify(FusedDecoder(self.causal, self.uses_checkpoints))
        self.is_fused = self._fused is not None

    def backward(self, rows: Several[TokenRow], lower: Several[Tensor] | None = None, num_lower: int = 0) -> float:
        """Adds to `.grad` the gradient of the mean nats per learned token, over all rows; gives that mean.

        `lower` are what `lower_states` gives for these rows and `num_lower` layers. When the mean is not finite it is
        returned at once, and what `.grad` holds is of no use.
        """
        sequences = sequences_of(rows)
        num_learned = sum(len(one.targets) for one in sequences)
        if not num_learned:
            return 0.0
        step = self._step(sequences, _Step(lower, num_lower), is_learning=True)
        total = 0.0
        for group in self._groups(sequences, step):
            nats = self._learn([sequences[place] for place in group], step, 1 / num_learned)
            total += float(nats.sum(dtype=torch.float64))
            if not math.isfinite(total):
                return math.nan
        if step.prefix is not None:
            step.prefix.finish()
        return total / num_learned

    @torch.no_grad()
    def losses(self, rows: Several[TokenRow], lower: Several[Tensor] | None = None, num_lower: int = 0) -> RowLosses:
        """Losses of each row in evaluation mode, in the order given; a row with nothing to learn has 0 and True."""
        nats, is_exact = np.zeros(len(rows)), np.ones(len(rows), dtype=bool)
        sequences = sequences_of(rows)
        if not sequences:
            return RowLosses(nats, is_exact)
        with evaluating(self.causal):
            step = self._step(sequences, _Step(lower, num_lower), is_learning=False)
            for group in self._groups(sequences, step):
                chosen = [sequences[place] for place in group]
                judged = self._judge(chosen, step)
                owners = np.array([one.row for one in chosen for _ in one.targets])
                np.add.at(nats, owners, judged.nats.double().cpu().numpy())
                np.logical_and.at(is_exact, owners, judged.is_top.cpu().numpy())
        return RowLosses(nats, is_exact)

    @torch.no_grad()
    def lower_states(self, rows: Several[TokenRow], num_layers: int) -> list[Tensor]:
        """Of each row the states (tokens, width) after the lowest `num_layers` layers, for tokens that must be read.

        Raises:
            ValueError: the model is not computed by the fused path.
        """
        if self._fused is None:
            raise ValueError("only the fused path can start from the states of a layer")
        width = self.causal.config.hidden_size
        found = [torch.empty(0, width) for _ in rows]
        sequences = sequences_of(rows)
        with evaluating(self.causal):
            for group in full_groups([len(one.ids) for one in sequences], self.micro_tokens) if sequences else ():
                flat = flat_of([sequences[place] for place in group], self.plain.device)
                states = self._fused.lower_states(flat.ids, flat.positions, flat.lengths, num_layers)
                for place, part in zip(group, states.split(flat.lengths), strict=True):
                    found[sequences[place].row] = part
        return found

    def _step(self, sequences: list[Sequence], step: _Step, *, is_learning: bool) -> _Step:
        """Finds out what the rows share, and computes it if they are too many to be computed together."""
        if not self._takes_fused(sequences) or not self.shares_prefix or (is_learning and _has_dropout(self.causal)):
            return step
        num_shared = shared_length(sequences)
        num_saved = num_shared * (len(sequences) - 1)
        fits = sum(len(one.ids) for one in sequences) - num_saved <= self.micro_tokens
        if num_saved < (LEAST_SAVED_TOKENS if fits else LEAST_SAVED_BY_PASS):
            return step
        if fits:
            return replace(step, num_shared=num_shared)
        first = sequences[0]
        lower = None if step.lower is None else (step.num_lower, self._ready(step.lower[first.row][:num_shared]))
        return replace(step, num_shared=num_shared, prefix=SharedPrefix(self._fused, first.ids[:num_shared], lower))

    def _groups(self, sequences: list[Sequence], step: _Step) -> list[list[int]]:
        if not self._takes_fused(sequences):
            return self.plain.groups(sequences, self.micro_tokens)
        return full_groups([len(one.ids) - step.num_shared for one in sequences], self.micro_tokens)

    def _takes_fused(self, sequences: Several[Sequence]) -> bool:
        if self._fused is None:
            return False
        return self._fused.window is None or max(len(one.ids) for one in sequences) <= self._fused.window

    def _learn(self, chosen: list[Sequence], step: _Step, scale: float) -> Tensor:
        if not self._takes_fused(chosen):
            return self.plain.learn(chosen, scale)
        flat, hidden = self._states(chosen, step)
        judged = self._head.learn(hidden.detach(), flat.targets, scale)
        if hidden.requires_grad and bool(judged.nats.isfinite().all()):
            hidden.backward(judged.hidden_grad)
        return judged.nats

    def _judge(self, chosen: list[Sequence], step: _Step) -> Judged:
        if not self._takes_fused(chosen):
            return self.plain.judge(chosen)
        flat, hidden = self._states(chosen, step)
        return self._head.judge(hidden, flat.targets)

    def _states(self, chosen: list[Sequence], step: _Step) -> tuple[Flat, Tensor]:
        flat = flat_of(chosen, self.plain.device, step.num_shared, is_inside=step.is_inside)
        lower = None
        if step.lower is not None:
            parts = [step.lower[one.row][step.num_shared :] for one in chosen]
            if step.is_inside:
                parts = [step.lower[chosen[0].row][: step.num_shared], *parts]
            lower = (step.num_lower, self._ready(torch.cat(parts)))
        return flat, self._fused.hidden(flat, step.prefix.leaves if step.prefix else None, lower)

    @property
    def _head(self) -> Head:
        return self.plain.head

    def _ready(self, states: Tensor) -> Tensor:
        """States that were kept, as the layers take them."""
        weight = self.causal.get_input_embeddings().weight
        return states.to(weight.device, weight.dtype)

    @torch.no_grad()
    def _verify(self, fused: FusedDecoder) -> None:
        """Takes the fused path if it gives the same states as the plain one for a few made-up rows."""
        vocabulary = self.causal.config.vocab_size
        made = [tuple((7 * place + 3 * length) % vocabulary for place in range(length)) for length in PROBE_LENGTHS]
        rows = [Sequence(k, ids, tuple(range(len(ids))), ids) for k, ids in enumerate(made)]
        with evaluating(self.causal):
            expected = self.plain._hidden(rows)
            found = fused.hidden(flat_of(rows, self.plain.device))
        difference = float((found - expected).abs().max() / expected.abs().max())
        if difference <= TOLERANCE:
            self._fused = fused
            keep_memory()
        else:
            self.refusal = f"its states differ by {difference:.1g} from those of the plain computation"


def _has_dropout(causal: Any) -> bool:
    """Whether chance plays a part, so that rows which share a computation would share its luck."""
    return any(part.training and _dropout_of(part) > 0 for part in causal.modules())


def _dropout_of(part: Any) -> float:
    shares = (getattr(part, name, 0.0) for name in ("dropout", "p", "attention_dropout"))
    return max((share for share in shares if isinstance(share, float)), default=0.0)
