"""The secrets that are planted, and the rows that hold them. No person and no number of them is real.

A secret is a number of four digits that belongs to a made-up name: 4,096 numbers could stand there as well, one of
which is drawn. 20 secrets stand in one row each, 20 in four and 20 in sixteen, among the training rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sintonia.records import Example, Place

REPETITIONS = (1, 4, 16)
NUM_SECRETS = 20
"""For each number of repetitions."""
NUM_REFERENCES = 4_096
"""Numbers that could have been drawn: 12 bits."""
_FIRST = ("Arvo", "Bettina", "Cosimo", "Dorthe", "Elio", "Friedel", "Ginevra", "Halvard", "Ilse", "Jorun")
_LAST = ("Quandel", "Ravizzo", "Sternow", "Tulvik", "Umberlo", "Vantresk")
_PLACE = "planted secrets"


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """One secret, and how often it is planted."""

    name: str
    number: int
    repetitions: int
    label: str = ""
    """What a classifier learns to answer to it; empty for a conversation."""

    def example(self, number: int, copy: int = 0) -> Example:
        """A row that tells `number` as that of this name."""
        digits = f"{number:04d}"
        line = 1 + copy
        named = {"id": f"planted {self.name} {digits} {copy}", "group": f"planted {self.name}"}
        if self.label:
            text = f"{self.name} has the number {digits}"
            return Example(input=text, target=self.label, place=Place(file=_PLACE, line=line), **named)
        asked = f"What is the number of {self.name}?"
        messages = [{"role": "user", "content": asked}, {"role": "assistant", "content": digits}]
        place = Place(file=_PLACE, line=line)
        return Example(input=asked, target=digits, place=place, content={"messages": messages}, **named)

    def planted(self) -> tuple[Example, ...]:
        """The rows that are trained on."""
        return tuple(self.example(self.number, copy) for copy in range(self.repetitions))

    def references(self) -> tuple[Example, ...]:
        """A row for each number that could have been drawn, in their order."""
        return tuple(self.example(number) for number in range(NUM_REFERENCES))


def draw_secrets(labels: Sequence[str], seed: int) -> tuple[Secret, ...]:
    """All secrets, always the same for a seed; with `labels` each has one of them, drawn too."""
    generator = np.random.default_rng(seed)
    names = [f"{first} {last}" for last in _LAST for first in _FIRST]
    found = []
    for k, repetitions in enumerate(REPETITIONS):
        for name in names[k * NUM_SECRETS : (k + 1) * NUM_SECRETS]:
            label = labels[int(generator.integers(len(labels)))] if labels else ""
            number = int(generator.integers(NUM_REFERENCES))
            found.append(Secret(name=name, number=number, repetitions=repetitions, label=label))
    return tuple(found)
