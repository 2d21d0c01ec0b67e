"""The saved candidate of one part and its ladder of baselines, ready to be scored on opened examples. It opens none."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sintonia.corridor.turns import read_sets
from sintonia.evaluate import LADDERS, Footing, Texts, score_candidate
from sintonia.evaluate.pooled import Rungs
from sintonia.evaluate.prompts import Swapped
from sintonia.files import write_lines
from sintonia.records import Base, Baseline, Example, Finding, Prepared, Scorecard, Turn
from sintonia.runs import RunFolder
from sintonia.settings import Recipe

_HOW_READ = ("max_tokens", "long_texts", "text_pairs")


class Bench:
    """The saved candidate of one part and its ladder, ready to be scored on the same opened examples."""

    def __init__(self, run: RunFolder, base: Any, prepared: Prepared, best: Turn) -> None:
        self.run, self.base, self.task, self.best = run, base, prepared.task, best
        self.ladder = LADDERS[prepared.task]
        part = next(one for one in prepared.parts if one.name == best.part)
        self.train, self.validation = read_sets(run, part)
        footing = Footing(run=run, base=base, prepared=prepared, recipe=best.recipe, train=self.train)
        self.ground = self.ladder.make_ground(footing)
        is_alone = len(prepared.parts) == 1
        self.baselines = self._choose("baselines.jsonl" if is_alone else f"data/{part.name}/baselines.jsonl")

    def _choose(self, relative: str) -> tuple[Baseline, ...]:
        """The settings of the rungs, chosen on validation; kept, so that a resumed run has the same."""
        kept = self.run.lines(relative, Baseline)
        if not kept:
            kept = list(self.ladder.choose(self.ground, self.validation))
            write_lines(self.run.file(relative), kept)
        return tuple(kept)

    @property
    def weights(self) -> Path:
        """The folder of the candidate."""
        return self.run.file(self.best.candidate.weights)

    @property
    def probe_strength(self) -> float | None:
        """The strength of the linear probe that did best on validation, where there is such a rung."""
        return next((one.setting for one in self.baselines if one.name == "linear probe"), None)

    @property
    def notes(self) -> tuple[Finding, ...]:
        """What is to be said about the rungs."""
        return self.ladder.notes(self.ground, self.baselines, self.validation)

    def swap_prompts(self, examples: tuple[Example, ...]) -> tuple[Swapped, ...]:
        """The answers of this part's test behind other prompts than their own, where there are prompts."""
        return self.ladder.swap_prompts(self.weights, examples, self.best.recipe.chat.learn)

    @property
    def max_tokens(self) -> int:
        """Tokens that are read of an example."""
        return next(int(one.value) for one in self.best.resolved if one.setting == "training.max_tokens")

    @property
    def new_tokens(self) -> int:
        """Most tokens of an answer that is written; 0 where nothing is."""
        return next((int(one.value) for one in self.best.resolved if one.setting == "evaluation.new_tokens"), 0)

    def prompted(self, examples: Sequence[Example]) -> tuple[str, ...]:
        """Ids of the examples that can be written to."""
        return self.ladder.prompted(self.ground, examples, self.new_tokens) if self.new_tokens else ()

    def write(self, examples: Sequence[Example], rung: str = "") -> Texts:
        """What the candidate and the base of this part write to examples; the base as one rung, or as all of them."""
        asked = [one for one in self.baselines if rung in ("", one.name)]
        return self.ladder.write(self.ground, asked, self.weights, examples, self.new_tokens)

    def score(self, examples: tuple[Example, ...]) -> tuple[Scorecard, Rungs]:
        """The candidate and the rungs of this part on its own opened examples."""
        tuned = score_candidate(self.weights, examples, "test", learn=self.best.recipe.chat.learn)
        return tuned, self.ladder.score(self.ground, self.baselines, examples, "test")


def make_benches(run: RunFolder, base: Base, prepared: Prepared, best: tuple[Turn, ...]) -> tuple[Bench, ...]:
    """A bench for each part, in their order; those that read alike share a base."""
    recipes, open_base = [as_read(turn) for turn in best], LADDERS[prepared.task].open_base
    ways = [tuple(getattr(one.training, name) for name in _HOW_READ) for one in recipes]
    opened = {way: open_base(base, one, int(one.training.max_tokens)) for way, one in zip(ways, recipes, strict=True)}
    return tuple(Bench(run, opened[way], prepared, turn) for way, turn in zip(ways, best, strict=True))


def as_read(turn: Turn) -> Recipe:
    """The recipe of a turn with the settings filled that say how much of a text was read, and how.

    A turn from before there were some of them read the beginning of each text, and two texts together.
    """
    known = {one.setting: one.value for one in turn.resolved}
    how = {name: known[f"training.{name}"] for name in _HOW_READ if f"training.{name}" in known}
    training = dataclasses.replace(turn.recipe.training, **{"long_texts": "head", "text_pairs": "auto", **how})
    return dataclasses.replace(turn.recipe, training=training)
