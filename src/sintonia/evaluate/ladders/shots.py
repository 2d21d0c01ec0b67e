"""Answered examples put before a conversation: which ones, and whether they fit (B3 of science.md 1.5).

They are the same before every example, so that what they cost is computed once. Four are drawn three times; of the draw
that does best two, eight and sixteen are tried too. It scores nothing.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sintonia.evaluate.language import Weigher, learned_tokens
from sintonia.records import Example

if TYPE_CHECKING:
    from sintonia.models.language.rows import TokenRow

SHOTS: tuple[tuple[int, int], ...] = (
    *((2, 0), (2, 1), (4, 0), (4, 1)),
    *((4, 2), (2, 2), (8, 0), (8, 1), (8, 2), (16, 0), (16, 1), (16, 2)),
)
"""How many, and the number of the draw: a setting is a place in this list, which runs have kept. It only grows."""
_FIRST, _FEWER = 4, 2
"""How many are drawn first; and where so many do not fit."""
MOST_SHOWN_TOKENS = 1024
"""Of more than four examples: they are read again with each batch of answers that is written."""
CANDIDATES = 64
"""Training conversations that are looked at; the shorter half of them may be drawn."""
LEAST_FITTING = 0.5
"""Share of the examples before which they must fit, for the rung to be tried."""
_OPENING_ROLES = ("system", "developer")


@dataclass(slots=True)
class Shots:
    """The training conversations that a prompt may open with."""

    weigher: Weigher
    train: Sequence[Example]

    def obstacle(self, examples: Sequence[Example]) -> str:
        """Why no draw of answered examples can be tried, in words; empty when one can."""
        if self.weigher.learn == "all":
            return "every token is learned, so the answered examples would be scored too"
        if not any(_has_answers(one) for one in self.train):
            return "plain text has no prompt to put them into"
        if not self.settings(examples):
            return f"they do not fit in the {self._window:,} tokens that the base reads"
        return ""

    def settings(self, examples: Sequence[Example]) -> tuple[float, ...]:
        """The draws of four that fit before most of some examples; where none does, those of two."""
        if self.weigher.learn == "all":
            return ()
        counts = (_FIRST, _FEWER)
        drawn = ([k for k, (count, _) in enumerate(SHOTS) if count == wanted] for wanted in counts)
        return next((fitting for numbers in drawn if (fitting := self._fitting(numbers, examples))), ())

    def further(self, setting: float, examples: Sequence[Example]) -> tuple[float, ...]:
        """Fewer and more of the same draw. More only where a beginning that prompts share is computed once."""
        count, draw = SHOTS[int(setting)]
        others = [k for k, (other, same) in enumerate(SHOTS) if same == draw and other != count]
        return self._fitting([k for k in others if SHOTS[k][0] <= _FIRST or self._is_cheap(k)], examples)

    def _is_cheap(self, number: int) -> bool:
        drawn = self.drawn(number)
        return bool(drawn) and self.weigher.shares_beginnings and self._num_tokens(drawn) <= MOST_SHOWN_TOKENS

    def _num_tokens(self, drawn: Sequence[Example]) -> int:
        return len(self.weigher.render([{"messages": _shown(drawn)}], self._window)[0].ids)

    def _fitting(self, numbers: Sequence[int], examples: Sequence[Example]) -> tuple[float, ...]:
        """Those of some settings that fit before most of some examples."""
        plain = self.weigher.rows(examples)
        fitting = []
        for number in numbers:
            rows = self.rows(number, examples, plain)
            num_fitting = sum(row is not bare for row, bare in zip(rows, plain, strict=True))
            if examples and num_fitting >= LEAST_FITTING * len(examples):
                fitting.append(float(number))
        return tuple(fitting)

    def rows(
        self, setting: float, examples: Sequence[Example], plain: Sequence[TokenRow] | None = None
    ) -> list[TokenRow]:
        """The examples with the answered ones before them; where these do not fit, the plain row itself."""
        plain = self.weigher.rows(examples) if plain is None else plain
        drawn = self.drawn(setting)
        if not drawn:
            return list(plain)
        limit = min(self._window, self.weigher.opened.max_tokens + self._num_tokens(drawn))
        contents = [with_shots(one.whole, drawn) for one in examples]
        longer = self.weigher.render(contents, limit)
        return [row if _is_fair(row, bare) else bare for row, bare in zip(longer, plain, strict=True)]

    def drawn(self, setting: float) -> tuple[Example, ...]:
        """The training conversations of a setting, at most one of a group; none when there are too few.

        No answer comes twice before each of them came once. The fewer of a draw are the first of the more.
        """
        count, draw = SHOTS[int(setting)]
        chance = random.Random(f"answered examples {draw}")
        order = list(self._short())
        chance.shuffle(order)
        by_group = {one.group: one for one in reversed(order)}
        found = _balanced([one for one in order if by_group[one.group] is one])[:count]
        return tuple(found) if len(found) == count else ()

    @property
    def _window(self) -> int:
        opened = self.weigher.opened
        return max(opened.max_tokens, opened.record.max_tokens if opened.record else 0)

    def _short(self) -> Sequence[Example]:
        """The shorter half of some training conversations that have an answer."""
        answered = [one for one in self.train if _has_answers(one)]
        looked_at = random.Random("answered examples").sample(answered, min(CANDIDATES, len(answered)))
        looked_at.sort(key=lambda one: (len(one.input) + len(one.target), one.id))
        return looked_at[: max(len(looked_at) // 2, _FIRST)]


def with_shots(content: Mapping[str, Any], drawn: Sequence[Example]) -> dict[str, Any]:
    """A conversation with answered ones after its system messages, which are not learned; plain text as it is."""
    if "messages" not in content:
        return dict(content)
    messages = content["messages"]
    start = next((k for k, one in enumerate(messages) if one["role"] not in _OPENING_ROLES), len(messages))
    return {**content, "messages": [*messages[:start], *_shown(drawn), *messages[start:]]}


def _balanced(order: Sequence[Example]) -> list[Example]:
    """Each answer once, then each that comes again twice, and so on."""
    seen: Counter[str] = Counter()
    turns = []
    for one in order:
        turns.append(seen[one.target])
        seen[one.target] += 1
    return [order[k] for k in sorted(range(len(order)), key=lambda k: turns[k])]


def _shown(drawn: Sequence[Example]) -> list[dict[str, Any]]:
    messages = [one for example in drawn for one in example.whole["messages"]]
    return [
        {**one, "weight": 0} if one["role"] == "assistant" else dict(one)
        for one in messages
        if one["role"] not in _OPENING_ROLES
    ]


def _has_answers(example: Example) -> bool:
    return any(one["role"] == "assistant" for one in example.whole.get("messages", ()))


def _is_fair(row: TokenRow, plain: TokenRow) -> bool:
    """Whether nothing was cut, and the same tokens are learned as without the answered examples."""
    is_whole = row.num_cut_prompt == 0 and row.num_cut_answer == 0
    is_longer = len(row.ids) > len(plain.ids)
    return is_whole and is_longer and learned_tokens(row) == learned_tokens(plain) and row.num_bytes == plain.num_bytes
