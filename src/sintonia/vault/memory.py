"""A folder in memory that is this process's own: what is read and written in the clear lies there and nowhere else.

While there is one, temporary files of this process and of those it starts lie in it as well, and it dumps no core. It
goes with the process; what one that was killed has left is removed by the next.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from sintonia.errors import StorageError, Unavailable

_PREFIX = "sintonia-"
_OWNER = "owner"
_YOUNG_SECONDS = 60.0
_IN_MEMORY = ("tmpfs", "ramfs")
_own: list[tuple[int, Path, int, str | None]] = []
"""The process, its folder, the open file that says the process lives, and what TMPDIR was before."""


def private_folder() -> Path:
    """The folder of this process, made at the first call.

    Raises:
        Unavailable: this system has no folder in memory that can be written.
    """
    if _own and _own[0][0] == os.getpid():
        return _own[0][1]
    sweep()
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getuid()}-", dir=_place_in_memory()))
    descriptor = os.open(folder / _OWNER, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    _own[:] = [(os.getpid(), folder, descriptor, os.environ.get("TMPDIR"))]
    (folder / "temporary").mkdir(mode=0o700)
    tempfile.tempdir = os.environ["TMPDIR"] = str(folder / "temporary")
    _dump_no_core()
    _end_tidily()
    atexit.register(remove_private_folder)
    return folder


def has_private_folder(path: Path) -> bool:
    """Whether a path lies in a folder of this kind, of whichever process of ours."""
    return any(parent.name.startswith(f"{_PREFIX}{os.getuid()}-") for parent in (path, *path.parents)) and any(
        path.is_relative_to(place) for place in _candidates()
    )


def remove_private_folder() -> None:
    """Removes it, with all that is in it; a process that forked from its owner removes nothing."""
    if _own and _own[0][0] == os.getpid():
        _, folder, descriptor, before = _own.pop()
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)
        tempfile.tempdir = None
        os.environ.pop("TMPDIR", None)
        if before is not None:
            os.environ["TMPDIR"] = before


def sweep() -> None:
    """Removes the folders of processes that are no more."""
    found = [folder for place in _candidates() for folder in place.glob(f"{_PREFIX}{os.getuid()}-*")]
    for folder in found:
        with suppress(OSError):
            if _is_left(folder):
                shutil.rmtree(folder, ignore_errors=True)


def free_bytes(folder: Path) -> int:
    """What a folder in memory can still take: its own limit, and the memory that is there."""
    free = shutil.disk_usage(folder).free
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        available = next(line for line in lines if line.startswith("MemAvailable:"))
        free = min(free, int(available.split()[1]) * 1024)
    return free


def refuse_little_room(needed: int, what: str) -> None:
    """Refuses what does not fit into the memory that this process may take.

    Raises:
        StorageError: how much is needed, and how much is there.
    """
    folder = private_folder()
    free = free_bytes(folder)
    if needed > free:
        raise StorageError(
            f"{what} needs {needed / 2**20:,.1f} MiB in memory, {free / 2**20:,.1f} MiB are free in `{folder.parent}`",
            hint="what is in a vault is worked on in memory alone: end other programs, or take a machine with more",
        )


def swap_in_the_clear() -> tuple[str, ...]:
    """Where the system may write memory to a disk without encrypting it; empty where it does not."""
    try:
        lines = Path("/proc/swaps").read_text(encoding="utf-8").splitlines()[1:]
    except OSError:
        return ()
    return tuple(name for line in lines if (name := line.split()[0]) and not _is_encrypted(name))


def _is_encrypted(swap: str) -> bool:
    """Of memory that is only compressed, and of dm-crypt."""
    device = Path(swap).resolve().name
    if device.startswith("zram"):
        with suppress(OSError):
            return Path(f"/sys/block/{device}/backing_dev").read_text(encoding="ascii").strip() in ("", "none")
        return True
    with suppress(OSError):
        return Path(f"/sys/class/block/{device}/dm/uuid").read_text(encoding="ascii").startswith("CRYPT-")
    return False


def _candidates() -> tuple[Path, ...]:
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return (Path("/dev/shm"), *([Path(runtime)] if runtime else []))


def _place_in_memory() -> Path:
    """The roomiest folder that the system keeps in memory."""
    places = [one for one in _candidates() if one.is_dir() and os.access(one, os.W_OK) and _is_in_memory(one)]
    if not places:
        raise Unavailable(
            "this system has no folder in memory",
            expected="/dev/shm, as Linux has it",
            hint="a vault works in memory alone: take Linux, or leave `privacy.vault` out and encrypt the disk",
        )
    return max(places, key=lambda one: shutil.disk_usage(one).free)


def _is_in_memory(folder: Path) -> bool:
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return False
    kinds = {place: kind for _, place, kind, *_ in map(str.split, lines)}
    mounted = next(one for one in (folder.resolve(), *folder.resolve().parents) if str(one) in kinds)
    return kinds[str(mounted)] in _IN_MEMORY


def _is_left(folder: Path) -> bool:
    """Whether the process of a folder is no more."""
    try:
        descriptor = os.open(folder / _OWNER, os.O_RDWR)
    except FileNotFoundError:
        return time.time() - folder.stat().st_mtime > _YOUNG_SECONDS  # one that is just being made has no owner yet
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def _dump_no_core() -> None:
    """A limit of 1 byte, also for the processes that this one starts.

    It is too little for a file; and to Linux it says that nothing is to be piped to a program either, for which a limit
    of 0 is not asked (`do_coredump`).
    """
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0 if most == 0 else 1, most))


def _end_tidily() -> None:
    """A SIGTERM that nobody listens to ends the process as an exit does, so that the folder goes with it."""
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _leave)


def _leave(number: int, _frame: Any) -> None:
    sys.exit(128 + number)
