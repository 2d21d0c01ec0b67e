"""The public API, loaded on first use; importing it never imports torch and never prints.

The environment variables below silence the telemetry and the noise of dependencies. They must be set before
those are imported, and nothing of ours is imported earlier than this file. A value set by the user wins.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_QUIET = {
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",  # let out only for the download of a base `hf:`, unless SINTONIA_OFFLINE is 1
    "LRU_CACHE_CAPACITY": "128",  # compiled products of matrices: without a limit, one more for each new shape
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "128",
    "TOKENIZERS_PARALLELISM": "true",  # unset, it complains about every child process
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
}
os.environ.setdefault("SINTONIA_OFFLINE", os.environ.get("HF_HUB_OFFLINE", "0"))  # a person's own wish, before ours
for _name, _value in _QUIET.items():
    os.environ.setdefault(_name, _value)

_PUBLIC = {
    "Finding": "records",
    "Progress": "pipeline",
    "Recipe": "settings",
    "Run": "python",
    "SintoniaError": "errors",
    "Verdict": "records",
    "check": "python",
    "compare": "python",
    "load": "python",
    "load_recipe": "recipe",
    "make_recipe": "recipe",
    "rank_bases": "python",
    "tune": "python",
    "weigh_base": "python",
}

__all__ = [  # noqa: PLE0604
    *_PUBLIC
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module `sintonia` has no attribute `{name}`")
    return getattr(import_module(f"sintonia.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
