"""Refusals as OpenAI's clients read them: `{"error": {message, type, param, code}}`, all four keys always.

A permanent conflict is a 400, never a 409, which clients try again.
"""

from __future__ import annotations

import re
from typing import Any

from sintonia.errors import SintoniaError

_FOLDERS = re.compile(r"(?<![\w:/.~-])~?/(?:[^\s/`'\"]+/)+")
"""What stands before the last part of an absolute path."""
_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


class Refused(Exception):
    """A request that is not carried out; the client gets its status and its four keys."""

    def __init__(
        self, status: int, message: str, *, code: str | None = None, about: str | None = None, wait_seconds: int = 0
    ) -> None:
        """Args:
        status: Of HTTP.
        message: For a person.
        code: For a program.
        about: The part of the request that is wrong, `param` in the answer.
        wait_seconds: After so long the same request may be carried out; 0 leaves it out.
        """
        super().__init__(message)
        self.status, self.message, self.code, self.about, self.wait_seconds = status, message, code, about, wait_seconds

    @property
    def body(self) -> dict[str, Any]:
        """The error object."""
        return error_body(self.status, self.message, code=self.code, about=self.about)


def error_body(status: int, message: str, *, code: str | None = None, about: str | None = None) -> dict[str, Any]:
    """The error object of a status."""
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    return {"error": {"message": message, "type": kind, "param": about, "code": code}}


def not_found(kind: str, name: str) -> Refused:
    """That there is no such file, job or model."""
    if kind == "model":
        what = f"The model '{shown(name)}' does not exist: GET /v1/models lists those that are on this machine"
        what += " (`sintonia models fetch` brings more)"
        return Refused(404, what, code="model_not_found", about="model")
    return Refused(404, f"No such {kind}: {shown(name)}", code="not_found", about="id")


def shown(name: str) -> str:
    """What a client sent, short and printable."""
    short = name if len(name) <= 80 else f"{name[:77]}..."
    return "".join(one if one.isprintable() else "?" for one in short)


def refusal_of(error: SintoniaError, about: str | None = None, *, code: str = "invalid_value") -> Refused:
    """A mistake that the pipeline found, as a refusal; places on this machine are left out."""
    return Refused(400, in_words(error), code=code, about=about)


def in_words(error: SintoniaError) -> str:
    """What an error says, without where on this machine it happened: of a path only the last part is told."""
    line = error.what
    if error.expected:
        line += f" (expected {error.expected})"
    return _FOLDERS.sub("", f"{line}. hint: {error.hint}" if error.hint else line)


def validation_refusal(errors: list[Any]) -> Refused:
    """The first thing wrong with a request, and where; what was sent is not repeated."""
    if not errors:
        return Refused(400, "The request is not valid", code="invalid_value")
    first = errors[0]
    place = [str(one) for one in first.get("loc", ()) if one not in ("body", "query", "path", "header")]
    kind, about = str(first.get("type", "")), ".".join(place) or None
    if kind == "json_invalid":
        return Refused(400, "The body is not JSON", code="invalid_json")
    if kind == "extra_forbidden":
        return Refused(400, f"Unrecognized request argument supplied: {shown(about or '')}", code="unknown_parameter",
                       about=about)  # fmt: skip
    if kind == "missing":
        return Refused(400, f"Missing required parameter: '{about or 'body'}'", code="missing_required_parameter",
                       about=about)  # fmt: skip
    message = f"Invalid value for '{shown(about or 'body')}': {first.get('msg', 'it is not valid')}"
    return Refused(400, message, code="invalid_value", about=about)
