"""A catalog entry as a base, before it is fetched: its shape, and the room that fetching takes. It opens no weights."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sintonia.choose.base import is_here
from sintonia.models.catalog import Entry
from sintonia.models.shape import read_shape
from sintonia.models.sources import locate
from sintonia.records import Base
from sintonia.resources.estimate import shape_of
from sintonia.resources.plan import LanguageShape
from sintonia.tasks import classify

_PACKED_BYTES = 2
"""At most, of each weight in a packed file."""


def described(entry: Entry) -> Base | None:
    """The base that an entry stands for, by the catalog or else by its files; None where neither tells its shape.

    Raises:
        SintoniaError: its files cannot be read.
    """
    facts: dict[str, Any] = {one: getattr(entry, one) for one in ("num_parameters", "num_layers", "hidden_size")}
    if all(facts.values()) and entry.kind:
        facts |= {
            "max_tokens": entry.max_tokens or classify.LONGEST,
            "vocabulary_size": entry.vocabulary_size or 0,
            "intermediate_size": entry.intermediate_size or 0,
            "kind": entry.kind,
        }
    elif is_here(entry):
        shape = read_shape(locate(entry))
        names = (*facts, "max_tokens", "vocabulary_size", "intermediate_size", "kind")
        facts = {one: getattr(shape, one) for one in names}
    else:
        return None
    return Base(
        reference=entry.reference, revision="", licence=entry.licence, why=(), estimated_memory_bytes=0, **facts
    )


def layers_of(base: Entry | Base, known: Base) -> LanguageShape:
    """With heads that share keys, where an entry tells of them."""
    if not isinstance(base, Entry) or base.num_heads is None:
        return shape_of(known)
    heads = SimpleNamespace(
        num_attention_heads=base.num_heads, num_key_value_heads=base.num_key_value_heads, head_dim=base.head_size
    )
    return shape_of(known, heads)


def bytes_until_open(entry: Entry) -> int:
    """On the disk, at most: a wheel lies beside what is unpacked from it, and a packed file beside its weights."""
    scheme, _, place = entry.reference.partition(":")
    if is_here(entry) or (scheme == "file" and Path(place).suffix != ".gguf"):
        return 0
    weights = 4 * (entry.num_parameters or 0)
    if scheme != "pypi":
        return weights
    is_packed = any(name.endswith(".gguf") for name in entry.sha256)
    return weights + (2 * _PACKED_BYTES * (entry.num_parameters or 0) if is_packed else weights)
