"""The run folder: the only code that knows its paths. It never prints and never interprets what it stores."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import filelock
import yaml

from sintonia import vault
from sintonia.errors import StorageError, UsageError
from sintonia.files import (
    SCHEMA,
    append_line,
    check_schema,
    from_json,
    keep_private,
    read_json,
    read_lines,
    sha256_file,
    storage_errors,
    to_json,
    write_atomic,
    write_json,
)
from sintonia.records import Resolved
from sintonia.settings import Recipe

T = TypeVar("T")
_COPIES = 4
"""Of the data in a run, at most: rows as they are read, sets, predictions and what is shown of them."""
WORTH = "worth.json"
"""Whether tuning is worth its while, as it was answered before training."""
SEARCHED = "search/outcome.json"
"""What a search of settings came to."""
CURVE = "curve.json"
"""Whether more data would help, as it was last answered."""
CONTINUES = "continues.json"
"""Which run this one goes on from with more rows, where it does."""
BOUGHT = "bought.json"
"""What those rows bought, once the verdict is there."""
TEACHING = "teaching.json"
"""Whose answers a run learns from, and over which texts, where it does."""
ANSWERED = "answered.json"
"""What became of those texts, once all of them are answered."""
TAUGHT = "taught.json"
"""The model held against its teacher, once the verdict is there."""
LABEL_SIGNAL = "cache/label-signal.json"
"""What the audit of labels has measured, for whoever asks later."""
ENDED = "ended.json"
"""When a run was last worked on; not there while it is worked on, or where that process was killed."""
EXPIRED = "expired.json"
"""That the data of a run were removed, as `privacy.keep_days` says (`privacy/retention.py`)."""

ERASED = "erased.json"
"""That rows were erased which the run had seen, and with them all that may hold any (`corridor/erasing/`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """When rows were erased from a run, where that is certified, and what its verdict was in numbers."""

    time: str
    certificate: str
    is_model_kept: bool
    outcome: str = ""
    metric: str = ""
    base: float | None = None
    tuned: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """A removal, begun or done: its time, when the run had ended, and how much was removed."""

    time: str
    ended: str
    keep_days: int
    num_files: int = 0
    num_bytes: int = 0
    is_complete: bool = False


def weights_id(folder: Path) -> str:
    """64 hex digits of a saved model: its weights, and what it says of itself."""
    files = [*sorted(folder.rglob("*.safetensors")), *folder.glob("sintonia.json")]
    names = "".join(f"{path.relative_to(folder).as_posix()} {sha256_file(path)}\n" for path in files)
    return hashlib.sha256(names.encode()).hexdigest()


def is_run(path: Path) -> bool:
    """Whether a folder is a run, in the clear or in a vault."""
    return (path / "recipe.yaml").is_file() or vault.is_vault(path)


def runs_below(folder: Path) -> list[Path]:
    """The folders of all runs below a folder, those in a vault too."""
    return sorted({path.parent for name in ("recipe.yaml", vault.FILE) for path in folder.glob(f"**/{name}")})


def keep_temporary_private(recipe: Recipe) -> None:
    """Of a recipe that asks for a vault: what is tried and thrown away lies in memory as well."""
    if recipe.privacy.vault:
        vault.keep_in_memory()


class RunFolder:
    """One run on disk. Create it once with a recipe, open it ever after.

    Of a run in a vault `path` is its tree in memory; where a path is shown, kept or compared, it is `place`.
    """

    def __init__(self, path: Path) -> None:
        self.path = vault.opened_path(path)

    @property
    def place(self) -> Path:
        """The folder as a person knows it."""
        return vault.given_path(self.path)

    @property
    def is_in_vault(self) -> bool:
        """Whether the run is encrypted on the disk."""
        return vault.vault_of(self.path) is not None

    @classmethod
    def create(cls, path: Path | str, recipe: Recipe) -> RunFolder:
        """A new run folder holding the recipe. A run whose data were refused may be begun again in its place.

        Raises:
            UsageError: the folder exists and is not empty.
        """
        _begin_vault(Path(path), recipe)
        run = cls(Path(path))
        was_refused = run.file("recipe.yaml").is_file() and not run.file("turns").exists()
        if run.path.exists() and not was_refused and (not run.path.is_dir() or run._holds_anything()):
            raise UsageError(
                f"`{path}` exists already", hint=f"`sintonia resume {path}` goes on with it; or take another `--out`"
            )
        with storage_errors(run.path):
            run.path.mkdir(parents=True, exist_ok=True)
            run.path.chmod(0o700)
        with run.writing():
            run._begin(recipe)
        return run

    def _holds_anything(self) -> bool:
        """Whether there is more than what a process leaves that was killed before it had written the recipe."""
        return any(path.name != ".lock" and not path.match(".recipe.yaml.*.tmp") for path in self.path.iterdir())

    def _begin(self, recipe: Recipe) -> None:
        """Writes the recipe, and forgets what a refused recipe before it has left."""
        for stale in ("prepared.json", "base.json"):
            self.file(stale).unlink(missing_ok=True)
        shutil.rmtree(self.file("cache"), ignore_errors=True)
        text = yaml.safe_dump({"schema": SCHEMA, **to_json(recipe)}, sort_keys=False, allow_unicode=True)
        write_atomic(self.file("recipe.yaml"), text.encode())

    @classmethod
    def open(cls, path: Path | str) -> RunFolder:
        """An existing run folder.

        Raises:
            UsageError: there is no run in that folder, or rows were erased from it.
        """
        run = cls(Path(path))
        if not run.file("recipe.yaml").is_file():
            vault.refuse_empty(run.path)
            raise UsageError(
                f"`{path}` is not a run folder",
                expected="a folder with `recipe.yaml`",
                hint="`sintonia runs` lists the runs below this folder",
            )
        run._refuse_erased()
        return run

    def _refuse_erased(self) -> None:
        gone = self.read(ERASED, Erased)
        if gone is not None:
            model = f"its model stays: name `{self.place / 'model'}`" if gone.is_model_kept else "its model is gone too"
            raise UsageError(
                f"rows were erased from `{self.place}` on {gone.time[:10]}, and with them what was made of its data",
                hint=f"{model}; `{gone.certificate}` says what was done, and which run was trained anew",
            )

    def file(self, relative: str) -> Path:
        """The absolute path of a file of the run."""
        return self.path / relative

    def turn(self, number: int) -> str:
        """The relative folder of a turn."""
        return f"turns/{number:03d}"

    def recipe(self) -> Recipe:
        """The recipe the run was created with."""
        with storage_errors(self.file("recipe.yaml")):
            content = self.file("recipe.yaml").read_bytes()
        try:
            body = yaml.safe_load(content.decode("utf-8"))
        except (UnicodeDecodeError, yaml.YAMLError, RecursionError):
            body = None
        if not isinstance(body, dict):
            raise StorageError(f"`{self.file('recipe.yaml')}` is damaged", hint="restore the file from a copy")
        check_schema(body.pop("schema", None), self.file("recipe.yaml"))
        return from_json(Recipe, body)

    def write(self, relative: str, record: Any) -> None:
        """Writes one record as a JSON file."""
        write_json(self.file(relative), record)

    def read(self, relative: str, cls: type[T]) -> T | None:
        """One record, or None when the file does not exist."""
        body = read_json(self.file(relative))
        return None if body is None else from_json(cls, body)

    def append(self, relative: str, record: Any, *, sync: bool = True) -> None:
        """Adds one record to a JSONL file."""
        append_line(self.file(relative), record, sync=sync)

    def lines(self, relative: str, cls: type[T]) -> list[T]:
        """The records of a JSONL file, oldest first."""
        return [from_json(cls, body) for body in read_lines(self.file(relative))]

    def refuse_expired(self) -> None:
        """Refuses what needs the data of a run that are gone.

        Raises:
            UsageError: they were removed, and when.
        """
        gone = self.read(EXPIRED, Expired)
        if gone is not None:
            raise UsageError(
                f"the data of `{self.place}` expired on {gone.time[:10]} by privacy.keep_days={gone.keep_days}",
                hint="`predict`, `chat` and `evaluate RUN` go on; `tune` begins a new run",
            )

    def write_resolved(self, resolved: tuple[Resolved, ...]) -> None:
        """Writes `resolved.yaml`: each setting with its value and its origin."""
        body = {"schema": SCHEMA, "settings": [to_json(one) for one in resolved]}
        write_atomic(self.file("resolved.yaml"), yaml.safe_dump(body, sort_keys=False).encode())

    def is_being_written(self) -> bool:
        """Whether another process works on this run now."""
        try:
            with filelock.FileLock(self._lock_file(), timeout=0, mode=0o600):
                return False
        except (filelock.Timeout, OSError):
            return True

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Holds the run for one writer.

        Raises:
            UsageError: another process is working on this run.
        """
        lock = filelock.FileLock(self._lock_file(), timeout=0, mode=0o600)
        try:
            lock.acquire()
        except filelock.Timeout:
            raise UsageError(f"another process is working on `{self.place}`", hint="wait for it, or stop it") from None
        try:
            vault.refresh(self.path)
            for leftover in self.path.rglob(".*.tmp"):  # what was being written when an earlier process was killed
                leftover.unlink(missing_ok=True)
            yield
        finally:
            keep_private(self.path)
            try:
                vault.carry(self.path)
            finally:
                lock.release()

    def close(self) -> None:
        """Takes a run in a vault out of memory; another one stays as it is."""
        vault.close(self.path)

    def remove(self) -> None:
        """Takes the whole run away."""
        if not vault.discard(self.path):
            shutil.rmtree(self.path, ignore_errors=True)

    def _lock_file(self) -> str:
        return str(vault.lock_folder(self.path) / ".lock")


def _begin_vault(path: Path, recipe: Recipe) -> None:
    """Where the recipe asks for it, and the folder is none yet; what is tried in memory is not encrypted there."""
    if not recipe.privacy.vault or vault.is_vault(path) or vault.is_in_memory(path.absolute()):
        return
    asked = recipe.data
    files = [Path(one) for one in (asked.path, asked.test, asked.validation, *asked.added, asked.production) if one]
    needed = _COPIES * sum(one.stat().st_size for file in files for one in (file, *file.rglob("*")) if one.is_file())
    vault.begin(path, "keyring" if recipe.privacy.vault == "keyring" else "passphrase", needed)
