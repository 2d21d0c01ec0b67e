"""How fast this machine multiplies matrices, which is what training mostly does. It opens no model."""

from __future__ import annotations

import time
from typing import Literal

_WIDTH = 512
"""Of the square matrices: about as wide as small models, and done before another program takes its turn."""


def matrix_speed(precision: Literal["fp32", "bf16"], seconds: float = 1.0) -> float:
    """Operations a second (a multiply-add is two) of the fastest of the products that fit into the time."""
    import torch

    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
    left, right = (torch.ones(_WIDTH, _WIDTH, dtype=dtype) for _ in range(2))
    result = torch.empty(_WIDTH, _WIDTH, dtype=dtype)
    fastest, ends = float("inf"), time.perf_counter() + seconds
    with torch.inference_mode():
        torch.mm(left, right, out=result)  # the first one compiles
        while True:
            began = time.perf_counter()
            torch.mm(left, right, out=result)
            now = time.perf_counter()
            fastest = min(fastest, now - began)
            if now >= ends:
                return 2 * _WIDTH**3 / fastest
