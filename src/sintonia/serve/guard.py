"""What every request meets first: by which name it calls us, where it comes from, whose it is, how much it is.

Nothing is let through that was not decided to be: an unknown path without the token is refused as any other. What
breaks behind it becomes an answer without a trace. Tokens and texts are never logged.
"""

from __future__ import annotations

import hmac
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from fastapi import HTTPException
from starlette.responses import JSONResponse

from sintonia.serve.bucket import Bucket
from sintonia.serve.refusals import Refused, error_body
from sintonia.serve.surroundings import Surroundings
from sintonia.serve.telling import RefusedTokens, tell_log

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
UPLOAD = "/v1/files"
_OVERHEAD_BYTES = 2**16
"""Of the parts of a form around a file."""
BROKEN = error_body(500, "The server had an error while processing the request", code="internal_error")
_LOG = logging.getLogger("sintonia.serve")


class Guard:
    """An application behind these checks."""

    def __init__(self, app: App, around: Surroundings, port: int) -> None:
        limits = around.limits
        self._app, self._limits, self._port = app, limits, port
        self._token, self._hosts = around.token.encode(), around.known_hosts
        self._names_behind_proxy = frozenset(name.lower() for name in around.allowed_hosts)
        self._refused_tokens = RefusedTokens()
        self._known = Bucket(limits.requests_per_minute / 60, limits.burst)
        self._strangers = Bucket(limits.refusals_per_minute / 60, max(1, limits.refusals_per_minute))
        self._has_let_in = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets a request through, or answers it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            self._refused_tokens.tell_rest()
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})  # none is offered

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        name, began, sent = f"req_{secrets.token_hex(12)}", time.monotonic(), _Sent()

        async def send_named(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                sent.status = message["status"]
                extra = [(b"x-request-id", name.encode()), (b"x-content-type-options", b"nosniff"),
                         (b"cache-control", b"no-store")]  # fmt: skip
                message["headers"] = [*message.get("headers", ()), *extra]
            await send(message)

        try:
            most = self._check(scope)
            await self._app(scope, _counting(receive, most), send_named)
        except Refused as refused:
            await _refuse(refused, sent, (scope, receive, send_named))
        except Exception as error:
            _log_broken(name, error)
            if sent.status is None:
                await JSONResponse(BROKEN, 500)(scope, receive, send_named)
        finally:
            self._log(scope, name, sent.status, time.monotonic() - began)

    def _check(self, scope: Scope) -> int:
        """The most bytes that the body of a request may have.

        Raises:
            Refused: it is not let through.
        """
        headers = _headers_of(scope)
        self._check_origin(headers)
        self._check_token(headers)
        if wait := self._known.take():
            raise Refused(429, "Too many requests", code="rate_limit_exceeded", wait_seconds=wait)
        if not _is_text(scope["path"]) or "\0" in scope["path"]:
            raise Refused(404, "Invalid URL", code="not_found")
        limits = self._limits
        is_upload = scope["path"] == UPLOAD and scope["method"] == "POST"
        most = limits.upload_bytes + _OVERHEAD_BYTES if is_upload else limits.body_bytes
        told = headers.get("content-length", "0")
        if not told.isdigit() or int(told) > most:
            raise _too_large(most)
        return most

    def _check_origin(self, headers: dict[str, str]) -> None:
        """A browser that was sent here by another page says so, or calls us by another name."""
        if not self._is_us(headers.get("host", "")):
            raise Refused(403, "This server is not known by that name (Host)", code="host_not_allowed")
        origin = headers.get("origin")
        if origin is not None and not self._is_our_origin(origin):
            raise Refused(403, "Requests from that Origin are not let through", code="origin_not_allowed")
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            raise Refused(403, "Requests from other sites are not let through", code="cross_site")

    def _is_our_origin(self, origin: str) -> bool:
        """Whether a page is ours; with `https`, it is where a proxy in front of us speaks for an allowed name."""
        scheme, _, place = origin.partition("://")
        if scheme == "https":
            return self._is_us(place) and (urlsplit(f"//{place}").hostname or "") in self._names_behind_proxy
        return scheme == "http" and self._is_us(place)

    def _is_us(self, place: str) -> bool:
        """Whether `HOST:PORT` is a name of this server; of a name that was allowed a proxy has the port it likes."""
        try:
            parts = urlsplit(f"//{place}")
            port = parts.port or 80
        except ValueError:
            return False
        is_bare = parts.netloc == place and "@" not in place and bool(parts.hostname)
        is_port_right = port == self._port or parts.hostname in self._names_behind_proxy
        return is_bare and parts.hostname in self._hosts and is_port_right

    def _check_token(self, headers: dict[str, str]) -> None:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        is_known = hmac.compare_digest(given.strip().encode("utf-8", "replace"), self._token)
        if is_known and scheme.lower() == "bearer":
            if not self._has_let_in:
                self._has_let_in = True
                tell_log("login")
            return
        if wait := self._strangers.take():
            raise Refused(429, "Too many refused requests", code="rate_limit_exceeded", wait_seconds=wait)
        self._refused_tokens.add(has_token=bool(given))
        what = "Incorrect token provided" if given else "A token is needed: `Authorization: Bearer TOKEN`"
        raise Refused(401, what, code="invalid_api_key")

    def _log(self, scope: Scope, name: str, status: int | None, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "-")  # as it was declared: names that were sent stay out
        _LOG.info("%s %s %s %s %.0f ms", name, scope["method"], route, status, seconds * 1000)


class _Sent:
    status: int | None = None


def _headers_of(scope: Scope) -> dict[str, str]:
    """The headers of a request.

    Raises:
        Refused: one of those that decide is there twice.
    """
    found: dict[str, str] = {}
    for key, value in scope["headers"]:
        name = key.decode("latin-1").lower()
        if name in found and name in ("host", "origin", "authorization", "content-length", "sec-fetch-site"):
            raise Refused(403, f"The header `{name}` is there twice", code="header_repeated")
        found[name] = value.decode("latin-1")
    return found


def _counting(receive: Receive, most: int) -> Receive:
    """The body piece by piece, as long as it is not too much."""
    count = 0

    async def counted() -> MutableMapping[str, Any]:
        nonlocal count
        message = await receive()
        if message["type"] == "http.request":
            count += len(message.get("body", b""))
            if count > most:  # of this class, because FastAPI makes 400 of any other
                raise HTTPException(413, _too_large(most).message)
        return message

    return counted


def _is_text(path: str) -> bool:
    """Whether a path can be written: it has no half of a letter."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _too_large(most: int) -> Refused:
    return Refused(413, f"The request is larger than {most} bytes", code="request_too_large")


async def _refuse(refused: Refused, sent: _Sent, connection: tuple[Scope, Receive, Send]) -> None:
    if sent.status is not None:
        return
    await refusal_answer(refused)(*connection)


def refusal_answer(refused: Refused) -> JSONResponse:
    """A refusal as an answer."""
    headers = {"x-should-retry": "true" if refused.status == 429 else "false"}
    if refused.wait_seconds:
        headers["retry-after"] = str(refused.wait_seconds)
    if refused.status == 401:
        headers["www-authenticate"] = "Bearer"
    if refused.status == 413:
        headers["connection"] = "close"
    return JSONResponse(refused.body, refused.status, headers)


def _log_broken(name: str, error: Exception) -> None:
    """Where something broke, without what was in it."""
    places, frame = [], error.__traceback__
    while frame is not None:
        places.append(f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}")
        frame = frame.tb_next
    _LOG.error("%s unexpected %s at %s", name, type(error).__name__, " < ".join(places[::-1][:6]))
