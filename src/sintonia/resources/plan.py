"""The memory of training a language model before it begins, and what of it this machine affords. Pure functions.

What is counted is what is there at the worst moment: weights, gradients, both moments of AdamW, the copies of weights
that are kept, and what one micro-batch keeps for its backward pass (performance.md 3.6). The constants were measured
(`python -m benchmarks.memory`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from sintonia.errors import Unavailable
from sintonia.tasks.chat import GROUP_OVERHEAD_TOKENS, MICRO_TOKENS

RUNTIME_BYTES = 560 * 2**20
"""Python with everything that a run loads, and the compiled products of matrices that are kept."""
LEAST_MICRO_TOKENS = 256
_SAFE_FRACTION = 0.9
"""Share of the free memory that a plan may fill: estimates are off by some per cent, and others use memory too."""
_LAYERS_AGAIN = {True: 2.5, False: 1.0}
"""With checkpointing: so many layers' worth is there at once, of fused layers and of plain ones."""
_HEAP_FACTOR = {True: 1.0, False: 1.8}
"""What the C library holds over what is needed. The fused layers compute pieces of one size, and so it is what they
need. Groups of padded rows differ in size, and what a small one freed is too small for the next: 1.5 to 2.0 measured,
and 1.0 where each piece is given back to the system (`MALLOC_MMAP_THRESHOLD_=65536`, which is slower)."""
_HEAD_BYTES = 3 * 28_000_000
"""Logits are computed in pieces of this size, with their gradients."""
_COPIES = {False: 3, True: 5}
"""Copies of the trained weights: two that may be the best, or four to be averaged, and the weights of the last step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageShape:
    """What of a causal language model decides how much memory it takes."""

    num_parameters: int
    num_layers: int
    hidden_size: int
    intermediate_size: int
    vocabulary_size: int
    query_width: int
    """Heads times their size."""
    pair_width: int
    """Heads of the keys times their size: keys and values are that wide each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """How a language model is trained, as far as memory is concerned."""

    num_trained: int
    """Weights that train: all, those of the highest layers, or those of the adapters."""
    micro_tokens: int
    longest_tokens: int
    """Of the longest example: it is computed whole, also where it has more tokens than a micro-batch."""
    row_tokens: tuple[int, ...] = ()
    """Of the longest rows, longest first, where they are known: the plain layers compute only like rows together."""
    batch_rows: int = 1
    batch_tokens: int | None = None
    """Tokens of the largest batch, where that is known: a micro-batch is never larger."""
    learned_fraction: float = 1.0
    """Share of the tokens whose loss counts."""
    shared_tokens: int = 0
    """Length of a beginning that is computed once for all examples of a batch."""
    frozen_layers: int = 0
    rank: int = 0
    """Of the adapters; 0 without any."""
    is_fused: bool = True
    uses_checkpoints: bool = False
    is_averaged: bool = False

    @property
    def tokens(self) -> int:
        """Most tokens that are there at once: a micro-batch, and the beginning that all micro-batches share."""
        if not self.is_fused and self.row_tokens:
            rows = [min(one, self.longest_tokens) for one in self.row_tokens]
            return largest_group(rows, self.batch_rows, self.micro_tokens)
        most = max(self.micro_tokens, self.longest_tokens - self.shared_tokens) + self.shared_tokens
        return most if self.batch_tokens is None else min(most, self.batch_tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """How long the training rows of a language model are, as far as memory is concerned."""

    longest: tuple[int, ...]
    """Tokens of the longest rows, longest first."""
    max_tokens: int
    """What rows were cut to."""
    learned_fraction: float = 1.0
    shared_tokens: int = 0
    """Length of the beginning that all rows share."""

    def of_batch(self, num_examples: int, max_tokens: int) -> tuple[int, ...]:
        """Tokens of the largest batch, row by row and longest first, where rows are cut to `max_tokens`.

        A row that was cut may be as long as is now allowed; rows that are not listed are no longer than the last one.
        """
        rows = [min(max_tokens if one >= self.max_tokens else one, max_tokens) for one in self.longest[:num_examples]]
        return (*rows, *rows[-1:] * (num_examples - len(rows)))


def largest_group(row_tokens: Sequence[int], batch_rows: int, micro_tokens: int) -> int:
    """Most padded tokens that rows of one batch are grouped into; `row_tokens` longest first.

    Batches are of like length (`train/batches.py`), and their groups those of `models/tokens.py: thrifty_groups`, which
    a room of this layer cannot call: a test holds the two together.
    """
    starts = range(0, len(row_tokens), batch_rows)
    return max(_largest_in_batch(row_tokens[start : start + batch_rows][::-1], micro_tokens) for start in starts)


def _largest_in_batch(lengths: Sequence[int], micro_tokens: int) -> int:
    """`lengths` shortest first."""
    best = [(0, 0, 0)]
    """Of the first rows: what their groups cost, where the last group starts, and the largest of the groups."""
    for end, longest in enumerate(lengths, 1):
        first = min(end - 1, max(0, end - micro_tokens // longest))
        options = ((best[k][0] + (end - k) * longest + GROUP_OVERHEAD_TOKENS, k) for k in range(first, end))
        cost, start = min(options)
        best.append((cost, start, max(best[start][2], (end - start) * longest)))
    return best[-1][2]


def language_peak_bytes(shape: LanguageShape, work: Workload, *, runtime_bytes: int = RUNTIME_BYTES) -> int:
    """The most memory that a training takes, in bytes. `runtime_bytes` is what the process holds without any model."""
    return sum(language_peak_parts(shape, work, runtime_bytes=runtime_bytes).values())


def language_peak_parts(shape: LanguageShape, work: Workload, *, runtime_bytes: int = RUNTIME_BYTES) -> dict[str, int]:
    """The same by what it is needed for; `cache` are pages of the base's file that the system keeps for the process."""
    return {
        "weights": 4 * shape.num_parameters,
        "gradients": 4 * work.num_trained,
        "optimizer": 8 * work.num_trained,
        "kept weights": 4 * work.num_trained * _COPIES[work.is_averaged],
        "activations": _activation_bytes(shape, work),
        "predictions": _prediction_bytes(shape, work),
        "cache": _mapped_bytes(shape, work),
        "runtime": runtime_bytes,
    }


def _mapped_bytes(shape: LanguageShape, work: Workload) -> int:
    """Pages of the file of the base that stay mapped: of the matrices that the fused layers keep in another order."""
    packed = shape.hidden_size * (shape.query_width + 2 * shape.pair_width + 2 * shape.intermediate_size)
    return 4 * packed * shape.num_layers if work.is_fused else 0


def _activation_bytes(shape: LanguageShape, work: Workload) -> int:
    """What one micro-batch keeps until its backward pass has used it, and what that pass needs besides."""
    layer = _values_of_layer(shape, work)
    num_layers = max(1, shape.num_layers - work.frozen_layers)
    kept = float(layer * num_layers)
    if work.uses_checkpoints:
        between = (shape.hidden_size + (2 * shape.pair_width if work.is_fused else 0)) * num_layers
        kept = min(kept, between + _LAYERS_AGAIN[work.is_fused] * layer)
    passing = 3 * shape.intermediate_size + 2 * shape.hidden_size
    predicted = 2 * shape.hidden_size * work.learned_fraction
    return int(_HEAP_FACTOR[work.is_fused] * 4 * work.tokens * (kept + passing + predicted))


def _prediction_bytes(shape: LanguageShape, work: Workload) -> int:
    """Logits and their gradients."""
    return min(_HEAD_BYTES, 4 * int(work.tokens * work.learned_fraction) * shape.vocabulary_size * 2)


def _values_of_layer(shape: LanguageShape, work: Workload) -> int:
    """Values kept per token and layer: inputs and outputs of norms, heads, gates, and what adapters make narrow.

    The plain layers keep the normed states besides where the norm's weights train, and the product of the gates,
    which the fused ones compute again. (Llama's layers keep exactly this.)
    """
    hidden, query, pair = shape.hidden_size, shape.query_width, shape.pair_width
    norms, gates = (4, 3) if work.is_fused else (4 if work.rank else 6, 4)
    return norms * hidden + 2 * query + 2 * pair + gates * shape.intermediate_size + 7 * work.rank


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a training fits into the memory there is."""

    micro_tokens: int
    uses_checkpoints: bool
    peak_memory_bytes: int
    free_memory_bytes: int
    """What was free, with what this process held already."""
    why: str


def plan_memory(
    shape: LanguageShape,
    work: Workload,
    free_memory_bytes: int,
    *,
    micro_tokens: int | Literal["auto"] = "auto",
    checkpointing: Literal["auto", "on", "off"] = "auto",
) -> Plan:
    """The fastest way that fits: the usual micro-batches, smaller ones, then activations computed twice.

    `work` says everything but these two; `free_memory_bytes` is what is free and what the process holds already. What
    is asked for is not changed, and when both are asked for nothing is refused: a person may know better.

    Raises:
        Unavailable: nothing fits.
    """
    found = [
        Plan(
            micro_tokens=tokens,
            uses_checkpoints=again,
            peak_memory_bytes=_peak(shape, work, tokens, again),
            free_memory_bytes=free_memory_bytes,
            why="",
        )
        for again in ([False, True] if checkpointing == "auto" else [checkpointing == "on"])
        for tokens in (_sizes(work) if micro_tokens == "auto" else [micro_tokens])
    ]
    usable = [plan for plan in found if plan.peak_memory_bytes <= _SAFE_FRACTION * free_memory_bytes]
    if usable:
        return replace(usable[0], why=_why(usable[0], found[0]))
    if micro_tokens != "auto" and checkpointing != "auto":
        return replace(found[0], why=f"asked for, although {_shortfall(found[0])}")
    least = min(found, key=lambda plan: plan.peak_memory_bytes)
    raise Unavailable(f"too little memory to train: at best {_shortfall(least)}", hint=_hint(shape, work, least))


def _sizes(work: Workload) -> list[int]:
    """Micro-batches from the usual size down, none smaller than the longest example."""
    sizes, size = [MICRO_TOKENS], MICRO_TOKENS
    while size // 2 >= max(LEAST_MICRO_TOKENS, work.longest_tokens):
        size //= 2
        sizes.append(size)
    return sizes


def _peak(shape: LanguageShape, work: Workload, micro_tokens: int, uses_checkpoints: bool) -> int:
    return language_peak_bytes(shape, replace(work, micro_tokens=micro_tokens, uses_checkpoints=uses_checkpoints))


def _why(chosen: Plan, first: Plan) -> str:
    if chosen == first:
        return "fits into the free memory"
    changes = []
    if chosen.micro_tokens != first.micro_tokens:
        changes.append(f"micro-batches of {chosen.micro_tokens} instead of {first.micro_tokens} tokens")
    if chosen.uses_checkpoints != first.uses_checkpoints:
        changes.append("activations computed twice (training takes about a third longer)")
    return f"{' and '.join(changes)}: otherwise {_shortfall(first)}"


def _shortfall(plan: Plan) -> str:
    return (
        f"it needs about {plan.peak_memory_bytes / 2**30:.1f} GiB, {plan.free_memory_bytes / 2**30:.1f} GiB are there"
    )


def _hint(shape: LanguageShape, work: Workload, least: Plan) -> str:
    """What would fit, of the things that are named; each is tried, none is promised untried."""
    fits = _SAFE_FRACTION * least.free_memory_bytes
    smallest = replace(work, micro_tokens=LEAST_MICRO_TOKENS, uses_checkpoints=True)
    adapters = replace(smallest, num_trained=adapter_weights(shape), rank=16)
    options = []
    if not work.rank and language_peak_bytes(shape, adapters) <= fits:
        options.append("`--method lora`")
    lengths = [one for one in (2048, 1024, 512, 256) if one < work.longest_tokens]
    shorter = [one for one in lengths if language_peak_bytes(shape, replace(smallest, longest_tokens=one)) <= fits]
    if shorter:
        options.append(f"`training.max_tokens={shorter[0]}`")
    options.append("a smaller base")
    return "take " + ", or ".join(options)


def adapter_weights(shape: LanguageShape, rank: int = 16) -> int:
    """Weights of adapters of this rank on all linear layers; a little too much where nothing gates the middle."""
    hidden, query, pair, middle = shape.hidden_size, shape.query_width, shape.pair_width, shape.intermediate_size
    widths = 2 * (hidden + query) + 2 * (hidden + pair) + 3 * (hidden + middle)
    return rank * widths * shape.num_layers


def layer_weights(shape: LanguageShape) -> int:
    """Weights of one layer, at least: those of its matrices, or its share of all where it has fewer."""
    hidden, query, pair, middle = shape.hidden_size, shape.query_width, shape.pair_width, shape.intermediate_size
    matrices = 2 * hidden * (query + pair) + 3 * hidden * middle
    words = hidden * shape.vocabulary_size
    return max(0, min(matrices, (shape.num_parameters - words) // shape.num_layers))
