"""The settings of training with differential privacy; each is documented under its field. Nothing is computed here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

_STRICT: dict[str, Any] = {"extra": "forbid", "use_attribute_docstrings": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class DpSettings:
    """Training that is differentially private (DP-SGD): what the model says depends on no single row by much."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    epsilon: float | None = None
    """The budget: by how much one row may change what is learned; smaller is more private, and costs quality. Up to 1
    is strong, about 8 is usual, and above 50 is refused: that promises nothing. Without it nothing is private. For
    `classify` and `chat`, methods head, lora and full; it needs the extra `sintonia[dp]`, and 300 rows or more."""
    delta: float | Literal["auto"] = "auto"
    """The chance that the promise fails; `auto` is one over ten times the number of rows (or of groups)."""
    clip_norm: float = 1.0
    """Length to which the gradient of each row (or group) is cut before noise is added."""
    unit: Literal["row", "group"] = "row"
    """Whom the promise is made to: each row, or each value of the column `data.group` with all its rows, a person for
    example."""
    noise: float | Literal["auto"] = "auto"
    """Standard deviation of the noise over `clip_norm`; `auto` is the least that the budget allows for the steps
    planned. With one of your own, training ends before the step that would exceed the budget."""
    accountant: Literal["prv", "rdp"] = "prv"
    """How what was spent is computed (by Opacus): `prv` is tighter, `rdp` the classic one."""
