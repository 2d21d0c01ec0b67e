"""Texts to token ids, and token lists to batches that waste no work on padding.

An example is one row of token ids, even where it is read as several sequences: they stand end to end, each with the
special tokens of the base, and marks lie between them that are no tokens. So whatever keeps, orders and pads rows need
not know of it; the encoder cuts them (`cut_rows`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from sintonia.tasks import Input

WINDOW, OTHER_TEXT, SECOND_TEXT = -1, -2, -3
"""Marks in a row: a new window of the same text, a new text that is read by itself, and, within a sequence, the second
of two texts, whose tokens have another type. No token has such a number, whatever a text says."""
MARKS = (WINDOW, OTHER_TEXT, SECOND_TEXT)
MOST_WINDOWS = 8
"""What comes after so many windows of a text is cut: they are computed together."""
FIRST_FRACTION = 0.25
"""Of what is kept of a text that is cut in its middle, the share that is its beginning: 128 of 510 tokens in Sun et al.
2019 (arXiv 1905.05583), who tried no other."""


LongTexts = Literal["head", "head_tail", "windows"]
Pairs = Literal["together", "compared"]


@dataclass(frozen=True, slots=True)
class Reading:
    """How texts that are too long are read, and examples of two texts."""

    long_texts: LongTexts = "head"
    pairs: Pairs = "together"
    has_token_types: bool = False
    """Whether the tokens of a second text in the same sequence have a type of their own."""


PLAIN = Reading()


@dataclass(frozen=True, slots=True)
class Tokens:
    """The row of each example, and the positions of those with a text that is longer than one sequence."""

    ids: list[list[int]]
    long: list[int]
    cut: list[int]
    """Those of which something is not read."""

    @property
    def num_truncated(self) -> int:
        """Examples of which something is not read."""
        return len(self.cut)


def tokenize(tokenizer: Any, texts: Sequence[Input], max_tokens: int, reading: Reading = PLAIN) -> Tokens:
    """Rows with the special tokens of the base, of sequences of at most `max_tokens`; longer texts are counted.

    Two texts are one sequence with the mark of the base between them, and the longer of them is cut first; or, where
    they are compared, two sequences.
    """
    found = Tokens([], [], [])
    if not texts:
        return found
    is_apart = reading.pairs == "compared"
    sides = [[one] if isinstance(one, str) or not is_apart else list(one) for one in texts]
    read = iter(_read(tokenizer.backend_tokenizer, [side for one in sides for side in one], max_tokens, reading))
    for position, one in enumerate(sides):
        row: list[int] = []
        parts = [next(read) for _ in one]
        for ids, _ in parts:
            row += [OTHER_TEXT, *ids] if row else ids
        found.ids.append(row or [0])  # a language model marks no text, and so has nothing to read of an empty one
        lost = [one for _, one in parts if one is not None]
        found.long.extend([position] if lost else [])
        found.cut.extend([position] if any(lost) else [])
    return found


_Read = tuple[list[int], bool | None]
"""A text as tokens, and whether something of it is not read; None of one that is no longer than a sequence."""


def _read(backend: Any, texts: list[Any], max_tokens: int, reading: Reading) -> list[_Read]:
    backend.no_padding()
    backend.no_truncation()
    limit = max(max_tokens, len(backend.encode("").ids) + 1)
    whole = backend.encode_batch(texts)
    long = [k for k, encoding in enumerate(whole) if len(encoding.ids) > max_tokens]
    found: list[_Read] = [
        (one.ids if isinstance(text, str) else _row(one.ids, one.type_ids, reading), None)
        for one, text in zip(whole, texts, strict=True)
    ]
    if reading.long_texts == "windows":
        for k in long:
            found[k] = _windows(whole[k], limit)
    elif reading.long_texts == "head_tail":
        for k in long:
            found[k] = _both_ends(whole[k], limit, reading), True
    elif long:
        backend.enable_truncation(limit)
        for k, cut in zip(long, backend.encode_batch([texts[k] for k in long]), strict=True):
            found[k] = _row(cut.ids, cut.type_ids, reading), True
        backend.no_truncation()
    return found


def _row(ids: list[int], types: list[int], reading: Reading) -> list[int]:
    if not reading.has_token_types or 1 not in types:
        return ids
    second = types.index(1)
    return [*ids[:second], SECOND_TEXT, *ids[second:]]


def _both_ends(encoding: Any, limit: int, reading: Reading) -> list[int]:
    """The first quarter and the last three of what there is room for; of two texts the longer one is cut first."""
    parts = [[k for k, one in enumerate(encoding.sequence_ids) if one == side] for side in (0, 1)]
    room = limit - sum(one is None for one in encoding.sequence_ids)
    shorter = min(map(len, parts))
    rooms = [room - shorter if len(part) > shorter else shorter for part in parts]
    if shorter > room // 2:
        rooms = [room - room // 2, room // 2]
    left_out: set[int] = set()
    for part, most in zip(parts, rooms, strict=True):
        first = int(FIRST_FRACTION * most)
        left_out.update(part[first : len(part) - (most - first)] if len(part) > most else ())
    kept = [k for k in range(len(encoding.ids)) if k not in left_out]
    return _row([encoding.ids[k] for k in kept], [encoding.type_ids[k] for k in kept], reading)


def _windows(encoding: Any, limit: int) -> _Read:
    """As few windows as hold the text, each of about as many tokens; none is read twice."""
    if 1 in encoding.sequence_ids:
        raise ValueError("two texts of one sequence are not read in windows")  # a mistake of the caller
    places = [k for k, one in enumerate(encoding.sequence_ids) if one == 0]
    before, after = encoding.ids[: places[0]], encoding.ids[places[-1] + 1 :]
    room = limit - len(before) - len(after)
    count = min(-(-len(places) // room), MOST_WINDOWS)
    num_read, row = min(len(places), count * room), []
    for k in range(count):
        part = [encoding.ids[place] for place in places[num_read * k // count : num_read * (k + 1) // count]]
        row += [WINDOW] * bool(row) + [*before, *part, *after]
    return row, num_read < len(places)


def num_tokens(row: Sequence[int]) -> int:
    """Tokens of a row, without marks."""
    return sum(token >= 0 for token in row)


def is_one_sequence(row: Sequence[int]) -> bool:
    """Whether a row is read at once."""
    return WINDOW not in row and OTHER_TEXT not in row


@dataclass(frozen=True, slots=True)
class Sequences:
    """The sequences of rows, one under the other, and where each belongs."""

    ids: Tensor
    """(sequences, longest), padded with 0"""
    mask: Tensor | None
    types: Tensor | None
    """(sequences, longest), 1 for the tokens of a second text; None where there is none."""
    texts: Tensor
    """(sequences,) the number of the text that each is a window of; all texts of all rows are counted on."""
    num_texts: list[int]
    """Of each row."""


def cut_rows(ids: Tensor, mask: Tensor | None) -> Sequences:
    """The sequences of padded rows (rows, longest), cut at their marks."""
    lengths = [ids.shape[1]] * len(ids) if mask is None else mask.sum(dim=1).tolist()
    sequences: list[list[int]] = []
    texts: list[int] = []
    num_texts: list[int] = []
    for row, length in zip(ids.tolist(), lengths, strict=True):
        number = texts[-1] + 1 if texts else 0
        begins, first = 0, number
        for place in [*(k for k in range(length) if row[k] in (WINDOW, OTHER_TEXT)), length]:
            sequences.append(row[begins:place])
            texts.append(number)
            begins = place + 1
            number += place < length and row[place] == OTHER_TEXT
        num_texts.append(number + 1 - first)
    tokens, its_mask = pad([[one for one in sequence if one >= 0] for sequence in sequences])
    return Sequences(
        ids=tokens.to(ids.device),
        mask=None if its_mask is None else its_mask.to(ids.device),
        types=_types(sequences, tokens).to(ids.device) if any(SECOND_TEXT in one for one in sequences) else None,
        texts=torch.tensor(texts, device=ids.device),
        num_texts=num_texts,
    )


def _types(sequences: list[list[int]], tokens: Tensor) -> Tensor:
    types = torch.zeros_like(tokens)
    for row, sequence in enumerate(sequences):
        if SECOND_TEXT in sequence:
            types[row, sequence.index(SECOND_TEXT) : len(sequence) - 1] = 1
    return types


def pad(token_lists: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor | None]:
    """Ids (batch, longest) padded with 0, and the mask; no mask when all are equally long."""
    lengths = [len(ids) for ids in token_lists]
    longest = max(lengths)
    if min(lengths) == longest:
        return torch.tensor(token_lists, dtype=torch.long), None
    ids = torch.zeros(len(lengths), longest, dtype=torch.long)
    mask = torch.zeros(len(lengths), longest, dtype=torch.long)
    for row, tokens in enumerate(token_lists):
        ids[row, : len(tokens)] = torch.tensor(tokens, dtype=torch.long)
        mask[row, : len(tokens)] = 1
    return ids, mask


def buckets(lengths: Sequence[int], most_tokens: int) -> list[list[int]]:
    """Positions grouped, shortest first, so that no group computes more than `most_tokens` padded tokens."""
    order = sorted(range(len(lengths)), key=lambda position: (lengths[position], position))
    groups: list[list[int]] = []
    for position in order:
        if groups and (len(groups[-1]) + 1) * lengths[position] <= most_tokens:
            groups[-1].append(position)
        else:
            groups.append([position])
    return groups


def thrifty_groups(lengths: Sequence[int], most_tokens: int, overhead_tokens: int) -> list[list[int]]:
    """Positions grouped, shortest first, so that padding plus `overhead_tokens` a group costs the least.

    Exact dynamic programming over the sorted lengths; no group computes more than `most_tokens` padded tokens
    unless it is a single text.
    """
    order = sorted(range(len(lengths)), key=lambda position: (lengths[position], position))
    best: list[tuple[int, int]] = [(0, 0)]
    """(cheapest cost of the first k texts, where their last group starts)"""
    for end in range(1, len(order) + 1):
        longest = lengths[order[end - 1]]
        first = min(end - 1, max(0, end - most_tokens // longest))
        best.append(min((best[k][0] + (end - k) * longest + overhead_tokens, k) for k in range(first, end)))
    groups: list[list[int]] = []
    end = len(order)
    while end:
        start = best[end][1]
        groups.append(order[start:end])
        end = start
    return groups[::-1]
