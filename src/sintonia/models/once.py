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
from sintonia.models.forward import compute_features, compute_head_inputs
from sintonia.models.open import OpenBase
from sintonia.models.tokens import PLAIN, tokenize
from sintonia.runs import RunFolder
from sintonia.tasks import Input


def frozen_features(run: RunFolder, base: OpenBase, texts: Sequence[Input], *, for_head: bool = False) -> np.ndarray:
    """Features of the pristine base, float32 (texts, width); computed at the first call only.

    With `for_head` they are what a head stands on, which is something else of a language model.
    """
    reading, is_other = base.model.reading, for_head and base.model.is_causal
    how = ("" if reading == PLAIN else f" {reading}") + (" for a head" if is_other else "")
    digest = hashlib.sha256(f"features {base.record.revision} {base.max_tokens}{how}".encode())
    for text in texts:
        for half in (text,) if isinstance(text, str) else text:
            digest.update(len(half).to_bytes(8, "big") + half.encode())
        if not isinstance(text, str):
            digest.update(b"a pair")
    path = run.file(f"cache/features-{digest.hexdigest()[:32]}.npy")
    if path.is_file():
        try:
            return np.asarray(np.load(path, allow_pickle=False))
        except ValueError:
            path.unlink()
    compute = compute_head_inputs if is_other else compute_features
    features = compute(base.model, tokenize(base.tokenizer, texts, base.max_tokens, reading).ids)
    stream = io.BytesIO()
    np.save(stream, features, allow_pickle=False)
    write_atomic(path, stream.getvalue())
    return features


def compared_features(run: RunFolder, base: OpenBase, texts: Sequence[Input]) -> np.ndarray:
    """Frozen features; of pairs (pairs, 3 hidden): also where the features of the two texts differ and agree. Where the
    base compares two texts anyway, its features have that in them.

    What a pair is called often lies in how its texts stand to each other, which the mean over both hides from whatever
    is linear. Source: the comparisons of InferSent (Conneau et al. 2017, arXiv 1705.02364).
    """
    features = frozen_features(run, base, texts, for_head=True)
    pairs = [one for one in texts if not isinstance(one, str)]
    if not pairs or len(pairs) < len(texts) or base.model.reading.pairs == "compared":
        return features
    first, second = (frozen_features(run, base, [pair[side] for pair in pairs]) for side in (0, 1))
    agreement = first * second * np.sqrt(first.shape[1])
    return np.concatenate([features, np.abs(first - second), agreement], axis=1).astype(np.float32)
