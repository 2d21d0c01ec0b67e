"""Opens what a folder holds with transformers: never with code from that folder, never with a file that runs code.

Every folder is looked at by `sources/trust.py` first. Nothing is downloaded and nothing is written here.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from sintonia.errors import StorageError
from sintonia.models.sources.trust import check_folder

_OPTIONS: dict[str, Any] = {
    "local_files_only": True,
    "use_safetensors": True,
    "dtype": torch.float32,
    "attn_implementation": "sdpa",
    "trust_remote_code": False,
}


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
        raise StorageError(f"cannot load the {what} in `{folder}`: {line}") from None


_OF_A_LAYER = re.compile(r"\.\d+\..*(weight|bias)$")


def load_transformer(folder: Path) -> Any:
    """The bare transformer of an encoder, float32, in evaluation mode.

    Raises:
        UsageError: the folder asks for foreign code.
        StorageError: it does not hold such a model.
    """
    check_folder(folder)
    with _one_clear_error("model", folder), quiet():
        return _ready(AutoModel.from_pretrained(folder, **_OPTIONS))


def load_causal(folder: Path) -> Any:
    """The causal language model in a folder, with its output head, float32 on the CPU, in evaluation mode.

    Raises:
        UsageError: the folder asks for foreign code.
        StorageError: it does not hold such a model, or not all of its weights.
    """
    check_folder(folder)
    with _one_clear_error("model", folder), quiet():
        causal, loaded = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True, **_OPTIONS)
        causal = _ready(causal)
    homeless = sorted(key for key in loaded["unexpected_keys"] if _OF_A_LAYER.search(key))
    if homeless:
        raise StorageError(
            f"the model in `{folder}` has {len(homeless)} weights of layers that its settings do not know, "
            f"`{homeless[0]}` first",
            hint="its config.json belongs to another model",
        )
    missing = sorted(loaded["missing_keys"]) + sorted(str(key) for key in loaded["mismatched_keys"])
    if missing:
        raise StorageError(
            f"the model in `{folder}` lacks {len(missing)} of its weights, `{missing[0]}` first",
            hint="it would answer at random: copy or download it again",
        )
    return causal


def _ready(model: Any) -> Any:
    """In evaluation mode, with the attention that was asked for: a `config.json` can override the option."""
    if model.config._attn_implementation != _OPTIONS["attn_implementation"]:
        model.set_attn_implementation(_OPTIONS["attn_implementation"])
    return model.eval()


def load_tokenizer(folder: Path) -> Any:
    """The fast tokenizer in a folder."""
    check_folder(folder)
    with _one_clear_error("tokenizer", folder), quiet():
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, use_fast=True, trust_remote_code=False)
