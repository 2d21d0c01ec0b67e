"""Fills cells, by the product's own code: prepare, base, a turn, the first remedy, a second turn. No test is opened."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.advice.paired import Difference, of_metric, of_values
from benchmarks.advice.regimes import BASES, SIZES, WITH_REMEDY, Cell, training_settings
from benchmarks.advice.rows import write_rows

Key = tuple[str, str, str, int]


def read_cells(path: Path) -> dict[Key, dict[str, Any]]:
    """What was measured so far, by cell; an unfinished last line is passed over."""
    found: dict[Key, dict[str, Any]] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            body = json.loads(line)
        except ValueError:
            continue
        found[body["model"], body["experiment"], body["data"], body["seed"]] = body
    return found


def measure_missing(plan: Sequence[Cell], out: Path, minutes: float, keep: Path | None = None) -> None:
    """Measures what is missing, one line a cell, and begins no cell after so many minutes."""
    began, known = time.monotonic(), read_cells(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    for cell in plan:
        if cell.key in known:
            continue
        if time.monotonic() - began > 60 * minutes:
            print(f"{minutes:g} minutes are over: the same command goes on from here", file=sys.stderr)
            return
        body = dataclasses.asdict(cell) | measure(cell, BASES[cell.model], keep)
        _append(out, body)
        codes = ", ".join(code for code, _ in body["findings"]) or body["stopped"] or "nothing found"
        remedy = body["remedy"] or {}
        told = f"; {remedy['setting']} {remedy['before']} -> {remedy['after']}: {remedy['outcome']}" if remedy else ""
        print(f"{' '.join(map(str, cell.key))}: {codes}{told} ({body['seconds']:.0f} s)", file=sys.stderr, flush=True)


def _append(path: Path, body: dict[str, Any]) -> None:
    is_cut = path.is_file() and path.stat().st_size > 0 and not path.read_bytes().endswith(b"\n")
    with path.open("a", encoding="utf-8") as stream:
        stream.write("\n" * is_cut + json.dumps(body) + "\n")
        stream.flush()
        os.fsync(stream.fileno())


def measure(cell: Cell, base: str, keep: Path | None = None) -> dict[str, Any]:
    """One cell in a folder that is removed; `keep` is given what is small of it: curves, records, rows."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sintonia-advice-") as folder:
        found = _Trial(cell, base, Path(folder)).taken()
        if keep is not None:
            kept = keep / "-".join(map(str, cell.key))
            shutil.rmtree(kept, ignore_errors=True)
            ignored = shutil.ignore_patterns("model", ".model-unfinished", "cache", "checkpoints", "*.lock")
            shutil.copytree(Path(folder) / "run", kept, ignore=ignored)
    return found | {"seconds": round(time.monotonic() - began, 1)}


class _Trial:
    """A run that is made for one cell and walked as far as its second turn."""

    def __init__(self, cell: Cell, base: str, folder: Path) -> None:
        from sintonia.choose import choose
        from sintonia.settings import DataSettings, Recipe

        self.cell = cell
        paths = {name: str(path) for name, path in write_rows(cell, folder).items()}
        data = DataSettings(path=paths["train"], validation=paths["validation"], test=paths["test"])
        task = "classify" if cell.model == "M" else "chat"
        asked = Recipe(data=data, task=task, base=base, seed=cell.seed)
        self.base, self.folder = choose(asked, task), folder
        self.recipe = dataclasses.replace(asked, training=self._training(asked.training))

    def _training(self, plain: Any) -> Any:
        size = SIZES[self.cell.model][self.cell.experiment]
        batch = 8 if self.cell.model == "L" else 32 if size.train >= 1000 else 16
        settings = training_settings(self.cell, self.base.hidden_size, batch)
        return dataclasses.replace(plain, checkpoint_steps=10**9, **settings)  # nothing here is resumed

    def taken(self) -> dict[str, Any]:
        """The line of the cell.

        A training that the product stops at a loss that jumps is taken once more without that, to be diagnosed.
        """
        from sintonia.errors import RunFailed

        found: dict[str, Any] = {"findings": [], "stopped": "", "stopped_second": "", "remedy": None, "in_force": []}
        going_on = dataclasses.replace(self.recipe.training, loss_spikes="note")
        for recipe in (self.recipe, dataclasses.replace(self.recipe, training=going_on)):
            try:
                return found | self._walked(recipe)
            except RunFailed as refused:
                found["stopped"] = found["stopped"] or f"{refused.what} ({refused.hint})"
        return found

    def _walked(self, recipe: Any) -> dict[str, Any]:
        from sintonia.corridor.walk import walking
        from sintonia.prepare import prepare
        from sintonia.runs import RunFolder

        shutil.rmtree(self.folder / "run", ignore_errors=True)
        self.run = RunFolder.create(self.folder / "run", recipe)
        self.run.file("cache").mkdir(exist_ok=True)
        with walking(self.run, lambda _: None) as walk:
            self.prepared = prepare(recipe, self.run)
            self.run.write("prepared.json", self.prepared)
            part = self.prepared.parts[0]
            first = self._turn(walk, None)
            found = self._told(first) | {"num_train": part.train.count, "num_validation": part.validation.count}
            return found | (self._second(walk, first) if self.cell.experiment in WITH_REMEDY else {})

    def _turn(self, walk: Any, change: Any) -> Any:
        from sintonia.corridor.turns import take_turn

        return take_turn(walk, self.base, self.prepared, self.prepared.parts[0], change)

    def _told(self, turn: Any) -> dict[str, Any]:
        return {
            "findings": [[one.code, one.message] for one in turn.findings],
            "metric": turn.primary_metric,
            "before": turn.validation_metric,
            "settings": self._settings(turn),
            "steps": turn.candidate.last_step,
            "best_step": turn.candidate.best_step,
            "curve": self._curve(turn),
            "turn_seconds": round(turn.resources.seconds, 1),
        }

    def _settings(self, turn: Any) -> dict[str, Any]:
        names = ("method", "training.learning_rate", "training.epochs", "training.batch_examples")
        return {one.setting: one.value for one in turn.resolved if one.setting in names}

    def _curve(self, turn: Any) -> list[dict[str, float]]:
        from sintonia.records import Evaluation

        def mean(values: Sequence[float]) -> float:
            return round(sum(values) / max(len(values), 1), 5)

        return [
            {
                "step": one.step,
                "train_loss": mean(one.train_losses),
                "train_right": mean(one.train_correct),
                "loss": mean(one.validation_losses),
                "right": mean(one.validation_correct),
                "metric": round(one.metric, 5),
                "update": one.relative_update,
                "gradient": one.median_gradient_norm,
            }
            for one in self.run.lines(f"{self.run.turn(turn.number)}/evaluations.jsonl", Evaluation)
        ]

    def _second(self, walk: Any, first: Any) -> dict[str, Any]:
        """The turn after the first remedy that is not in force already; nothing where no setting is advised."""
        from sintonia.adjust import next_changes
        from sintonia.errors import RunFailed

        offered = [one for one in next_changes((first,)) if one.aim == "quality"]
        in_force = [one for one in offered if not self._differs(first, one)]
        found: dict[str, Any] = {"in_force": [f"{one.setting} {one.before} -> {one.after}" for one in in_force]}
        change = next((one for one in offered if one not in in_force), None)
        if change is None:
            return found
        remedy = {name: getattr(change, name) for name in ("setting", "before", "after", "finding", "reason")}
        try:
            second = self._turn(walk, change)
        except RunFailed as refused:
            found["stopped_second"] = f"{refused.what} ({refused.hint})"
            return found | {"remedy": remedy | {"outcome": "worsened", "differences": []}}
        differences = self._differences(first, second)
        facts = {"outcome": differences[0].outcome, "differences": [dataclasses.asdict(one) for one in differences]}
        return found | {
            "remedy": remedy | facts,
            "after": second.validation_metric,
            "settings_after": self._settings(second),
            "findings_after": [[one.code, one.message] for one in second.findings],
            "curve_after": self._curve(second),
            "turn_seconds_after": round(second.resources.seconds, 1),
        }

    def _differs(self, first: Any, change: Any) -> bool:
        """Whether any setting that is used would be another one, however it is written."""
        from sintonia.corridor.planning import filled_and_planned

        used = {one.setting: one.value for one in first.resolved}
        asked = filled_and_planned(self.run, change.recipe, self.base, self.prepared, None)[1]
        return used != {one.setting: one.value for one in asked}

    def _differences(self, first: Any, second: Any) -> list[Difference]:
        """Of the metric that the product follows, then of losses and of right answers, by the saved candidates."""
        from sintonia.metrics import METRICS
        from sintonia.records import Scorecard

        names = [f"{self.run.turn(one.number)}/scorecards/validation.json" for one in (first, second)]
        before, after = (self.run.read(name, Scorecard) for name in names)
        fallen = of_values(tuple(-one for one in before.losses), tuple(-one for one in after.losses), "loss")
        right = of_values(_right(before), _right(after), "right")
        return [of_metric(METRICS[first.primary_metric], before, after), fallen, right]


def _right(card: Any) -> tuple[float, ...]:
    """Whether each answer is right, word for word where it is one of a language model."""
    found = card.correct or (one == goal for one, goal in zip(card.predictions, card.targets, strict=True))
    return tuple(map(float, found))
