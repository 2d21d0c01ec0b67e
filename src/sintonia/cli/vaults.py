"""What is said of a run in a vault, and what of it is handed out in the clear. It encrypts nothing itself."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from sintonia.audit import names_of, record
from sintonia.cli.screen import say
from sintonia.errors import SintoniaError, StorageError, UsageError
from sintonia.files import storage_errors, write_atomic
from sintonia.runs import RunFolder
from sintonia.vault import has_key_at_hand, is_vault, swap_in_the_clear, vault_of


def show_vault(run: RunFolder) -> None:
    """That a run is in a vault, what is not, and what the system may do all the same."""
    if not run.is_in_vault:
        return
    data = Path(run.recipe().data.path).name
    say(f"vault     the run is encrypted on the disk and worked on in memory; {data} itself stays as it is")
    places = swap_in_the_clear()
    if places:
        told = f"memory may be swapped to {', '.join(places)}, which is not encrypted: `swapoff -a` keeps it in memory"
        say(f"warning   {told}", style="bold")
        logging.getLogger("sintonia").warning("%s", told)


def hand_out(run: RunFolder, names: tuple[str, ...], folder: Path) -> tuple[Path, ...]:
    """Writes files of a run into a folder, in the clear, for the owner alone, as is the folder if it is a new one.

    Raises:
        UsageError: the folder lies in the run, or one of the files is there.
    """
    if folder.resolve().is_relative_to(run.place.resolve()):
        raise UsageError(f"`{folder}` lies in the run", hint="name a folder outside of it", where="--out")
    targets = tuple(folder / name for name in names)
    there = next((one for one in targets if one.exists()), None)
    if there is not None:
        raise UsageError(f"`{there}` is there already", hint="name a new folder", where="--out")
    with storage_errors(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, target in zip(names, targets, strict=True):
        write_atomic(target, run.file(name).read_bytes())
    tell_handed_out(run.path, targets)
    return targets


def tell_handed_out(path: Path, targets: Sequence[Path], *, is_recorded: bool = False) -> None:
    """Says, and records unless that is done already, what was written in the clear of a run whose files lie there."""
    place = vault_of(path)
    if place is None:
        return
    if not is_recorded:
        folder = str(targets[0].absolute().parent) if targets else ""
        record("handed_out", **names_of(place), files=tuple(one.name for one in targets), folder=folder)
    say(f"vault     in the clear: {', '.join(os.path.relpath(one) for one in targets)}")


def is_readable(path: Path) -> bool:
    """Whether a run may be looked into without asking for a passphrase; what is wrong with a vault is told later."""
    try:
        return not is_vault(path) or has_key_at_hand(path)
    except StorageError:
        return True


def readable_runs(paths: Sequence[Path]) -> list[RunFolder]:
    """Those that open without asking for a passphrase; one that is damaged keeps no other from being looked into."""
    found = []
    for path in paths:
        with suppress(SintoniaError):  # `sintonia runs` says of each what is wrong with it
            if is_readable(path):
                found.append(RunFolder(path))
    return found


def why_unreadable(error: SintoniaError) -> tuple[str, str]:
    """Of a run that could not be opened or read: its state, and what is said of it."""
    is_damage = isinstance(error, StorageError)
    return ("damaged", f"damaged: {error.what}") if is_damage else ("unreadable", error.what)
