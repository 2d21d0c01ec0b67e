"""What a base is, read from its files without opening it: its kind, its size, how much it reads at once."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Literal

from sintonia.errors import StorageError
from sintonia.models.sources import BaseFiles
from sintonia.models.sources.folder import weight_files
from sintonia.models.sources.trust import read_json_object

_MOST_HEADER_BYTES = 100 * 2**20
_IN_A_LAYER = re.compile(r"\.\d+\.")


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseShape:
    """The outer form of a transformer."""

    kind: Literal["encoder", "language", "other"]
    model_type: str
    num_parameters: int
    num_layers: int
    hidden_size: int
    max_tokens: int
    vocabulary_size: int
    intermediate_size: int
    layer_matrices: tuple[tuple[int, int], ...]
    """Shapes of the weights within the layers: what adapters stand beside."""

    def num_adapter_parameters(self, rank: int) -> int:
        """Weights of adapters of this rank on all layers."""
        return sum(rank * (tall + wide) for tall, wide in self.layer_matrices)


def read_shape(files: BaseFiles) -> BaseShape:
    """The shape of a base.

    Raises:
        StorageError: a weight file has no readable header.
    """
    settings = read_json_object(files.model / "config.json")
    inner = settings.get("text_config")
    text = inner if isinstance(inner, dict) else settings
    shapes = [pair for path in weight_files(files.model) for pair in _tensor_shapes(path)]
    matrices = tuple((s[0], s[1]) for name, s in shapes if len(s) == 2 and _IN_A_LAYER.search(name))
    return BaseShape(
        kind=_kind(settings),
        model_type=str(settings.get("model_type")),
        num_parameters=sum(prod(shape) for _, shape in shapes),
        num_layers=_number(text, 1, "num_hidden_layers", "n_layer", "num_layers"),
        hidden_size=_number(text, 1, "hidden_size", "n_embd", "d_model"),
        max_tokens=_number(text, 512, "max_position_embeddings", "n_positions", "max_sequence_length"),
        vocabulary_size=_number(text, 0, "vocab_size"),
        intermediate_size=_number(text, 0, "intermediate_size", "n_inner", "ffn_dim"),
        layer_matrices=matrices,
    )


def _kind(settings: dict[str, Any]) -> Literal["encoder", "language", "other"]:
    """Encoders can be told to predict the next word too: a type that does both counts as what it was saved as."""
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        MODEL_FOR_MASKED_LM_MAPPING_NAMES,
        MODEL_MAPPING_NAMES,
    )

    kind, named = settings.get("model_type"), settings.get("architectures")
    saved_as = [str(one) for one in named] if isinstance(named, list) else []
    if settings.get("is_encoder_decoder"):
        return "other"
    is_causal = kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and (
        kind not in MODEL_FOR_MASKED_LM_MAPPING_NAMES or any(one.endswith("ForCausalLM") for one in saved_as)
    )
    if is_causal:
        return "language"
    return "encoder" if kind in MODEL_MAPPING_NAMES else "other"


def _number(settings: dict[str, Any], missing: int, *names: str) -> int:
    found = [settings[name] for name in names if isinstance(settings.get(name), int)]
    return int(found[0]) if found else missing


def _tensor_shapes(path: Path) -> list[tuple[str, tuple[int, ...]]]:
    """Names and shapes in the header of a safetensors file."""
    try:
        with path.open("rb") as stream:
            size = int.from_bytes(stream.read(8), "little")
            if not 2 <= size <= _MOST_HEADER_BYTES:
                raise ValueError("no header")
            header = json.loads(stream.read(size))
        header.pop("__metadata__", None)
        return [(name, tuple(int(length) for length in body["shape"])) for name, body in header.items()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise StorageError(f"cannot read the weights in `{path}`", hint="copy or download the model again") from None
