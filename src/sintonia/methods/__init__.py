"""HOW the weights change: one file a method. A method declares which weights train; it trains nothing itself."""

from __future__ import annotations

from sintonia.methods.contrastive import CONTRASTIVE
from sintonia.methods.full import FULL
from sintonia.methods.head import HEAD
from sintonia.methods.lora import LORA
from sintonia.methods.method import Method
from sintonia.methods.on_decoders import refuse_on_decoder

METHODS: dict[str, Method] = {one.name: one for one in (FULL, HEAD, LORA, CONTRASTIVE)}

__all__ = ["METHODS", "Method", "refuse_on_decoder"]
