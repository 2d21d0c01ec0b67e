"""The application: routes, what refusals look like, and what begins and ends with it. It listens nowhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from sintonia import __version__
from sintonia.errors import SintoniaError, StorageError
from sintonia.serve.guard import BROKEN, Guard, refusal_answer
from sintonia.serve.refusals import Refused, in_words, refusal_of, validation_refusal
from sintonia.serve.routes import ROUTERS
from sintonia.serve.routes.access import undecided
from sintonia.serve.state import State

_OF_HTTP = {400: "invalid_request", 404: "not_found", 405: "method_not_allowed", 413: "request_too_large"}


def make_app(state: State) -> FastAPI:
    """The application over what a server has; its queue runs as long as it does.

    Raises:
        AssertionError: a route does not say whom it is for.
    """

    @asynccontextmanager
    async def living(_: FastAPI) -> AsyncIterator[None]:
        state.scheduler.start()
        yield
        await asyncio.get_running_loop().run_in_executor(None, state.scheduler.close)
        state.answering.close()
        state.store.close()

    app = FastAPI(
        title="sintonia",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        lifespan=living,
    )
    app.state.sintonia = state
    for router in ROUTERS:
        app.include_router(router)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(SintoniaError, _mistake)
    app.add_exception_handler(Exception, _broken)
    refuse_undecided(app)
    return app


def guarded(state: State, port: int) -> Guard:
    """The application as it is served: behind the checks of every request."""
    return Guard(make_app(state), state.around, port)


def refuse_undecided(app: FastAPI) -> None:
    """Lets no application begin of which a route is for nobody in particular.

    Raises:
        AssertionError: which ones.
    """
    if paths := undecided(app.routes):
        raise AssertionError(f"nobody decided whom these routes are for: {', '.join(sorted(paths))}")


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refused)
    return refusal_answer(error)


async def _not_valid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return refusal_answer(validation_refusal(list(error.errors())))


async def _of_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    what = str(error.detail)
    if error.status_code in (404, 405):
        what = f"Invalid URL or method ({request.method})"
    return refusal_answer(Refused(error.status_code, what, code=_OF_HTTP.get(error.status_code)))


async def _broken(_: Request, __: Exception) -> JSONResponse:
    return JSONResponse(BROKEN, 500)  # the guard logs where it was


async def _mistake(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, SintoniaError)
    if isinstance(error, StorageError):
        return refusal_answer(Refused(500, in_words(error), code="storage_error"))
    return refusal_answer(refusal_of(error))
