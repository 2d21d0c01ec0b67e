"""`onnx`: one graph from tokens to what the model says, weights beside it, for ONNX Runtime in any language.

Traced by torch's exporter from the model of the run; the tokenizer is written beside it. A language model comes without
kept keys and values: the graph gives the logits of all tokens it is given.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sintonia.errors import UsageError
from sintonia.export.format import Format, Reader, python_command, say_of_itself
from sintonia.export.merged import merged_model, write_stops
from sintonia.export.proof import Precision
from sintonia.export.readers.onnx import OnnxLanguageModel, OnnxTextModel
from sintonia.export.source import Source
from sintonia.models.embeddings.saved import open_embedder
from sintonia.models.loading import quiet
from sintonia.models.open import open_candidate

FILE = "model.onnx"
_OPSET = 18


class _Whole(nn.Module):
    """A model as one function of token ids and mask."""

    def __init__(self, model: Any, kind: str) -> None:
        super().__init__()
        self.model, self.kind = model, kind

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Logits of texts or tokens, or embeddings."""
        found: Tensor
        if self.kind == "language":
            found = self.model(input_ids=input_ids, attention_mask=attention_mask, use_cache=False).logits
        elif self.kind == "tagger":
            states = self.model.transformer(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            found = self.model.head(states)
        else:
            mask = attention_mask.unsqueeze(-1).to(torch.float32)
            states = self.model.transformer(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            if self.kind == "classifier of a language model":
                last = (attention_mask.cumsum(1) * attention_mask).argmax(dim=1)
                chosen = states[torch.arange(states.shape[0]), last]
                return self.model.head(chosen)
            mean = (states * mask).sum(dim=1) / mask.sum(dim=1)
            found = nn.functional.normalize(mean, dim=-1)
            found = self.model.head(found) if self.kind == "encoder with a head" else found
        return found


def _refuses(source: Source) -> str:
    is_compared = source.reading.get("pairs") == "compared"
    return "it compares two texts, which is no single graph" if is_compared else ""


def _write(source: Source, work: Path, _: Precision) -> None:
    tokenizer, model = _opened(source)
    _set_attention(model)
    rows = {
        "input_ids": torch.tensor([[5, 6, 7, 8, 9], [9, 8, 7, 6, 5]]),
        "attention_mask": torch.ones(2, 5, dtype=torch.int64),
    }
    shape = {0: torch.export.Dim("batch"), 1: torch.export.Dim("tokens")}
    name = "sentence_embedding" if source.kind == "embedder" else "logits"
    try:
        with _silent():
            program: Any = torch.onnx.export(
                _Whole(model, source.kind).eval(),
                kwargs=rows,
                dynamo=True,
                dynamic_shapes=dict.fromkeys(rows, shape),
                input_names=list(rows),
                output_names=[name],
                opset_version=_OPSET,
                verbose=False,
            )
            program.save(work / FILE, external_data=True)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # whatever a tracer stumbles over: it has no error of its own
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UsageError(
            f"this model cannot be traced into an ONNX graph: {line[:200]}", hint="another format fits: see `--to`"
        ) from error
    with quiet():
        tokenizer.save_pretrained(work)
    say_of_itself(source, work)
    if source.kind == "language":
        write_stops(source, work)


def _opened(source: Source) -> tuple[Any, Any]:
    """Tokenizer and model of the run."""
    if source.kind == "language":
        opened = merged_model(source)
        return opened.tokenizer, opened.causal
    found: Any = open_embedder(source.folder) if source.kind == "embedder" else open_candidate(source.folder)
    return found.tokenizer, found.model


def _set_attention(model: Any) -> None:
    """Plain attention, whose masks every runtime computes alike."""
    inner = getattr(model, "transformer", model)
    inner.set_attn_implementation("eager")
    inner.config.use_cache = False


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """The tracer prints and warns of its own workings."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), quiet():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)


def _read(source: Source, work: Path, _: Path) -> Reader:
    if source.kind == "language":
        return OnnxLanguageModel(work)
    return OnnxTextModel(work, source.max_tokens)


def _commands(_: Source, folder: Path) -> tuple[tuple[str, str], ...]:
    file = str(folder.absolute() / FILE)
    code = f"import onnxruntime; print(*onnxruntime.InferenceSession({file!r}).get_inputs(), sep='\\n')"
    return (("onnxruntime", python_command(code)),)


ONNX = Format(
    name="onnx",
    refuses=_refuses,
    write=_write,
    read=_read,
    commands=_commands,
    extra=("onnx", "onnxscript", "onnxruntime"),
)
