"""Models that answer with labels, numbers, spans or embeddings. They open nothing themselves."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from sintonia.models.embeddings.saved import OpenEmbedder
    from sintonia.models.open import OpenCandidate
    from sintonia.tasks import Input


class Answerer:
    """An open model with a head, for any number of threads: one computes at a time."""

    def __init__(self, name: str, candidate: OpenCandidate) -> None:
        self.name, self.task = name, candidate.task.NAME
        self.labels: tuple[str, ...] = tuple(candidate.labels or candidate.fitted.get("labels") or ())
        self.takes_pairs = candidate.fitted.get("texts") == 2
        """Whether an input is two texts."""
        self._candidate, self._lock = candidate, threading.Lock()

    @property
    def module(self) -> Any:
        """The model itself: a module of torch."""
        return self._candidate.model

    @property
    def says(self) -> tuple[str, ...]:
        """What a file of its answers holds of each."""
        from sintonia.models.answering import has_thresholds

        if self.task == "classify":
            return ("prediction", "confidence", "is_out_of_scope", "probabilities")
        if self.task == "tag":
            return ("prediction", "spans")
        return ("prediction", "probabilities") if has_thresholds(self._candidate.task) else ("prediction",)

    def answer(self, inputs: Sequence[Input]) -> list[dict[str, Any]]:
        """What the model says of each input, in their order.

        `prediction`, always a text; of a classifier `confidence`, `probabilities` by label (at its temperature) and
        `is_out_of_scope`; of sets of labels `labels` (those that it answers) and `probabilities`; of a tagger `spans`.
        A tagger takes a text, or one as `text` with the places of its `tokens`.
        """
        from sintonia.models.answering import answer

        with self._lock:
            return answer(self._candidate, inputs)


class Embedder:
    """An open embedding model, for any number of threads: one computes at a time."""

    def __init__(self, name: str, opened: OpenEmbedder) -> None:
        self.name, self.module, self.dimensions = name, opened.model, int(opened.model.hidden_size)
        self._opened, self._lock = opened, threading.Lock()

    def count_tokens(self, texts: Sequence[str]) -> int:
        """How many tokens it reads of these texts."""
        with self._lock:
            return self._opened.count_tokens(texts)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Unit length, float32 (texts, dimensions)."""
        if not texts:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        with self._lock:
            return self._opened.features(texts)
