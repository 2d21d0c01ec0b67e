"""Rows of planted data, and a bench that prepares files in a folder of its own."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sintonia.prepare import prepare
from sintonia.records import Example, Prepared, SetAside
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe

SUBJECTS = ("the card", "my account", "this transfer", "the app", "a refund", "our invoice", "the phone", "my order")
VERBS = ("is late", "was declined", "does not work", "looks fine", "arrived today", "costs too much", "is lost")
PLACES = ("in London", "at home", "on Monday", "since yesterday", "for the third time", "again", "in the shop")


def many_rows(count: int, labels: Iterable[str] = ("good", "bad", "other")) -> list[dict[str, Any]]:
    """Rows whose texts all differ, with the labels in turn."""
    names = list(labels)
    return [
        {
            "text": f"{SUBJECTS[i % 8]} {VERBS[i // 8 % 7]} {PLACES[i // 56 % 7]}, case {i}",
            "label": names[i % len(names)],
        }
        for i in range(count)
    ]


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
        recipe = Recipe(data=DataSettings(path=str(path), columns=columns, group=group), seed=seed)
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
