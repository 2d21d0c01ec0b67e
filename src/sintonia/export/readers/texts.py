"""Models of texts as a runtime reads them: the numbers that they give for a text, an array each.

They are logits (of a text, or of each of its tokens) or an embedding. The model of the run is read in the same way by
our own code. Nothing is compared and nothing is written here.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from sintonia.export.proof import Runtime
from sintonia.models.embeddings.saved import open_embedder
from sintonia.models.forward import compute_features, compute_logits
from sintonia.models.loading import quiet
from sintonia.models.open import open_candidate
from sintonia.models.tokens import tokenize
from sintonia.tasks import Input

_LOCAL: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}


class TextReader(Protocol):
    """A model of texts in some runtime."""

    runtime: Runtime

    def outputs(self, text: Input) -> np.ndarray:
        """What it says of a text, float32: (outputs,), of tags (tokens, outputs)."""
        ...


class OurTextModel:
    """The model of a run, opened and run by our own code."""

    def __init__(self, folder: Path, task: str) -> None:
        self.runtime = Runtime(name="sintonia", version=version("sintonia"), is_independent=False)
        self.is_tagger, self.is_embedder = task == "tag", task == "embed"
        opened: Any = open_embedder(folder) if self.is_embedder else open_candidate(folder)
        self.model, self.tokenizer, self.max_tokens = opened.model, opened.tokenizer, opened.max_tokens

    def are_long(self, texts: Sequence[Input]) -> list[bool]:
        """Whether each has more tokens than are read at once."""
        long = set(tokenize(self.tokenizer, texts, self.max_tokens, self.model.reading).long)
        return [place in long for place in range(len(texts))]

    def outputs(self, text: Input) -> np.ndarray:
        reading = self.model.reading
        ids = tokenize(self.tokenizer, [text], self.max_tokens, reading).ids
        if self.is_tagger:
            with torch.inference_mode():
                return np.asarray(self.model(torch.tensor(ids), None)[0].float().numpy())
        found = compute_features(self.model, ids) if self.is_embedder else compute_logits(self.model, ids)
        return np.asarray(found[0])


class SentenceTransformersModel:
    """A folder by sentence-transformers alone: what `encode` gives."""

    def __init__(self, folder: Path) -> None:
        import sentence_transformers

        with quiet():
            self._model = sentence_transformers.SentenceTransformer(str(folder), device="cpu", local_files_only=True)
        self.runtime = Runtime(name="sentence-transformers", version=sentence_transformers.__version__)

    def outputs(self, text: Input) -> np.ndarray:
        given: Any = text if isinstance(text, str) else list(text)
        return np.asarray(self._model.encode([given], show_progress_bar=False, convert_to_numpy=True)[0])


class TransformersClassifier:
    """A folder by transformers' own class for texts or for tokens."""

    def __init__(self, folder: Path, max_tokens: int, *, is_tagger: bool) -> None:
        import transformers
        from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoTokenizer

        kind: Any = AutoModelForTokenClassification if is_tagger else AutoModelForSequenceClassification
        with quiet():
            self._model = kind.from_pretrained(folder, dtype=torch.float32, **_LOCAL).eval()
            self._tokenizer = AutoTokenizer.from_pretrained(folder, **_LOCAL)
        self._max_tokens = max_tokens
        self.runtime = Runtime(name="transformers", version=transformers.__version__)

    def outputs(self, text: Input) -> np.ndarray:
        rows = given_rows(self._tokenizer, text, self._max_tokens)
        with torch.inference_mode():
            found = self._model(**{name: torch.from_numpy(row) for name, row in rows.items()})
        return np.asarray(found.logits[0].float().numpy())


def given_rows(tokenizer: Any, text: Input, max_tokens: int) -> dict[str, np.ndarray]:
    """A text as a tokenizer of transformers gives it to a model: one row of each input."""
    sides = (text,) if isinstance(text, str) else text
    found = tokenizer(*sides, truncation=True, max_length=max_tokens, return_tensors="np")
    return {name: np.asarray(value, dtype=np.int64) for name, value in found.items()}
