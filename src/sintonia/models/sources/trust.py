"""What the JSON files of a model from outside may say. They are data, and data must not choose code.

Twice in 2026 a `config.json` made transformers run foreign code although `trust_remote_code` was off (CVE-2026-4372,
CVE-2026-5241). So a folder is read here before transformers sees it: only kinds of model that transformers itself
brings, no private key but the harmless ones listed, no key that names code, kernels or files elsewhere.
"""

from __future__ import annotations

import inspect
import json
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sintonia.errors import UsageError

_READ = ("config.json", "tokenizer_config.json", "generation_config.json", "adapter_config.json")
_PRIVATE = {
    "_attn_implementation_autoset",
    "_commit_hash",
    "_flash_attn_2_enabled",
    "_from_model_config",
    "_name_or_path",
    "_num_labels",
    "_sliding_window_pattern",
}
"""Private keys that are met in the files of known models, and that choose nothing."""
_REFUSED = {"auto_map", "trust_remote_code", "custom_pipelines", "custom_generate", "transformers_weights", "gguf_file"}
_BUILT_IN = (None, "eager", "sdpa")
"""Implementations that are part of torch and transformers; others are fetched from elsewhere."""
_NUMBERS = ("Infinity", "-Infinity")
"""What transformers writes as `{"__float__": ...}`, because JSON has no such numbers."""
_SHARD = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*\.safetensors")
INDEX = "model.safetensors.index.json"
_DEEPEST = 12
_OPENED = frozenset({".jinja", ".json", ".model", ".safetensors", ".txt"})
"""What libraries may open of a model's folder."""
_MOST_BYTES = 128 * 2**20
"""Of a file that is read whole: several times the largest tokenizer there is."""
_AGAIN = "copy or download the model again"


def check_folder(folder: Path) -> None:
    """Looks at every file of a model that transformers would act on.

    Raises:
        UsageError: one of them asks for code, for files elsewhere, or for a kind of model nobody knows.
    """
    for path in sorted(folder.glob("*")):
        if path.suffix in _OPENED or path.name == "additional_chat_templates":
            _check_file(path, folder)
    for name in _READ:
        path = folder / name
        if not path.is_file():
            continue
        body = read_json_object(path)
        known = _fields_of(body) if name == "config.json" else frozenset()
        for key, value in _walk(body, 0, path):
            _check_key(key, value, path, known)
    if (folder / "config.json").is_file():
        _check_kind(read_json_object(folder / "config.json"), folder / "config.json")
    shards(folder)


def shards(folder: Path) -> tuple[str, ...]:
    """The names of the weight files that an index lists; none without an index.

    Raises:
        UsageError: the index names files outside of its folder.
    """
    path = folder / INDEX
    if not path.is_file():
        return ()
    named = read_json_object(path).get("weight_map")
    files = sorted({str(name) for name in named.values()}) if isinstance(named, dict) else []
    odd = [name for name in files if not _SHARD.fullmatch(name)]
    if odd or not files:
        raise UsageError(
            f"`{path}` does not list weight files beside it",
            expected="names like model-00001.safetensors",
            hint=_AGAIN,
        )
    return tuple(files)


def read_json_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file from outside.

    Raises:
        UsageError: it is not one.
    """
    try:
        body = json.loads(path.read_text(encoding="utf-8")) if path.stat().st_size <= _MOST_BYTES else None
    except (OSError, ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise UsageError(f"`{path}` is not the JSON it should be", hint=_AGAIN)
    return body


def _check_file(path: Path, folder: Path) -> None:
    """A plain file of sensible size, and not a link to what the folder's maker does not own."""
    target, home = Path(os.path.realpath(path)), Path(os.path.realpath(folder))
    homes = (home, home.parent.parent / "blobs") if home.parent.name == "snapshots" else (home,)
    if not any(target.is_relative_to(one) for one in homes):  # the hub's own cache links to its `blobs`
        raise UsageError(
            f"`{path}` is a link that leads out of its folder", hint="put the file itself there, if you trust it"
        )
    if path.is_dir():
        return
    if not path.is_file():
        raise UsageError(f"`{path}` is no plain file", hint=_AGAIN)
    if path.suffix != ".safetensors" and path.stat().st_size > _MOST_BYTES:
        raise UsageError(f"`{path}` is larger than any such file of a model is", hint=_AGAIN)


def _walk(value: Any, depth: int, path: Path) -> Iterator[tuple[str, Any]]:
    """Every key with its value, however deep."""
    if depth > _DEEPEST:
        raise UsageError(f"`{path}` is nested too deep", expected="the settings of a model", hint=_AGAIN)
    if isinstance(value, list):
        for one in value:
            yield from _walk(one, depth + 1, path)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key, inner
            yield from _walk(inner, depth + 1, path)


def _fields_of(body: dict[str, Any]) -> frozenset[str]:
    """Private settings that transformers' own class for this kind of model declares, beyond those of all models."""
    from transformers import CONFIG_MAPPING, PretrainedConfig

    kind = body.get("model_type")
    if not isinstance(kind, str) or kind not in CONFIG_MAPPING:
        return frozenset()  # `_check_kind` says so
    own = CONFIG_MAPPING[kind]
    named = {*inspect.signature(own.__init__).parameters, *getattr(own, "__annotations__", {})}
    return frozenset(name for name in named if name.startswith("_") and not hasattr(PretrainedConfig, name))


def _check_key(key: str, value: Any, path: Path, known: frozenset[str] = frozenset()) -> None:
    if key == "quantization_config" and value:
        raise UsageError(
            f"the weights beside `{path}` are quantised", hint="take the version of this model that is not, or its GGUF"
        )
    if (isinstance(value, float) and math.isnan(value)) or (key == "__float__" and value == "NaN"):
        raise UsageError(f"`{path}` says of `{key}` that it is no number (NaN)", hint=_AGAIN)
    chooses_code = key in _REFUSED and value is not None and value is not False
    names_kernel = key.endswith("_implementation")
    chooses_kernel = names_kernel and value not in _BUILT_IN
    is_plain = (key in known and isinstance(value, bool | int | float)) or (key == "__float__" and value in _NUMBERS)
    is_private = key.startswith("_") and key not in _PRIVATE and not names_kernel and not is_plain
    if chooses_code or is_private or chooses_kernel:
        raise UsageError(
            f"`{path}` sets `{key}`, which can make a program run code that comes with the model",
            expected="a model that needs none but transformers' own code",
            hint="if you trust it, remove that line from the file yourself",
        )


def _check_kind(body: dict[str, Any], path: Path) -> None:
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    kind = body.get("model_type")
    if not isinstance(kind, str) or kind not in CONFIG_MAPPING_NAMES:
        raise UsageError(
            f"`{path}` is of a kind of model that transformers does not know",
            expected="a `model_type` that it brings, such as llama or bert",
            hint="take a model that needs no code of its own",
        )
