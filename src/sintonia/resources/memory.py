"""How much memory is free for this process, as the machine and its control groups say; and how much it holds.

Everything is read from files of the kernel, whose places can be given. It reserves nothing and estimates nothing.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/")
_NO_LIMIT_BYTES = 2**60
"""A limit above this is none: version 1 of the control groups writes a huge number where nothing was set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryGroup:
    """A control group that this process belongs to: its folder, and the version of its files (1 or 2)."""

    folder: Path
    version: int

    def limit_bytes(self) -> int | None:
        """The most its processes may hold together, or None where there is no limit."""
        found = _number(self.folder / ("memory.max" if self.version == 2 else "memory.limit_in_bytes"))
        return found if found is not None and found < _NO_LIMIT_BYTES else None

    def held_bytes(self) -> int:
        """What they hold now, without the cached files that the kernel would drop first."""
        used = _number(self.folder / ("memory.current" if self.version == 2 else "memory.usage_in_bytes")) or 0
        cached = "inactive_file" if self.version == 2 else "total_inactive_file"
        return max(0, used - (_field(self.folder / "memory.stat", cached) or 0))

    def num_killed(self) -> int | None:
        """How many of its processes the kernel has killed for want of memory, or None where it does not say."""
        return _field(self.folder / ("memory.events" if self.version == 2 else "memory.oom_control"), "oom_kill")


def memory_groups(root: Path = ROOT) -> tuple[MemoryGroup, ...]:
    """The control group of this process that limits memory, and those around it, innermost first.

    `root` is where `/proc` and the mount points are looked for.
    """
    figures = {1: "memory.usage_in_bytes", 2: "memory.current"}
    found = group_folders("memory", figures, root)
    return tuple(MemoryGroup(folder=folder, version=version) for folder, version in found)


def group_folders(controller: str, figures: dict[int, str], root: Path = ROOT) -> tuple[tuple[Path, int], ...]:
    """Control groups around this process that a controller rules, innermost first: folders, each with its version.

    Those without their file of figures, which has one name in each version, are left out.
    """
    mounts = _lines(root / "proc/self/mountinfo")
    for line in _lines(root / "proc/self/cgroup"):
        number, controllers, path = (*line.split(":", 2), "", "")[:3]
        version = 2 if number == "0" and not controllers else 1
        is_it = version == 2 or controller in controllers.split(",")
        place = _mounted(mounts, version, path, controller) if is_it else None
        folders = _upwards(root, place, figures[version]) if place else ()
        if folders:
            return tuple((folder, version) for folder in folders)
    return ()


def free_bytes(root: Path = ROOT) -> int:
    """What this process may still take: the least that the machine and its control groups leave, in bytes."""
    found = [_available_bytes(root)]
    for group in memory_groups(root):
        limit = group.limit_bytes()
        if limit is not None:
            found.append(max(0, limit - group.held_bytes()))
    return min(found)


def whole_bytes(root: Path = ROOT) -> int:
    """The memory that this machine, or the tightest control group around this process, has in all, in bytes."""
    total = _field(root / "proc/meminfo", "MemTotal:")
    found = [total * 1024 if total is not None else _of_psutil("total")]
    return min(found + [limit for group in memory_groups(root) if (limit := group.limit_bytes()) is not None])


def held_bytes() -> int:
    """What this process holds in memory now (its resident set), in bytes."""
    pages = _lines(Path("/proc/self/statm"))
    if pages:
        return int(pages[0].split()[1]) * os.sysconf("SC_PAGE_SIZE")
    import psutil

    return int(psutil.Process().memory_info().rss)


def _available_bytes(root: Path) -> int:
    found = _field(root / "proc/meminfo", "MemAvailable:")
    if found is not None:
        return found * 1024
    return _of_psutil("available")


def _of_psutil(name: str) -> int:
    import psutil

    return int(getattr(psutil.virtual_memory(), name))


def _mounted(mounts: list[str], version: int, path: str, controller: str) -> tuple[str, str] | None:
    """Mount point of the hierarchy and the group's path below it; a container sees its own group as the root."""
    for line in mounts:
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        is_it = len(fields) > 4 and len(kind) > 2 and kind[0] == ("cgroup2" if version == 2 else "cgroup")
        if is_it and (version == 2 or controller in kind[2].split(",")):
            outer = fields[3].rstrip("/")
            is_below = path == outer or path.startswith(f"{outer}/")
            return fields[4], path[len(outer) :] if is_below else "/"
    return None


def _upwards(root: Path, place: tuple[str, str], figure: str) -> tuple[Path, ...]:
    """The groups from the process's own up to the mount point; those without the file of figures are left out."""
    mount = root / place[0].lstrip("/")
    folder, folders = mount / place[1].strip("/"), []
    while folder == mount or mount in folder.parents:
        if (folder / figure).is_file():
            folders.append(folder)
        folder = folder.parent
    return tuple(folders)


def _lines(path: Path) -> list[str]:
    with suppress(OSError, UnicodeDecodeError):
        return path.read_text(encoding="utf-8").splitlines()
    return []


def _number(path: Path) -> int | None:
    text = "".join(_lines(path)[:1]).strip()
    return int(text) if text.isdigit() else None


def _field(path: Path, name: str) -> int | None:
    """The number behind a name in a file of `name number` lines."""
    for line in _lines(path):
        words = line.split()
        if len(words) > 1 and words[0] == name and words[1].isdigit():
            return int(words[1])
    return None
