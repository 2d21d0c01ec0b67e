"""A language model that answers conversations, piece by piece or many at once. It opens no model itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sintonia.errors import UsageError
from sintonia.use.decoding import ConversationTooLong, Decoding, Piece, TokenChance

if TYPE_CHECKING:
    from sintonia.models.language.saved import OpenLanguageModel
    from sintonia.models.language.streaming import Chosen

Message = Mapping[str, Any]
OF_TEXT = "pretrain"
"""The task of a model that goes on in plain text and was shown no conversation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """An answer that was not streamed."""

    text: str
    finish_reason: str


class Speaker:
    """An open language model, for any number of threads: each forward pass takes its turn."""

    def __init__(self, name: str, opened: OpenLanguageModel, *, beneath: Any = None) -> None:
        from sintonia.models.language.streaming import Memory, Turns, Vocabulary

        self.name, self.task = name, opened.task
        self._opened, self._beneath = opened, beneath  # the shared base lives as long as one that stands on it
        self._memory, self._turns = Memory(opened.causal), Turns()
        self._reading = threading.Lock()
        self._vocabulary = Vocabulary(opened.tokenizer)
        self._stop_ids, self._end = frozenset(opened.template.stop_ids), opened.template.end_mark.strip()

    @property
    def causal(self) -> Any:
        """The model itself: a module of torch."""
        return self._opened.causal

    @property
    def most_tokens(self) -> int | None:
        """Tokens that a conversation and its answer may have together; None where the model does not say."""
        most = getattr(self._opened.causal.config, "max_position_embeddings", None)
        return int(most) if most else None

    @property
    def kept_bytes(self) -> int:
        """What is kept of conversations."""
        return self._memory.num_bytes

    def count_tokens(self, messages: Sequence[Message], tools: Sequence[Any] | None = None) -> int:
        """Tokens of a conversation as the model reads it, up to where it answers.

        Raises:
            UsageError: the chat template does not take it.
        """
        return len(self._ids(messages, tools))

    def write(
        self, messages: Sequence[Message], decoding: Decoding, tools: Sequence[Any] | None = None
    ) -> Iterator[Piece]:
        """An answer, piece by piece; the last piece alone says why it ended. What is wrong is said before the first.

        Raises:
            UsageError: the chat template does not take the conversation.
            ConversationTooLong: it leaves no room for an answer.
        """
        ids = self._ids(messages, tools)
        return self._pieces(ids, replace(decoding, max_new_tokens=self._room(len(ids), decoding.max_new_tokens)))

    def write_all(self, asked: Sequence[Mapping[str, Any] | str], max_new_tokens: int) -> list[Whole]:
        """The likeliest answer to each conversation, computed in batches; a text is gone on with as it stands.

        A conversation has `messages` and may have `tools`.

        Raises:
            UsageError: the chat template does not take one of them.
            ConversationTooLong: one leaves no room for an answer.
        """
        from sintonia.models.language.generate import write_greedily

        prompts = [
            self._ids_of_text(one) if isinstance(one, str) else self._ids(one["messages"], one.get("tools"))
            for one in asked
        ]
        rooms = [self._room(len(ids), max_new_tokens) for ids in prompts]
        answers: dict[int, Whole] = {}
        for room in sorted(set(rooms)):
            places = [k for k, one in enumerate(rooms) if one == room]
            with self._turns.one():
                written = write_greedily(self.causal, [prompts[k] for k in places], tuple(self._stop_ids), room)
            for place, one in zip(places, written, strict=True):
                text = self._opened.tokenizer.decode(list(one.ids), skip_special_tokens=True)
                before, mark, _ = text.partition(self._end) if self._end else (text, "", "")
                answers[place] = Whole(text=before, finish_reason="stop" if one.is_ended or mark else "length")
        return [answers[k] for k in range(len(prompts))]

    def _pieces(self, ids: list[int], decoding: Decoding) -> Iterator[Piece]:
        from sintonia.models.language.streaming import Spelling

        spelling = Spelling(self._opened.tokenizer, (*decoding.stop, self._end))
        chances: list[TokenChance] = []
        num_told, num_new, reason = 0, 0, "length"
        for chosen in self._tokens(ids, decoding):
            if chosen is None:
                reason = "stop"
                break
            num_new += 1
            if decoding.wants_logprobs:
                chances.append(self._chance(chosen))
            text = spelling.add(chosen.token)
            if spelling.is_stopped:
                told, reason = chances[num_told : spelling.num_within()], "stop"
                yield Piece(text=text, num_tokens=num_new, finish_reason=reason, logprobs=tuple(told))
                return
            if text:
                yield Piece(text=text, num_tokens=num_new, logprobs=tuple(chances[num_told:]))
                num_told, num_new = len(chances), 0
        left = tuple(chances[num_told:])
        yield Piece(text=spelling.rest(), num_tokens=num_new, finish_reason=reason, logprobs=left)

    def _tokens(self, ids: list[int], decoding: Decoding) -> Iterator[Chosen | None]:
        """At most so many tokens as there is room for; None where the model ends by itself."""
        from sintonia.models.language.streaming import Choosing, write_on

        choosing = Choosing(
            temperature=decoding.temperature,
            top_p=decoding.top_p,
            seed=decoding.seed,
            num_top=decoding.num_top_logprobs,
            has_chances=decoding.wants_logprobs,
        )
        written = write_on(self.causal, ids, choosing, self._memory, self._turns)
        try:
            for _ in range(decoding.max_new_tokens):
                chosen = next(written)
                if chosen.token in self._stop_ids:
                    yield None
                    return
                yield chosen
        finally:
            written.close()

    def _chance(self, chosen: Chosen) -> TokenChance:
        text, spelled = self._vocabulary.spelled(chosen.token)
        others = [(self._vocabulary.spelled(token), logprob) for token, logprob in chosen.top]
        top = tuple(TokenChance(token=said[0], bytes=said[1], logprob=logprob) for said, logprob in others)
        return TokenChance(token=text, bytes=spelled, logprob=chosen.logprob, top=top)

    def _ids(self, messages: Sequence[Message], tools: Sequence[Any] | None) -> list[int]:
        if not messages or not all(isinstance(one, Mapping) and one.get("role") for one in messages):
            expected = "messages with a `role` each"
            raise UsageError("this is no conversation", expected=expected, where="messages")
        with self._reading:
            text = self._opened.template.prompt(messages, list(tools or ()))
        return self._ids_of_text(text)

    def _ids_of_text(self, text: str) -> list[int]:
        with self._reading:
            found: list[int] = self._opened.tokenizer(text, add_special_tokens=False)["input_ids"]
        if not found:
            raise UsageError("there is no text to go on with", expected="a text")
        return found

    def _room(self, num_prompt: int, asked: int) -> int:
        """Tokens that may be written."""
        most = self.most_tokens
        if most is None:
            return asked
        if num_prompt >= most:
            raise ConversationTooLong(
                f"the conversation has {num_prompt:,} tokens",
                expected=f"fewer than {most:,}, which `{self.name}` reads at once with its answer",
                hint="leave out its beginning",
                where="messages",
            )
        return min(asked, most - num_prompt)
