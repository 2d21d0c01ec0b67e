"""Names that the server gives to files, jobs and events, and their strict patterns. No name comes from a request."""

from __future__ import annotations

import re
import secrets
import string

_LETTERS = string.ascii_letters + string.digits
_LENGTH = 24
_PATTERNS = {kind: re.compile(rf"{kind}-[A-Za-z0-9]{{{_LENGTH}}}", re.ASCII) for kind in ("file", "ftjob", "ftevent")}


def new_name(kind: str) -> str:
    """A new name of a kind: `file-...`, `ftjob-...` or `ftevent-...`."""
    return f"{kind}-{random_letters(_LENGTH)}"


def random_letters(count: int) -> str:
    """Letters and digits that nobody can guess."""
    return "".join(secrets.choice(_LETTERS) for _ in range(count))


def is_name(kind: str, text: str) -> bool:
    """Whether a text is a name of a kind, as this server gives them.

    >>> is_name("file", "file-" + "a" * 24), is_name("file", "file-../../etc/passwd")
    (True, False)
    """
    return _PATTERNS[kind].fullmatch(text) is not None
