"""The numbers in an adapter's settings, and the shapes of its matrices: right, or refused. It reads no file."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sintonia.errors import StorageError, UsageError

if TYPE_CHECKING:
    from torch import Tensor

_AGAIN = "copy or download the adapter again"
_PATTERNS = {"r": "rank_pattern", "lora_alpha": "alpha_pattern"}


def check_numbers(settings: dict[str, Any], path: Path) -> None:
    """Looks at the rank and the alpha, and at those of single layers.

    Raises:
        UsageError: one of them is no number, or one that no adapter can have.
    """
    for name, pattern in _PATTERNS.items():
        _check(name, settings.get(name), path)
        single = settings.get(pattern) or {}
        if not isinstance(single, dict):
            raise UsageError(f"`{pattern}` in `{path}` is no list of layers with a number each", hint=_AGAIN)
        for layer, value in single.items():
            if not set(layer).isdisjoint("^$*+?()[]{}|\\"):
                raise UsageError(
                    f"`{pattern}` in `{path}` holds an expression", expected="plain names", hint="write them out"
                )
            _check(f"{pattern}.{layer}", value, path)
    for name in ("use_rslora", "use_dora"):
        if settings.get(name) not in (None, True, False):
            raise UsageError(f"`{name}` in `{path}` is neither true nor false", hint=_AGAIN)


def number_for(settings: dict[str, Any], name: str, layer: str) -> float:
    """`r` or `lora_alpha` of one layer."""
    for key, value in (settings.get(_PATTERNS[name]) or {}).items():
        if layer == key or layer.endswith(f".{key}"):
            return float(value)
    return float(settings[name])


def check_shapes(where: str, matrices: tuple[Tensor, Tensor, Tensor | None], rank: int) -> None:
    """Looks whether A is (rank, in), B (out, rank), and the magnitude (out,); `where` says in words whose they are.

    Raises:
        StorageError: not so.
    """
    lora_a, lora_b, magnitude = matrices
    shapes = [tuple(one.shape) for one in matrices if one is not None]
    is_right = lora_a.ndim == 2 and lora_b.ndim == 2 and lora_a.shape[0] == lora_b.shape[1] == rank
    if is_right and magnitude is not None:
        is_right = tuple(magnitude.shape) == (lora_b.shape[0],)
    if not is_right or not all(one.is_floating_point() for one in matrices if one is not None):
        raise StorageError(
            f"the matrices of {where} have the shapes {', '.join(map(str, shapes))}",
            expected=f"those of an adapter of rank {rank}: ({rank}, in) and (out, {rank})",
            hint=_AGAIN,
        )


def _check(name: str, value: Any, path: Path) -> None:
    is_rank = name.startswith("r")
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not is_number or (is_rank and (value < 1 or value != int(value))):
        raise UsageError(
            f"`{name}` in `{path}` is {'missing' if value is None else 'no number that an adapter can have'}",
            expected="a whole number from 1 on" if is_rank else "a number",
            hint=_AGAIN,
        )
