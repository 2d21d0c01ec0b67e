"""Rung B7: when it is tried, that it learns, and that it answers validation and test by the same weights."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from sintonia.choose import choose
from sintonia.errors import StorageError
from sintonia.evaluate import choose_baselines, score_baselines
from sintonia.evaluate.ladders import contrastive
from sintonia.evaluate.ladders.classify import Ground
from sintonia.models import contrastive as tuning
from sintonia.models.open import open_base
from sintonia.recipe import make_recipe
from sintonia.runs import RunFolder
from tests.tiny import TOPICS
from tests.unit.train.jobs import make_examples


@pytest.fixture
def ground(tmp_path: Path, tiny_base: Path) -> Ground:
    recipe = make_recipe({"data": {"path": "x"}, "base": f"file:{tiny_base}", "method": "full"})
    return Ground(
        run=RunFolder.create(tmp_path / "run", recipe),
        base=open_base(choose(recipe, "classify"), 32),
        labels=tuple(sorted(TOPICS)),
        train=make_examples(96, 1),
        primary_metric="accuracy",
        method="full",
    )


def test_it_is_tried_with_few_examples_and_not_against_itself(ground: Ground) -> None:
    assert contrastive.is_meant_for(ground.train, "full") and contrastive.is_meant_for(ground.train, "head")
    assert not contrastive.is_meant_for(ground.train, "contrastive")
    assert not contrastive.is_meant_for(make_examples(400, 1), "full")
    alone = {one.target: one for one in ground.train}.values()
    assert not contrastive.is_meant_for(tuple(alone), "full")  # no two of a label
    names = [one.name for one in choose_baselines(ground, make_examples(20, 2))]
    assert contrastive.NAME in names
    same = dataclasses.replace(ground, method="contrastive")
    assert contrastive.NAME not in [one.name for one in choose_baselines(same, make_examples(20, 2))]


def test_it_is_tuned_once_and_answers_by_the_same_weights(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    fits: list[tuning.Fit] = []
    quick = tuning.Fit(learning_rate=2e-3, passes=12)

    def counted(*given: object) -> object:
        fits.append(quick)
        return tuning.tuned_encoder(*given[:3], quick)  # type: ignore[arg-type]

    monkeypatch.setattr(contrastive, "tuned_encoder", counted)
    before = [value.clone() for value in ground.base.model.parameters()]
    asked = make_examples(40, 2)
    first = contrastive.scores(ground, 1.0, asked)
    again = contrastive.scores(ground, 1.0, asked)
    assert len(fits) == 1 and np.array_equal(first, again)
    assert all(bool((old == new).all()) for old, new in zip(before, ground.base.model.parameters(), strict=True))
    wanted = [ground.labels.index(one.target) for one in asked]
    assert (first.argmax(axis=1) == wanted).mean() > 0.65
    other = dataclasses.replace(ground, train=ground.train[:60])
    assert not np.array_equal(contrastive.scores(other, 1.0, asked), first) and len(fits) == 2


def test_a_damaged_file_is_told_and_not_read_again(ground: Ground) -> None:
    asked = make_examples(10, 2)
    contrastive.scores(ground, 1.0, asked)
    (path,) = ground.run.file("cache").glob("contrastive-*.safetensors")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(StorageError, match="is damaged"):
        contrastive.scores(ground, 1.0, asked)
    assert not path.exists()
    contrastive.scores(ground, 1.0, asked)


def test_shuffled_labels_teach_it_nothing(ground: Ground) -> None:
    """The control: its score is that of guessing where the labels say nothing."""
    shuffled = np.random.default_rng(0).permutation([one.target for one in ground.train])
    train = tuple(dataclasses.replace(one, target=str(t)) for one, t in zip(ground.train, shuffled, strict=True))
    lost = dataclasses.replace(ground, train=train)
    baselines = [one for one in choose_baselines(lost, make_examples(40, 2)) if one.name == contrastive.NAME]
    (rung, card) = score_baselines(lost, baselines, make_examples(200, 3), "test")[0]
    assert rung.score < 0.45 and rung.needs_training and set(card.predictions) <= set(lost.labels)
