"""What the untouched base gives the answers of a set: computed once, kept in the run's `cache/`.

The key holds the weights and every token, so a stale array can never be read.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sintonia.errors import StorageError
from sintonia.files import read_json, write_atomic
from sintonia.models.adapter_files import read_adapters
from sintonia.models.adapters import merge_adapters, place_adapters
from sintonia.models.language.preferences.bundles import Bundle
from sintonia.models.language.preferences.rule import Rule, from_facts
from sintonia.models.language.preferences.weighing import BundleEngine
from sintonia.models.language.saved import base_files
from sintonia.models.loading import load_causal
from sintonia.models.open import read_candidate
from sintonia.runs import RunFolder

FACTS = "preferences.json"
"""Beside the weights of a candidate: the loss and what its margins are made with."""


def reference_file(run: RunFolder, revision: str, bundles: Sequence[Bundle]) -> Path:
    """Where the nats of these bundles are kept."""
    digest = hashlib.sha256(f"preference reference {revision}".encode())
    for bundle in bundles:
        digest.update(b"bundle" if not bundle.has_rest else b"bundle with rest")
        for row in bundle.rows:
            digest.update(np.array([len(row.ids), *row.ids, *row.learned], dtype=np.int64).tobytes())
    return run.file(f"cache/reference-{digest.hexdigest()[:32]}.npy")


def reference_nats(run: RunFolder, revision: str, engine: BundleEngine, bundles: Sequence[Bundle]) -> np.ndarray:
    """Nats that the base gives each column, float64 (bundles, columns); the engine must hold the base as it came.

    Adapters that have not been trained change nothing.
    """
    path = reference_file(run, revision, bundles)
    if path.is_file():
        try:
            return np.asarray(np.load(path, allow_pickle=False))
        except ValueError:
            path.unlink()
    found: np.ndarray = engine.weigh_bundles(bundles)
    stream = io.BytesIO()
    np.save(stream, found, allow_pickle=False)
    write_atomic(path, stream.getvalue())
    return found


def read_rule(folder: Path) -> tuple[Rule, float]:
    """The rule of a candidate, and what a single answer must be above.

    Raises:
        StorageError: it is not there.
    """
    try:
        return from_facts(read_json(folder / FACTS) or {})
    except (StorageError, KeyError, TypeError, ValueError):
        raise StorageError(f"`{folder}` does not say how it was tuned to prefer", hint="train it again") from None


def open_base_of(folder: Path) -> Any:
    """The causal model that the candidate in `folder` was tuned from, as it came.

    Raises:
        StorageError: the folder is no model of ours, or its base was changed since.
        UsageError: the base is not on this machine any more.
    """
    files = base_files(read_candidate(folder), folder)
    causal = load_causal(files.model)
    if files.adapter is not None:
        place_adapters(causal, dict(read_adapters(files.adapter)))
        merge_adapters(causal)
    return causal.eval()
