"""Opens what a folder holds with transformers: never with code from that folder, never with a file that runs code.

Every folder is looked at by `sources/trust.py` first. Nothing is downloaded and nothing is written here.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from sintonia.errors import StorageError, UsageError
from sintonia.models.sources.expressions import check_expressions
from sintonia.models.sources.trust import check_folder

_OPTIONS: dict[str, Any] = {
    "local_files_only": True,
    "use_safetensors": True,
    "dtype": torch.float32,
    "trust_remote_code": False,
}
_ATTENTION, _PLAIN_ATTENTION = "sdpa", "eager"
_PROBE_TOKENS, _PROBE_PADDING = 7, 5
_TOLERANCE = 1e-3
"""By how much what stands to the right of a token may move its logits, relative to the largest: rounding only."""


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Transformers prints bars and advice on loading; only doors print."""
    before = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(before)


@contextlib.contextmanager
def _one_clear_error(what: str, folder: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # `tokenizers` raises nothing narrower
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if "ignore_mismatched_sizes" in line:
            line = "its weights have other sizes than its config.json says"
        raise StorageError(
            f"cannot load the {what} in `{folder}`: {line}", hint="copy or download the model again"
        ) from None


_OF_A_LAYER = re.compile(r"\.\d+\..*(weight|bias)$")


def load_transformer(folder: Path) -> Any:
    """The bare transformer of an encoder, float32, in evaluation mode.

    Raises:
        UsageError: the folder asks for foreign code.
        StorageError: it does not hold such a model, or not all of its weights but for a pooler, which is not used.
    """
    check_folder(folder)
    with _one_clear_error("model", folder), quiet():
        attention = _attention_of(folder, AutoModel)
        model, loaded = AutoModel.from_pretrained(
            folder, output_loading_info=True, attn_implementation=attention, **_OPTIONS
        )
        model = _ready(model, attention)
    _refuse_lacking({str(key) for key in loaded["missing_keys"] if "pooler" not in str(key).split(".")}, folder)
    check_finite(model.named_parameters(), f"the model in `{folder}`")
    return model


def load_causal(folder: Path) -> Any:
    """The causal language model in a folder, with its output head, float32 on the CPU, in evaluation mode.

    Raises:
        UsageError: the folder asks for foreign code.
        StorageError: it does not hold such a model, or not all of its weights.
    """
    check_folder(folder)
    with _one_clear_error("model", folder), quiet():
        attention = _attention_of(folder, AutoModelForCausalLM)
        causal, loaded = AutoModelForCausalLM.from_pretrained(
            folder, output_loading_info=True, attn_implementation=attention, **_OPTIONS
        )
        causal = _ready(causal, attention)
    homeless = sorted(key for key in loaded["unexpected_keys"] if _OF_A_LAYER.search(key))
    if homeless:
        raise StorageError(
            f"the model in `{folder}` has {len(homeless)} weights of layers that its settings do not know, "
            f"`{homeless[0]}` first",
            hint="its config.json belongs to another model",
        )
    _refuse_lacking({str(key) for key in (*loaded["missing_keys"], *loaded["mismatched_keys"])}, folder)
    check_finite(causal.named_parameters(), f"the model in `{folder}`")
    if attention == _PLAIN_ATTENTION:
        with _one_clear_error("model", folder):
            looks_ahead = _looks_ahead(causal)
        if looks_ahead:
            raise UsageError(
                f"the model in `{folder}` looks at what comes after a token, or cannot do without a mask "
                f"(its type is {causal.config.model_type})",
                expected="a causal language model, which reads from left to right",
            )
    return causal


def _refuse_lacking(missing: set[str], folder: Path) -> None:
    if missing:
        raise StorageError(
            f"the model in `{folder}` lacks {len(missing)} of its weights, `{min(missing)}` first",
            hint="it would answer at random: copy or download it again",
        )


def check_finite(tensors: Iterable[tuple[str, Tensor]], where: str) -> None:
    """Looks whether all numbers of these tensors are numbers; `where` says in words what they belong to.

    Raises:
        StorageError: one is not, or is infinite.
    """
    for name, tensor in tensors:
        values = tensor.detach()
        if not values.is_floating_point() or bool(values.sum(dtype=torch.float32).isfinite()):
            continue
        num_odd = int((~values.isfinite()).sum())
        if num_odd:
            raise StorageError(
                f"{where} is damaged: {num_odd:,} of the {values.numel():,} numbers in `{name}` are no numbers, "
                "or are infinite",
                hint="copy or download it again",
            )


def _attention_of(folder: Path, kind: Any) -> str:
    """Torch's own attention where the class of the model has it, else the plain one of transformers."""
    settings = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    model = kind._model_mapping.get(type(settings), None)
    models = model if isinstance(model, list | tuple) else (model,)
    has_none = all(one is not None and not getattr(one, "_supports_sdpa", True) for one in models)
    return _PLAIN_ATTENTION if has_none else _ATTENTION


def _ready(model: Any, attention: str) -> Any:
    """In evaluation mode, with the attention that was asked for: a `config.json` can override the option."""
    if model.config._attn_implementation != attention:
        model.set_attn_implementation(attention)
    if getattr(model.config, "rescale_every", 0):
        model.config.rescale_every = 0  # rwkv would halve its weights in place, which only half precision needs
    return model.eval()


@torch.no_grad()
def _looks_ahead(causal: Any) -> bool:
    """Whether tokens on the right change what a language model says: rows are padded there and no mask is given."""
    size = causal.get_input_embeddings().weight.shape[0]
    row = (torch.arange(_PROBE_TOKENS)[None] * 3 + 1) % size
    alone = causal(input_ids=row, use_cache=False).logits
    padded = torch.nn.functional.pad(row, (0, _PROBE_PADDING))
    beside = causal(input_ids=padded, use_cache=False).logits[:, :_PROBE_TOKENS]
    return not bool((alone - beside).abs().max() <= _TOLERANCE * alone.abs().max())


def check_tokenizer(tokenizer: Any, model: Any, folder: Path) -> None:
    """Looks whether a model knows the tokens of a tokenizer; words that were only added to it may go beyond.

    Raises:
        StorageError: it does not; the texts would be numbers of nothing.
    """
    num_known = model.get_input_embeddings().weight.shape[0]
    added = set(tokenizer.added_tokens_decoder)
    beyond = [number for number in tokenizer.get_vocab().values() if number >= num_known and number not in added]
    if beyond:
        raise StorageError(
            f"`{folder / 'tokenizer.json'}` has {len(beyond):,} tokens that the model does not know: it knows "
            f"{num_known:,}",
            hint="it belongs to another model: copy or download both again",
        )


def load_tokenizer(folder: Path) -> Any:
    """The fast tokenizer in a folder.

    Raises:
        UsageError: the folder asks for foreign code, or for an expression that never ends.
        StorageError: it does not hold a tokenizer.
    """
    check_folder(folder)
    check_expressions(folder / "tokenizer.json")
    with _one_clear_error("tokenizer", folder), quiet():
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, use_fast=True, trust_remote_code=False)
