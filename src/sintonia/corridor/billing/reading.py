"""How fast the base reads and writes on this machine, from a second of each; and how long what it reads is.

It looks at training rows and at texts of this project, and trains nothing.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from sintonia.corridor.billing.work import Counted
from sintonia.evaluate.forgetting.anchors import load_anchors
from sintonia.evaluate.written.writing import Prompt, tokens_to_give
from sintonia.models.language.rows import TokenRow
from sintonia.resources.whole import Paces
from sintonia.settings import Recipe

if TYPE_CHECKING:
    from sintonia.models.language.losses import Engine
    from sintonia.models.language.saved import OpenLanguageModel

_SECONDS, _TEXTS_AT_ONCE, _ROWS_AT_ONCE = 1.0, 32, 4
"""How long each pace is measured, in groups of so many texts, or rows of a language model."""
_EACH_ANCHOR = 5
"""One of so many texts by which forgetting is measured is read to measure their own pace: they go by language."""
_ROWS_WRITTEN, _TOKENS_READ, _TOKENS_WRITTEN = 8, 48, 5
"""Prompts that are answered together to measure the pace of writing, the last tokens that are read of each, and tokens
that are written."""


def paces_of_texts(opened: Any, rows: Sequence[list[int]]) -> tuple[Paces, int]:
    """The paces of an encoder with training texts (tokens) and the anchor texts, and the tokens of the latter."""
    from sintonia.models.forward import compute_features
    from sintonia.models.tokens import tokenize

    def read(few: Sequence[list[int]]) -> object:
        return compute_features(opened.model, list(few))

    halves = [text for one in load_anchors() for text in (one.first, one.second)]
    anchors = tokenize(opened.tokenizer, halves, opened.max_tokens).ids
    paces = Paces(
        forward_seconds=pace_of(read, rows, (_TEXTS_AT_ONCE, len)),
        anchor_seconds=pace_of(read, anchors[::_EACH_ANCHOR], (_TEXTS_AT_ONCE, len)),
    )
    return paces, sum(map(len, anchors))


def paces_of_rows(
    opened: OpenLanguageModel, engine: Engine, rows: Sequence[TokenRow], prompts: Sequence[Prompt | None]
) -> Paces:
    """The paces of a language model with training rows, anchor texts, and prompts; without any it writes nothing."""
    found = Paces(
        forward_seconds=pace_of(engine.losses, rows, (_ROWS_AT_ONCE, _length)),
        anchor_seconds=pace_of(engine.losses, _anchors(opened)[::_EACH_ANCHOR], (_ROWS_AT_ONCE, _length)),
    )
    return _with_writing(found, opened, prompts)


def _anchors(opened: OpenLanguageModel) -> list[TokenRow]:
    from sintonia.evaluate.forgetting.language import anchor_rows
    from sintonia.evaluate.language import Weigher

    return anchor_rows(Weigher(opened), load_anchors())


def _length(row: TokenRow) -> int:
    return len(row.ids)


def count_conversations(
    opened: OpenLanguageModel,
    filled: Recipe,
    rows: tuple[Sequence[TokenRow], Sequence[TokenRow]],
    prompts: Sequence[Prompt | None],
) -> Counted:
    """Lengths of training and validation rows, which are tokens already, and of what is written after `prompts`."""
    answers = [one.num_answer for one in prompts if one]
    asked = filled.evaluation.new_tokens
    return Counted(
        num_train=len(rows[0]),
        num_validation=len(rows[1]),
        train_tokens=sum(len(row.ids) for row in rows[0]),
        longest_tokens=max(len(row.ids) for of_set in rows for row in of_set),
        anchor_tokens=sum(map(_length, _anchors(opened))),
        new_tokens=tokens_to_give(prompts) if asked == "auto" else int(asked) if answers else 0,
        answer_tokens=sum(answers) / max(1, len(answers)),
    )


Row = TypeVar("Row")


def pace_of(
    read: Callable[[Sequence[Row]], object], rows: Sequence[Row], grouping: tuple[int, Callable[[Row], int]]
) -> float:
    """Seconds of a forward pass of one token, from a few rows in the order of the file.

    `grouping` is how many rows are read at once, and the tokens of a row.
    """
    at_once, length = grouping
    began = last = time.monotonic()
    num_tokens, is_warm = 0, False
    for start in range(0, len(rows), at_once):
        few = rows[start : start + at_once]
        read(few)
        last = time.monotonic()
        if not is_warm and start + at_once < len(rows):
            is_warm, began = True, last
            continue
        num_tokens += sum(length(row) for row in few)
        if last - began > _SECONDS:
            break
    return max(1e-9, last - began) / max(1, num_tokens)


def _with_writing(paces: Paces, opened: OpenLanguageModel, prompts: Sequence[Prompt | None]) -> Paces:
    """With the paces of writing, from a few tokens that the base writes after training prompts, of one and several."""
    from sintonia.models.language.generate import write_greedily

    few = [one.ids[-_TOKENS_READ:] for one in prompts if one][:_ROWS_WRITTEN]
    if not few:
        return paces

    def seconds_of(asked: Sequence[tuple[int, ...]], new_tokens: int) -> float:
        began = time.monotonic()
        write_greedily(opened.causal, asked, (), new_tokens)
        return time.monotonic() - began

    seconds_of(few[:1], 2)  # the first to write warms up
    read = seconds_of(few, 1)
    steps = (max(0.0, seconds_of(few, 1 + _TOKENS_WRITTEN) - read)) / _TOKENS_WRITTEN
    alone = (max(0.0, seconds_of(few[:1], 1 + _TOKENS_WRITTEN) - seconds_of(few[:1], 1))) / _TOKENS_WRITTEN
    each = max(0.0, steps - alone) / max(1, len(few) - 1)
    return dataclasses.replace(
        paces,
        prompt_seconds=read / sum(map(len, few)),
        writing_seconds=max(0.0, min(alone, steps) - each),
        written_seconds=each,
    )
