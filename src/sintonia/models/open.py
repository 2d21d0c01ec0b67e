"""Opens bases, always pristine, and candidates, only from their saved folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sintonia.errors import StorageError
from sintonia.files import sha256_file
from sintonia.models.catalog import find_entry
from sintonia.models.pooled import PooledEncoder, load_encoder, load_tokenizer
from sintonia.models.sources import fetch
from sintonia.records import Base


@dataclass(slots=True)
class OpenBase:
    """A base in memory: never trained, so what is computed with it may be shared."""

    record: Base
    model: PooledEncoder
    tokenizer: Any
    max_tokens: int


@dataclass(slots=True)
class OpenCandidate:
    """A tuned model in memory, loaded from its folder."""

    model: PooledEncoder
    tokenizer: Any
    labels: tuple[str, ...]
    max_tokens: int


def open_base(base: Base, max_tokens: int) -> OpenBase:
    """Loads a base from the cache of downloads (or its folder).

    Raises:
        StorageError: its weights are not those that the run was begun with.
    """
    folder = fetch(find_entry(base.reference))
    if sha256_file(folder / "model.safetensors") != base.revision:
        raise StorageError(f"the base `{base.reference}` was changed since this run began", hint="begin a new run")
    return OpenBase(record=base, model=load_encoder(folder), tokenizer=load_tokenizer(folder), max_tokens=max_tokens)


def open_candidate(folder: Path) -> OpenCandidate:
    """Loads a candidate.

    Raises:
        StorageError: the folder is not a model of ours.
    """
    try:
        body = json.loads((folder / "sintonia.json").read_text(encoding="utf-8"))
        limits = json.loads((folder / "sentence_bert_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise StorageError(f"`{folder}` holds no tuned model", hint="`sintonia resume` finishes the run") from None
    model = load_encoder(folder)
    return OpenCandidate(
        model=model,
        tokenizer=load_tokenizer(folder),
        labels=tuple(body["labels"]),
        max_tokens=int(limits["max_seq_length"]),
    )
