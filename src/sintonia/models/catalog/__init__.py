"""The bases known by a short name, ours and a person's own, and what a reference means. It downloads nothing.

Ours stand in `catalog.toml` beside this file, a person's own in `catalog.toml` of the folder `SINTONIA_HOME`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path

from sintonia.errors import StorageError, UsageError, nearest
from sintonia.files import home_folder
from sintonia.models.catalog.entries import Entry, read_entries
from sintonia.tasks import TASKS

__all__ = ["Entry", "built_in", "catalog", "default_base", "find_entry", "own_catalog_path"]

SCHEMES = ("pypi", "file", "hf")
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(@[\w./-]+)?")


def catalog() -> Mapping[str, Entry]:
    """All catalog entries by short name: ours first, then those of the person's own file.

    Raises:
        UsageError: the person's own file is not a catalog; each mistake with its line.
        StorageError: it cannot be read.
    """
    own = own_catalog_path()
    try:
        stamp = own.stat().st_mtime_ns
    except (FileNotFoundError, NotADirectoryError):
        return built_in()
    except OSError as error:
        raise StorageError(f"cannot read `{own}`: {error.strerror}", hint="check the permissions") from None
    return _merged(own, stamp)


def own_catalog_path() -> Path:
    """Where a person's own entries are read from, whether or not there are any."""
    return home_folder() / "catalog.toml"


def default_base(task: str) -> str:
    """The catalog name that `base: auto` stands for.

    Raises:
        UsageError: no base is trained for this task.
    """
    if task not in TASKS:
        raise UsageError(
            f"there is no base for the task `{task}` yet", expected=" or ".join(f"`{one}`" for one in TASKS)
        )
    return TASKS[task].USUAL_BASE


def find_entry(reference: str) -> Entry:
    """What `reference` means: a full one, a catalog name, the path of a folder or a GGUF file, a name on the hub.

    A name on the hub without a revision gets the commit that the catalog gives, if it gives one.

    Raises:
        UsageError: none of these.
    """
    scheme, colon, _ = reference.partition(":")
    if colon and scheme in SCHEMES:
        return _known(reference) or Entry(reference=reference)
    if reference in catalog():
        return catalog()[reference]
    path = Path(reference).expanduser()
    if path.is_dir() or (path.suffix.lower() == ".gguf" and path.is_file()):
        return Entry(reference=f"file:{reference}")
    is_hub_name = _HUB_NAME.fullmatch(reference) and not reference.lower().endswith(".gguf")
    known = _known(f"hf:{reference}") if is_hub_name else None
    if known is None and _is_path(reference):
        raise _no_folder(path, reference if is_hub_name else "")
    if is_hub_name:
        return known or Entry(reference=f"hf:{reference}")
    raise UsageError(
        f"unknown base `{reference}`",
        expected="a catalog name, `file:FOLDER`, `file:NAME.gguf`, `hf:ORG/NAME` or `pypi:PACKAGE==VERSION`",
        hint=f"did you mean {nearest(reference, catalog())}? `sintonia models` lists all",
    )


def _is_path(reference: str) -> bool:
    """Whether a name can only be meant as that of a folder: it says so, or the folder that it would lie in is there."""
    is_within = "/" in reference and Path(reference).parent.is_dir()
    return is_within or reference.startswith(("/", "./", "../", "~", "runs/"))


def _no_folder(path: Path, hub_name: str) -> UsageError:
    """`hub_name` is what it may have been meant as all the same."""
    beside = [str(one) for one in path.parent.glob("*") if one.is_dir()] if path.parent.is_dir() else []
    near = f"near it: {nearest(str(path), beside)}" if beside else f"there is no folder in `{path.parent}`"
    return UsageError(
        f"`{path}` is {'no model' if path.exists() else 'not there'}",
        expected="the folder of a run or a model, or a `.gguf` file",
        hint=near + (f"; `hf:{hub_name}` would be one of the hub" if hub_name else ""),
    )


def _known(reference: str) -> Entry | None:
    """The entry that a full reference names; what it says of one commit is not said of another."""
    entries = catalog().values()
    exact = next((one for one in entries if one.reference == reference), None)
    if exact is not None or not reference.startswith("hf:"):
        return exact
    name, _, revision = reference.partition("@")
    same = next((one for one in entries if one.reference.partition("@")[0] == name), None)
    if same is None or not revision:
        return same
    return None if same.revision else dataclasses.replace(same, reference=reference)


@cache
def built_in() -> Mapping[str, Entry]:
    """Our own entries by short name."""
    text = resources.files("sintonia.models.catalog").joinpath("catalog.toml").read_text(encoding="utf-8")
    return read_entries(text, "catalog.toml")


@cache
def _merged(own: Path, stamp: int) -> Mapping[str, Entry]:
    """Ours and those of `own`; `stamp` is when that file was last changed, so that it is read again after a change."""
    try:
        text = own.read_text(encoding="utf-8")
    except OSError as error:
        raise StorageError(f"cannot read `{own}`: {error.strerror}", hint="check the permissions") from None
    except UnicodeDecodeError:
        raise UsageError(f"`{own}` is not UTF-8", hint="save it as UTF-8") from None
    return {**built_in(), **read_entries(text, str(own), taken=frozenset(built_in()))}
