"""How likely a language model finds the answers of examples, by tokens that are given: nothing is generated here.

Every subject of one verdict is scored on the same tokens of the same text, only what stands before them may differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from sintonia.errors import RunFailed
from sintonia.evaluate.score import language_scorecard
from sintonia.records import Example, Scorecard, Split

if TYPE_CHECKING:
    from sintonia.models.language.rows import TokenRow
    from sintonia.models.language.saved import OpenLanguageModel

SCORING_TOKENS = 2048
"""Most tokens computed at once; without gradients that is little memory."""


@dataclass(slots=True)
class Weigher:
    """An open language model, ready to weigh rows of tokens; its engine is made once."""

    opened: OpenLanguageModel
    learn: str = "answers"
    _engine: Any = field(default=None, init=False)

    @property
    def shares_beginnings(self) -> bool:
        """Whether the beginning that rows have in common is computed once."""
        return bool(self._engine_at_hand().is_fused)

    def render(self, contents: Sequence[dict[str, Any]], max_tokens: int) -> list[TokenRow]:
        """Conversations as the model reads them, cut after so many tokens."""
        return [one.row for one in self.opened.template.render_all(contents, max_tokens, self.learn)]

    def rows(self, examples: Sequence[Example]) -> list[TokenRow]:
        """Examples as the model reads them."""
        return self.render([one.whole for one in examples], self.opened.max_tokens)

    def weigh(self, rows: Sequence[TokenRow]) -> tuple[np.ndarray, np.ndarray]:
        """Nats of the learned tokens of each row, and whether each of them is the likeliest; shape (rows,) both.

        Raises:
            RunFailed: a loss is not a finite number.
        """
        nats, is_exact = np.zeros(len(rows)), np.zeros(len(rows), dtype=bool)
        learnable = [position for position, row in enumerate(rows) if any(row.learned)]
        if learnable:
            found = self._engine_at_hand().losses([rows[position] for position in learnable])
            nats[learnable], is_exact[learnable] = found.nats, found.is_exact
        num_broken = int((~np.isfinite(nats)).sum())
        if num_broken:
            raise RunFailed(
                f"the losses of {num_broken} of {len(rows)} examples are not finite numbers",
                hint="the weights of the model are damaged, or it was trained with too high a learning rate",
            )
        # What was cut of an answer cannot be known to be right.
        return nats, is_exact & np.array([row.num_cut_answer == 0 for row in rows], dtype=bool)

    def card(self, subject: str, split: Split, examples: Sequence[Example], rows: Sequence[TokenRow]) -> Scorecard:
        """The scorecard of examples that were rendered as `rows`.

        Raises:
            RunFailed: a loss is not a finite number, or nothing is left of any answer.
        """
        if not any(row.num_bytes for row in rows):
            raise RunFailed(
                f"none of {len(rows)} examples of the {split} set has an answer within the tokens that are read",
                hint=f"raise `training.max_tokens` (now {self.opened.max_tokens})",
            )
        nats, is_exact = self.weigh(rows)
        columns = (nats.tolist(), [row.num_bytes for row in rows], is_exact.tolist())
        return language_scorecard(subject, split, examples, columns)

    def _engine_at_hand(self) -> Any:
        if self._engine is None:
            from sintonia.models.language.losses import Engine

            self._engine = Engine(self.opened.causal, micro_tokens=SCORING_TOKENS)
        return self._engine


def score_language(
    opened: OpenLanguageModel, examples: Sequence[Example], split: Split, subject: str, *, learn: str = "answers"
) -> Scorecard:
    """What an open language model does on a set of examples, each with its own prompt.

    `losses` are nats of all learned tokens of an example together. Where the answer was cut, or nothing of it is
    left, `correct` is false.

    Raises:
        RunFailed: a loss is not a finite number.
    """
    weigher = Weigher(opened, learn)
    return weigher.card(subject, split, examples, weigher.rows(examples))


def learned_tokens(row: TokenRow) -> tuple[int, ...]:
    """The tokens of a row whose losses count, in their order."""
    return tuple(token for token, is_learned in zip(row.ids, row.learned, strict=True) if is_learned)
