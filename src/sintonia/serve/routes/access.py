"""Whom a route is for: each has to say it, or no server starts. There is one answer so far: who has the token."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from fastapi import Request

from sintonia.serve.state import State

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
_MARK = "access_of_sintonia"


def behind_token(endpoint: Endpoint) -> Endpoint:
    """Decides that a route is for whoever has the token."""
    setattr(endpoint, _MARK, "token")
    return endpoint


def undecided(routes: Iterable[Any]) -> list[str]:
    """The paths of routes for which nobody decided whom they are for.

    A router within it is walked into: no route may hide behind another object.
    """
    found = []
    for route in routes:
        inner = getattr(route, "routes", None) or getattr(getattr(route, "original_router", None), "routes", None)
        if inner:
            found += undecided(inner)
        elif getattr(getattr(route, "endpoint", None), _MARK, None) != "token":
            found.append(str(getattr(route, "path", route)))
    return found


def state_of(request: Request) -> State:
    """What the server that got a request knows and has."""
    state: State = request.app.state.sintonia
    return state
