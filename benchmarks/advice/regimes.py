"""The regimes whose diagnosis is known beforehand: what is trained on what, and in which order. It runs nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

EXPERIMENTS = ("E16", "E17", "E18", "E19", "E20", "E21")
WITH_REMEDY = frozenset({"E16", "E17", "E18", "E21"})
"""Where something is to be mended: these are the cases of E38."""
BASES = {"M": "minilm", "L": "smollm2"}
EASY = {"M": ("snips", "sms_spam"), "L": ("snips_answers",)}
SETS = {
    "M": ("trec", "sst2", "snips", "sentiment_it", "sst5"),
    "L": ("instructions_tiny", "apibench_torchhub", "self_instruct", "spider_dev"),
}
"""Sets that no threshold of the diagnosis came from."""
LARGE = ("instructions_tiny", "apibench_torchhub")
"""Of the conversations, those of which enough are short."""
TOO_LOW, TOO_HIGH = 1e-7, 1000.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One training in a regime, and where asked the one after it."""

    model: str
    experiment: str
    data: str
    seed: int

    @property
    def key(self) -> tuple[str, str, str, int]:
        """What a line of the file is known by."""
        return self.model, self.experiment, self.data, self.seed


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How many rows there are. The test stays sealed: it is there because a run has one."""

    train: int
    validation: int
    test: int = 20
    epochs: float | None = None
    """None where the product's own number is taken."""


SIZES = {
    "M": {
        "E16": Size(train=64, validation=200, epochs=50),
        "E17": Size(train=320, validation=200, epochs=4),
        "E18": Size(train=320, validation=200, epochs=4),
        "E19": Size(train=1100, validation=200, epochs=3),
        "E20": Size(train=300, validation=200, epochs=12),
        "E21": Size(train=320, validation=200),
    },
    "L": {
        "E16": Size(train=24, validation=32, epochs=30),
        "E17": Size(train=64, validation=32, epochs=3),
        "E18": Size(train=64, validation=32, epochs=3),
        "E19": Size(train=240, validation=32, epochs=2),
        "E20": Size(train=64, validation=32, epochs=10),
        "E21": Size(train=64, validation=32),
    },
}
"""Of the language model, as much as a processor can afford: `E19` has two epochs of 240 and not about 150 steps."""


def planned_cells(models: Sequence[str], experiments: Sequence[str], num_seeds: int) -> list[Cell]:
    """All cells, one seed after the other, so that a run that is ended early has some of each regime."""
    return [
        Cell(model=model, experiment=experiment, data=data, seed=seed)
        for model in models
        for seed in range(num_seeds)
        for position in range(max(len(SETS[model]), len(_sets(model, "E19"))))
        for experiment in experiments
        for data in _sets(model, experiment)[position : position + 1]
    ]


def _sets(model: str, experiment: str) -> tuple[str, ...]:
    if experiment == "E20":
        return EASY[model]
    if experiment == "E19":
        return (*SETS[model], "sms_spam") if model == "M" else LARGE
    return SETS[model]


def usual_rate(model: str, hidden_size: int) -> float:
    """The learning rate that the product takes by itself."""
    from sintonia.methods import METHODS
    from sintonia.tasks import TASKS

    task = TASKS["classify" if model == "M" else "chat"]
    return METHODS[task.METHOD].learning_rate(task.BASE, hidden_size)[0]


def training_settings(cell: Cell, hidden_size: int, batch: int) -> dict[str, Any]:
    """What the regime asks for beside the defaults; `batch` is that of the product for so many rows."""
    size = SIZES[cell.model][cell.experiment]
    asked: dict[str, Any] = {} if size.epochs is None else {"epochs": float(size.epochs)}
    if cell.experiment == "E17":
        asked["learning_rate"] = TOO_LOW
    elif cell.experiment == "E18":
        asked["learning_rate"] = TOO_HIGH * usual_rate(cell.model, hidden_size)
    elif cell.experiment == "E21":
        asked["epochs"] = 0.5 * batch / size.train  # rounded up: a single step
    return asked
