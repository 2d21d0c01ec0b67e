"""This process and those it started: the memory they hold together and the time they computed, read from `/proc`.

Where there is no `/proc` psutil says it. It ends no process and starts none.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/proc")
_TICKS = float(os.sysconf("SC_CLK_TCK"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What some processes hold and have done."""

    processes: tuple[int, ...]
    """The first one and all below it."""
    memory_bytes: int
    """Resident memory of the first, and what the others hold of their own: what they share counts once."""
    core_seconds: float
    """What they computed, with all that they started and that has ended."""


def load_of(process: int | None = None, root: Path = ROOT) -> Load:
    """Of a process (this one, where none is named) and its descendants. Those that end meanwhile are left out."""
    first = os.getpid() if process is None else process
    if not (root / str(first) / "stat").is_file():
        return _load_by_psutil(first)
    found = _tree(first, root)
    held = [_own_bytes(root / str(one), is_first=one == first) for one in found]
    spent = [_core_seconds(root / str(one)) for one in found]
    return Load(processes=tuple(found), memory_bytes=sum(held), core_seconds=sum(spent))


def busy_seconds(root: Path = ROOT) -> float | None:
    """What all cores of the machine computed since it started, for whomever; None where nobody says it."""
    with suppress(OSError, ValueError, IndexError):
        first = (root / "stat").read_text(encoding="ascii").splitlines()[0].split()
        user, nice, system, _idle, _waiting, *rest = (int(one) for one in first[1:8])
        return (user + nice + system + sum(rest)) / _TICKS
    return None


def _tree(first: int, root: Path) -> list[int]:
    found, waiting = [], [first]
    while waiting:
        process = waiting.pop()
        found.append(process)
        for thread in (root / str(process) / "task").glob("*/children"):
            with suppress(OSError, ValueError):
                waiting += [int(one) for one in thread.read_text(encoding="ascii").split()]
    return found


def _own_bytes(folder: Path, *, is_first: bool) -> int:
    with suppress(OSError, ValueError, IndexError):
        pages = [int(one) for one in (folder / "statm").read_text(encoding="ascii").split()[1:3]]
        return (pages[0] if is_first else max(0, pages[0] - pages[1])) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _core_seconds(folder: Path) -> float:
    """Its time in user and system mode, and that of its children that have ended."""
    with suppress(OSError, ValueError, IndexError):
        fields = (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return sum(int(one) for one in fields[11:15]) / _TICKS
    return 0.0


def _load_by_psutil(first: int) -> Load:
    import psutil

    found, memory_bytes, core_seconds = [], 0, 0.0
    with suppress(psutil.Error):
        top = psutil.Process(first)
        for one in (top, *top.children(recursive=True)):
            with suppress(psutil.Error):
                times = one.cpu_times()
                memory_bytes += int(one.memory_info().rss)
                core_seconds += times.user + times.system
                found.append(int(one.pid))
    return Load(processes=tuple(found), memory_bytes=memory_bytes, core_seconds=core_seconds)
