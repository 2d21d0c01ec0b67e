"""The number format that weights are trained in, which the processor decides. It is no method."""

from __future__ import annotations

import platform
from pathlib import Path

from sintonia.errors import UsageError


def precision_of(asked: str) -> tuple[str, str]:
    """What is computed in, and why.

    Raises:
        UsageError: this processor would compute in it hundreds of times slower.
    """
    flags = processor_flags()
    has_bf16 = bool(flags & {"avx512_bf16", "amx_bf16"})
    if asked == "bf16" and not has_bf16:
        raise UsageError(
            "this processor has no bf16 hardware: it would be hundreds of times slower",
            hint="leave `training.precision` on auto",
        )
    if asked in ("fp32", "bf16"):
        return str(asked), "asked for"
    note = "bf16 is possible here, but rounds" if has_bf16 else "this processor has no bf16 hardware"
    return "fp32", note


def processor_flags() -> set[str]:
    """The feature flags of the processor, as Linux names them; empty where unknown."""
    path = Path("/proc/cpuinfo")
    if platform.system() != "Linux" or not path.is_file():
        return set()
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("flags"):
            return set(line.partition(":")[2].split())
    return set()
