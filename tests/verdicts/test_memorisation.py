"""P2a to P2d of reliability.md on real bases: nothing is found where nothing was learned, and what was learned by heart
is; a shift between the sets is called one; planted secrets come out by how often they were repeated.

    python tests/verdicts/test_memorisation.py FOLDER

prints the numbers of each experiment.
"""

from __future__ import annotations

import dataclasses
import random
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sintonia.choose import choose
from sintonia.corridor.canaries.planting import draw_secrets
from sintonia.corridor.canaries.weighing import losses_by, weigh_secrets
from sintonia.corridor.closing.remembering import memory_of
from sintonia.evaluate import LADDERS
from sintonia.evaluate.scoring.untuned import Asked, losses_of
from sintonia.privacy.memorisation.telling import is_remembered
from sintonia.records import Example, Place
from sintonia.records.privacy.memorisation import Memorisation
from sintonia.runs import RunFolder
from sintonia.settings import ChatSettings, DataSettings, LoraSettings, Recipe, TrainingSettings
from sintonia.train import Job, train
from tests.tiny import FILLER, TOPICS

LABELS = tuple(f"class {letter}" for letter in "abcdefghijklmnopqrst")
WORDS = [*FILLER, *(word for topic in TOPICS.values() for word in topic)]


def make_rows(count: int, seed: int, extra: str = "") -> list[Example]:
    """Texts of six words whose labels follow from nothing: all that can be learned is the rows themselves."""
    generator, rows = random.Random(seed), []
    for k in range(count):
        text = " ".join([*generator.sample(WORDS, 6), *([extra] if extra else [])])
        name = f"{seed}-{k}"
        place = Place(file="rows", line=k + 1)
        rows.append(Example(id=name, input=text, target=generator.choice(LABELS), group=name, place=place))
    return rows


def make_recipe(method: str, **training: Any) -> Recipe:
    settings = {
        "epochs": 30.0,
        "learning_rate": 3e-4 if method == "full" else 2e-3,
        "batch_examples": 16,
        "micro_tokens": 4096,
        "precision": "fp32",
        "evaluations": 1,
        "checkpoint_steps": 10_000,
        "max_tokens": 32,
        "dropout": 0.0,
        "weight_decay": 0.0,
        "early_stopping": False,
        "head_start": "random",
        "frozen_layers": 0,
    }
    return Recipe(
        data=DataSettings(path="rows"),
        base="minilm",
        task="classify",
        method=method,
        training=TrainingSettings(**(settings | training)),
        lora=LoraSettings(rank=8, alpha=16),
        chat=ChatSettings(),
    )


def trained(
    folder: Path, recipe: Recipe, rows: list[Example], held_out: list[Example], until: int | None = None
) -> Job:
    """A training to the end of its plan: the last weights are kept, not those that do best on validation."""
    job = Job(
        run=RunFolder.create(folder, recipe),
        recipe=recipe,
        base=choose(recipe, "classify"),
        labels=LABELS,
        primary_metric="accuracy",
        train=tuple(rows),
        validation=() if until else tuple(held_out),
        turn=1,
        part="000",
        until=until,
    )
    for _ in train(job):
        pass
    return job


def audited(job: Job, rows: list[Example], held_out: list[Example]) -> Memorisation:
    base = LADDERS["classify"].open_base(job.base, job.recipe, 32)
    asked = Asked(
        run=job.run,
        base=base,
        task="classify",
        labels=LABELS,
        weights=job.run.file(job.file("model")),
        learn="answers",
        members=tuple(rows),
        held_out=tuple(held_out),
    )
    began = time.monotonic()
    found = memory_of(asked, losses_of(asked), 1)
    return dataclasses.replace(found, seconds=time.monotonic() - began)


def untrained_aucs(folder: Path, seeds: int) -> list[float]:
    """P2b, nothing learned: one step of no size, 500 rows against 500."""
    found = []
    for seed in range(seeds):
        rows, held_out = make_rows(500, 2 * seed + 1), make_rows(500, 2 * seed + 2)
        recipe = dataclasses.replace(make_recipe("full", learning_rate=1e-12), seed=seed)
        job = trained(folder / f"null-{seed}", recipe, rows, held_out, until=1)
        auc = audited(job, rows, held_out).auc
        assert auc is not None
        found.append(auc.value)
    return found


def overfitted(folder: Path, method: str = "full") -> Memorisation:
    """P2b, learned by heart: 30 epochs on 200 rows."""
    rows, held_out = make_rows(200, 101), make_rows(200, 102)
    recipe = make_recipe(method)
    job = trained(folder / f"overfit-{method}", recipe, rows, held_out, until=30 * 13)
    return audited(job, rows, held_out)


def shifted(folder: Path) -> Memorisation:
    """P2c: the same training, but what is held out was written at another time."""
    rows, held_out = make_rows(200, 103), make_rows(200, 104, extra="yesterday evening")
    job = trained(folder / "shifted", make_recipe("full"), rows, held_out, until=30 * 13)
    return audited(job, rows, held_out)


def exposures(folder: Path, *, is_trained: bool) -> dict[int, float]:
    """P2d: secrets planted among 200 rows, or the same looked for in a model that never saw them."""
    rows, held_out = make_rows(200, 105), make_rows(200, 106)
    secrets = draw_secrets(LABELS, 0)
    planted = [row for one in secrets for row in one.planted()] if is_trained else []
    until = 30 * -(-len([*rows, *planted]) // 16)
    job = trained(folder / f"planted-{is_trained}", make_recipe("full"), [*rows, *planted], held_out, until=until)
    measure = losses_by(job.run.file(job.file("model")), "answers", is_language=False)
    return {one.repetitions: one.mean_bits for one in weigh_secrets(measure, secrets, lambda _: None)}


@pytest.mark.slow
def test_nothing_is_found_where_nothing_was_learned(tmp_path: Path) -> None:
    found = untrained_aucs(tmp_path, 3)
    assert all(abs(auc - 0.5) <= 0.05 for auc in found), found
    assert abs(float(np.mean(found)) - 0.5) <= 0.03


@pytest.mark.slow
def test_rows_learned_by_heart_are_recognised(tmp_path: Path) -> None:
    found = overfitted(tmp_path)
    assert found.auc is not None and found.auc.value >= 0.95
    assert found.is_valid and is_remembered(found)


@pytest.mark.slow
def test_a_shift_of_time_is_called_one_and_no_warning_rests_on_it(tmp_path: Path) -> None:
    found = shifted(tmp_path)
    assert not found.is_valid and not is_remembered(found)
    assert found.told_apart is not None and found.told_apart > 0.9


@pytest.mark.nightly
def test_secrets_never_seen_stay_below_the_threshold(tmp_path: Path) -> None:
    assert max(exposures(tmp_path, is_trained=False).values()) < 3.0


if __name__ == "__main__":
    place = Path(sys.argv[1])
    print("untrained, 500 against 500:", [round(one, 3) for one in untrained_aucs(place, 5)], flush=True)
    for method in ("full", "lora"):
        one = overfitted(place, method)
        print(f"{method}, 30 epochs:", one.auc, one.recognised, one.share_of_base, f"{one.seconds:.1f} s", flush=True)
    print("shifted:", shifted(place).told_apart, flush=True)
    for flag in (False, True):
        print("planted" if flag else "not planted", exposures(place, is_trained=flag), flush=True)
