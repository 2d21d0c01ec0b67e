"""One hostile model: how it is made out of a good one, and what may become of it. Nothing is opened here."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REFUSED, IGNORED = "refused", "ignored"
WEIGHTS, SETTINGS, TOKENIZER = "model.safetensors", "config.json", "tokenizer.json"


class _Bomb:
    """Runs a command as soon as it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, ...]:
        import os

        return os.system, (self.command,)


@dataclass(frozen=True, slots=True)
class Place:
    """Where one case is made: its own folder, with a copy of the good model in `model`."""

    folder: Path

    @property
    def model(self) -> Path:
        return self.folder / "model"

    @property
    def home(self) -> Path:
        """The SINTONIA_HOME of the case."""
        return self.folder / "home"

    @property
    def canary(self) -> Path:
        """The file that appears when foreign code ran."""
        return self.folder / "canary"

    @property
    def pickle(self) -> bytes:
        """A pickle that makes the canary."""
        return pickle.dumps(_Bomb(f"touch '{self.canary}'"))

    @property
    def code(self) -> str:
        """Python that makes the canary when it is imported."""
        return f"import os\nos.system(\"touch '{self.canary}'\")\n"

    def change(self, name: str, **values: Any) -> None:
        """Sets keys of a JSON file of the model."""
        path = self.model / name
        path.write_text(json.dumps(json.loads(path.read_text()) | values))


@dataclass(frozen=True, slots=True)
class Case:
    """One hostile model."""

    make: Callable[[Place], str | None]
    """Changes the copy of the good model; may return the reference to give as `--base` instead of the folder."""
    task: str = "chat"
    outcome: str = REFUSED
    says: str = ""
    """What the error line has to hold."""

    @property
    def name(self) -> str:
        return self.make.__name__


CASES: list[Case] = []


def hostile(*, task: str = "chat", outcome: str = REFUSED, says: str = "") -> Callable[[Callable[..., Any]], Any]:
    """Puts the maker of a case into the list."""

    def added(make: Callable[[Place], str | None]) -> Callable[[Place], str | None]:
        CASES.append(Case(make, task, outcome, says))
        return make

    return added
