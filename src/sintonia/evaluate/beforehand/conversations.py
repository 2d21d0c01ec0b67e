"""What some training conversations and the untouched base tell before any training; a few seconds of forward passes.

Three questions: how likely are the answers behind their own prompts, with a few answered examples before them, and
behind the prompts of others. It decides nothing.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sintonia.evaluate.ladders.shots import SHOTS, Shots, with_shots
from sintonia.evaluate.language import Weigher
from sintonia.evaluate.prompts import Swapped, weigh_swapped
from sintonia.records import Beforehand, Example, Tried

if TYPE_CHECKING:
    from sintonia.models.language.rows import TokenRow

MOST_CONVERSATIONS, FEWEST_CONVERSATIONS = 32, 12
_LOOKED_AT = 64
MOST_WORK = 2e11
"""Tokens times weights of the conversations that are tried: read three times, some 3 s of two cores."""
CLEARLY = 3.0
"""Standard errors from which answers are said to follow from their prompts; by chance one in 170, of twelve."""
_ORDER = (2, 0)
"""Draws of answered examples, the first that fits is taken: four of them, or two."""


def look_at_conversations(weigher: Weigher, train: Sequence[Example]) -> Beforehand:
    """Bits per byte of the untouched base with and without answered examples, and whether answers follow prompts."""
    weigher = _Remembering(weigher)
    shots = Shots(weigher, train)
    examples = _drawn(weigher, shots, train)
    bare = weigher.rows(examples)
    tried = [_tried(weigher, "zero-shot", bare)]
    shown: tuple[Example, ...] = ()
    for setting in _ORDER:
        rows = shots.rows(setting, examples, bare) if weigher.learn == "answers" else bare
        if 2 * sum(row is not plain for row, plain in zip(rows, bare, strict=True)) >= len(bare):
            tried.append(_tried(weigher, "few-shot", rows, SHOTS[setting][0]))
            shown = shots.drawn(setting)
            break
    evidence, in_words = _evidence(weigh_swapped(weigher, examples) if weigher.learn == "answers" else ())
    if evidence == "not found" and shown:  # what the answers are to look like, a prompt alone may not tell
        evidence, in_words = _evidence(weigh_swapped(_Showing(weigher, shown), examples))
    return Beforehand(
        task="chat",
        metric="bits_per_byte",
        tried=tuple(tried),
        num_train=len(train),
        evidence=evidence,
        evidence_in_words=in_words,
    )


class _Remembering(Weigher):
    """A weigher that weighs no row twice: what is zero-shot is also one half of the swap."""

    def __init__(self, weigher: Weigher) -> None:
        super().__init__(weigher.opened, weigher.learn)
        self._known: dict[TokenRow, tuple[float, bool]] = {}

    def weigh(self, rows: Sequence[TokenRow]) -> tuple[np.ndarray, np.ndarray]:
        """As any weigher does."""
        new = [row for row in dict.fromkeys(rows) if row not in self._known]
        for row, nats, is_exact in zip(new, *super().weigh(new), strict=True):
            self._known[row] = float(nats), bool(is_exact)
        found = [self._known[row] for row in rows]
        return np.array([nats for nats, _ in found]), np.array([is_exact for _, is_exact in found], dtype=bool)


class _Showing(Weigher):
    """A weigher that shows answered examples before each conversation."""

    def __init__(self, weigher: Weigher, shown: Sequence[Example]) -> None:
        super().__init__(weigher.opened, weigher.learn)
        self._engine = weigher._engine
        self._shown = shown

    def render(self, contents: Sequence[dict[str, Any]], max_tokens: int) -> list[TokenRow]:
        """As any weigher does, with room for what is shown."""
        record = self.opened.record
        longer = [with_shots(one, self._shown) for one in contents]
        return super().render(longer, max(max_tokens, record.max_tokens if record else 0))


def _drawn(weigher: Weigher, shots: Shots, train: Sequence[Example]) -> list[Example]:
    """Some conversations that are not shown as answered examples: as many as there is time for, or the shortest few."""
    shown = {one.group for setting in _ORDER for one in shots.drawn(setting)} if weigher.learn == "answers" else set()
    others = [one for one in train if one.group not in shown] or list(train)
    order = random.Random("before training").sample(others, min(_LOOKED_AT, len(others)))
    able = [(one, row) for one, row in zip(order, weigher.rows(order), strict=True) if row.num_bytes]
    record = weigher.opened.record
    most_tokens = MOST_WORK / max(record.num_parameters if record else 0, 1)
    tokens = np.cumsum([len(row.ids) for _, row in able])
    count = min(int(np.searchsorted(tokens, most_tokens, side="right")), MOST_CONVERSATIONS)
    if count < FEWEST_CONVERSATIONS:
        able.sort(key=lambda pair: (len(pair[1].ids), pair[0].id))
        count = FEWEST_CONVERSATIONS
    return [one for one, _ in able[:count]]


def _tried(weigher: Weigher, name: str, rows: Sequence[TokenRow], shots: int = 0) -> Tried:
    nats, is_exact = weigher.weigh(rows)
    return Tried(
        name=name,
        score=float(nats.sum()) / math.log(2) / max(sum(row.num_bytes for row in rows), 1),
        needs_fitting=False,
        num_measured=len(rows),
        shots=shots,
        exact_fraction=float(is_exact.mean()),
    )


def _evidence(swapped: Sequence[Swapped]) -> tuple[Literal["found", "not found", "not asked"], str]:
    gains: dict[str, float] = defaultdict(float)
    for one in swapped:
        gains[one.group] += one.other_nats - one.own_nats
    values = np.array(list(gains.values()))
    if len(values) < FEWEST_CONVERSATIONS:
        return "not asked", "whether the answers follow from the prompts could not be asked of so few, or of plain text"
    if values.mean() > CLEARLY * values.std(ddof=1) / len(values) ** 0.5:
        return "found", "the answers are likelier behind their own prompts than behind those of others"
    return "not found", (
        "to the untouched base the answers are as likely behind the prompts of others: either they do not follow from "
        "their prompts, or only tuning finds out how"
    )
