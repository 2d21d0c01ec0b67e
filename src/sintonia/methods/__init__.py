"""HOW the weights change: one file a method. A method declares which weights train; it trains nothing itself."""

from __future__ import annotations

from sintonia.methods.full import FULL
from sintonia.methods.head import HEAD
from sintonia.methods.lora import LORA
from sintonia.methods.method import Method

METHODS: dict[str, Method] = {one.name: one for one in (FULL, HEAD, LORA)}
DEFAULTS = {"classify": "full", "chat": "lora"}
"""The method of each task when none is asked for."""

__all__ = ["DEFAULTS", "METHODS", "Method"]
