"""The anchor texts: 200 short texts in six languages, written for this project, that no task is about.

They are read from `anchors.jsonl` beside this file, and never trained on. Each falls into two halves that belong to
each other and to no other text.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """One text in its two halves."""

    language: str
    """Its code, such as `en`."""
    kind: str
    """What it is like: fact, everyday, instruction, code, numbers, dialogue..."""
    first: str
    second: str

    @property
    def text(self) -> str:
        """All of it."""
        return self.first + ("" if self.first.endswith("\n") else " ") + self.second


@cache
def load_anchors() -> tuple[Anchor, ...]:
    """All anchor texts, language by language."""
    file = resources.files("sintonia.evaluate.forgetting").joinpath("anchors.jsonl")
    schema, *rows = (json.loads(line) for line in file.read_text(encoding="utf-8").splitlines())
    if schema != {"schema": 1}:
        raise ValueError(f"the anchor texts are written in a form that is not known: {schema}")
    return tuple(Anchor(**row) for row in rows)
