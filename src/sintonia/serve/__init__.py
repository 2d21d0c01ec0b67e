"""`sintonia serve`: OpenAI's REST interface for files, fine-tuning jobs and models, on this machine.

A door: requests become recipes and run folders, which the pipeline drives; answers come from the room `use`. FastAPI
is imported when a server is made, and not before.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

from sintonia.errors import Unavailable
from sintonia.serve.surroundings import Limits, Surroundings, surroundings_of

__all__ = ["Limits", "Surroundings", "run_server", "surroundings_of"]

NEEDED = {"fastapi": "FastAPI", "uvicorn": "uvicorn", "python_multipart": "python-multipart"}
"""Modules that a server needs, and the names of their packages."""


def run_server(
    around: Surroundings, tell: Callable[[str], None], ready: Callable[[dict[str, str]], None] = lambda _: None
) -> int:
    """Serves until a signal ends it; `tell` is told, line by line, what a person has to know, and `ready` once, what a
    program has to: `url`, `home`, and `token` where it was made up.

    Raises:
        Unavailable: what serves is not installed.
        UsageError: the address is in use, another server has this state, or a run cannot be offered.
    """
    refuse_without_extra()
    from sintonia.serve.server import serve_until_signal

    return serve_until_signal(around, tell, ready)


def refuse_without_extra() -> None:
    """Refuses where the packages of the extra are missing.

    Raises:
        Unavailable: which ones.
    """
    missing = [package for module, package in NEEDED.items() if find_spec(module) is None]
    if missing:
        raise Unavailable(
            f"`sintonia serve` needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed",
            hint="`pip install 'sintonia[serve]'`",
        )
