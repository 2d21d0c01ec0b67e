"""What language models make of answers without any training: bits per byte, alone and behind answered examples.

science.md 5 (5): the bits that an answer takes per byte of its text do not depend on the tokenizer.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sintonia.choose.ranking.rank import Shown
from sintonia.corridor.planning import lengths_of_rows
from sintonia.errors import RunFailed
from sintonia.evaluate.ladders.shots import LEAST_FITTING, Shots
from sintonia.evaluate.language import Weigher
from sintonia.records import Example
from sintonia.resources.plan import Lengths

if TYPE_CHECKING:
    from sintonia.models.language.saved import OpenLanguageModel

_DRAW = 0
"""Two answered examples, the same before every prompt and for every base."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """What one base makes of each conversation: bits of the answers, alone and behind examples, and their bytes."""

    bits: np.ndarray
    few_shot_bits: np.ndarray | None
    """None where the answered examples do not fit."""
    num_bytes: np.ndarray
    num_cut: int
    forward_seconds: float
    """Of one forward pass of one conversation, alone."""
    all_seconds: float
    """Of all forward passes, those behind examples too."""


def weigh_base(opened: OpenLanguageModel, train: Sequence[Example], scored: Sequence[Example], learn: str) -> Weighed:
    """Weighs the answers of `scored`; the answered examples are other ones of `train`, of other groups.

    Raises:
        RunFailed: a loss is no number, or no answer is left.
    """
    groups = {one.group for one in scored}
    rest = [one for one in train if one.group not in groups]
    weigher = Weigher(opened, learn)
    rows = weigher.rows(scored)
    if not any(row.num_bytes for row in rows):
        raise RunFailed("no answer is left within the tokens that it reads")
    weigher.weigh(rows[:1])  # the first pass of all takes longer
    began = time.monotonic()
    bits = weigher.weigh(rows)[0] / math.log(2)
    pace = (time.monotonic() - began) / len(rows)
    longer = rows if learn == "all" else Shots(weigher, rest).rows(_DRAW, scored, rows)
    num_fitting = sum(row is not bare for row, bare in zip(longer, rows, strict=True))
    few = weigher.weigh(longer)[0] / math.log(2) if num_fitting >= LEAST_FITTING * len(rows) else None
    return Weighed(
        bits=bits,
        few_shot_bits=few,
        num_bytes=np.array([row.num_bytes for row in rows]),
        num_cut=sum(bool(row.num_cut_prompt or row.num_cut_answer) for row in rows),
        forward_seconds=pace,
        all_seconds=time.monotonic() - began,
    )


def lengths_of(opened: OpenLanguageModel, examples: Sequence[Example], learn: str) -> Lengths | None:
    """How long these are as this base reads them; None where none of them teaches anything."""
    rows = [row for row in Weigher(opened, learn).rows(examples) if row.num_learned]
    return lengths_of_rows(rows, opened.max_tokens) if rows else None


def compared(weighed: Mapping[str, Weighed]) -> tuple[list[int], dict[str, Shown]]:
    """The places of the conversations whose answers all bases read whole, and what each base showed on these.

    Behind examples is compared only where all bases have room for them.
    """
    if not weighed:
        return [], {}
    lengths = np.stack([one.num_bytes for one in weighed.values()])
    same = np.flatnonzero((lengths == lengths.max(axis=0)).all(axis=0) & (lengths.max(axis=0) > 0))
    if not len(same):  # one cuts every answer: what is left of them is compared
        same = np.flatnonzero(lengths.min(axis=0) > 0)
    has_few = all(one.few_shot_bits is not None for one in weighed.values())
    return same.tolist(), {name: _shown(one, same, has_few=has_few) for name, one in weighed.items()}


def _shown(weighed: Weighed, places: np.ndarray, *, has_few: bool) -> Shown:
    num_bytes = weighed.num_bytes[places]
    kinds = {"bits_per_byte": weighed.bits[places]}
    if has_few and weighed.few_shot_bits is not None:
        kinds["few_shot_bits"] = weighed.few_shot_bits[places]
    total = max(float(num_bytes.sum()), 1.0)
    return Shown(
        scores={name: float(bits.sum()) / total for name, bits in kinds.items()},
        outcomes=tuple((-np.mean(list(kinds.values()), axis=0)).tolist()),
        weights=tuple(num_bytes.astype(float).tolist()),
        num_cut=weighed.num_cut,
        forward_seconds=weighed.forward_seconds,
    )
