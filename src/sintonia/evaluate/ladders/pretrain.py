"""The ladder of honest baselines for continued training on plain text: the base, and what compresses without a model.

The base must be beaten as it is and with some of the training text before each passage. A compressor and a model of
letters that have read the training text say what repetition and spelling alone give. Every rung is scored on the same
bytes as the tuned model; settings are chosen on a part of validation, before the test is opened.
"""

from __future__ import annotations

import lzma
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from sintonia.evaluate.language import Weigher
from sintonia.evaluate.score import as_rung, best_baseline, language_scorecard
from sintonia.evaluate.written.writing import drawn_examples
from sintonia.metrics import METRICS
from sintonia.models.language.rows import TokenRow
from sintonia.records import Baseline, Example, Rung, Scorecard, Split

UNTOUCHED, PRIMED, COMPRESSOR, LETTERS = "untouched base", "base behind training text", "compressor", "letters alone"
MOST_LOOKED_AT = 32
"""Validation passages on which the settings are chosen."""
LEAST_PRIMING_TOKENS, PRIMING_TOKENS = 64, 512
"""Of the training text before each passage: less where the base reads no more."""
MOST_KNOWN_BYTES = 262_144
"""Of the training text, its end, that the compressor and the letters know."""
MOST_COMPRESSED_BYTES = 64 * 2**20
"""What is compressed in all, some 20 s: of many passages each is compressed behind less of the training text."""
_ORDERS = (3.0, 4.0, 5.0)
_NAT = math.log(2) * 8


@dataclass(kw_only=True)
class PassageGround:
    """What the rungs stand on: the pristine base and the training set."""

    weigher: Weigher
    train: tuple[Example, ...]
    primary_metric: str

    @cached_property
    def known(self) -> bytes:
        """The end of the training text."""
        held: list[bytes] = []
        num_bytes = 0
        for one in reversed(self.train):
            if num_bytes >= MOST_KNOWN_BYTES:
                break
            held.append(_bytes(one.input))
            num_bytes += len(held[-1]) + 1
        return b"\n".join(reversed(held))[-MOST_KNOWN_BYTES:]

    @cached_property
    def letters(self) -> _Letters:
        """How often each byte follows which others in it."""
        return _Letters(self.known, int(max(_ORDERS)))

    def primed(self, rows: Sequence[TokenRow]) -> list[TokenRow] | None:
        """The rows, each behind as much of the end of the training text as there is room; None where none has room.

        What stands before a passage does not depend on the others, so that the rung is the same on any set.
        """
        record = self.weigher.opened.record
        rooms = [min(PRIMING_TOKENS, record.max_tokens - len(row.ids)) if record else 0 for row in rows]
        if max(rooms, default=0) < LEAST_PRIMING_TOKENS:
            return None
        known = tuple(token for row in self.weigher.rows(self.train[-4:]) for token in row.ids)
        found = []
        for row, room in zip(rows, rooms, strict=True):
            before = known[-room:] if room > 0 else ()
            learned = (*(False for _ in before), *row.learned)
            found.append(TokenRow(ids=(*before, *row.ids), learned=learned, num_bytes=row.num_bytes))
        return found


Nats = Callable[[PassageGround, float, Sequence[Example], Sequence[TokenRow]], Sequence[float] | None]
"""(ground, setting, examples, their rows) to nats of each; None where it cannot be had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    nats: Nats
    needs_training: bool
    description: str
    settings: tuple[float, ...] = (0.0,)


def choose_passage_baselines(ground: PassageGround, validation: Sequence[Example]) -> tuple[Baseline, ...]:
    """Each rung with the setting that does best on a part of validation; one that cannot be had is left out."""
    metric, examples, chosen = METRICS[ground.primary_metric], drawn_examples(validation, MOST_LOOKED_AT), []
    for name, kind in _LADDER.items():
        cards = [(_card(ground, name, one, examples, "validation"), one) for one in kind.settings]
        scored = [(_value(card, ground.primary_metric), {"setting": setting}) for card, setting in cards if card]
        if scored:
            chosen.append(best_baseline(name, kind, metric, scored))
    return tuple(chosen)


def score_passage_baselines(
    ground: PassageGround, baselines: Sequence[Baseline], examples: Sequence[Example], split: Split
) -> tuple[tuple[Rung, Scorecard], ...]:
    """What each rung does on a set of passages."""
    cards = [(one, _card(ground, one.name, one.setting, examples, split)) for one in baselines]
    return tuple(as_rung(one, card, ground.primary_metric) for one, card in cards if card)


def cut_passages(ground: PassageGround, examples: Sequence[Example]) -> tuple[str, ...]:
    """The ids of the passages of which something is cut."""
    pairs = zip(examples, ground.weigher.rows(examples), strict=True)
    return tuple(one.id for one, row in pairs if row.num_cut_answer)


def _card(
    ground: PassageGround, name: str, setting: float, examples: Sequence[Example], split: Split
) -> Scorecard | None:
    rows = ground.weigher.rows(examples)
    nats = _LADDER[name].nats(ground, setting, examples, rows)
    if nats is None:
        return None
    columns = (nats, [row.num_bytes for row in rows], [False] * len(rows))
    return language_scorecard(name, split, examples, columns)


def _value(card: Scorecard, metric: str) -> float:
    return next(one.value for one in card.scores if one.metric == metric)


def _untouched(
    ground: PassageGround, _setting: float, _examples: Sequence[Example], rows: Sequence[TokenRow]
) -> Sequence[float]:
    return [float(one) for one in ground.weigher.weigh(rows)[0]]


def _primed(
    ground: PassageGround, _setting: float, _examples: Sequence[Example], rows: Sequence[TokenRow]
) -> Sequence[float] | None:
    behind = ground.primed(rows)
    return None if behind is None else [float(one) for one in ground.weigher.weigh(behind)[0]]


def _compressed(
    ground: PassageGround, _setting: float, examples: Sequence[Example], rows: Sequence[TokenRow]
) -> Sequence[float]:
    """What each passage adds to the compressed training text."""
    room = MOST_COMPRESSED_BYTES // max(len(examples), 1)
    known = ground.known[-room:]
    before, texts = _compressed_bytes(known), [_bytes(one.input) for one in examples]
    added = [max(_compressed_bytes(known + b"\n" + text) - before, 1) for text in texts]
    return [_of_learned(_NAT * size, text, row) for size, text, row in zip(added, texts, rows, strict=True)]


def _spelt(
    ground: PassageGround, setting: float, examples: Sequence[Example], rows: Sequence[TokenRow]
) -> Sequence[float]:
    texts = [_bytes(one.input) for one in examples]
    letters, order = ground.letters, int(setting)
    return [_of_learned(letters.nats(text, order), text, row) for text, row in zip(texts, rows, strict=True)]


def _of_learned(nats: float, text: bytes, row: TokenRow) -> float:
    """Of the bytes that a language model is scored on, all but the first token, as much as of any other."""
    return nats * row.num_bytes / max(len(text), 1)


def _compressed_bytes(text: bytes) -> int:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 6}]
    return len(lzma.compress(text, format=lzma.FORMAT_RAW, filters=filters))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


class _Letters:
    """How likely a byte is behind the bytes before it: counts of all lengths up to an order, the longer ones counting
    for more the more they are known (Witten and Bell 1991)."""

    def __init__(self, known: bytes, order: int) -> None:
        self._counts: dict[bytes, Counter[int]] = defaultdict(Counter)
        self._totals: Counter[bytes] = Counter()
        for place, byte in enumerate(known):
            for length in range(min(order, place) + 1):
                context = known[place - length : place]
                self._counts[context][byte] += 1
                self._totals[context] += 1

    def nats(self, text: bytes, order: int) -> float:
        """Of all of a text."""
        return -sum(math.log(self._chance(text, place, order)) for place in range(len(text)))

    def _chance(self, text: bytes, place: int, order: int) -> float:
        chance = 1 / 256
        for length in range(min(order, place) + 1):
            context = text[place - length : place]
            counts = self._counts.get(context)
            if counts is None:
                break
            kinds = len(counts)
            chance = (counts.get(text[place], 0) + kinds * chance) / (self._totals[context] + kinds)
        return chance


_LADDER: dict[str, _Kind] = {
    UNTOUCHED: _Kind(nats=_untouched, needs_training=False, description="the base as it is"),
    PRIMED: _Kind(
        nats=_primed,
        needs_training=False,
        description=f"the untouched base, with up to {PRIMING_TOKENS} tokens of the training text before them",
    ),
    COMPRESSOR: _Kind(
        nats=_compressed,
        needs_training=True,
        description="LZMA that has read the end of the training text; no language model",
    ),
    LETTERS: _Kind(
        nats=_spelt,
        needs_training=True,
        description="each letter by the few before it, as often as in the end of the training text; no language model",
        settings=_ORDERS,
    ),
}
