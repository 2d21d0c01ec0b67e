"""A made-up `/proc` and control groups below a folder, as the kernel would show them to one process."""

from __future__ import annotations

from pathlib import Path

GIB = 2**30


def write(path: Path, text: str) -> Path:
    """A file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def make_kernel(root: Path, *, available: int = 8 * GIB, boot: str = "boot-1", machine_kills: int | None = 3) -> Path:
    """A machine without control groups."""
    write(root / "proc/meminfo", f"MemTotal: 99999 kB\nMemAvailable: {available // 1024} kB\n")
    write(root / "proc/sys/kernel/random/boot_id", f"{boot}\n")
    kills = "" if machine_kills is None else f"oom_kill {machine_kills}\n"
    write(root / "proc/vmstat", f"nr_free_pages 12\n{kills}pgfault 7\n")
    return root


def add_group(root: Path, path: str, *, limit: int | None, used: int, cached: int = 0, kills: int = 0) -> Path:
    """A group of version 2 at this path; the process is in the one that was added last."""
    mount = "sys/fs/cgroup"
    write(root / "proc/self/mountinfo", "31 23 0:28 / /sys/fs/cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw\n")
    write(root / "proc/self/cgroup", f"0::{path}\n")
    folder = root / mount / path.strip("/")
    write(folder / "memory.max", "max\n" if limit is None else f"{limit}\n")
    write(folder / "memory.current", f"{used}\n")
    write(folder / "memory.stat", f"anon 1\ninactive_file {cached}\n")
    write(folder / "memory.events", f"low 0\noom 5\noom_kill {kills}\n")
    return folder


def add_old_group(root: Path, path: str, *, limit: int, used: int, cached: int = 0, kills: int = 0) -> Path:
    """A group of version 1, beside a hierarchy of another controller and an empty one of version 2."""
    write(
        root / "proc/self/mountinfo",
        "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
        f"35 31 0:32 {path} /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
        "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n",
    )
    write(root / "proc/self/cgroup", f"4:memory:{path}\n2:cpu:/elsewhere\n0::/\n")
    folder = root / "sys/fs/cgroup/memory"
    write(folder / "memory.limit_in_bytes", f"{limit}\n")
    write(folder / "memory.usage_in_bytes", f"{used}\n")
    write(folder / "memory.stat", f"cache 1\ninactive_file 1\ntotal_inactive_file {cached}\n")
    write(folder / "memory.oom_control", f"oom_kill_disable 0\nunder_oom 0\noom_kill {kills}\n")
    return folder
