"""Which runs saw some rows, and which were made by a model that did: by the register, and by the folders named.

It reads records alone and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from sintonia.corridor.erasing.plan import Touched
from sintonia.corridor.erasing.seeing import entry_of, leaves_of_examples
from sintonia.errors import SintoniaError
from sintonia.files import from_json, read_json, read_lines
from sintonia.privacy.lineage import LINEAGE, Entry, Leaves, Lineage, Register
from sintonia.records import Base, Example, Prepared
from sintonia.runs import RunFolder, runs_below, weights_id
from sintonia.vault import has_key_at_hand, is_about_key, is_vault

_LEARNED = ("train", "validation")


def known_runs(folders: Sequence[Path]) -> tuple[tuple[Entry, dict[str, Leaves]], ...]:
    """Every run of the register; and those below some folders that it does not know there, with their leaves."""
    register = Register()
    entries = register.entries()
    places = {Path(one.path).resolve() for one in entries if Path(one.path).exists()}
    found: list[tuple[Entry, dict[str, Leaves]]] = [(one, {}) for one in entries]
    for folder in folders:
        for path in runs_below(folder):
            if path.resolve() not in places:
                places.add(path.resolve())
                found += _from_folder(_opened(path), entries)
    return tuple(found)


def touched_runs(runs: Sequence[tuple[Entry, dict[str, Leaves]]], keys: frozenset[int]) -> tuple[Touched, ...]:
    """The runs that hold one of these texts, and all that were made by their models, directly or through others."""
    sought = np.array(sorted(keys), dtype=np.uint64)
    holding = Register().holding(sought) if len(sought) else {}
    seen = [(entry, _touched(entry, own, holding, sought)) for entry, own in runs]
    touched = {number: one for number, (_, one) in enumerate(seen) if one.sets}
    makers = {number: found for number, (entry, _) in enumerate(seen) if (found := list(_makers(entry)))}
    while True:
        learned = [one for one in touched.values() if one.is_learned]
        fresh = {
            number: f"{how} {maker.rpartition('#')[0]}"
            for number, found in makers.items()
            for maker, how in found
            if not (number in touched and touched[number].is_learned)
            and any(_is_of(maker, source) for source in learned)
        }
        if not fresh:
            return tuple(sorted(touched.values(), key=lambda one: one.path))
        for number, through in fresh.items():
            one = seen[number][1]
            models = one.models or (models_of(_opened(Path(one.path))) if one.exists else {})
            touched[number] = replace(one, through=through, is_learned=True, models=models)


def learned_behind(run: RunFolder, keys: frozenset[int]) -> tuple[Touched, ...]:
    """The runs whose models a run is made by, directly or through others, that learned from one of these texts.

    Those of the register, and the run that the base lies in; not those that left the weights of their own base as they
    were, as a new head on them does.
    """
    makers = [maker for maker, _ in _makers(entry_of(run, ""))]
    if not makers:
        return ()
    above = [parent for maker in makers for parent in Path(maker.rpartition("#")[0]).parents[:3]]
    runs = known_runs([parent for parent in above if (parent / LINEAGE).exists()])
    entries = {entry.path: entry for entry, _ in runs if entry.path != str(run.place)}
    known = [(entry, own) for entry, own in runs if entry.path in entries]
    learned, found = [one for one in touched_runs(known, keys) if one.is_learned], dict[str, Touched]()
    while makers:
        maker = makers.pop()
        fresh = [
            one for one in learned if one.path not in found and _is_of(maker, one) and not _is_as_before(maker, one)
        ]
        found |= {one.path: one for one in fresh}
        makers += [behind for one in fresh for behind, _ in _makers(entries[one.path])]
    return tuple(found.values())


def _is_as_before(maker: str, source: Touched) -> bool:
    """Whether these are the weights that a run began with."""
    revision = maker.rpartition("#")[2]
    try:
        base = RunFolder(Path(source.path)).read("base.json", Base) if source.exists else None
    except SintoniaError:
        return False
    return bool(revision) and base is not None and base.revision == revision


def models_of(run: RunFolder) -> dict[str, str]:
    """The saved models of a run by their folders, with the hashes of their weights."""
    folders = [run.file("model"), *sorted(run.path.glob("turns/*/model"))]
    return {one.relative_to(run.path).as_posix(): weights_id(one) for one in folders if one.is_dir()}


def _opened(path: Path) -> RunFolder:
    """A run that has to be looked into.

    Raises:
        SintoniaError: it is in a vault that does not open, and what can be done then.
    """
    try:
        return RunFolder(path)
    except SintoniaError as error:
        lost = "if its key is lost nobody can read this run again: remove the folder, and call this once more"
        raise type(error)(
            f"{error.what}, and an erasure has to look into it",
            expected=error.expected,
            hint="; ".join(filter(None, (error.hint, lost if is_about_key(error) else ""))),
            where=error.where,
        ) from None


def _touched(entry: Entry, own: dict[str, Leaves], holding: dict[str, int], sought: np.ndarray) -> Touched:
    path = Path(entry.path)
    sets = {one.name: holding[one.root] for one in entry.sets if one.root in holding}
    sets |= {name: held for name, leaves in own.items() if (held := int(np.isin(sought, leaves[0]).sum()))}
    exists = _is_there(entry)
    return Touched(
        id=entry.id,
        path=entry.path,
        sets=sets,
        is_learned=any(name in sets for name in _LEARNED),
        exists=exists,
        models=models_of(_opened(path)) if sets and exists else {},
    )


def _is_there(entry: Entry) -> bool:
    """Whether the run lies where the register has it, and no other one by now."""
    path = Path(entry.path)
    if not entry.id or is_vault(path) or not (path / LINEAGE).exists():
        return path.is_dir()
    return (read_json(path / LINEAGE) or {}).get("id") == entry.id


def _makers(entry: Entry) -> Iterator[tuple[str, str]]:
    """What the weights of a run come from: the folder of a base and its revision, the folder of a teacher.

    A vault that cannot be opened without asking stays shut: the register knows the folders.
    """
    reference, revision = entry.base, ""
    path = Path(entry.path)
    may_be_folder = reference == "auto" or reference.startswith("file:")
    if may_be_folder and path.is_dir() and not (is_vault(path) and not has_key_at_hand(path)):
        try:
            base = RunFolder(path).read("base.json", Base)
        except SintoniaError:
            base = None
        reference, revision = (base.reference, base.revision) if base else (reference, "")
    if reference.startswith("file:"):
        yield f"{Path(reference.removeprefix('file:')).resolve()}#{revision}", "its base is"
    if entry.teacher:
        yield f"{entry.teacher}#", "its teacher is"


def _is_of(maker: str, source: Touched) -> bool:
    """Whether a base or a teacher is of a run: it lies there, or is a copy of one of its models."""
    place, _, revision = maker.rpartition("#")
    path = Path(source.path)
    if Path(place).is_relative_to(path.resolve()):
        return True
    return bool(revision) and revision in {_revision(RunFolder(path).file(folder)) for folder in source.models}


def _revision(folder: Path) -> str:
    """As a run that takes this model for a base would note it; empty where it can be none."""
    from sintonia.models.catalog import find_entry
    from sintonia.models.sources import locate

    try:
        return locate(find_entry(f"file:{folder}")).revision
    except (SintoniaError, OSError):
        return ""


def _from_folder(run: RunFolder, entries: Sequence[Entry]) -> Iterator[tuple[Entry, dict[str, Leaves]]]:
    """A run that was moved or copied since it was registered, or that is older than the register."""
    try:
        known = run.read(LINEAGE, Lineage)
        same = next((one for one in entries if known and one.id == known.id), None)
        if same is not None:
            yield replace(same, path=str(run.place)), {}
        else:
            yield entry_of(run, known.id if known else "", run.read("prepared.json", Prepared)), _leaves_of_files(run)
    except SintoniaError:
        return  # no run, or a damaged one, which `sintonia runs` says


def _leaves_of_files(run: RunFolder) -> dict[str, Leaves]:
    """From the examples of a run, and of its test from the hashes in its seal: the test itself is not read."""
    found: dict[str, Leaves] = {}
    for name in _LEARNED:
        paths = sorted(run.path.glob(f"data/**/{name}.jsonl"))
        bodies = (body for path in paths for body in read_lines(path))
        found[name] = leaves_of_examples(from_json(Example, body) for body in bodies)
    inputs = {str(key) for path in run.path.glob("data/**/seal.json") for key in (read_json(path) or {})["inputs"]}
    keys = np.array(sorted(int(key, 16) for key in inputs), dtype=np.uint64)
    return found | {"test": np.stack([keys, keys])}
