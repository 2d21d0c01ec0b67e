"""A GGUF file as a folder that transformers reads: weights in float32, tokenizer and chat template beside them.

Converted once, by transformers, into the folder of downloads under the hash of the file. What a tokenizer was made
with and transformers does not know is refused: a text cut otherwise than in pre-training would cost quality in silence.
"""

from __future__ import annotations

import contextlib
import io
import struct
from pathlib import Path
from typing import Any

from sintonia.errors import StorageError, UsageError
from sintonia.models.sources.manifest import check_manifest, hash_of
from sintonia.models.sources.storage import make_once, models_folder

_PLAIN = {"gpt-2", "gpt2"}
"""Pre-tokenizers that are byte-level BPE with the expression of GPT-2, which is what transformers builds."""
_SINGLE_DIGITS = {"smollm"}
"""The same, after each digit was set apart."""


def fetch(path: Path) -> Path:
    """The folder with the converted model; converted only the first time.

    Raises:
        UsageError: no such file, or it cannot be converted faithfully.
        StorageError: the file is damaged, or what it was converted to was changed since.
    """
    if not path.is_file():
        raise UsageError(f"no file `{path}`", expected="a GGUF file", hint="check the path")
    target = models_folder() / f"gguf-{hash_of(path)[:32]}"
    folder = make_once(target, lambda work: convert(path, work / "converted"))
    check_manifest(folder)
    return folder


def convert(path: Path, folder: Path) -> Path:
    """Writes `folder` from a GGUF file and returns it.

    Raises:
        UsageError: it cannot be converted faithfully.
        StorageError: the file is damaged.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from sintonia.models.loading import quiet

    facts = _read_facts(path)
    tokenizer_split = _split_of(facts, path)
    source: dict[str, Any] = {"gguf_file": path.name, "local_files_only": True, "trust_remote_code": False}
    try:
        with quiet(), contextlib.redirect_stderr(io.StringIO()):  # a bar that cannot be turned off
            opened, loaded = AutoModelForCausalLM.from_pretrained(
                path.parent, dtype=torch.float32, output_loading_info=True, **source
            )
            tokenizer = AutoTokenizer.from_pretrained(path.parent, **source)
    except Exception as error:  # `tokenizers` raises nothing narrower
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise StorageError(f"cannot convert `{path}`: {line}", hint="take the model as safetensors") from None
    if loaded["missing_keys"]:
        raise StorageError(f"`{path}` lacks weights of its own model", hint="download it again")
    if tokenizer_split is not None:
        tokenizer.backend_tokenizer.pre_tokenizer = tokenizer_split
    tokenizer.model_max_length = int(opened.config.max_position_embeddings)
    with quiet():
        _plain_copy(opened).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return folder


def _plain_copy(opened: Any) -> Any:
    """The same weights as a model that was never packed, so that it can be saved."""
    import torch
    from transformers import AutoModelForCausalLM

    settings = opened.config.to_dict()
    for name in ("quantization_config", "_model_name_or_path"):
        settings.pop(name, None)
    with torch.device("meta"):
        plain = AutoModelForCausalLM.from_config(type(opened.config).from_dict(settings), dtype=torch.float32)
    plain.load_state_dict(opened.state_dict(), assign=True)
    plain.tie_weights()
    return plain


def _read_facts(path: Path) -> dict[str, Any]:
    """What the file says of itself; lists are given as their lengths."""
    from transformers.integrations.gguf.reader import read_gguf_metadata

    try:
        facts: dict[str, Any] = read_gguf_metadata(str(path))[0]
    except (OSError, ValueError, LookupError, ArithmeticError, MemoryError, struct.error) as error:
        raise StorageError(f"`{path}` is not a whole GGUF file: {error}", hint="download it again") from None
    return facts


def _split_of(facts: dict[str, Any], path: Path) -> Any:
    """The pre-tokenizer to put in, or None where the one that transformers builds is right.

    Raises:
        UsageError: nobody here knows it.
    """
    from tokenizers import pre_tokenizers
    from transformers.integrations.gguf.gguf_tokenizer_mapping import GGUF_PRE_TOKENIZER_SPLITS

    kind, name = facts.get("tokenizer.ggml.model"), facts.get("tokenizer.ggml.pre")
    if kind is None:
        raise UsageError(f"`{path}` carries no tokenizer", hint="take the model as safetensors")
    if kind != "gpt2" or name in GGUF_PRE_TOKENIZER_SPLITS or name in _PLAIN:
        return None
    if name in _SINGLE_DIGITS:
        bytes_of_words = pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=True)
        return pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), bytes_of_words])
    raise UsageError(
        f"the tokenizer of `{path}` cuts texts in a way that is unknown here (`{name}`)",
        hint="take the model as safetensors, with its own tokenizer.json",
    )
