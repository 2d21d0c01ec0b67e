"""The bases known by a short name (`catalog.toml`) and what a reference means. It downloads nothing."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path

from sintonia.errors import UsageError, nearest


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A base model as the catalog, or a full reference, names it."""

    reference: str
    folder: str = ""
    licence: str = "unknown"
    description: str = ""
    sha256: dict[str, str] = field(default_factory=dict)


@cache
def catalog() -> dict[str, Entry]:
    """All catalog entries by short name."""
    text = resources.files("sintonia.models").joinpath("catalog.toml").read_text(encoding="utf-8")
    return {name: Entry(**body) for name, body in tomllib.loads(text).items()}


def find_entry(reference: str) -> Entry:
    """What `reference` means: a full reference, a catalog name, or the path of a folder.

    Raises:
        UsageError: none of the three.
    """
    scheme, colon, _ = reference.partition(":")
    if colon and scheme in ("pypi", "file"):
        known = [entry for entry in catalog().values() if entry.reference == reference]
        return known[0] if known else Entry(reference=reference)
    if reference in catalog():
        return catalog()[reference]
    if Path(reference).is_dir():
        return Entry(reference=f"file:{reference}")
    raise UsageError(
        f"unknown base `{reference}`",
        expected="a catalog name, `file:FOLDER` or `pypi:PACKAGE==VERSION`",
        hint=f"did you mean {nearest(reference, catalog())}?",
    )
