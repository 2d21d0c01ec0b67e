"""The two kinds of judges, a language model on this machine and an endpoint.

A judge replies to one question at a time; it never learns which answer is whose.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

from sintonia.errors import UsageError
from sintonia.evaluate.language import Weigher
from sintonia.evaluate.pairwise.planning import SETTING, JudgePlan
from sintonia.evaluate.pairwise.question import REPLIES, read_reply
from sintonia.models.catalog import find_entry
from sintonia.models.endpoint import Endpoint, RequestRefused, complete
from sintonia.records import Base

MOST_TOKENS = 4096
"""That a judge on this machine reads of a question and its reply; longer ones count as unreadable."""
_REPLY_TOKENS = 8
_NOTHING = "Reply with exactly one word: tie"


class Judge(Protocol):
    """Whoever can be asked."""

    def reply(self, question: str) -> str | None:
        """One of `A`, `B` and `tie`; None where nothing of the kind was said.

        Raises:
            RunFailed: it cannot be asked.
        """
        ...


@dataclass(slots=True)
class RemoteJudge:
    """A model behind an endpoint, whose words are read."""

    endpoint: Endpoint
    _has_replied: bool = field(default=False, init=False)

    def reply(self, question: str) -> str | None:
        """What it says, read strictly. A request that it refuses after others went well counts as unreadable."""
        try:
            said = complete(self.endpoint, [{"role": "user", "content": question}], _REPLY_TOKENS)
        except RequestRefused:
            if not self._has_replied:
                raise
            return None
        self._has_replied = True
        return read_reply(said)


@dataclass(slots=True)
class LocalJudge:
    """A language model on this machine: the likeliest of the three replies is taken, nothing is generated."""

    weigher: Weigher

    def reply(self, question: str) -> str | None:
        """The likeliest reply; None where the question is too long to be read whole, or two are as likely."""
        contents: list[dict[str, Any]] = [
            {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": one}]}
            for one in REPLIES
        ]
        rows = self.weigher.render(contents, self.weigher.opened.max_tokens)
        if any(row.num_cut_prompt or row.num_cut_answer or not row.num_learned for row in rows):
            return None
        nats = self.weigher.weigh(rows)[0].tolist()
        best = min(nats)
        return REPLIES[nats.index(best)] if nats.count(best) == 1 else None


def try_judge(plan: JudgePlan) -> None:
    """Asks an endpoint a question about nothing; a model on this machine is there. No text of anybody is sent.

    Raises:
        RunFailed: it cannot be reached, does not answer in time, or refuses to.
    """
    if plan.endpoint is not None:
        complete(plan.endpoint, [{"role": "user", "content": _NOTHING}], _REPLY_TOKENS)


def open_judge(plan: JudgePlan) -> Judge:
    """The judge, ready to be asked.

    Raises:
        UsageError, StorageError: the model on this machine cannot be opened, or is no language model.
    """
    if plan.endpoint is not None:
        return RemoteJudge(plan.endpoint)
    from sintonia.models.language.saved import open_language_base

    base = judging_base(plan.name)
    return LocalJudge(Weigher(open_language_base(base, min(base.max_tokens, MOST_TOKENS), "auto")))


@cache
def judging_base(name: str) -> Base:
    """A model on this machine as a record of its own.

    Raises:
        UsageError: it is no language model.
    """
    from sintonia.models.shape import read_shape
    from sintonia.models.sources import locate

    entry = find_entry(name)
    files = locate(entry)
    shape = read_shape(files)
    if shape.kind != "language":
        raise UsageError(
            f"the judge `{name}` cannot say which of two answers is better: its type is {shape.model_type}",
            expected="a causal language model",
            where=SETTING,
        )
    return Base(
        reference=entry.reference,
        revision=files.revision,
        licence=entry.licence,
        num_parameters=shape.num_parameters,
        num_layers=shape.num_layers,
        hidden_size=shape.hidden_size,
        max_tokens=shape.max_tokens,
        why=(),
        estimated_memory_bytes=0,
        kind="language",
        vocabulary_size=shape.vocabulary_size,
    )
