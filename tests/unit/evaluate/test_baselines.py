"""The ladder: five honest rungs, fitted on training rows, settings chosen on validation."""

from __future__ import annotations

from pathlib import Path

import pytest

from sintonia.choose import choose
from sintonia.evaluate import choose_baselines, score_baselines
from sintonia.evaluate.ladders.classify import Ground
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
        train=make_examples(200, 1),
        primary_metric="accuracy",
    )


def test_every_rung_answers_every_example_with_a_known_label(ground: Ground):
    baselines = choose_baselines(ground, make_examples(60, 2))
    scored = score_baselines(ground, baselines, make_examples(80, 3), "test")
    assert [rung.name for rung, _ in scored] == [
        "majority",
        "zero-shot by label names",
        "nearest neighbours",
        "linear probe",
        "TF-IDF",
    ]
    for rung, card in scored:
        assert len(card.predictions) == 80 and set(card.predictions) <= set(ground.labels)
        assert rung.score == next(one.value for one in card.scores if one.metric == "accuracy")
    assert [rung.needs_training for rung, _ in scored] == [False, False, True, True, True]


def test_fitted_rungs_learn_and_the_majority_does_not(ground: Ground):
    baselines = choose_baselines(ground, make_examples(60, 2))
    scores = {rung.name: rung.score for rung, _ in score_baselines(ground, baselines, make_examples(200, 3), "test")}
    assert scores["majority"] < 0.4
    assert scores["TF-IDF"] > 0.9
    assert scores["linear probe"] > 0.6


def test_zero_shot_never_looks_at_training_targets(ground: Ground):
    import dataclasses

    examples = make_examples(50, 3)
    turned = dict(zip(ground.labels, ground.labels[1:] + ground.labels[:1], strict=True))
    wrong = tuple(dataclasses.replace(one, target=turned[one.target]) for one in ground.train)
    there = dataclasses.replace(ground, train=wrong)
    cards = [
        score_baselines(one, choose_baselines(one, make_examples(30, 2))[1:2], examples, "test")[0][1]
        for one in (ground, there)
    ]
    assert cards[0].predictions == cards[1].predictions
