"""`hub-folder`: a folder ready for the model hub: weights, and `README.md` with front matter. Nothing is uploaded."""

from __future__ import annotations

import shlex
from pathlib import Path

from sintonia.export.format import Format, Reader
from sintonia.export.merged import commands_of_whole, read_whole, refuses_whole, write_merged
from sintonia.export.sentence_transformers import commands_of_chain, read_chain
from sintonia.export.source import Source

_CHAINS = ("embedder", "encoder with a head")


def _read(source: Source, work: Path, spare: Path) -> Reader:
    return (read_chain if source.kind in _CHAINS else read_whole)(source, work, spare)


def _commands(source: Source, folder: Path) -> tuple[tuple[str, str], ...]:
    upload = ("the hub (after `hf auth login`)", f"hf upload YOU/NAME {shlex.quote(str(folder.absolute()))}")
    known = commands_of_chain if source.kind in _CHAINS else commands_of_whole
    return (*known(source, folder), upload)


HUB_FOLDER = Format(
    name="hub-folder",
    refuses=refuses_whole,
    write=write_merged,
    read=_read,
    commands=_commands,
    needs=lambda source: "sentence-transformers" if source.kind in _CHAINS else "",
)
