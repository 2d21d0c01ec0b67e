"""A GGUF file in llama.cpp, by way of llama-cpp-python where that is installed. It is no dependency of ours."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from sintonia.errors import RunFailed
from sintonia.export.proof import Runtime
from sintonia.export.readers.language import Messages

MOST_TOKENS = 1024


def has_llama() -> bool:
    """Whether llama.cpp can be asked here."""
    return find_spec("llama_cpp") is not None


class LlamaModel:
    """A GGUF file as llama.cpp reads it: its tokenizer, its template, its products of matrices."""

    def __init__(self, file: Path) -> None:
        import llama_cpp

        with _silent():
            self._model: Any = llama_cpp.Llama(
                str(file),
                n_ctx=MOST_TOKENS,
                n_batch=MOST_TOKENS,
                logits_all=True,
                verbose=False,
                type_k=llama_cpp.GGML_TYPE_F32,  # else kept keys and values are rounded, whatever the weights are
                type_v=llama_cpp.GGML_TYPE_F32,
            )
        self._api: Any = llama_cpp
        self.runtime = Runtime(name="llama.cpp (llama-cpp-python)", version=llama_cpp.__version__, is_exact=False)

    def prompt(self, messages: Messages, tools: Sequence[Any]) -> list[int]:
        from llama_cpp.llama_chat_format import Jinja2ChatFormatter

        source = self._model.metadata.get("tokenizer.chat_template")
        if not source:
            raise RunFailed("the exported model has lost its chat template", hint="please report this")
        begin, end = (self._text_of(token) for token in (self._model.token_bos(), self._model.token_eos()))
        write = Jinja2ChatFormatter(template=source, bos_token=begin, eos_token=end, add_generation_prompt=True)
        given: Any = [dict(one) for one in messages]
        written: Any = write(messages=given, tools=list(tools) or None)
        return list(self._model.tokenize(written.prompt.encode(), add_bos=False, special=True))

    def tokens(self, text: str) -> list[int]:
        return list(self._model.tokenize(text.encode(), add_bos=True, special=True))

    def logits(self, ids: Sequence[int]) -> np.ndarray:
        with _silent():
            self._model.reset()
            self._model.eval(list(ids))
        return np.array(self._model.scores[: len(ids)], dtype=np.float32)

    def answer(self, ids: Sequence[int], new_tokens: int) -> list[int]:
        written: list[int] = []
        with _silent():
            self._model.reset()
            self._model.eval(list(ids))
            while len(written) < new_tokens:
                token = int(self._model.scores[self._model.n_tokens - 1].argmax())
                if self._ends(token):
                    break
                written.append(token)
                self._model.eval([token])
        return written

    def stops(self) -> set[int]:
        return {token for token in range(self._model.n_vocab()) if self._ends(token)}

    def _ends(self, token: int) -> bool:
        return bool(self._api.llama_vocab_is_eog(self._model._model.vocab, token))

    def _text_of(self, token: int) -> str:
        return self._model._model.token_get_text(token) if token >= 0 else ""


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """llama.cpp writes to the terminal itself, past Python."""
    kept = os.dup(2)
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)
