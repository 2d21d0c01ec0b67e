"""What is written down of a server beside its answers: its log. Neither tokens nor texts nor names of files."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from sintonia.audit import record

LOG = "log.txt"
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def keep_log(home: Path) -> None:
    """Sends what the server logs to `log.txt` of its folder."""
    path = home / LOG
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    written = logging.FileHandler(path, encoding="utf-8")
    written.setFormatter(logging.Formatter(_FORMAT))
    for name in ("sintonia.serve", "uvicorn.error"):
        log = logging.getLogger(name)
        log.handlers, log.propagate = [written], False
        log.setLevel(logging.INFO)


def tell_log(event: str, **facts: Any) -> None:
    """One line of what happened, for whoever looks after this machine: in the log, and in the audit log."""
    record(event, **facts)
    logging.getLogger("sintonia.serve").info("%s %s", event, " ".join(f"{key}={value}" for key, value in facts.items()))
