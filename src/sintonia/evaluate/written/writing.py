"""Prompts as tokens, and what a language model writes after them; it scores nothing.

All subjects of a verdict are given the same tokens, written by the template of the base, and as many tokens to answer;
only the answered examples of few-shot may stand before them.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from sintonia.records import Example
from sintonia.tasks.chat import LONGEST_ANSWER

if TYPE_CHECKING:
    from sintonia.models.language.rows import TokenRow
    from sintonia.models.language.saved import OpenLanguageModel

MOST_BESIDE = 100
"""Test examples that are written to where the verdict does not rest on it."""
MOST_VALIDATED = 200
"""Validation examples that are written to."""
UNCUT = 10**9
"""More tokens than any example has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What was written to one example."""

    text: str
    is_ended: bool = True
    """Whether it ended by itself, before the limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What an answer is written after: the tokens before the last answer of an example."""

    ids: tuple[int, ...]
    num_answer: int
    """Tokens of the right answer, its end mark included."""
    is_whole: bool = True
    """Whether the model reads all of it, and has room left for an answer."""


def prompts_of(opened: OpenLanguageModel, examples: Sequence[Example], new_tokens: int) -> list[Prompt | None]:
    """The prompt of each example; None for plain text, which answers nobody."""
    asking = [k for k, one in enumerate(examples) if one.whole.get("messages")]
    rows = opened.template.render_all([examples[k].whole for k in asking], UNCUT)
    prompts: list[Prompt | None] = [None] * len(examples)
    for k, rendered in zip(asking, rows, strict=True):
        found = before_last_answer(rendered.row)
        if found:
            is_whole = len(found.ids) < opened.max_tokens and has_room(opened, len(found.ids), new_tokens)
            prompts[k] = replace(found, is_whole=is_whole)
    return prompts


def tokens_to_give(prompts: Iterable[Prompt | None]) -> int:
    """Tokens to give for an answer: as many as the longest of these takes and a tenth more, up to a limit.

    0 where there is no prompt.
    """
    longest = max((one.num_answer for one in prompts if one), default=0)
    return min(math.ceil(1.1 * longest), LONGEST_ANSWER)


def before_last_answer(row: TokenRow) -> Prompt | None:
    """The tokens before the last stretch that is learned; None where there is none, or nothing before it."""
    if not any(row.learned):
        return None
    end = len(row.learned) - row.learned[::-1].index(True)
    runs = list(accumulate(row.learned[:end], lambda length, is_learned: (length + 1) * is_learned, initial=0))
    start = end - runs[-1]
    return Prompt(ids=row.ids[:start], num_answer=end - start) if start else None


def has_room(opened: OpenLanguageModel, num_prompt: int, new_tokens: int) -> bool:
    """Whether the model can read so long a prompt and write as many tokens after it."""
    most = getattr(opened.causal.config, "max_position_embeddings", None)
    return most is None or num_prompt + new_tokens <= int(most)


def write(opened: OpenLanguageModel, prompts: Sequence[Sequence[int]], new_tokens: int) -> tuple[Said, ...]:
    """What an open model writes after each prompt, always the likeliest token, without its special tokens."""
    from sintonia.models.language.generate import write_greedily

    written = write_greedily(opened.causal, prompts, opened.template.stop_ids, new_tokens)
    mark = opened.template.end_mark.strip()
    return tuple(_said(opened.tokenizer, one, mark) for one in written)


def write_candidate(opened: OpenLanguageModel, prompts: Sequence[Sequence[int]], new_tokens: int) -> tuple[Said, ...]:
    """What an open candidate writes. Its adapters are added to its weights in memory: the same model, and quicker."""
    from sintonia.models.adapters import merge_adapters

    merge_adapters(opened.causal)
    return write(opened, prompts, new_tokens)


def _said(tokenizer: Any, written: Any, mark: str) -> Said:
    """As text. An end mark that is no token of the tokenizer ends an answer too, and what comes after it is not one."""
    text = tokenizer.decode(list(written.ids), skip_special_tokens=True)
    before, found, _ = text.partition(mark) if mark else (text, "", "")
    return Said(text=before.strip(), is_ended=written.is_ended or bool(found))


def drawn(ids: Collection[str], most: int) -> frozenset[str]:
    """At most so many ids, by their hashes: always the same, and independent of their order."""
    return frozenset(sorted(set(ids), key=_by_hash)[:most])


def drawn_examples(examples: Sequence[Example], most: int) -> tuple[Example, ...]:
    """Those of at most so many drawn ids, in the order of the draw: its first are as good a draw as all."""
    kept = drawn([one.id for one in examples], most)
    return tuple(sorted((one for one in examples if one.id in kept), key=lambda one: _by_hash(one.id)))


def _by_hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
