"""What this machine has: cores and their vector units, memory, disk, GPUs. It reserves nothing and measures no speed.

On Linux it is read from files of the kernel, whose place can be given; on macOS `sysctl` is asked.
"""

from __future__ import annotations

import math
import os
import platform
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from sintonia.records import Machine, Processor
from sintonia.resources.memory import ROOT, free_bytes, group_folders, held_bytes, whole_bytes
from sintonia.vault import surroundings_without_passphrase

VECTOR_UNITS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "neon")
_OTHER_NAMES = {"asimd": "neon", "avx512-bf16": "avx512_bf16", "amx-bf16": "amx_bf16"}
_CAPABILITIES = {"AVX2": ("avx2",), "AVX512": ("avx2", "avx512f")}
"""What torch says of a processor that the system tells nothing of."""
_QUOTA = {1: "cpu.cfs_quota_us", 2: "cpu.max"}


def look_at_machine(models_folder: Path, *, with_gpus: bool = False, root: Path = ROOT) -> Machine:
    """What is there now. Torch is imported only to ask it for GPUs.

    Args:
        models_folder: Where bases are kept, whether or not it is there yet: its disk is looked at.
        with_gpus: Ask torch, which takes seconds.
        root: Where `/proc` and the mount points are looked for.
    """
    name, units = _processor(root)
    return Machine(
        processor=name,
        num_cores=_num_cores(root),
        vector_units=units,
        memory_bytes=whole_bytes(root),
        free_memory_bytes=free_bytes(root) + held_bytes(),
        free_disk_bytes=_free_disk_bytes(models_folder),
        gpus=_gpus() if with_gpus else (),
    )


def _num_cores(root: Path) -> int:
    """The cores that this process is bound to, or fewer where a control group gives it the time of fewer."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [quota for folder, version in group_folders("cpu", _QUOTA, root) if (quota := _quota(folder, version))]
    return max(1, min([bound, *(math.ceil(quota) for quota in quotas)]))


def _quota(folder: Path, version: int) -> float | None:
    """Cores' worth of time that a control group gives; None where it sets no limit."""
    with suppress(OSError, ValueError):
        words = (folder / _QUOTA[version]).read_text(encoding="utf-8").split()
        if version == 1:
            words.append((folder / "cpu.cfs_period_us").read_text(encoding="utf-8").strip())
        limit, period = float(words[0]), float(words[1])
        return limit / period if limit > 0 and period > 0 else None
    return None


def _processor(root: Path) -> tuple[str, tuple[str, ...]]:
    """Its name and the vector units that it has."""
    facts: dict[str, str] = {}
    with suppress(OSError, UnicodeDecodeError):
        for line in (root / "proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            key, colon, value = line.partition(":")
            if colon:
                facts.setdefault(key.strip().lower(), value.strip())
    if not facts and sys.platform == "darwin":
        facts = _asked_of_sysctl()
    flags = f"{facts.get('flags', '')} {facts.get('features', '')}".lower().split()
    known = {_OTHER_NAMES.get(flag, flag) for flag in flags}
    units = tuple(one for one in VECTOR_UNITS if one in known)
    name = facts.get("model name") or facts.get("hardware") or platform.processor() or platform.machine()
    return name or "unknown", units or _units_by_torch()


def _asked_of_sysctl() -> dict[str, str]:
    """The same facts of a Mac, under the names that Linux gives them."""
    names = {
        "model name": "brand_string",
        "flags": "features",
        "features": "leaf7_features",
    }
    found = {}
    for name, asked in names.items():
        with suppress(OSError, subprocess.SubprocessError):
            done = subprocess.run(
                ["sysctl", "-n", f"machdep.cpu.{asked}"],
                capture_output=True,
                text=True,
                check=True,
                timeout=5,
                env=surroundings_without_passphrase(),
            )
            found[name] = done.stdout.strip()
    if platform.machine() == "arm64":
        found["features"] = "neon"
    return found


def _units_by_torch() -> tuple[str, ...]:
    torch = sys.modules.get("torch")
    with suppress(AttributeError):
        return _CAPABILITIES.get(torch.backends.cpu.get_cpu_capability(), ())  # type: ignore[union-attr]
    return ()


def _free_disk_bytes(folder: Path) -> int:
    there = folder.absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    return shutil.disk_usage(there).free


def _gpus() -> tuple[Processor, ...]:
    """Those that torch can use: none where there is no torch, or one without CUDA."""
    with suppress(ImportError, RuntimeError, AssertionError):
        import torch

        if not torch.cuda.is_available():
            return ()
        found = []
        for number in range(torch.cuda.device_count()):
            free, total = torch.cuda.mem_get_info(number)
            found.append(Processor(name=torch.cuda.get_device_name(number), memory_bytes=total, free_bytes=free))
        return tuple(found)
    return ()
