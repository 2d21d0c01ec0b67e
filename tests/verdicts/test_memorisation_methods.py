"""P2b on a real base: what full training and LoRA remember where both lose the same on rows they never saw.

    python tests/verdicts/test_memorisation_methods.py FOLDER

prints both for each seed, in about four minutes of processor time. The loss of the rows never seen falls, then rises
while rows are learned by heart; the two are compared on the way up. That LoRA remembers less in each of five seeds, the
mark of the reference, did not hold (see benchmarks/RESULTS.md): no test asserts it, only how pairs are made is tested.
"""

from __future__ import annotations

import dataclasses
import random
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from sintonia.choose import choose
from sintonia.privacy.memorisation import auc_interval
from sintonia.records import Evaluation, Example, Place
from sintonia.runs import RunFolder
from sintonia.train import Job, train
from tests.tiny import FILLER, TOPICS
from tests.verdicts.test_memorisation import make_recipe

LABELS = tuple(sorted(TOPICS))
NUM_ROWS, NOISE, SEEDS = 200, 0.4, 5
EQUAL = 0.05
"""Losses that are so near are the same."""
RATES = {"full": 2e-4, "lora": 2e-3}
"""LoRA's is ten times that of full training, as `sintonia.methods` has it."""


@dataclass(frozen=True, slots=True)
class Point:
    """One evaluation of a training."""

    loss: float
    """Mean loss on the rows never seen."""
    auc: float
    """How often a training row has a lower loss than one of them."""


def make_rows(seed: int) -> list[Example]:
    """Two words of a topic among filler; of the labels `NOISE` are drawn anew, which can only be learned by heart."""
    generator, rows = random.Random(seed), []
    for k in range(NUM_ROWS):
        label = generator.choice(list(TOPICS))
        words = [*generator.sample(TOPICS[label], 2), *generator.sample(FILLER, 4)]
        generator.shuffle(words)
        told = generator.choice(list(TOPICS)) if generator.random() < NOISE else label
        place, name = Place(file="rows", line=k + 1), f"{seed}-{k}"
        rows.append(Example(id=name, input=" ".join(words), target=told, group=name, place=place))
    return rows


def course(folder: Path, method: str, seed: int) -> list[Point]:
    """A training far beyond the best loss, looked at twice an epoch."""
    settings = {"epochs": 6.0, "evaluations": 12, "schedule": "constant", "head_start": "probe", "loss_spikes": "note"}
    recipe = make_recipe(method, **settings, learning_rate=RATES[method])
    recipe = dataclasses.replace(recipe, seed=seed)
    job = Job(
        run=RunFolder.create(folder / f"{method}-{seed}", recipe),
        recipe=recipe,
        base=choose(recipe, "classify"),
        labels=LABELS,
        primary_metric="accuracy",
        train=tuple(make_rows(2 * seed + 1)),
        validation=tuple(make_rows(2 * seed + 2)),
        turn=1,
        part="000",
    )
    for _ in train(job):
        pass
    return [point_of(one) for one in job.run.lines(job.file("evaluations.jsonl"), Evaluation)]


def point_of(one: Evaluation) -> Point:
    members, held_out = (-np.asarray(losses) for losses in (one.train_losses, one.validation_losses))
    alone = range(len(members)), range(len(held_out))
    return Point(loss=float(np.mean(one.validation_losses)), auc=auc_interval(members, held_out, alone)[0])


def beyond_the_best(points: list[Point]) -> list[Point]:
    """The evaluation with the lowest loss, and what comes after it."""
    return points[min(range(len(points)), key=lambda k: points[k].loss) :]


def at_equal_loss(full: list[Point], lora: list[Point]) -> list[tuple[Point, Point]]:
    """Each evaluation of LoRA beside the one of full training whose loss is nearest, both beyond their best and at most
    `EQUAL` apart."""
    found, others = [], beyond_the_best(full)
    for one in beyond_the_best(lora):
        nearest = min(others, key=lambda other: abs(other.loss - one.loss))
        if abs(nearest.loss - one.loss) <= EQUAL:
            found.append((nearest, one))
    return found


def less_remembered(pairs: list[tuple[Point, Point]]) -> float:
    """By how much the AUC of full training is above that of LoRA, on average."""
    return float(np.mean([full.auc - lora.auc for full, lora in pairs]))


def both(folder: Path, seed: int) -> list[tuple[Point, Point]]:
    return at_equal_loss(*(course(folder, method, seed) for method in RATES))


def test_pairs_are_taken_beyond_the_best_and_at_equal_loss() -> None:
    rising = [Point(1.0, 0.5), Point(0.8, 0.6), Point(1.0, 0.7), Point(1.5, 0.9)]
    slower = [Point(1.5, 0.5), Point(0.9, 0.6), Point(1.02, 0.65), Point(1.9, 0.8)]
    assert at_equal_loss(rising, slower) == [(rising[2], slower[2])]
    assert less_remembered([(rising[2], slower[2])]) == pytest.approx(0.05)


if __name__ == "__main__":
    for number in range(SEEDS):
        pairs = both(Path(sys.argv[1]), number)
        print(f"seed {number}: full above LoRA by {less_remembered(pairs):+.3f} in {len(pairs)} pairs", flush=True)
        for one, other in pairs:
            print(f"  loss {one.loss:.3f} {other.loss:.3f}, AUC {one.auc:.3f} {other.auc:.3f}", flush=True)
