"""`adapter`: what was trained alone, in peft's form, beside the tokenizer with its template. The base is not in it."""

from __future__ import annotations

import shlex
from pathlib import Path

from sintonia.export.format import Format, copy_model, python_command
from sintonia.export.merged import write_stops
from sintonia.export.proof import Precision
from sintonia.export.readers.language import LanguageReader, read_adapter
from sintonia.export.source import Source
from sintonia.models.language.saved import base_files


def _refuses(source: Source) -> str:
    if source.kind != "language":
        return f"the model is of the kind `{source.kind}`, which is saved whole"
    return "" if source.is_adapter else "all weights were trained, so there is no adapter"


def _write(source: Source, work: Path, _: Precision) -> None:
    copy_model(source, work)
    write_stops(source, work)


def _read(source: Source, work: Path, _: Path) -> LanguageReader:
    return read_adapter(work, base_files(source.body, source.folder).model)


def _commands(source: Source, folder: Path) -> tuple[tuple[str, str], ...]:
    base = str(base_files(source.body, source.folder).model)
    here = folder.absolute()
    return (
        (
            "peft",
            python_command(f"from peft import AutoPeftModelForCausalLM as M; print(M.from_pretrained({str(here)!r}))"),
        ),
        ("vLLM", f"vllm serve {shlex.quote(base)} --enable-lora --lora-modules {shlex.quote(f'tuned={here}')}"),
    )


ADAPTER = Format(name="adapter", refuses=_refuses, write=_write, read=_read, commands=_commands, needs=lambda _: "peft")
