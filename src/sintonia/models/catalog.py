"""The bases known by a short name (`catalog.toml`) and what a reference means. It downloads nothing."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path

from sintonia.errors import UsageError, nearest

SCHEMES = ("pypi", "file", "hf")
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(@[\w./-]+)?")
_DEFAULTS = {"classify": "minilm", "chat": "smollm2"}


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


def default_base(task: str) -> str:
    """The catalog name that `base: auto` stands for.

    Raises:
        UsageError: no base is trained for this task.
    """
    if task not in _DEFAULTS:
        raise UsageError(
            f"there is no base for the task `{task}` yet", expected=" or ".join(f"`{one}`" for one in _DEFAULTS)
        )
    return _DEFAULTS[task]


def find_entry(reference: str) -> Entry:
    """What `reference` means: a full one, a catalog name, the path of a folder or a GGUF file, a name on the hub.

    Raises:
        UsageError: none of these.
    """
    scheme, colon, _ = reference.partition(":")
    if colon and scheme in SCHEMES:
        known = [entry for entry in catalog().values() if entry.reference == reference]
        return known[0] if known else Entry(reference=reference)
    if reference in catalog():
        return catalog()[reference]
    path = Path(reference).expanduser()
    if path.is_dir() or (path.suffix.lower() == ".gguf" and path.is_file()):
        return Entry(reference=f"file:{reference}")
    if _HUB_NAME.fullmatch(reference) and not reference.lower().endswith(".gguf"):
        return Entry(reference=f"hf:{reference}")
    raise UsageError(
        f"unknown base `{reference}`",
        expected="a catalog name, `file:FOLDER`, `file:NAME.gguf`, `hf:ORG/NAME` or `pypi:PACKAGE==VERSION`",
        hint=f"did you mean {nearest(reference, catalog())}?",
    )
