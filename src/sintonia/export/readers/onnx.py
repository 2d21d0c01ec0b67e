"""ONNX graphs in ONNX Runtime, with the tokenizer that lies beside them. It needs the extra `onnx`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sintonia.errors import RunFailed
from sintonia.export.proof import Runtime
from sintonia.export.readers.language import Messages
from sintonia.export.readers.texts import given_rows
from sintonia.models.loading import quiet
from sintonia.tasks import Input

_FILE = "model.onnx"
_LOCAL: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}


class _Graph:
    """A graph that is open, and its tokenizer."""

    def __init__(self, folder: Path) -> None:
        import onnxruntime
        from transformers import AutoTokenizer

        self._folder = folder
        asked = onnxruntime.SessionOptions()
        asked.log_severity_level = 4
        self._session = onnxruntime.InferenceSession(
            str(folder / _FILE), sess_options=asked, providers=["CPUExecutionProvider"]
        )
        with quiet():
            self.tokenizer = AutoTokenizer.from_pretrained(folder, **_LOCAL)
        self.runtime = Runtime(name="onnxruntime", version=onnxruntime.__version__)

    def run(self, rows: dict[str, np.ndarray]) -> np.ndarray:
        """What the graph gives for rows of tokens."""
        names = {one.name for one in self._session.get_inputs()}
        return np.asarray(self._session.run(None, {name: row for name, row in rows.items() if name in names})[0])


class OnnxTextModel(_Graph):
    """A model of texts. A text goes in beside an empty one that is padded, as texts do in a batch."""

    def __init__(self, folder: Path, max_tokens: int) -> None:
        super().__init__(folder)
        self._max_tokens = max_tokens

    def outputs(self, text: Input) -> np.ndarray:
        """What it says of a text."""
        rows = given_rows(self.tokenizer, text, self._max_tokens)
        ids, mask = rows["input_ids"], rows["attention_mask"]
        padding = np.full((1, 3), self.tokenizer.pad_token_id or 0, dtype=np.int64)
        ids = np.concatenate([np.concatenate([ids, padding], axis=1)] * 2)
        mask = np.concatenate([np.concatenate([mask, np.zeros_like(padding)], axis=1)] * 2)
        found = self.run({"input_ids": ids, "attention_mask": mask})[0]
        return found[: rows["input_ids"].shape[1]] if found.ndim == 2 else found


class OnnxLanguageModel(_Graph):
    """A language model whose graph gives the logits of all tokens."""

    def prompt(self, messages: Messages, tools: Sequence[Any]) -> list[int]:
        """Messages as the tokens that stand before an answer."""
        if not self.tokenizer.chat_template:
            raise RunFailed("the exported model has lost its chat template", hint="please report this")
        text = self.tokenizer.apply_chat_template(
            [dict(one) for one in messages], tools=list(tools) or None, add_generation_prompt=True, tokenize=False
        )
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def tokens(self, text: str) -> list[int]:
        """A text as tokens."""
        return list(self.tokenizer(text)["input_ids"])

    def logits(self, ids: Sequence[int]) -> np.ndarray:
        """What follows each token."""
        row = np.array([list(ids)], dtype=np.int64)
        return self.run({"input_ids": row, "attention_mask": np.ones_like(row)})[0]

    def answer(self, ids: Sequence[int], new_tokens: int) -> list[int]:
        """The likeliest tokens after these."""
        row, stops = list(ids), self.stops()
        for _ in range(new_tokens):
            token = int(self.logits(row)[-1].argmax())
            if token in stops:
                break
            row.append(token)
        return row[len(ids) :]

    def stops(self) -> set[int]:
        """The tokens at which it stops, as they stand beside the graph."""
        from transformers import GenerationConfig

        said = GenerationConfig.from_pretrained(self._folder, local_files_only=True).eos_token_id
        return set(said if isinstance(said, list) else [] if said is None else [said])
