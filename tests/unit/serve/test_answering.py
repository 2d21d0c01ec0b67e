"""No question is lost, no short call waits behind long answers, and nobody writes for a client that has gone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from sintonia.serve.answers import Answering, Gathering
from sintonia.serve.answers.gathering import Closed
from sintonia.serve.refusals import Refused
from sintonia.serve.routes.chat import _whole
from sintonia.use import Piece


def test_who_is_closed_says_so() -> None:
    gathering = Gathering(list)
    gathering.close()
    with pytest.raises(Closed):
        gathering.ask(["late"])


def test_a_question_for_a_gathering_that_was_let_go_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answering, closed, fresh = Answering(), Gathering(list), Gathering(list)
    closed.close()
    coming = [closed, fresh]
    monkeypatch.setattr(answering, "_gathering", lambda _: coming.pop(0))

    async def ask() -> list[Any]:
        return await asyncio.wait_for(answering.ask(None, ["a"]), 5)  # type: ignore[arg-type]

    assert asyncio.run(ask()) == ["a"]
    fresh.close()
    answering.close()


def test_short_calls_do_not_wait_behind_long_answers() -> None:
    answering, may_end = Answering(), threading.Event()

    def write() -> Iterator[Piece]:
        may_end.wait(30)
        yield from ()

    async def ask() -> Any:
        writing = [asyncio.ensure_future(anext(answering.pieces(write), None)) for _ in range(40)]
        await asyncio.sleep(0.05)
        try:
            return await asyncio.wait_for(answering.compute(lambda: 7), 10)
        finally:
            may_end.set()
            await asyncio.gather(*writing)

    assert asyncio.run(ask()) == 7
    answering.close()


def test_the_writing_stops_when_the_client_has_gone() -> None:
    told: list[str] = []

    async def pieces(_: int) -> AsyncGenerator[Piece, None]:
        try:
            for number in range(100):
                told.append(f"piece {number}")
                yield Piece(text="x", num_tokens=1)
        finally:
            told.append("ended")

    async def is_disconnected() -> bool:
        return len(told) >= 3

    asked: Any = SimpleNamespace(conversation=SimpleNamespace(n=2, logprobs=False), pieces=pieces)
    request: Any = SimpleNamespace(is_disconnected=is_disconnected)
    with pytest.raises(Refused):
        asyncio.run(_whole(asked, request))
    assert told == ["piece 0", "piece 1", "piece 2", "ended"]
