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
from sintonia.models.language.classifier import DecoderReader, holding, make_readable
from sintonia.models.loading import check_tokenizer
from sintonia.models.pooled import PooledEncoder, load_encoder, load_tokenizer, without_adapters
from sintonia.models.sources import BaseFiles, locate
from sintonia.records import Base
from sintonia.statistics.calibration import Temperature
from sintonia.tasks import TASKS, Fitted, HeadTask, has_head


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
    task: HeadTask
    """What it learned."""
    fitted: Fitted
    """What was learned of the training targets before any step."""
    offsets: tuple[float, ...] = ()
    """What is added to its logits before the largest one is the answer, never to what probabilities are made of; empty
    where nothing is."""
    least_confidence: float | None = None
    """Of a classifier that refuses: how sure of its answer it has to be, as a tempered probability."""


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
    """Loads an encoder, or a language model that is to be read at the last token of a text, from the cache of downloads
    (or its folder); an adapter is added to its weights.

    Raises:
        StorageError: its weights, or its tokenizer, are not those that the run was begun with.
        UsageError: a language model that cannot be read so.
    """
    files = find_base(base)
    model = load_encoder(files.model)
    tokenizer = load_tokenizer(files.tokenizer)
    check_tokenizer(tokenizer, model.transformer, files.tokenizer)
    if files.adapter is not None:
        load_adapters(holding(model.transformer) if model.is_causal else model.transformer, files.adapter)
        model = without_adapters(model)
    if isinstance(model, DecoderReader):
        make_readable(model, tokenizer, str(files.model))
    return OpenBase(record=base, model=model, tokenizer=tokenizer, max_tokens=max_tokens)


def candidate_task(folder: Path) -> str:
    """What a candidate learned: what has a head is opened by `open_candidate`, a language model by
    `open_language_candidate`.

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
    """Loads a candidate that is an encoder with a head.

    Raises:
        StorageError: the folder is not such a model of ours.
    """
    body = read_candidate(folder)
    try:
        labels, max_tokens = tuple(str(one) for one in body["labels"]), _limit(folder, body)
        temperature = from_json(Temperature, body.get("temperature") or {"value": None, "num_examples": None})
        offsets = tuple(float(one) for one in body.get("offsets") or ())
        least = body.get("least_confidence")
        least = None if least is None else float(least)
        task, fitted = TASKS[str(body["task"])], dict(body.get("fitted") or {})
        if not has_head(task):
            raise ValueError(f"{task.NAME} has no head")
        num_outputs = task.num_outputs(labels, fitted)
    except (OSError, ValueError, KeyError, TypeError):
        raise StorageError(
            f"`{folder}` holds no tuned model with a head", hint="`sintonia resume` finishes the run"
        ) from None
    model = _load_tagger(folder) if task.LEVEL == "token" else load_encoder(folder)
    if model.head is None or model.head.out_features != num_outputs:
        raise StorageError(
            f"`{folder}` holds no head for {num_outputs} labels"
            if task.HAS_CLASSES
            else f"`{folder}` holds no head for {num_outputs} outputs",
            hint="train it again",
        )
    if offsets and not (len(offsets) == num_outputs and all(map(math.isfinite, offsets))):
        raise StorageError(f"the offsets of `{folder}` are not one number for each label", hint="train it again")
    return OpenCandidate(
        model=model,
        tokenizer=load_tokenizer(folder),
        labels=labels,
        max_tokens=max_tokens,
        temperature=temperature,
        offsets=offsets,
        least_confidence=least,
        task=task,
        fitted=fitted,
    )


def _limit(folder: Path, body: dict[str, Any]) -> int:
    """Most tokens that are read at once."""
    if "max_tokens" in body:
        return int(body["max_tokens"])
    limits = json.loads((folder / "sentence_bert_config.json").read_text(encoding="utf-8"))
    return int(limits["max_seq_length"])


def _load_tagger(folder: Path) -> PooledEncoder:
    from sintonia.models.tagging.head import load_tagger  # late: what is kept of words needs this file

    return load_tagger(folder)


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


def keep_least_confidence(folder: Path, least_confidence: float | None) -> None:
    """Writes beside a classifier how sure of its answer it has to be not to refuse; None lets it answer everything."""
    body = read_candidate(folder)
    with storage_errors(folder):
        write_json(folder / "sintonia.json", {**body, "least_confidence": least_confidence})
