"""Combinations made as model folders and scored on validation, each from its saved folder, the best one kept meanwhile.

It decides nothing and writes nothing into the run but its own folder in `cache/`.
"""

from __future__ import annotations

import shutil
from functools import cached_property
from pathlib import Path
from typing import Any

from sintonia.corridor.turns import best_turn, read_sets
from sintonia.errors import StorageError
from sintonia.evaluate import LADDERS, fit_thresholds, fit_to_validation, may_have_offsets, score_candidate
from sintonia.evaluate.forgetting.remedy import Ruler
from sintonia.files import storage_errors
from sintonia.metrics import METRICS, Metric
from sintonia.models.merging import write_mean
from sintonia.models.scaling import write_scaled
from sintonia.records import Base, Combination, Prepared, Scorecard, TriedCombination, Turn
from sintonia.runs import RunFolder
from sintonia.tasks import TASKS

FOLDER = "cache/combining"


class Maker:
    """Makes combinations of turns and measures each against the turn to beat; holds the folder of the best one."""

    def __init__(self, run: RunFolder, base: Base, prepared: Prepared, turns: tuple[Turn, ...]) -> None:
        """Against the best of `turns`, those of the part.

        Raises:
            StorageError: what the turn to beat said of validation was not kept.
        """
        self.run, self._base, self._label_counts = run, base, prepared.label_counts
        self._turns, self.to_beat = {one.number: one for one in turns}, best_turn(turns)
        self.validation = read_sets(run, prepared.parts[0])[1]
        path = f"{run.turn(self.to_beat.number)}/scorecards/validation.json"
        card = run.read(path, Scorecard)
        if card is None or card.ids != tuple(one.id for one in self.validation):
            raise StorageError(f"`{run.file(path)}` is missing, or of another set", hint="restore it from a copy")
        self.metric = self._metric_of(card)
        self._ruler = Ruler(metric=self.metric, groups=[one.group for one in self.validation])
        self._counts = self.metric.counts(card.targets, self.metric.answers(card))
        self.value = self._ruler.value(self._counts)
        self.best: tuple[TriedCombination, Scorecard, Path] | None = None
        self._num_made = 0

    @property
    def may_have_thresholds(self) -> bool:
        """Whether other thresholds than the largest probability can be fitted."""
        return may_have_offsets(self.metric.name, len(self.validation)) and self.to_beat.recipe.task != "chat"

    def measure(self, combination: Combination) -> TriedCombination:
        """What a combination does on validation.

        Raises:
            StorageError: the disk refuses.
            UsageError: the weights do not belong together.
        """
        self._num_made += 1
        folder = self.run.file(f"{FOLDER}/{self._num_made:02d}")
        self._write(combination, folder)
        card = self._score(folder, combination)
        counts = self.metric.counts(card.targets, self.metric.answers(card))
        value, goodness = self._ruler.value(counts), self.metric.goodness
        found = TriedCombination(
            combination=combination,
            value=value,
            gain=goodness(value) - goodness(self.value),
            standard_error=self._ruler.paired_error(counts, self._counts),
        )
        self._keep_best(found, card, folder)
        return found

    def _metric_of(self, card: Scorecard) -> Metric:
        """The primary metric; where that reads what is written, the one that training follows."""
        primary = METRICS[self.to_beat.primary_metric]
        if primary.answers(card):
            return primary
        task = str(self.to_beat.recipe.task)
        return METRICS[TASKS[task].followed_metric(primary.name)]

    def _write(self, combination: Combination, folder: Path) -> None:
        weights = [self.run.file(self._turns[number].candidate.weights) for number in combination.turns]
        if combination.kind == "scaled":
            write_scaled(weights[0], folder, combination.scale, self._opened_base)
        elif combination.kind == "thresholds":
            with storage_errors(folder):
                shutil.copytree(weights[0], folder)
        else:
            write_mean(weights, folder)

    def _score(self, folder: Path, combination: Combination) -> Scorecard:
        recipe = self.to_beat.recipe
        if combination.kind == "thresholds":
            return fit_thresholds(folder, self.validation, self.metric.name, self._label_counts)
        if recipe.task == "chat":
            return score_candidate(folder, self.validation, "validation", learn=recipe.chat.learn)
        return fit_to_validation(folder, self.validation, recipe.classify.out_of_scope)

    def _keep_best(self, found: TriedCombination, card: Scorecard, folder: Path) -> None:
        if self.best is not None and found.gain <= self.best[0].gain:
            shutil.rmtree(folder, ignore_errors=True)
            return
        if self.best is not None:
            shutil.rmtree(self.best[2], ignore_errors=True)
        self.best = found, card, folder

    @cached_property
    def _opened_base(self) -> Any:
        recipe = self.to_beat.recipe
        return LADDERS[str(recipe.task)].open_base(self._base, recipe, self._base.max_tokens)
