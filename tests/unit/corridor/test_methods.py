"""The method for few examples, tried on training rows: nobody answers what it was trained on; nothing is left."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sintonia.choose import choose
from sintonia.corridor.choosing import choose_base, methods
from sintonia.corridor.walk import Progress, Walk
from sintonia.prepare import prepare
from sintonia.records import Base, Example, Prepared
from sintonia.resolve import resolve
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe, TrainingSettings
from sintonia.train import Job
from tests.tiny import make_rows, write_rows
from tests.unit.train.jobs import make_examples

pytestmark = pytest.mark.usefixtures("private_home")


@pytest.fixture
def ready(tmp_path: Path, tiny_base: Path) -> tuple[Walk, Base, Prepared, list[Progress]]:
    """A run on eighty rows, prepared, with what is told in it."""
    data = write_rows(tmp_path / "rows.jsonl", make_rows(80, 3))
    recipe = Recipe(data=DataSettings(path=str(data)), base=f"file:{tiny_base}", training=TrainingSettings(epochs=2.0))
    run, told = RunFolder.create(tmp_path / "run", recipe), list[Progress]()
    prepared = prepare(recipe, run, is_check=True)
    return Walk(run, told.append), choose(recipe, "classify"), prepared, told


def test_each_row_is_answered_once_by_models_that_did_not_see_it(
    ready: tuple[Walk, Base, Prepared, list[Progress]], monkeypatch: pytest.MonkeyPatch
) -> None:
    walk, base, prepared, _ = ready
    jobs: list[Job] = []
    original = methods.train
    monkeypatch.setattr(methods, "train", lambda job: (jobs.append(job), original(job))[1])
    rows = make_examples(60, 4)
    paired = [Example(**{**_fields(one), "group": str(k // 2)}) for k, one in enumerate(rows)]
    found = methods.try_methods(walk, base, prepared, paired)
    assert found.num_examples == 60 and set(found.shares) == {"head", "contrastive", "full"}
    for name in found.shares:
        own = [job for job in jobs if job.recipe.method == name]
        answered = [one.id for job in own for one in job.validation]
        assert sorted(answered) == sorted(one.id for one in paired)
        for job in own:
            assert not {one.group for one in job.train} & {one.group for one in job.validation}
            assert job.recipe.training.epochs == 2.0
    assert not walk.run.file("cache/methods").exists()


def test_few_rows_in_ten_parts_choose_nothing_and_it_is_said(
    ready: tuple[Walk, Base, Prepared, list[Progress]],
) -> None:
    walk, base, prepared, told = ready
    assert len(prepared.parts) == 10
    assert methods.with_method(walk, base, prepared) == base
    assert any("none chooses the method" in one.message for one in told)
    assert not walk.run.file(methods.CHOICE).exists()


def test_a_run_on_few_examples_takes_the_method_that_was_right_most_often(
    tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = make_rows(330, 3)
    for number, row in enumerate(rows):
        row["label"] += str(number % 2)  # two labels a topic, so that each has few
    data = write_rows(tmp_path / "rows.jsonl", rows)
    recipe = Recipe(data=DataSettings(path=str(data)), base=f"file:{tiny_base}", training=TrainingSettings(epochs=1.0))
    run = RunFolder.create(tmp_path / "run", recipe)
    prepared, told = prepare(recipe, run, is_check=True), list[Progress]()
    assert len(prepared.parts) == 1
    right = {"head": [True] * 40, "contrastive": [True] * 20 + [False] * 20, "full": [False] * 40}
    found = methods.decide_method(right, [str(k) for k in range(40)], "full")
    tries: list[int] = []
    monkeypatch.setattr(methods, "try_methods", lambda *_: (tries.append(1), found)[1])
    for _ in range(2):  # what was decided is read again
        base = choose_base(Walk(run, told.append), prepared)
        assert base.method == "head" and "40 training rows held out" in base.method_origin
    filled, resolved = resolve(recipe, base, prepared)
    assert filled.method == "head" and tries == [1]
    assert next(one for one in resolved if one.setting == "method").origin == base.method_origin
    asked = replace(recipe, method="full")
    other = RunFolder.create(tmp_path / "other", asked)
    prepare(asked, other, is_check=True)
    assert not choose_base(Walk(other, told.append), prepared).method  # the control: a method that is asked for stays
    many = RunFolder.create(tmp_path / "many", recipe)
    monkeypatch.setattr(methods, "MOST_ROWS", 100)
    prepare(recipe, many, is_check=True)
    assert not choose_base(Walk(many, told.append), prepared).method and tries == [1]


@pytest.mark.parametrize("setting", [{"dropout": 0.2}, {"frozen_layers": 1}, {"head_start": "random"}])
def test_a_setting_that_one_method_does_not_know_takes_that_method_out(
    ready: tuple[Walk, Base, Prepared, list[Progress]], setting: dict[str, Any]
) -> None:
    walk, base, prepared, _ = ready
    recipe = walk.run.recipe()
    assert methods._possible(recipe, base, prepared) == methods.TRIED
    asked = replace(recipe, training=replace(recipe.training, **setting))
    assert methods._possible(asked, base, prepared) == (
        ("head", "full") if "head_start" in setting else ("contrastive", "full")
    )


def test_trials_that_would_take_too_long_end_after_one_fold(
    ready: tuple[Walk, Base, Prepared, list[Progress]], monkeypatch: pytest.MonkeyPatch
) -> None:
    walk, base, prepared, told = ready
    monkeypatch.setattr(methods, "MOST_SECONDS", 0.0)
    assert methods.try_methods(walk, base, prepared, make_examples(40, 4), ("head", "full")) is None
    said = [one.message for one in told]
    assert sum("a short training, 1 of" in one for one in said) == 2 and not any("2 of" in one for one in said)
    assert "the usual one is taken" in said[-1]


def test_what_was_tried_before_an_interruption_is_not_tried_again(
    ready: tuple[Walk, Base, Prepared, list[Progress]], monkeypatch: pytest.MonkeyPatch
) -> None:
    walk, base, prepared, _ = ready
    rows, jobs, original = make_examples(40, 4), list[Job](), methods.train

    def train_thrice(job: Job) -> Any:
        if len(jobs) == 3:
            raise KeyboardInterrupt
        jobs.append(job)
        return original(job)

    monkeypatch.setattr(methods, "train", train_thrice)
    with pytest.raises(KeyboardInterrupt):
        methods.try_methods(walk, base, prepared, rows, ("head", "full"))
    monkeypatch.setattr(methods, "train", lambda job: (jobs.append(job), original(job))[1])
    found = methods.try_methods(walk, base, prepared, rows, ("head", "full"))
    num_folds = len(methods._folds(rows))
    assert len(jobs) == 2 * num_folds and found is not None and found.num_examples == 40
    again = methods.try_methods(walk, base, prepared, rows, ("head", "full"))
    assert again == found and len(jobs) == 2 * num_folds


def _fields(example: Example) -> dict[str, object]:
    return {name: getattr(example, name) for name in example.__dataclass_fields__}
