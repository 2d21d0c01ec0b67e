"""The header of a safetensors file: read, and held against the file, before any library opens it. No tensor is read.

Format: 8 bytes with the length of the header, little-endian; the header, JSON; the tensors end to end. Source:
github.com/huggingface/safetensors, README, "Format".
"""

from __future__ import annotations

import json
from math import prod
from pathlib import Path
from typing import Any

from sintonia.errors import StorageError

_MOST_HEADER_BYTES = 100 * 2**20
"""What the library of the format reads at most."""
_BITS = {"BOOL": 8, "U8": 8, "I8": 8, "U16": 16, "I16": 16, "F16": 16, "BF16": 16, "U32": 32, "I32": 32, "F32": 32}
_BITS |= {"F64": 64, "I64": 64, "U64": 64, "C64": 64, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8}
_BITS |= {"F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6}


def tensor_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The shapes of all tensors in a file, by name.

    Raises:
        StorageError: the file is no such file, or its header says what is not so.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if size < 8 or not 2 <= length <= min(_MOST_HEADER_BYTES, size - 8):
                raise ValueError("it has no header")
            header = json.loads(stream.read(length), object_pairs_hook=_without_doubles)
        if not isinstance(header, dict):
            raise ValueError("its header is no list of tensors")
        header.pop("__metadata__", None)
        return _checked(header, size - 8 - length)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        reason = "its header is no JSON"
    except ValueError as error:
        reason = str(error)
    except OSError as error:
        reason = str(error.strerror or error)
    raise StorageError(f"cannot read the weights in `{path}`: {reason}", hint="copy or download the model again")


def _checked(header: dict[str, Any], num_bytes: int) -> dict[str, tuple[int, ...]]:
    """The shapes, when the tensors fill the file end to end."""
    shapes: dict[str, tuple[int, ...]] = {}
    spans: list[tuple[int, int]] = []
    for name, body in header.items():
        shapes[name], span = _tensor(body)
        spans.append(span)
    end = 0
    for start, stop in sorted(spans):
        if start != end:
            raise ValueError("its tensors overlap, or leave gaps")
        end = stop
    if end != num_bytes:
        raise ValueError("it is cut short" if end > num_bytes else "it holds more than its tensors")
    return shapes


def _tensor(body: Any) -> tuple[tuple[int, ...], tuple[int, int]]:
    """The shape of one tensor, and where it begins and ends."""
    if not isinstance(body, dict) or body.keys() != {"dtype", "shape", "data_offsets"}:
        raise ValueError("its header does not describe tensors")
    shape, offsets = body["shape"], body["data_offsets"]
    if not _are_sizes(shape) or not _are_sizes(offsets) or len(offsets) != 2:
        raise ValueError("its header gives sizes that are none")
    num_bits = _BITS.get(str(body["dtype"]))
    if num_bits is None:
        raise ValueError("its header names a kind of number that is unknown")
    if (offsets[1] - offsets[0]) * 8 != prod(shape) * num_bits:
        raise ValueError("its header gives a tensor another size than its numbers take")
    return tuple(shape), (offsets[0], offsets[1])


def _are_sizes(values: Any) -> bool:
    return isinstance(values, list) and all(type(one) is int and one >= 0 for one in values)


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    body = dict(pairs)
    if len(body) != len(pairs):
        raise ValueError("its header gives a name twice")
    return body
