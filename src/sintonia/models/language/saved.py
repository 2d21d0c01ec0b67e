"""Language models on disk: bases opened pristine, candidates opened from and saved to their folder.

A candidate is a folder that transformers or peft open without our code; `sintonia.json` beside it says the rest.
Nothing is trained and no data are read here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sintonia.errors import StorageError, UsageError
from sintonia.models.adapter_files import AdapterOrigin, load_adapters, read_adapters, save_adapters
from sintonia.models.adapters import Factors, adapters_of, merge_adapters, place_adapters
from sintonia.models.catalog import find_entry
from sintonia.models.language.template import Template, load_template
from sintonia.models.loading import check_tokenizer, load_causal, load_tokenizer, quiet
from sintonia.models.open import find_base, read_candidate
from sintonia.models.sources import BaseFiles, locate
from sintonia.models.sources.folder import is_adapter
from sintonia.records import Base
from sintonia.tasks import LANGUAGE_TASKS

NAME = "sintonia.json"


@dataclass(slots=True, kw_only=True)
class OpenLanguageModel:
    """A causal language model in memory, in float32 on the CPU, in evaluation mode."""

    record: Base | None
    """The base; None for a candidate."""
    causal: Any
    tokenizer: Any
    template: Template
    max_tokens: int
    files: BaseFiles | None = None
    """Where the base lies; of a candidate that holds all weights itself, None."""
    below: Mapping[str, Factors] = field(default_factory=dict)
    """The adapter that the base is, when it is one: already added to the weights, kept for saving."""
    task: str = "chat"
    """What it is tuned for, as it stands beside its weights."""


def open_language_base(base: Base, max_tokens: int, template: str) -> OpenLanguageModel:
    """Loads a base from the cache of downloads (or its folder).

    Raises:
        StorageError: its weights are not those that the run was begun with, or damaged.
        UsageError: it asks for foreign code, or is a DoRA adapter.
    """
    files = find_base(base)
    causal, tokenizer = load_causal(files.model), load_tokenizer(files.tokenizer)
    check_tokenizer(tokenizer, causal, files.tokenizer)
    below: Mapping[str, Factors] = {}
    if files.adapter is not None:
        below = read_adapters(files.adapter)
        if any(one.magnitude is not None for one in below.values()):
            raise UsageError(
                f"the base `{base.reference}` is a DoRA adapter, which nothing can be put on top of",
                hint="merge it into its base with peft (`merge_and_unload`), and take the result as the base",
            )
        place_adapters(causal, dict(below))
        merge_adapters(causal)
    return OpenLanguageModel(
        record=base,
        causal=causal,
        tokenizer=tokenizer,
        template=load_template(tokenizer, template),
        max_tokens=max_tokens,
        files=files,
        below=below,
    )


def open_language_candidate(folder: Path, load: Callable[[Path], Any] = load_causal) -> OpenLanguageModel:
    """Loads a candidate; its adapters, when it has some, stand beside the weights and are frozen.

    `load` gives the model in a folder; adapters are put on what it gives.

    Raises:
        StorageError: the folder is not such a model of ours, or the base it belongs to was changed.
        UsageError: the base is not on this machine any more.
    """
    body = read_candidate(folder)
    if body.get("task") not in LANGUAGE_TASKS:
        expected = f"one of the tasks {', '.join(LANGUAGE_TASKS)}"
        raise StorageError(f"`{folder}` holds no tuned language model", expected=expected)
    files: BaseFiles | None = None
    if is_adapter(folder):
        files = base_files(body, folder)
        causal = load(files.model)
        load_adapters(causal, folder)
    else:
        causal = load(folder)
    tokenizer = load_tokenizer(folder)
    return OpenLanguageModel(
        record=None,
        causal=causal.eval(),
        tokenizer=tokenizer,
        template=load_template(tokenizer, "auto"),
        max_tokens=int(body["max_tokens"]),
        files=files,
        task=str(body["task"]),
    )


def save_language_model(
    opened: OpenLanguageModel, folder: Path, *, method: str, template_name: str, max_tokens: int
) -> None:
    """Writes a model into a new folder: its adapters in peft's form when it has some, else all weights.

    `template_name` is for people to read; the template itself is saved with the tokenizer.

    Raises:
        UsageError: DoRA on top of an adapter.
    """
    if opened.record is None:
        raise ValueError("only a model that was opened as a base, and trained, is saved")
    folder.mkdir(parents=True)
    with quiet():
        if adapters_of(opened.causal) and opened.files is not None:
            origin = AdapterOrigin(model=opened.files.model, below=opened.below)
            save_adapters(opened.causal, folder, origin)
        else:
            opened.causal.save_pretrained(folder)
        opened.tokenizer.save_pretrained(folder)
    base = {"reference": opened.record.reference, "revision": opened.record.revision}
    body = {
        "schema": 1,
        "task": opened.task,
        "method": method,
        "template": template_name,
        "max_tokens": max_tokens,
        "base": base,
    }
    (folder / NAME).write_text(json.dumps(body, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def base_files(body: dict[str, Any], folder: Path) -> BaseFiles:
    """The folders of the base that a candidate's adapter was trained on, unchanged since."""
    try:
        reference, revision = str(body["base"]["reference"]), body["base"]["revision"]
    except (KeyError, TypeError):
        raise StorageError(f"`{folder}` does not say which base it belongs to", hint="train it again") from None
    files = locate(find_entry(reference))
    if files.revision != revision:
        raise StorageError(f"the base `{reference}` of `{folder}` was changed since", hint="bring the old one back")
    return files
