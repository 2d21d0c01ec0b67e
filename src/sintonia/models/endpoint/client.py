"""Asks an endpoint one thing at a time, never for longer than it was told, and not more often than it was told.

The key comes from the environment, goes into one header, and is never kept; neither texts nor what a server says about
them appear in an error.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPException
from typing import Any

from sintonia.errors import RunFailed
from sintonia.models.endpoint.address import KEY_VARIABLE, Endpoint

_MOST_BYTES = 2**20
"""Of a reply; a word is asked for."""
_LONGEST_PAUSE_SECONDS = 20.0
_AGAIN = (429, 500, 502, 503, 504, 529)
_NOT_THIS_ONE = (400, 413, 422)
_CODE = re.compile(r"[a-z][a-z_]{2,39}")
_HINTS = {
    401: f"put its key into the environment variable {KEY_VARIABLE}",
    403: f"the key in {KEY_VARIABLE} may not use this model",
    404: "check the address (it usually ends with /v1) and the name of the model",
    429: "it allows fewer calls: try later, or with fewer examples (`evaluation.judge_examples`)",
}
_HINT = "check that it runs and speaks OpenAI's chat completions"


class RequestRefused(RunFailed):
    """The endpoint works, but not for this request: too long, or not wanted."""


class _FailedTry(RunFailed):
    """The call may go well when it is made again."""

    def __init__(self, what: str, *, hint: str, wait_seconds: float = 0.0) -> None:
        super().__init__(what, hint=hint)
        self.wait_seconds = wait_seconds


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """An answer that sends elsewhere is an error: texts and key go to the named machine alone."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Nowhere."""


def complete(endpoint: Endpoint, messages: Sequence[Mapping[str, str]], new_tokens: int) -> str:
    """What the model at an endpoint says after some messages, at temperature 0.

    Takes `tries` times `timeout_seconds`, and the pauses between them, at most.

    Raises:
        RequestRefused: it works, but not for this request.
        RunFailed: it cannot be reached, does not answer in time, or refuses to work.
    """
    body = {"model": endpoint.model, "messages": list(messages), "temperature": 0, "max_tokens": new_tokens}
    for attempt in range(1, endpoint.tries + 1):
        try:
            return _within(endpoint, lambda: _said(_call(endpoint, body)))
        except _FailedTry as failed:
            if attempt == endpoint.tries:
                raise RunFailed(f"{failed.what}, {endpoint.tries} times", hint=failed.hint) from None
            pause = max(endpoint.pause_seconds * 2 ** (attempt - 1), failed.wait_seconds)
            time.sleep(min(pause, _LONGEST_PAUSE_SECONDS))
    raise ValueError("an endpoint is asked once at least")


def _within(endpoint: Endpoint, call: Callable[[], str]) -> str:
    """What `call` returns; given up after the time of the endpoint, however slowly names or bytes come in.

    The timeout of a socket alone would not do: it begins anew with every byte, and does not hold for names of hosts.
    """
    came: queue.Queue[tuple[str, BaseException | None]] = queue.Queue()

    def run() -> None:
        try:
            came.put((call(), None))
        except BaseException as error:
            came.put(("", error))

    threading.Thread(target=run, name="endpoint", daemon=True).start()
    try:
        said, error = came.get(timeout=endpoint.timeout_seconds)
    except queue.Empty:
        error = _FailedTry(f"`{endpoint.host}` did not answer within {endpoint.timeout_seconds:g} seconds", hint=_HINT)
    if error is not None:
        raise error
    return said


def _call(endpoint: Endpoint, body: Mapping[str, Any]) -> bytes:
    """The reply to one request, as bytes."""
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if key := os.environ.get(KEY_VARIABLE, "").strip():
        headers["Authorization"] = f"Bearer {key}"
    steps: list[urllib.request.BaseHandler] = [_NoRedirect()]
    if endpoint.is_local:
        steps.append(urllib.request.ProxyHandler({}))
    address, data = f"{endpoint.address}/chat/completions", json.dumps(body).encode()
    try:
        request = urllib.request.Request(address, data=data, headers=headers, method="POST")
        opened = urllib.request.build_opener(*steps).open(request, timeout=endpoint.timeout_seconds)
        with opened as response:
            return bytes(response.read(_MOST_BYTES + 1))
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(endpoint, error) from None
    except TimeoutError:
        what = f"`{endpoint.host}` did not answer within {endpoint.timeout_seconds:g} seconds"
        raise _FailedTry(what, hint=_HINT) from None
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        why = getattr(reason, "strerror", None) or type(reason).__name__
        raise _FailedTry(f"`{endpoint.host}` cannot be reached ({why})", hint=_HINT) from None
    except ValueError:
        # Of a key or a host with characters that no header can hold; the message of the error would repeat it.
        what = f"nothing can be sent to `{endpoint.host}`: the address or the key has characters that are not allowed"
        raise RunFailed(what, hint=f"check the address and the key in {KEY_VARIABLE}") from None


def _refusal(endpoint: Endpoint, error: urllib.error.HTTPError) -> RunFailed:
    """What a status other than 200 means."""
    status, hint = error.code, _HINTS.get(error.code, _HINT)
    what = f"`{endpoint.host}` refused to answer (status {status}{_reason(error)})"
    if status in _AGAIN:
        wait = str(error.headers.get("Retry-After", "")) if error.headers else ""
        return _FailedTry(what, hint=hint, wait_seconds=float(wait) if wait.isdecimal() else 0.0)
    if status in _NOT_THIS_ONE:
        return RequestRefused(what, hint=f"check the name of the model, `{endpoint.model}`")
    if 300 <= status < 400:
        return RunFailed(f"`{endpoint.host}` sends elsewhere (status {status})", hint="give the address it sends to")
    return RunFailed(what, hint=hint)


def _reason(error: urllib.error.HTTPError) -> str:
    """The short code that a server gives, such as `model_not_found`; its sentences may repeat texts or keys."""
    with contextlib.suppress(OSError, HTTPException, ValueError, AttributeError):
        told = json.loads(error.read(_MOST_BYTES)).get("error")
        codes = [told.get("code"), told.get("type")] if isinstance(told, dict) else []
        return next((f", {code}" for code in codes if isinstance(code, str) and _CODE.fullmatch(code)), "")
    return ""


def _said(reply: bytes) -> str:
    """The text within a reply."""
    try:
        if len(reply) > _MOST_BYTES:
            raise ValueError
        said = json.loads(reply)["choices"][0]["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        raise RunFailed("what the endpoint says is not a chat completion", hint=_HINT) from None
    return said if isinstance(said, str) else ""
