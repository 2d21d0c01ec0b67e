"""Asks the models of the room `use`, on threads, so that the event loop never waits for one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil

from sintonia.serve.answers.gathering import Closed, Gathering
from sintonia.serve.answers.offers import Offer
from sintonia.serve.refusals import Refused
from sintonia.use import Answerer, Embedder, Piece, Shelf, Speaker

_SHARE_OF_MEMORY = 3
"""Weights that are open may take one part in so many of the memory."""
_WRITERS = 16
"""Answers that are written at once; more wait."""
_COMPUTERS = 2
"""Short calls at once; they have threads of their own, because an answer holds its writer until it is whole."""
_END = None
_WHAT = {Speaker: "writes answers", Answerer: "answers with labels", Embedder: "embeds texts"}


class Answering:
    """The shelf of models, and the threads that ask them."""

    def __init__(self) -> None:
        self._shelf = Shelf(most_bytes=psutil.virtual_memory().total // _SHARE_OF_MEMORY)
        self._writers = ThreadPoolExecutor(_WRITERS, thread_name_prefix="writer")
        self._computers = ThreadPoolExecutor(_COMPUTERS, thread_name_prefix="computer")
        self._openers = ThreadPoolExecutor(2, thread_name_prefix="opener")
        self._gathered: dict[int, tuple[Answerer | Embedder, Gathering]] = {}
        self._lock = threading.Lock()

    async def speaker(self, offer: Offer) -> Speaker:
        """The model, which writes.

        Raises:
            Refused: it does not.
        """
        found = await self._open(offer)
        if not isinstance(found, Speaker):
            raise _cannot(offer, found, "write answers")
        return found

    async def answerer(self, offer: Offer) -> Answerer:
        """The model, which answers with labels, numbers or spans.

        Raises:
            Refused: it does not.
        """
        found = await self._open(offer)
        if not isinstance(found, Answerer):
            raise _cannot(offer, found, "answer with labels")
        return found

    async def embedder(self, offer: Offer) -> Embedder:
        """The model, which embeds.

        Raises:
            Refused: it does not.
        """
        found = await self._open(offer)
        if not isinstance(found, Embedder):
            raise _cannot(offer, found, "embed texts")
        return found

    async def ask(self, model: Answerer | Embedder, inputs: Sequence[Any]) -> list[Any]:
        """The answers to some inputs, computed together with what others ask at this moment."""
        try:
            asked = self._gathering(model).ask(inputs)
        except Closed:  # it was let go of between the two calls
            asked = self._gathering(model).ask(inputs)
        return await asyncio.wrap_future(asked)

    async def compute(self, call: Callable[[], Any]) -> Any:
        """What a call gives that takes its time, such as counting tokens."""
        return await asyncio.get_running_loop().run_in_executor(self._computers, call)

    async def pieces(self, begin: Callable[[], Iterator[Piece]]) -> AsyncGenerator[Piece, None]:
        """The pieces of an answer as they are written; who stops listening stops the writing."""
        loop, is_over = asyncio.get_running_loop(), threading.Event()
        coming: asyncio.Queue[Piece | BaseException | None] = asyncio.Queue()

        def put(what: Piece | BaseException | None) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(coming.put_nowait, what)

        def write() -> None:
            try:
                _write_until(begin(), put, is_over)
                put(_END)
            except Exception as error:
                put(error)

        self._writers.submit(write)
        try:
            while (piece := await coming.get()) is not None:
                if isinstance(piece, BaseException):
                    raise piece
                yield piece
        finally:
            is_over.set()

    def forget(self, offer: Offer) -> None:
        """Ends what waits for a model that is no more; the shelf puts it away when it needs the room."""
        with self._lock:
            for key, (model, gathering) in list(self._gathered.items()):
                if model.name.startswith(offer.place):
                    del self._gathered[key]
                    threading.Thread(target=gathering.close, daemon=True).start()

    def close(self) -> None:
        """Ends the threads; what is being written is broken off by whoever listened."""
        with self._lock:
            for _, gathering in self._gathered.values():
                gathering.close()
            self._gathered.clear()
        self._writers.shutdown(wait=False, cancel_futures=True)
        self._computers.shutdown(wait=False, cancel_futures=True)
        self._openers.shutdown(wait=False, cancel_futures=True)

    async def _open(self, offer: Offer) -> Speaker | Answerer | Embedder:
        return await asyncio.get_running_loop().run_in_executor(self._openers, self._shelf.open, offer.place)

    def _gathering(self, model: Answerer | Embedder) -> Gathering:
        with self._lock:
            if id(model) not in self._gathered:
                self._let_go()
                ask = model.embed if isinstance(model, Embedder) else model.answer
                self._gathered[id(model)] = (model, Gathering(ask))
            return self._gathered[id(model)][1]

    def _let_go(self) -> None:
        """Ends the gathering for models that the shelf has put away: it would keep them in memory."""
        names = self._shelf.names
        for key, (model, gathering) in list(self._gathered.items()):
            if model.name not in names:
                del self._gathered[key]
                threading.Thread(target=gathering.close, daemon=True).start()


def _write_until(pieces: Iterator[Piece], put: Callable[[Piece], None], is_over: threading.Event) -> None:
    for piece in pieces:
        if is_over.is_set():
            break
        put(piece)
    close = getattr(pieces, "close", None)
    if close is not None:
        close()


def _cannot(offer: Offer, found: Any, wanted: str) -> Refused:
    what = f"The model '{offer.id}' does not {wanted}: it {_WHAT[type(found)]}"
    return Refused(400, what, code="model_not_supported", about="model")
