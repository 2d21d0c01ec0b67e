"""What several phases need of the frozen base is computed once and kept in the run's `cache/`.

The key holds weights, truncation and every text, so a stale array can never be read. Arrays are shared;
fits never are: nothing fitted is kept here.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence

import numpy as np

from sintonia.files import write_atomic
from sintonia.models.forward import compute_features
from sintonia.models.open import OpenBase
from sintonia.models.tokens import tokenize
from sintonia.runs import RunFolder


def frozen_features(run: RunFolder, base: OpenBase, texts: Sequence[str]) -> np.ndarray:
    """Features of the pristine base, float32 (texts, hidden); computed at the first call only."""
    digest = hashlib.sha256(f"features {base.record.revision} {base.max_tokens}".encode())
    for text in texts:
        digest.update(len(text).to_bytes(8, "big") + text.encode())
    path = run.file(f"cache/features-{digest.hexdigest()[:32]}.npy")
    if path.is_file():
        try:
            return np.asarray(np.load(path, allow_pickle=False))
        except ValueError:
            path.unlink()
    features = compute_features(base.model, tokenize(base.tokenizer, texts, base.max_tokens).ids)
    stream = io.BytesIO()
    np.save(stream, features, allow_pickle=False)
    write_atomic(path, stream.getvalue())
    return features
