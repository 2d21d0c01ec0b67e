"""What happens when memory runs out: how a kill by the kernel is told from any other, and what is tried next.

The kernel kills with SIGKILL, so nothing can be written when it happens. What it counts is written down before, and
compared on resuming. A plain `kill -9` must not look like want of memory: after it the resume is bit-identical.
Nothing here trains and nothing is caught here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from sintonia.errors import RunFailed, StorageError
from sintonia.files import from_json, read_json, storage_errors, write_json
from sintonia.resources.memory import ROOT, memory_groups

FILE = "memory_watch.json"
"""Its name in the folder of a turn; it is there while the turn trains."""
MOST_TRIES = 8
"""How often one step is tried with smaller micro-batches before the training gives up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelCounts:
    """What the kernel has counted so far."""

    boot: str
    """Which start of the machine it counts from."""
    machine_kills: int | None
    """Processes killed for want of memory anywhere; None where the kernel does not say."""
    group: str
    """The control group of this process, with what tells it from a later one of the same name."""
    group_kills: int | None
    """Processes of this group killed for want of memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What was written down of a training under way."""

    pid: int
    micro_tokens: int
    counts: KernelCounts


def kernel_counts(root: Path = ROOT) -> KernelCounts:
    """The counts as they are now; `root` is where `/proc` and the control groups are looked for."""
    groups = memory_groups(root)
    group, kills = "", None
    if groups and groups[0].num_killed() is not None:
        status = groups[0].folder.stat()
        group, kills = f"{groups[0].folder} {status.st_dev}:{status.st_ino}", groups[0].num_killed()
    return KernelCounts(
        boot=_text(root / "proc/sys/kernel/random/boot_id").strip(),
        machine_kills=_machine_kills(root),
        group=group,
        group_kills=kills,
    )


class OutOfMemoryWatch:
    """The file of a turn that lets the next resume know whether the kernel ended it for want of memory."""

    def __init__(self, folder: Path, root: Path = ROOT) -> None:
        self._path, self._root = folder / FILE, root

    def write(self, micro_tokens: int) -> None:
        """Notes the counts as they are: at the start and at each checkpoint, so that little time lies between.

        Raises:
            StorageError: the folder cannot be written.
        """
        write_json(self._path, Watched(pid=os.getpid(), micro_tokens=micro_tokens, counts=kernel_counts(self._root)))

    def read(self) -> Watched | None:
        """What the last training noted and did not remove; None after an orderly end, or when it cannot be read."""
        try:
            body = read_json(self._path)
            return None if body is None else from_json(Watched, body)
        except StorageError:
            return None

    def remove(self) -> None:
        """The training ends in order: finished, paused, or with an error that was told."""
        with storage_errors(self._path):
            self._path.unlink(missing_ok=True)

    def was_killed_for_memory(self) -> bool:
        """Whether the training that left the file was most likely ended by the kernel for want of memory."""
        watched = self.read()
        return watched is not None and has_risen(watched.counts, kernel_counts(self._root))


def has_risen(before: KernelCounts, now: KernelCounts) -> bool:
    """Whether the kernel has killed for want of memory in between: in the group where it is still there, else anywhere.

    Of another boot nothing is known, and then the answer is no.
    """
    if not before.boot or before.boot != now.boot:
        return False
    if before.group and before.group == now.group:
        return (now.group_kills or 0) > (before.group_kills or 0)
    if before.machine_kills is None or now.machine_kills is None:
        return False
    return now.machine_kills > before.machine_kills


def halved(micro_tokens: int, longest_tokens: int) -> int:
    """Half the tokens of a micro-batch, or those of the longest example where that is more.

    Gives `micro_tokens` again when nothing smaller would help: the longest example is alone in its micro-batch.
    """
    return min(micro_tokens, max(micro_tokens // 2, longest_tokens, 1))


def smaller_or_refuse(micro_tokens: int, longest_tokens: int, num_tries: int, shortfall: str) -> int:
    """The micro-batch to try a step again with, after it ran out of memory `num_tries` times (from 1).

    `shortfall` says what is needed against what is free, for the person (see `shortfall_in_words`).

    Raises:
        RunFailed: nothing smaller is left, or it was tried too often.
    """
    smaller = halved(micro_tokens, longest_tokens)
    if smaller < micro_tokens and num_tries <= MOST_TRIES:
        return smaller
    alone = smaller == micro_tokens
    what = "even for one example at a time" if alone else f"also after {MOST_TRIES} tries with smaller micro-batches"
    raise RunFailed(
        f"memory is too short {what} ({shortfall})",
        hint="lower `training.max_tokens`, or take `--method lora`, `training.checkpointing=on` or a smaller base",
    )


def shortfall_in_words(needed_bytes: int, free_bytes: int) -> str:
    """Need against what is free, as a person reads it."""
    return f"needs about {needed_bytes / 2**30:.1f} GiB, {free_bytes / 2**30:.1f} GiB are free"


def killed_in_words(micro_tokens: int, smaller: int) -> str:
    """The one line that a resume says when it goes on with smaller micro-batches."""
    if smaller == micro_tokens:
        return (
            "the system ended the last training for want of memory; micro-batches cannot be smaller than "
            "the longest example: lower `training.max_tokens` or free memory if it happens again"
        )
    return (
        f"the system ended the last training for want of memory: going on with micro-batches of at most {smaller} "
        f"tokens instead of {micro_tokens} (the batch behind a step stays; results differ by rounding)"
    )


def _machine_kills(root: Path) -> int | None:
    for line in _text(root / "proc/vmstat").splitlines():
        name, _, number = line.partition(" ")
        if name == "oom_kill" and number.strip().isdigit():
            return int(number)
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
