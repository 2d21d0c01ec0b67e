"""Opens bases, always pristine, and candidates, only from their saved folder. Language models: `language/saved.py`."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sintonia.errors import StorageError
from sintonia.files import from_json, storage_errors, to_json, write_json
from sintonia.models.adapter_files import load_adapters
from sintonia.models.catalog import find_entry
from sintonia.models.loading import check_tokenizer
from sintonia.models.pooled import PooledEncoder, load_encoder, load_tokenizer, without_adapters
from sintonia.models.sources import BaseFiles, locate
from sintonia.records import Base
from sintonia.statistics.calibration import Temperature


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
    temperature: Temperature
    """What its logits are divided by, where validation could tell."""
    offsets: tuple[float, ...] = ()
    """What is added to its logits before the largest one is the answer, never to what probabilities are made of; empty
    where nothing is."""


def find_base(base: Base) -> BaseFiles:
    """The folders of a base that a run was begun with.

    Raises:
        StorageError: its weights, or its tokenizer, are not those that the run was begun with.
    """
    files = locate(find_entry(base.reference))
    if files.revision != base.revision:
        raise StorageError(f"the base `{base.reference}` was changed since this run began", hint="begin a new run")
    if base.tokenizer_revision and files.tokenizer_revision != base.tokenizer_revision:
        raise StorageError(
            f"the tokenizer of the base `{base.reference}` was changed since this run began", hint="begin a new run"
        )
    return files


def open_base(base: Base, max_tokens: int) -> OpenBase:
    """Loads an encoder from the cache of downloads (or its folder); an adapter is added to its weights.

    Raises:
        StorageError: its weights, or its tokenizer, are not those that the run was begun with.
    """
    files = find_base(base)
    model = load_encoder(files.model)
    if files.adapter is not None:
        load_adapters(model.transformer, files.adapter)
        model = without_adapters(model)
    tokenizer = load_tokenizer(files.tokenizer)
    check_tokenizer(tokenizer, model.transformer, files.tokenizer)
    return OpenBase(record=base, model=model, tokenizer=tokenizer, max_tokens=max_tokens)


def candidate_task(folder: Path) -> str:
    """What a candidate learned: `classify` is opened by `open_candidate`, `chat` by `open_language_candidate`.

    Raises:
        StorageError: the folder is not a model of ours.
    """
    return str(read_candidate(folder).get("task"))


def read_candidate(folder: Path) -> dict[str, Any]:
    """What a candidate's folder says of itself.

    Raises:
        StorageError: the folder is not a model of ours.
    """
    try:
        body = json.loads((folder / "sintonia.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        body = None
    if not isinstance(body, dict):
        raise StorageError(f"`{folder}` holds no tuned model", hint="`sintonia resume` finishes the run")
    return body


def open_candidate(folder: Path) -> OpenCandidate:
    """Loads a candidate that classifies.

    Raises:
        StorageError: the folder is not such a model of ours.
    """
    body = read_candidate(folder)
    try:
        limits = json.loads((folder / "sentence_bert_config.json").read_text(encoding="utf-8"))
        labels, max_tokens = tuple(str(one) for one in body["labels"]), int(limits["max_seq_length"])
        temperature = from_json(Temperature, body.get("temperature") or {"value": None, "num_examples": None})
        offsets = tuple(float(one) for one in body.get("offsets") or ())
    except (OSError, ValueError, KeyError, TypeError):
        raise StorageError(f"`{folder}` holds no tuned classifier", hint="`sintonia resume` finishes the run") from None
    model = load_encoder(folder)
    if model.head is None or model.head.out_features != len(labels):
        raise StorageError(f"`{folder}` holds no head for {len(labels)} labels", hint="train it again")
    if offsets and not (len(offsets) == len(labels) and all(map(math.isfinite, offsets))):
        raise StorageError(f"the offsets of `{folder}` are not one number for each label", hint="train it again")
    return OpenCandidate(
        model=model,
        tokenizer=load_tokenizer(folder),
        labels=labels,
        max_tokens=max_tokens,
        temperature=temperature,
        offsets=offsets,
    )


def keep_temperature(folder: Path, temperature: Temperature) -> None:
    """Writes beside a candidate what its logits are to be divided by; its weights stay as they were trained."""
    body = read_candidate(folder)
    with storage_errors(folder):
        write_json(folder / "sintonia.json", {**body, "temperature": to_json(temperature)})


def keep_offsets(folder: Path, offsets: tuple[float, ...]) -> None:
    """Writes beside a candidate what is to be added to its logits before it answers; its weights stay as they are."""
    body = read_candidate(folder)
    with storage_errors(folder):
        write_json(folder / "sintonia.json", {**body, "offsets": list(offsets)})
