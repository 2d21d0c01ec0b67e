"""HOW the weights change: one file a method. A method declares which weights train; it trains nothing itself."""

from __future__ import annotations

from sintonia.methods.full import FULL
from sintonia.methods.head import HEAD
from sintonia.methods.method import Method

METHODS: dict[str, Method] = {"full": FULL, "head": HEAD}

__all__ = ["METHODS", "Method"]
