"""What a base is, read from its files without opening it: its kind, its size, how much it reads at once."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Literal

from sintonia.errors import StorageError, UsageError
from sintonia.models.sources import BaseFiles
from sintonia.models.sources.folder import weight_files
from sintonia.models.sources.header import tensor_shapes
from sintonia.models.sources.trust import check_folder, read_json_object

_MAX_TOKENS = ("max_position_embeddings", "max_sequence_length", "max_seq_len")
_INTERMEDIATE = ("intermediate_size", "ffn_dim", "hidden_dim", "n_inner")
"""Names that transformers does not make one for all kinds of models."""
_MOST_LAYERS = 2_000
"""Of any model that was ever given out, several times over."""
_ALWAYS_ALLOWED = 2**20
"""Some settings keep the sizes of their kind although a small model does not use them."""
_EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts", "num_experts_per_tok")


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


def read_shape(files: BaseFiles) -> BaseShape:
    """The shape of a base.

    Raises:
        UsageError: its settings ask for foreign code, or do not tell how many layers it has and how wide they are.
        StorageError: they cannot be read, or a weight file has no readable header.
    """
    settings, known = read_json_object(files.model / "config.json"), _text_settings(files.model)
    kind, num_layers, hidden = _kind(settings), _number(known, "num_hidden_layers"), _number(known, "hidden_size")
    heads = getattr(known, "num_attention_heads", None)
    has_odd_heads = isinstance(heads, int) and heads < 1
    if kind != "other" and (has_odd_heads or not (num_layers and hidden)):
        what = (
            "how many heads its layers have" if has_odd_heads else "how many layers the base has and how wide they are"
        )
        raise UsageError(
            f"`{files.model / 'config.json'}` does not tell {what}",
            hint=f"take a base of another type than {settings.get('model_type')}",
        )
    shapes = [shape for path in weight_files(files.model) for shape in tensor_shapes(path).values()]
    num_parameters = sum(map(prod, shapes))
    _refuse_absurd(known, num_parameters, files.model / "config.json")
    return BaseShape(
        kind=kind,
        model_type=str(settings.get("model_type")),
        num_parameters=num_parameters,
        num_layers=num_layers or 1,
        hidden_size=hidden or 1,
        max_tokens=_number(known, *_MAX_TOKENS) or 512,
        vocabulary_size=_number(known, "vocab_size"),
        intermediate_size=_number(known, *_INTERMEDIATE),
    )


def _refuse_absurd(known: Any, num_parameters: int, path: Path) -> None:
    """Settings of a model far larger than its weights would fill the memory before anyone saw that they do not fit."""
    sizes = {name: _number(known, name) for name in ("hidden_size", "vocab_size", *_INTERMEDIATE, *_EXPERTS)}
    too_large = [name for name, size in sizes.items() if size > max(num_parameters, _ALWAYS_ALLOWED)]
    too_large += ["num_hidden_layers"] if _number(known, "num_hidden_layers") > _MOST_LAYERS else []
    if too_large:
        raise UsageError(
            f"`{path}` describes another model: its `{too_large[0]}` is larger than its weights allow",
            hint="copy or download the model again",
        )


def adapter_notes(files: BaseFiles) -> tuple[str, ...]:
    """What a person should know before adapters are put on a language model, in words.

    Whether it is a mixture whose experts are one block of weights each layer: adapters need layers to stand beside.
    Looked up in the class itself, built without any weights, which takes seconds of a large one.
    """
    known = _text_settings(files.model)
    if not _number(known, *_EXPERTS):
        return ()
    import torch
    from transformers import AutoModelForCausalLM

    from sintonia.models.loading import quiet

    try:
        with quiet(), torch.device("meta"):
            model = AutoModelForCausalLM.from_config(known, trust_remote_code=False)
    except Exception:  # what is wrong with it is said when it is opened
        return ()
    total = sum(one.numel() for one in model.parameters())
    fused = sum(one.numel() for name, one in model.named_parameters() if one.ndim == 3 and "experts" in name.split("."))
    if not fused:
        return ()
    share = f"{100 * fused / total:.0f} % of its weights"
    return (f"a mixture of experts: adapters go on its attention only, the experts ({share}) get none and stay frozen",)


def _text_settings(folder: Path) -> Any:
    """The settings of a model, or of its part that reads text, under the names that transformers gives to all kinds."""
    from transformers import AutoConfig

    from sintonia.models.loading import quiet

    check_folder(folder)
    try:
        with quiet():
            known = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # each kind of model checks its settings in its own way
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise StorageError(
            f"cannot read `{folder / 'config.json'}`: {line}", hint="copy or download the model again"
        ) from None
    return getattr(known, "text_config", None) or known


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


def is_causal(folder: Path) -> bool:
    """Whether the model in a folder reads from left to right: a language model, or a classifier that was made of one.

    False where its settings cannot be read: who opens it says so.
    """
    try:
        return _kind(read_json_object(folder / "config.json")) == "language"
    except UsageError:
        return False


def can_classify(model_type: str) -> bool:
    """Whether transformers has a classifier for models of a type: without one, a model of ours opens nowhere else."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES

    return model_type in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES


def _number(known: Any, *names: str) -> int:
    """The first of these that is a positive number; 0 where none is."""
    values = (getattr(known, name, None) for name in names)
    return next((value for value in values if isinstance(value, int) and value > 0), 0)
