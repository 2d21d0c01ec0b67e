"""Every error a person can cause, in three parts: what happened (where), what was expected, a hint.

The doors render it the same way everywhere; nothing here prints. `exit_code` is what the shell sees.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

HIDDEN = "privacy.redact: what it says is hidden"
"""The note of an unexpected error that may quote a text: the doors then show its kind and its lines of code alone."""
_HIDES: ContextVar[bool] = ContextVar("hides", default=False)


@contextmanager
def hiding(is_asked: bool) -> Iterator[None]:
    """Within it no error may quote what stands in the data, where a recipe asks for that (`privacy.redact`)."""
    token = _HIDES.set(is_asked or _HIDES.get())
    try:
        yield
    except SintoniaError:
        raise  # each of ours names places, not texts
    except Exception as error:
        if _HIDES.get():
            error.add_note(HIDDEN)
        raise
    finally:
        _HIDES.reset(token)


def hides() -> bool:
    """Whether what stands in the data may not be quoted now."""
    return _HIDES.get()


class SintoniaError(Exception):
    """A mistake or an obstacle that a person can act on. It never shows a traceback."""

    exit_code = 1

    def __init__(self, what: str, *, expected: str = "", hint: str = "", where: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.expected = expected
        self.hint = hint
        self.where = where

    def __str__(self) -> str:
        """One line: `where: what (expected ...). hint: ...`."""
        line = f"{self.where}: {self.what}" if self.where else self.what
        if self.expected:
            line += f" (expected {self.expected})"
        if self.hint:
            line += f". hint: {self.hint}"
        return line


class RunFailed(SintoniaError):
    """The run could not go on: a loss that is not a number, an optimizer that diverged."""

    exit_code = 1


class UsageError(SintoniaError):
    """A command, a recipe or a setting is wrong."""

    exit_code = 2


class Unavailable(UsageError):
    """The machine or the network cannot do it now: the same command may work later, and elsewhere."""


class DataError(SintoniaError):
    """The data cannot be used as they are."""

    exit_code = 3


class StopFindings(SintoniaError):
    """The audit found something that makes going on pointless unless it is accepted by its code."""

    exit_code = 3


class RequirementNotMet(SintoniaError):
    """The run worked, but the verdict is not the one that `--require` asked for."""

    exit_code = 4


class StorageError(SintoniaError):
    """A file could not be read or written: disk full, no permission, damaged file."""

    exit_code = 74


class Interrupted(SintoniaError):
    """A signal stopped the run; the folder is whole and `sintonia resume` continues it."""

    def __init__(self, what: str, *, signal_number: int, hint: str = "") -> None:
        super().__init__(what, hint=hint)
        self.exit_code = 128 + signal_number


def nearest(name: str, known: Iterable[str], count: int = 3) -> str:
    """The `count` known names most like `name`, as text for a hint: "`a`, `b` or `c`"."""
    options = sorted(known)
    close = difflib.get_close_matches(name, options, n=count, cutoff=0.0) or options[:count]
    quoted = [f"`{option}`" for option in close]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + " or " + quoted[-1]
