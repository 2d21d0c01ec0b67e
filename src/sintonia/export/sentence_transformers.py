"""`sentence-transformers`: an encoder as that library reads it, with its pooling, and its head as the last layer."""

from __future__ import annotations

from pathlib import Path

from sintonia.export.format import Format, copy_model, python_command
from sintonia.export.merged import refuses_whole
from sintonia.export.proof import Precision
from sintonia.export.readers.texts import SentenceTransformersModel, TextReader
from sintonia.export.source import Source


def refuses_chain(source: Source) -> str:
    """Why a model is no chain of layers of sentence-transformers."""
    if source.kind not in ("embedder", "encoder with a head"):
        return f"the model is of the kind `{source.kind}`, and this form is for encoders that read whole texts"
    return refuses_whole(source)


def _write(source: Source, work: Path, _: Precision) -> None:
    copy_model(source, work)


def read_chain(_: Source, work: Path, __: Path) -> TextReader:
    """What was written, by sentence-transformers."""
    return SentenceTransformersModel(work)


def commands_of_chain(source: Source, folder: Path) -> tuple[tuple[str, str], ...]:
    """What `encode` gives are embeddings, or the logits of a head."""
    place = repr(str(folder.absolute()))
    code = f"from sentence_transformers import SentenceTransformer as S; print(S({place}).encode(['a text']))"
    program = "sentence-transformers" if source.kind == "embedder" else "sentence-transformers (it gives logits)"
    return ((program, python_command(code)),)


SENTENCE_TRANSFORMERS = Format(
    name="sentence-transformers",
    refuses=refuses_chain,
    write=_write,
    read=read_chain,
    commands=commands_of_chain,
    needs=lambda _: "sentence-transformers",
)
