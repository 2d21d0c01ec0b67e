"""A server from its start to the signal that ends it: its state is taken, its port bound, uvicorn run."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable

import filelock
import uvicorn

from sintonia.errors import UsageError
from sintonia.files import storage_errors
from sintonia.serve.answers import Answering, Offers
from sintonia.serve.app import guarded
from sintonia.serve.jobs import Scheduler
from sintonia.serve.state import State
from sintonia.serve.store import Database, Store
from sintonia.serve.surroundings import Surroundings, is_loopback
from sintonia.serve.telling import keep_log, tell_log

GRACE_SECONDS = 5
"""Requests under way have so long to end after the signal."""
_QUIET = {"version": 1, "disable_existing_loggers": False}


class _Server(uvicorn.Server):
    """One that says when it answers."""

    def __init__(self, settings: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(settings)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


def serve_until_signal(
    around: Surroundings, tell: Callable[[str], None], ready: Callable[[dict[str, str]], None] = lambda _: None
) -> int:
    """Serves; gives the exit code. When it answers, `tell` tells people, `ready` programs (url, home, a token made up).

    Raises:
        UsageError: the address or the state is in use, or a run cannot be offered.
        StorageError: the state cannot be read or written.
    """
    os.umask(0o077)
    os.environ["SINTONIA_OFFLINE"] = os.environ["HF_HUB_OFFLINE"] = "1"  # nothing is fetched for a request
    with storage_errors(around.home):
        around.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        around.home.chmod(0o700)
    lock = filelock.FileLock(str(around.home / ".lock"), timeout=0, mode=0o600)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise UsageError(f"another server has its state in `{around.home}`", hint="name another `--home`") from None
    with lock, bound(around) as listening:
        keep_log(around.home)
        state, port = make_state(around), int(listening.getsockname()[1])
        tell_log("server_started", host=around.host, port=port)
        settings = uvicorn.Config(
            guarded(state, port),
            log_config=_QUIET,
            access_log=False,
            server_header=False,
            lifespan="on",
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        received: list[int] = []
        signal.signal(signal.SIGTERM, lambda number, _: received.append(number))  # uvicorn sends it again at its end
        try:
            _Server(settings, lambda: _tell_all(around, port, tell, ready)).run(sockets=[listening])
        except KeyboardInterrupt:
            received.append(signal.SIGINT)
        tell_log("server_ended")
        tell("stopped")
    return 128 + received[0] if received else 0


def make_state(around: Surroundings) -> State:
    """What a server has, opened.

    Raises:
        UsageError: a run cannot be offered.
        StorageError: the database cannot be opened.
    """
    store = Store(Database(around.home))
    store.files.tidy()
    return State(
        around=around,
        store=store,
        scheduler=Scheduler(store, around.jobs),
        offers=Offers(store, around.runs),
        answering=Answering(),
    )


def bound(around: Surroundings) -> socket.socket:
    """A socket that listens where it was asked for.

    Raises:
        UsageError: the address is in use, or not of this machine.
    """
    family = socket.AF_INET6 if ":" in around.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((around.host, around.port))
    except OSError as error:
        listening.close()
        raise UsageError(
            f"cannot listen on {around.host}:{around.port}: {error.strerror or error}",
            hint="name another `--port`; 0 takes any that is free",
        ) from None
    return listening


def _tell_all(
    around: Surroundings, port: int, tell: Callable[[str], None], ready: Callable[[dict[str, str]], None]
) -> None:
    host = f"[{around.host}]" if ":" in around.host else around.host
    url = f"http://{host}:{port}/v1"
    tell(f"serving   {url}")
    if around.is_token_generated:
        tell(f"token     {url}#token={around.token}")
        tell(f"clients   OPENAI_BASE_URL={url} OPENAI_API_KEY={around.token}")
    if not is_loopback(around.host):
        tell("warning   others can reach this address, and nothing is encrypted: put a proxy with TLS in front of it")
    tell(f"state     {around.home}")
    ready({"url": url, **({"token": around.token} if around.is_token_generated else {}), "home": str(around.home)})
    tell("stop      Ctrl-C; jobs that have not ended go on at the next start")
