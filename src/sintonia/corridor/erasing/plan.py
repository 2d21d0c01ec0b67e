"""The nouns of an erasure: what is asked, what was found, what will be done; and the plan on disk until it is done.

A plan holds hashes and places, never a text, and lies at `SINTONIA_HOME/lineage/erasing/`. It removes nothing itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sintonia.files import from_json, home_folder, read_json, write_json
from sintonia.privacy.lineage import RowReading


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a person asks for."""

    files: tuple[Path, ...]
    subject: str | None = None
    column: str = ""
    """By default the group column of the runs on the data."""
    lines: frozenset[int] = frozenset()
    """Where the rows of the first file begin."""
    folders: tuple[Path, ...] = ()
    """Where runs are looked for that the register does not know, or knows elsewhere."""
    retrain: Path | None = None
    out: Path | None = None
    columns: dict[str, str] = field(default_factory=dict)
    """Another way in which runs may have read the rows: columns by their roles."""
    keeps_models: bool = False
    keeps_data: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """A data file that rows are taken out of."""

    path: str
    container: str
    num_rows: int
    lines: tuple[int, ...]
    ordinals: tuple[int, ...]
    before: str
    """Its sha256 with the rows."""
    after: str
    """And without them; the same where the file is left as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """A run that saw the rows, or that was made from what saw them."""

    id: str
    """As the register knows it; empty where it does not."""
    path: str
    sets: dict[str, int]
    """How many of the texts each of its sets holds."""
    through: str = ""
    """The run by whose model it was made, and how, where it saw no row itself or not only."""
    is_learned: bool = False
    """Whether its weights came about with the rows: trained on, or chosen and stopped by."""
    exists: bool = True
    models: dict[str, str] = field(default_factory=dict)
    """Its models by their folders in the run, each with the hash of its weights, before anything is removed."""

    @property
    def is_emptied(self) -> bool:
        """Whether all that holds data goes; else only evaluations on other files do."""
        return bool(self.through) or any(not name.startswith("evaluations/") for name in self.sets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that an erasure will do."""

    asked: str
    """Stands for what was asked: the same command goes on with it."""
    time: str
    subject: str
    """Stands for the subject, to whoever has the key of the register."""
    files: tuple[FileChange, ...]
    keys: tuple[str, ...]
    """Of the texts of the rows."""
    ids: tuple[str, ...]
    runs: tuple[Touched, ...]
    beside: tuple[str, ...]
    """Records beside the data that are changed."""
    data: tuple[str, ...]
    """The data files beside which they are."""
    uploads: tuple[FileChange, ...]
    """Copies that a server holds."""
    outside: tuple[str, ...]
    """What is not erased, and where it lies."""
    keeps_models: bool
    keeps_data: bool
    retrain: str
    """The run that is trained anew, or nothing."""
    out: str
    """The folder of the new run."""
    certificate: str
    """The file that will say what was done."""
    readings: tuple[RowReading, ...] = ()
    """In which the rows were looked for."""
    near: dict[str, int] = field(default_factory=dict)
    """Other spellings of the subject with their rows, which stay. They are texts: told, and never written."""
    near_rows: int = 0
    """How many rows those are."""

    @property
    def num_rows(self) -> int:
        """Rows of all files."""
        return sum(len(one.lines) for one in self.files)


def plan_path(files: Sequence[Path]) -> Path:
    """Where the plan for these files lies until it is carried out."""
    named = hashlib.sha256("\0".join(sorted(str(one.resolve()) for one in files)).encode()).hexdigest()[:16]
    return home_folder() / "lineage" / "erasing" / f"{named}.json"


def write_plan(plan: Plan) -> None:
    """Keeps a plan before the first step is taken, without what was spelled otherwise."""
    write_json(plan_path([Path(one.path) for one in plan.files]), replace(plan, near={}))


def read_plan(files: Sequence[Path]) -> Plan | None:
    """The plan of an erasure in these files that was broken off."""
    body = read_json(plan_path(files))
    return None if body is None else from_json(Plan, body)


def forget_plan(plan: Plan) -> None:
    """The plan is carried out."""
    plan_path([Path(one.path) for one in plan.files]).unlink(missing_ok=True)
