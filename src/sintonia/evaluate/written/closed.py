"""Where few answers come again and again, the untouched base chooses among them (B2 of science.md 1.5). Nothing is
trained, and nothing is written: an answer is one of the training texts.

A base finds some answers likely whatever it is asked. What each is worth behind a prompt that says nothing is taken
off (domain-conditional PMI, Holtzman et al. 2021, arXiv 2104.08315; contextual calibration, Zhao et al. 2021).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sintonia.evaluate.language import Weigher
from sintonia.evaluate.written.writing import UNCUT, before_last_answer
from sintonia.models.language.rows import TokenRow
from sintonia.records import Example

MOST_ANSWERS = 50
LEAST_REPEATED = 2.0
"""How often each answer must be seen in training, on average."""
MOST_ANSWER_TOKENS = 32
NEUTRAL = ("N/A", "[MASK]", "...")
"""What stands for the words of a person in prompts that say nothing; their likelihoods are averaged."""
_OPENING_ROLES = ("system", "developer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Likelihoods:
    """How likely each answer is behind each prompt; shape (examples, answers) all three."""

    nats: np.ndarray
    """Behind the prompt itself, with its end mark."""
    blank: np.ndarray
    """Behind a prompt that says nothing."""
    num_tokens: np.ndarray


WAYS: tuple[Callable[[Likelihoods], np.ndarray], ...] = (
    lambda found: found.blank - found.nats,
    lambda found: -found.nats / found.num_tokens,
    lambda found: -found.nats,
)
"""A score of each answer, the highest is taken: calibrated, per token, as it is. A setting is a place in this list."""


@dataclass(kw_only=True)
class KnownAnswers:
    """The answers of the training examples, for a base to choose among."""

    weigher: Weigher
    train: Sequence[Example]

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The answers, in the order of the alphabet; none where they are too many, too rare or too long."""
        counts = Counter(one.target.strip() for one in self.train)
        is_repeated = bool(counts) and counts.total() >= LEAST_REPEATED * len(counts)
        if not is_repeated or not 2 <= len(counts) <= MOST_ANSWERS or "" in counts:
            return ()
        if not all(_is_plain(one) for one in self.train):
            return ()
        texts = tuple(sorted(counts))
        rows = self._rows(self._blank_prompts[0], texts)
        return texts if rows and max(row.num_learned for row in rows) <= MOST_ANSWER_TOKENS else ()

    @cached_property
    def blank_nats(self) -> np.ndarray:
        """Nats of each answer behind prompts that say nothing, averaged over these; shape (answers,)."""
        return np.asarray(np.mean([self._weighed(prompt)[0] for prompt in self._blank_prompts], axis=0))

    def likelihoods(self, examples: Sequence[Example]) -> Likelihoods:
        """The base reads each prompt once, and all answers behind it.

        Raises:
            RunFailed: a loss is not a finite number.
            ValueError: an example without a prompt: a mistake of the caller.
        """
        found = [self._weighed(_asking(one)) for one in examples]
        nats, num_tokens = (np.stack(column) for column in zip(*found, strict=True))
        return Likelihoods(nats=nats, blank=np.tile(self.blank_nats, (len(found), 1)), num_tokens=num_tokens)

    def chosen(self, found: Likelihoods, setting: float) -> list[str]:
        """The answer to each example; of two as good ones the first of the alphabet."""
        return [self.texts[int(k)] for k in WAYS[int(setting)](found).argmax(axis=1)]

    def _weighed(self, prompt: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        """Nats and number of tokens of each answer behind one prompt: one call, so that the prompt is computed once."""
        rows = self._rows(prompt, self.texts)
        if not rows:
            raise ValueError("an answer without a prompt cannot be weighed")
        return self.weigher.weigh(rows)[0], np.array([row.num_learned for row in rows], dtype=np.float64)

    def _rows(self, prompt: dict[str, Any], texts: Iterable[str]) -> list[TokenRow]:
        """Each answer behind a prompt, the only thing that counts; empty where the template cannot write one."""
        said = [{"role": "assistant", "content": text} for text in texts]
        contents = [{**prompt, "messages": [*prompt["messages"], one]} for one in said]
        rows = []
        for rendered in self.weigher.opened.template.render_all(contents, UNCUT):
            row, found = rendered.row, before_last_answer(rendered.row)
            if found is None:
                return []
            begins, ends = len(found.ids), len(found.ids) + found.num_answer
            is_counted = (False,) * begins + (True,) * found.num_answer
            rows.append(TokenRow(ids=row.ids[:ends], learned=is_counted, num_bytes=row.num_bytes))
        return rows

    @cached_property
    def _blank_prompts(self) -> list[dict[str, Any]]:
        """The most common opening, and a request of which only the words are left that all training prompts share."""
        asking = [_asking(one) for one in self.train]
        openings = [json.dumps(_opening(one), sort_keys=True) for one in asking]
        usual = Counter(openings).most_common(1)[0][0]
        first = asking[openings.index(usual)]
        before, after = _shared_words([_request(one) for one in asking])
        requests = [{"role": "user", "content": f"{before}{phrase}{after}"} for phrase in NEUTRAL]
        return [{**first, "messages": [*_opening(first)["messages"], one]} for one in requests]


def _is_plain(example: Example) -> bool:
    """Whether the example is a conversation that ends with its target as plain text."""
    messages = example.whole.get("messages") or [{}]
    last = messages[-1]
    said = last.get("content")
    is_text = isinstance(said, str) and said.strip() == example.target.strip()
    return last.get("role") == "assistant" and is_text and not last.get("tool_calls")


def _asking(example: Example) -> dict[str, Any]:
    """The conversation up to the last answer."""
    content = dict(example.whole)
    messages = content["messages"]
    answers = [k for k, one in enumerate(messages) if one["role"] == "assistant" and one.get("weight", 1) != 0]
    end = answers[-1] if answers else len(messages)
    return {**content, "messages": list(messages[:end])}


def _opening(prompt: dict[str, Any]) -> dict[str, Any]:
    """The system messages that a prompt begins with, and all that is not a message."""
    messages = prompt["messages"]
    end = next((k for k, one in enumerate(messages) if one["role"] not in _OPENING_ROLES), len(messages))
    return {**prompt, "messages": messages[:end]}


def _request(prompt: dict[str, Any]) -> str:
    """What was said last by a person."""
    said = [one.get("content") for one in prompt["messages"] if one["role"] == "user"]
    return said[-1] if said and isinstance(said[-1], str) else ""


def _shared_words(texts: Sequence[str]) -> tuple[str, str]:
    r"""The words that all texts begin with, and those that all end with.

    >>> _shared_words(["Spam or not?\nwin a prize\nAnswer:", "Spam or not?\nsee you soon\nAnswer:"])
    ('Spam or not?\n', '\nAnswer:')
    >>> _shared_words(["yes", "yes"])
    ('yes', '')
    """
    words = [re.findall(r"\s+|\S+", text) for text in texts]
    before = _shared_beginning(words)
    after = _shared_beginning([one[len(before) :][::-1] for one in words])[::-1]
    return "".join(before), "".join(after)


def _shared_beginning(words: Sequence[list[str]]) -> list[str]:
    first, last = min(words), max(words)
    pairs = zip(first, last, strict=False)
    return first[: next((k for k, (left, right) in enumerate(pairs) if left != right), len(first))]
