"""How far the next-token probabilities of a tuned model are from those of its base, on the prompts of the new task.

It predicts forgetting over ways of training (RL's Razor, arXiv 2509.04259). All of the vocabulary counts; logits are
never kept whole. Torch is imported here, so this file is imported when it is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sintonia.evaluate.forgetting.measure import num_affordable
from sintonia.models.language.batches import Sequence as Read
from sintonia.models.language.batches import flat_of, full_groups, sequences_of
from sintonia.models.language.fused.decoder import FusedDecoder
from sintonia.models.language.fused.kernels import multiply
from sintonia.models.language.head import LOGITS_BYTES
from sintonia.models.language.losses import Engine
from sintonia.models.language.plain import evaluating
from sintonia.models.language.saved import OpenLanguageModel

MICRO_TOKENS = 2048
"""Most tokens computed at once."""


@dataclass(frozen=True, slots=True)
class Divergence:
    """Mean KL(base || tuned) in nats a token, over so many tokens."""

    nats: float
    num_tokens: int


def measure_divergence(
    base: OpenLanguageModel, tuned: OpenLanguageModel, contents: Sequence[Mapping[str, Any]], most_tokens: int
) -> Divergence | None:
    """Both models read the same tokens, prompts and answers; every token but the first of each is predicted.

    As many of the first contents are read as hold `most_tokens` together, but one at least. None when the template can
    write none of them.
    """
    rows = [one.row for one in tuned.template.render_all(contents, tuned.max_tokens, "all")]
    sequences = sequences_of(rows)
    sequences = sequences[: num_affordable([len(one.ids) for one in sequences], most_tokens)]
    if not sequences:
        return None
    ours, theirs = _Reader(base.causal), _Reader(tuned.causal)
    total = 0.0
    with torch.inference_mode(), evaluating(base.causal), evaluating(tuned.causal):
        for group in full_groups([len(one.ids) for one in sequences], MICRO_TOKENS):
            chosen = [sequences[place] for place in group]
            total += _summed(ours, theirs, (ours.states(chosen), theirs.states(chosen)))
    num_tokens = sum(len(one.targets) for one in sequences)
    return Divergence(max(0.0, total / num_tokens), num_tokens)


class _Reader:
    """One model over tokens: by the fused path where it gives the right numbers, else row by row."""

    def __init__(self, causal: Any) -> None:
        engine = Engine(causal, micro_tokens=MICRO_TOKENS)
        self.causal, self.device, self.head = causal, engine.plain.device, engine.plain.head
        self.fused = FusedDecoder(causal) if engine.is_fused else None

    def states(self, sequences: list[Read]) -> Tensor:
        """States that predict (predictions, width); where logits are more than a product of them, the logits."""
        fused = self.fused
        if fused is not None and (fused.window is None or max(len(one.ids) for one in sequences) <= fused.window):
            return fused.hidden(flat_of(sequences, self.device))
        return torch.cat([self._alone(one) for one in sequences])

    def _alone(self, one: Read) -> Tensor:
        ids = torch.tensor([one.ids], device=self.device)
        if self.head is None:
            return self.causal(input_ids=ids, use_cache=False).logits[0, list(one.places)]
        return self.causal.get_decoder()(input_ids=ids, use_cache=False).last_hidden_state[0, list(one.places)]

    def log_probabilities(self, states: Tensor) -> Tensor:
        """Of every token of the vocabulary, (predictions, vocabulary)."""
        if self.head is None:
            return torch.log_softmax(states.float(), dim=1)
        logits = multiply(states, self.head.layer.weight, self.head.layer.bias)
        return torch.log_softmax(logits.float(), dim=1)


def _summed(ours: _Reader, theirs: _Reader, states: tuple[Tensor, Tensor]) -> float:
    """Nats of all predictions together, a few at a time."""
    size = max(1, LOGITS_BYTES // (4 * ours.causal.config.vocab_size))
    total = 0.0
    for base, tuned in zip(states[0].split(size), states[1].split(size), strict=True):
        expected, found = ours.log_probabilities(base), theirs.log_probabilities(tuned)
        total += float((expected.exp() * (expected - found)).sum(dtype=torch.float64))
    return total
