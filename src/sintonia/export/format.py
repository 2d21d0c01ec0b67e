"""What a format is: whom it fits, how it is written, what reads it again. No format lives here."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sintonia.export.proof import Precision
from sintonia.export.readers.language import LanguageReader
from sintonia.export.readers.texts import TextReader
from sintonia.export.source import Source
from sintonia.models.open import read_candidate

Reader = LanguageReader | TextReader
NOTHING = ""


def python_command(code: str) -> str:
    """A command for a shell, whatever the code holds; readable where it holds nothing that a shell would read."""
    is_plain = not set(code) & set('"$`\\!')
    return f'python -c "{code}"' if is_plain else f"python -c {shlex.quote(code)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One way to give a model away."""

    name: str
    refuses: Callable[[Source], str]
    """Why it does not fit a model, in words; nothing where it fits."""
    write: Callable[[Source, Path, Precision], None]
    """Writes the files into a folder that there is."""
    read: Callable[[Source, Path, Path], Reader]
    """Opens what was written (second) in its runtime; the last is a folder for what that needs and is removed."""
    commands: Callable[[Source, Path], tuple[tuple[str, str], ...]]
    """Programs, and the command that makes each use the folder."""
    needs: Callable[[Source], str] = lambda _: NOTHING
    """The package whose absence leaves it unproven; nothing where there is none."""
    extra: tuple[str, ...] = ()
    """Packages without which it cannot even be written."""
    read_exactly: Callable[[Source, Path, Path], Reader] | None = None
    """Another reader, which computes in float32: of quantised weights a runtime that rounds shows too little."""
    rounded: Callable[[Source, Precision], Any] = lambda _, __: None
    """The language model of a run in memory, its weights rounded as they are written; None where none is rounded."""
    precisions: tuple[Precision, ...] = ("f32",)
    """In which numbers weights can be written, the usual one first."""


def copy_model(source: Source, work: Path) -> None:
    """Copies all files of the model of a run; none is linked, so that nobody can change the run through a copy."""
    for path in sorted(source.folder.rglob("*")):
        target = work / path.relative_to(source.folder)
        if path.is_dir():
            target.mkdir(exist_ok=True)
        else:
            shutil.copyfile(path, target)


def say_of_itself(source: Source, folder: Path) -> None:
    """Writes `sintonia.json` of a model that needs no base any more, without the place of that base."""
    body = {name: value for name, value in read_candidate(source.folder).items() if name != "base"}
    (folder / "sintonia.json").write_text(json.dumps(body, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
