"""Tiny tuned models on disk for the tests of what answers: with weights so wide that they do not repeat themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from sintonia.choose import choose
from sintonia.models.adapters import AdapterPlan, adapters_of, attach_adapters
from sintonia.models.language.saved import open_language_base, save_language_model
from sintonia.models.open import open_base
from sintonia.models.pooled import save_encoder
from sintonia.settings import DataSettings, Recipe
from tests.tiny import make_tiny_language_model

TALK = [{"role": "user", "content": "Salve"}]


def make_wide_base(folder: Path, **settings: object) -> Path:
    """A language model whose likeliest tokens change from place to place."""
    return make_tiny_language_model(folder, initializer_range=0.6, **settings)  # type: ignore[arg-type]


def make_tuned(folder: Path, base: Path, seed: int = 0, variant: str = "lora", task: str = "chat") -> Path:
    """A model with adapters that change what it writes."""
    pinned = choose(Recipe(data=DataSettings(path="x"), base=f"file:{base}"), "chat")
    opened = open_language_base(pinned, 64, "auto")
    attach_adapters(opened.causal, AdapterPlan(rank=3, alpha=5, variant=variant), seed)  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in adapters_of(opened.causal).values():
            layer.lora_B.add_(0.3 * torch.randn(layer.lora_B.shape, generator=generator))
    opened.task = task
    save_language_model(opened, folder, method="lora", template_name="base", max_tokens=64)
    return folder


def make_classifier(folder: Path, base: Path, **says: Any) -> Path:
    """An encoder with a random head for three labels."""
    pinned = choose(Recipe(data=DataSettings(path="rows"), base=f"file:{base}", task="classify"), "classify")
    opened = open_base(pinned, 32)
    generator = torch.Generator().manual_seed(1)
    opened.model.add_head(3 * torch.randn(3, 32, generator=generator), torch.tensor([0.0, 0.1, 0.0]))
    says = {"task": "classify", "labels": ["a", "b", "c"], **says}
    save_encoder(opened.model, opened.tokenizer, folder, says=says, max_tokens=32)
    return folder
