"""Phase 1: which base model, why, and does it fit. It reads the catalog and the machine, never the data."""

from sintonia.choose.base import can_learn, choose, foresee

__all__ = ["can_learn", "choose", "foresee"]
