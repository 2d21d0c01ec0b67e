"""What a language model makes of the anchor texts: nats of each, as plain text without a template."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sintonia.evaluate.forgetting.anchors import Anchor
from sintonia.evaluate.language import Weigher

if TYPE_CHECKING:
    from sintonia.models.language.rows import TokenRow

MOST_TOKENS = 512
"""More than the longest anchor has, in any tokenizer that knows its letters."""


def anchor_rows(weigher: Weigher, anchors: Sequence[Anchor]) -> list[TokenRow]:
    """The anchors as tokens. That a text ends is not counted: a model that was tuned to chat may well go on."""
    end = weigher.opened.tokenizer.eos_token_id
    rows = weigher.render([{"text": one.text} for one in anchors], MOST_TOKENS)
    return [
        dataclasses.replace(row, learned=(*row.learned[:-1], False)) if row.ids and row.ids[-1] == end else row
        for row in rows
    ]


def weigh_anchors(weigher: Weigher, anchors: Sequence[Anchor]) -> tuple[np.ndarray, np.ndarray]:
    """Nats and UTF-8 bytes of each anchor, shape (anchors,) both.

    Raises:
        RunFailed: a loss is not a finite number.
    """
    rows = anchor_rows(weigher, anchors)
    return weigher.weigh(rows)[0], np.array([row.num_bytes for row in rows], dtype=np.float64)
