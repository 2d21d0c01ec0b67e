"""Pins the base a recipe names, with reasons and a memory estimate. It trains nothing."""

from __future__ import annotations

import psutil

from sintonia.errors import UsageError
from sintonia.files import sha256_file
from sintonia.methods import METHODS
from sintonia.models.catalog import find_entry
from sintonia.models.pooled import load_encoder
from sintonia.models.sources import fetch
from sintonia.records import Base
from sintonia.resources.estimate import DEFAULT_MICRO_TOKENS, peak_memory_bytes
from sintonia.settings import Recipe


def choose(recipe: Recipe) -> Base:
    """The base of the recipe, fetched, pinned by the hash of its weights and found to fit this machine.

    Raises:
        UsageError: unknown base, or it does not fit in memory.
        StorageError: the base cannot be loaded.
    """
    entry = find_entry(recipe.base)
    folder = fetch(entry)
    model = load_encoder(folder)
    num_parameters = sum(value.numel() for value in model.parameters())
    layers = int(getattr(model.transformer.config, "num_hidden_layers", 1))
    positions = int(getattr(model.transformer.config, "max_position_embeddings", 512))
    micro = recipe.training.micro_tokens
    num_trained = num_parameters if METHODS[recipe.method].trains_encoder else 0
    per_token = layers * model.hidden_size
    tokens = DEFAULT_MICRO_TOKENS if micro == "auto" else micro
    estimated = peak_memory_bytes(num_parameters, num_trained, per_token * tokens)
    free = psutil.virtual_memory().available
    if estimated > free:
        raise UsageError(
            f"`{recipe.base}` with method {recipe.method} needs about {estimated / 2**30:.1f} GiB of memory, "
            f"{free / 2**30:.1f} GiB are free",
            hint="take `--method head`, or a smaller base",
        )
    why = [entry.description] if entry.description else []
    asked = Recipe.__dataclass_fields__["base"].default
    why.append("the default for classifying text" if recipe.base == asked else "named in the recipe")
    why.append(
        f"needs at most about {estimated / 2**30:.1f} GiB of memory with method {recipe.method}; "
        f"{free / 2**30:.1f} GiB are free"
    )
    return Base(
        reference=entry.reference,
        revision=sha256_file(folder / "model.safetensors"),
        licence=entry.licence,
        num_parameters=num_parameters,
        num_layers=layers,
        hidden_size=model.hidden_size,
        max_tokens=positions,
        why=tuple(why),
        estimated_memory_bytes=estimated,
    )
