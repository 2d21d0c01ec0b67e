"""Writes the log of the command that is running: `log.txt` of its run, or else a temporary file.

It never prints, and nothing else reads what it writes.
"""

from __future__ import annotations

import logging
import os
import tempfile
import traceback
from pathlib import Path

from sintonia.errors import HIDDEN
from sintonia.runs import RunFolder

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class _Log(logging.FileHandler):
    """Our file among the handlers of the root logger; there is at most one."""


def keep_log(run: RunFolder) -> None:
    """Sends what is logged from now on to `log.txt` of the run; the last call wins.

    Raises:
        UsageError: the data of the run have expired, so that nothing more is to be written into it.
    """
    run.refuse_expired()
    _log_to(run.file("log.txt"))


def log_traceback(error: BaseException) -> Path:
    """Writes the traceback of an unexpected error and says where; with `privacy.redact` without what it says."""
    if not _open_logs():
        descriptor, name = tempfile.mkstemp(prefix="sintonia-", suffix=".log")
        os.close(descriptor)
        _log_to(Path(name))
    if HIDDEN in getattr(error, "__notes__", ()):
        lines = "".join(traceback.format_tb(error.__traceback__))
        logging.getLogger().error("unexpected %s (%s)\n%s", type(error).__name__, HIDDEN, lines)
    else:
        logging.getLogger().error("unexpected error", exc_info=error)
    return Path(_open_logs()[0].baseFilename)


def close_log() -> None:
    """Ends the log of the command."""
    for log in _open_logs():
        logging.getLogger().removeHandler(log)
        log.close()


def _open_logs() -> list[_Log]:
    return [one for one in logging.getLogger().handlers if isinstance(one, _Log)]


def _log_to(path: Path) -> None:
    close_log()
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    log = _Log(path, encoding="utf-8")
    log.setFormatter(logging.Formatter(_FORMAT))
    root = logging.getLogger()
    root.addHandler(log)
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
