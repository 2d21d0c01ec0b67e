"""`/v1/chat/completions`: what a model answers to a conversation, whole or as it is written (SSE).

Without a temperature the likeliest token is taken, because that is how models are judged here. Tools go into the chat
template; what a model writes to call one stays the text that it is.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from starlette.responses import Response

from sintonia.errors import SintoniaError
from sintonia.serve.answers import Answering
from sintonia.serve.refusals import Refused, error_body, in_words
from sintonia.serve.routes.access import behind_token, state_of
from sintonia.serve.routes.conversation import Conversation, checked
from sintonia.serve.routes.written import Written, choice_of, chunk_of, logprobs_of
from sintonia.use import ConversationTooLong, Piece, Speaker

router = APIRouter(prefix="/v1/chat/completions")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A conversation that was checked, and the model that answers it."""

    conversation: Conversation
    speaker: Speaker
    answering: Answering
    num_prompt: int
    seed: int
    head: dict[str, Any]

    def pieces(self, number: int) -> AsyncGenerator[Piece, None]:
        """The pieces of one of the answers."""
        said = self.conversation
        decoding = said.decoding(self.seed + number)
        return self.answering.pieces(lambda: self.speaker.write(said.plain_messages(), decoding, said.offered_tools()))

    def usage(self, num_written: int) -> dict[str, int]:
        """Tokens, counted."""
        return {
            "prompt_tokens": self.num_prompt,
            "completion_tokens": num_written,
            "total_tokens": self.num_prompt + num_written,
        }


@router.post("", response_model=None)
@behind_token
async def create_completion(request: Request, conversation: Conversation) -> Response | dict[str, Any]:
    """Answers a conversation."""
    state, said = state_of(request), checked(conversation)
    speaker = await state.answering.speaker(state.offers.find(said.model))
    try:
        count = await state.answering.compute(lambda: speaker.count_tokens(said.plain_messages(), said.offered_tools()))
        asked = _Asked(
            conversation=said,
            speaker=speaker,
            answering=state.answering,
            num_prompt=count,
            seed=secrets.randbelow(2**31) if said.seed is None else said.seed,
            head={"id": f"chatcmpl-{secrets.token_hex(12)}", "created": int(time.time()), "model": said.model},
        )
        if not said.stream:
            return await _whole(asked, request)
        lines = _lines(asked)
        first = await anext(lines)  # what is wrong is said before the answer begins
    except SintoniaError as error:
        code = "context_length_exceeded" if isinstance(error, ConversationTooLong) else "invalid_value"
        raise Refused(400, in_words(error), code=code, about=error.where or "messages") from None
    return StreamingResponse(_from(first, lines), media_type="text/event-stream")


async def _whole(asked: _Asked, request: Request) -> dict[str, Any]:
    """The answers in one body; when the client has gone, the writing stops."""
    choices, num_written = [], 0
    for number in range(asked.conversation.n or 1):
        written = await _written(asked.pieces(number), request)
        num_written += written.num_tokens
        choices.append(choice_of(number, written, has_logprobs=bool(asked.conversation.logprobs)))
    return {**asked.head, "object": "chat.completion", "choices": choices, "usage": asked.usage(num_written)}


async def _written(pieces: AsyncGenerator[Piece, None], request: Request) -> Written:
    written = Written()
    async with aclosing(pieces):
        async for piece in pieces:
            written.add(piece)
            if await request.is_disconnected():
                raise Refused(499, "The client has gone", code="client_gone")  # nobody reads it
    return written


async def _lines(asked: _Asked) -> AsyncIterator[str]:
    """The lines of the stream; the pieces of each answer behind a chunk that says whose they are."""
    num_written, said = 0, asked.conversation
    for number in range(said.n or 1):
        is_begun = False
        async for piece in asked.pieces(number):
            if not is_begun:
                yield _line(chunk_of(asked.head, number, {"role": "assistant", "content": ""}))
                is_begun = True
            num_written += piece.num_tokens
            told = logprobs_of(piece.logprobs) if said.logprobs else None
            if piece.text or told:
                yield _line(chunk_of(asked.head, number, {"content": piece.text}, logprobs=told))
            if piece.finish_reason:
                yield _line(chunk_of(asked.head, number, {}, finish_reason=piece.finish_reason))
    if said.stream_options is not None and said.stream_options.include_usage:
        yield _line(chunk_of(asked.head, None, {}) | {"usage": asked.usage(num_written)})
    yield "data: [DONE]\n\n"


async def _from(first: str, lines: AsyncIterator[str]) -> AsyncIterator[str]:
    """The first line and the others; what breaks on the way is told in the stream."""
    yield first
    try:
        async for line in lines:
            yield line
    except SintoniaError as error:
        yield _line(error_body(400, in_words(error), code="invalid_value"))
    except Exception:
        yield _line(error_body(500, "The server had an error while writing the answer", code="internal_error"))


def _line(body: dict[str, Any]) -> str:
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n"
