"""`merged`: all weights as safetensors, for transformers and what reads its folders; adapters are added to the weights.

The chat template stands beside the tokenizer, the tokens at which to stop in `generation_config.json`.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from sintonia.export.format import Format, Reader, copy_model, python_command, say_of_itself
from sintonia.export.proof import Precision
from sintonia.export.readers.language import read_merged
from sintonia.export.readers.texts import TransformersClassifier
from sintonia.export.source import Source
from sintonia.models.adapters import merge_adapters
from sintonia.models.language.saved import open_language_candidate
from sintonia.models.language.template import load_template
from sintonia.models.loading import load_tokenizer, quiet


def merged_model(source: Source) -> Any:
    """The language model of a run in memory, without adapters: `OpenLanguageModel`."""
    import torch

    opened = open_language_candidate(source.folder)
    with torch.no_grad():
        merge_adapters(opened.causal)
    return opened


def write_merged(source: Source, work: Path, _: Precision = "f32") -> None:
    """Writes the model of a run, of any kind that transformers has a class for."""
    if source.kind != "language":
        copy_model(source, work)
        return
    opened = merged_model(source)
    with quiet():
        opened.causal.save_pretrained(work)
        opened.tokenizer.save_pretrained(work)
    write_stops(source, work)
    say_of_itself(source, work)


def write_stops(source: Source, work: Path) -> None:
    """Writes at which tokens to stop. Habits of writing that a base brings are left out: none was judged here."""
    from transformers import GenerationConfig

    tokenizer = load_tokenizer(source.folder)
    stops = list(load_template(tokenizer, "auto").stop_ids)
    asked = {"bos_token_id": tokenizer.bos_token_id, "pad_token_id": tokenizer.pad_token_id}
    with quiet():
        GenerationConfig(eos_token_id=stops, **asked).save_pretrained(work)


def refuses_whole(source: Source) -> str:
    """Why no folder of whole weights is read by programs of others as it is read here."""
    if source.is_whole:
        return ""
    if source.kind == "tagger":
        return "transformers has no class that reads tags of words as this model does"
    return "it compares two texts, which no other program does as it does"


def _refuses(source: Source) -> str:
    if source.kind in ("embedder", "encoder with a head"):
        return f"the model is an {source.kind}, which transformers alone cannot read whole"
    return refuses_whole(source)


def read_whole(source: Source, work: Path, _: Path) -> Reader:
    """What was written, by transformers."""
    if source.kind == "language":
        return read_merged(work)
    return TransformersClassifier(work, source.max_tokens, is_tagger=source.kind == "tagger")


def commands_of_whole(source: Source, folder: Path) -> tuple[tuple[str, str], ...]:
    """The programs that read a folder of transformers."""
    place = str(folder.absolute())
    if source.kind != "language":
        task = "token-classification" if source.kind == "tagger" else "text-classification"
        code = f"from transformers import pipeline; print(pipeline({task!r}, {place!r})('a text'))"
        return (("transformers", python_command(code)),)
    return (
        ("transformers", f"transformers chat {shlex.quote(place)}"),
        ("vLLM", f"vllm serve {shlex.quote(place)}"),
    )


MERGED = Format(name="merged", refuses=_refuses, write=write_merged, read=read_whole, commands=commands_of_whole)
