"""`file:FOLDER`: a base that is already on this machine, as safetensors. Nothing is copied or changed."""

from __future__ import annotations

from pathlib import Path

from sintonia.errors import UsageError
from sintonia.models.catalog import Entry

REQUIRED = ("config.json", "model.safetensors", "tokenizer.json")


def fetch(entry: Entry) -> Path:
    """The folder itself.

    Raises:
        UsageError: no such folder, or files are missing.
    """
    path = Path(entry.reference.partition(":")[2]).expanduser().absolute()
    missing = [name for name in REQUIRED if not (path / name).is_file()]
    if missing:
        raise UsageError(
            f"`{path}` is not a base model: no {', '.join(missing)}",
            expected="a folder saved by transformers, with safetensors weights and a fast tokenizer",
        )
    return path
