"""Gives the model of a finished run away in a format of others, and proves that what was written is the same model.

The same validation examples go through the model of the run and through what was exported, in its own runtime. It
trains nothing, opens no test, uploads nothing and changes nothing in the run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sintonia.export.exporting import Exported as Exported
    from sintonia.export.exporting import Wanted as Wanted
    from sintonia.export.exporting import export_run as export_run

__all__ = ["FORMAT_NAMES", "PRECISIONS", "USUAL_PRECISIONS", "Exported", "Wanted", "export_run"]

FORMAT_NAMES = ("adapter", "merged", "gguf", "ollama", "onnx", "sentence-transformers", "hub-folder")
"""The formats, held equal to their table by a test: the table needs torch."""
PRECISIONS = ("f32", "f16", "bf16", "q8_0", "q4_0")
"""The numbers that weights can be written in."""
USUAL_PRECISIONS = {"gguf": "f16", "ollama": "f16"}
"""Of the formats that are written in several: what they take where none is named. Held equal to their table too."""


def __getattr__(name: str) -> Any:
    """The rest is imported when it is asked for, because torch takes seconds."""
    if name not in __all__:
        raise AttributeError(name)
    from sintonia.export import exporting

    return getattr(exporting, name)
