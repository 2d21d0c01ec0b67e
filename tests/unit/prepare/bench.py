"""Rows of planted data, and a bench that prepares files in a folder of its own."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sintonia.prepare import prepare
from sintonia.records import Example, Prepared, SetAside
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe

_WORDS = """
account amber anchor apple arrow autumn badge bakery balloon barrel basket beacon blanket border bottle branch bridge
bucket butter cabin candle canvas carpet castle cellar chapel cherry circle clever cloud cobalt coffee copper corner
cottage cotton cradle crystal dagger desert dinner dolphin donkey dragon drawer eagle echo elbow engine evening fabric
falcon feather fiddle finger forest fountain galaxy garden gentle ginger glacier glove golden granite hammer harbour
harvest hazel helmet hollow honey hunter island ivory jacket jasmine journey jungle kettle kitten ladder lantern lemon
letter lizard lobster magnet maple marble meadow melon mirror monkey mountain needle noble ocean olive orange orchard
oyster paddle palace panther parcel pebble pepper pilot planet pocket pottery prairie puzzle quarry rabbit ribbon river
rocket saddle salmon sapphire season shadow shelter silver simple spider spring statue summer sunset temple thunder
ticket timber tunnel turtle umbrella valley velvet violin walnut whisper willow window winter wizard yellow zebra
""".split()  # noqa: SIM905


def distinct_text(number: int) -> str:
    """A text that has little in common with that of any other number."""
    draw = random.Random(number)
    return " ".join(draw.sample(_WORDS, draw.randint(7, 11)))


def many_rows(count: int, labels: Iterable[str] = ("good", "bad", "other")) -> list[dict[str, Any]]:
    """Rows whose texts all differ, with the labels in turn."""
    names = list(labels)
    return [{"text": distinct_text(i), "label": names[i % len(names)]} for i in range(count)]


class Bench:
    """Prepares files in a temporary folder and reads back what was written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runs = 0
        self.run: RunFolder

    def write(self, rows: Iterable[dict[str, Any]], name: str = "rows.jsonl") -> Path:
        path = self.folder / name
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
        return path

    def prepare(self, path: Path, *, seed: int = 0, group: str | None = None, **columns: str) -> Prepared:
        return self.prepare_data(DataSettings(path=str(path), columns=columns, group=group), seed=seed)

    def prepare_data(self, data: DataSettings, *, seed: int = 0) -> Prepared:
        recipe = Recipe(data=data, seed=seed)
        self.runs += 1
        self.run = RunFolder.create(self.folder / f"run-{self.runs}", recipe)
        return prepare(recipe, self.run)

    def sets(self) -> dict[str, list[Example]]:
        """The examples of the last run, test included: tests may look where no phase does."""
        files = {"train": "data/train.jsonl", "validation": "data/validation.jsonl", "test": "data/sealed_test.jsonl"}
        return {name: self.run.lines(relative, Example) for name, relative in files.items()}

    def where(self) -> dict[str, str]:
        """The set of each text of the last run."""
        return {example.input: name for name, examples in self.sets().items() for example in examples}

    def set_aside(self) -> list[SetAside]:
        return self.run.lines("data/set_aside.jsonl", SetAside)
