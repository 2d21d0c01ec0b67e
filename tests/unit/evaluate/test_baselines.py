"""The ladder: honest rungs, fitted on training rows, settings chosen on validation."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from sintonia.choose import choose
from sintonia.evaluate import choose_baselines, score_baselines
from sintonia.evaluate.answers import answers_of
from sintonia.evaluate.compare import Rule, compare
from sintonia.evaluate.ladders.classify import Ground
from sintonia.evaluate.score import make_scorecard
from sintonia.files import from_json, to_json
from sintonia.metrics import METRICS
from sintonia.models.open import open_base
from sintonia.models.probe import fit_probe
from sintonia.recipe import make_recipe
from sintonia.records import Baseline, Example
from sintonia.runs import RunFolder
from sintonia.statistics.calibration import fit_temperature, scaled_probabilities
from sintonia.tasks.classify import encode_targets
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
        "labels at random",
        "zero-shot by label names",
        "nearest neighbours",
        "nearest centroid",
        "linear probe",
        "TF-IDF",
        "contrastive tuning",
    ]
    for rung, card in scored:
        assert len(card.predictions) == 80 and set(card.predictions) <= set(ground.labels)
        assert rung.score == next(one.value for one in card.scores if one.metric == "accuracy")
    assert [rung.needs_training for rung, _ in scored] == [False, False, False, True, True, True, True, True]


def test_fitted_rungs_learn_and_the_majority_does_not(ground: Ground):
    baselines = choose_baselines(ground, make_examples(60, 2))
    scores = {rung.name: rung.score for rung, _ in score_baselines(ground, baselines, make_examples(200, 3), "test")}
    assert scores["majority"] < 0.4
    assert scores["labels at random"] < 0.4
    assert scores["TF-IDF"] > 0.9
    assert scores["nearest centroid"] > 0.5
    assert scores["linear probe"] > 0.6


def test_zero_shot_never_looks_at_training_targets(ground: Ground):
    examples = make_examples(50, 3)
    turned = dict(zip(ground.labels, ground.labels[1:] + ground.labels[:1], strict=True))
    wrong = tuple(dataclasses.replace(one, target=turned[one.target]) for one in ground.train)
    there = dataclasses.replace(ground, train=wrong)
    cards = [
        score_baselines(one, choose_baselines(one, make_examples(30, 2))[2:3], examples, "test")[0][1]
        for one in (ground, there)
    ]
    assert cards[0].predictions == cards[1].predictions


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_labels_at_random_score_what_they_do_on_average_and_never_by_luck(ground: Ground, metric: str):
    """Of 60 examples one draw is lucky by six points of accuracy as often as not; a lucky base would hide a gain."""
    rare = tuple(one for k, one in enumerate(ground.train) if one.target == ground.labels[0] or k % 5 == 0)
    ground, examples = dataclasses.replace(ground, train=rare, primary_metric=metric), make_examples(60, 3)
    shares = [sum(one.target == label for one in rare) / len(rare) for label in ground.labels]
    (chosen,) = [one for one in choose_baselines(ground, make_examples(30, 2)) if one.name == "labels at random"]
    ((rung, card),) = score_baselines(ground, (chosen,), examples, "test")
    draws, targets = np.random.default_rng(9), [one.target for one in examples]
    values = [METRICS[metric].function(targets, draws.choice(ground.labels, 60, p=shares)) for _ in range(400)]
    assert rung.score == pytest.approx(np.mean(values), abs=0.4 * np.std(values)) and np.std(values) > 0.03
    assert 0.4 < card.predictions.count(ground.labels[0]) / 60 < 0.95
    again = score_baselines(ground, (chosen,), examples, "test")[0][1]
    assert again.predictions == card.predictions


def test_a_label_without_training_examples_has_no_centroid(ground: Ground):
    known = tuple(one for one in ground.train if one.target != ground.labels[1])
    ground = dataclasses.replace(ground, train=known)
    chosen = [one for one in choose_baselines(ground, make_examples(30, 2)) if one.name == "nearest centroid"]
    ((_, card),) = score_baselines(ground, chosen, make_examples(80, 3), "test")
    assert set(card.predictions) == {ground.labels[0], *ground.labels[2:]}


def test_a_rung_and_a_model_with_the_same_logits_are_not_told_apart_by_their_probabilities(ground: Ground):
    """The model is tempered on validation, so the rungs are: else a scale would be taken for knowledge."""
    validation, test = make_examples(150, 2), make_examples(200, 3)
    ground = dataclasses.replace(ground, primary_metric="log_loss")
    (rung,) = [one for one in choose_baselines(ground, validation) if one.name == "linear probe"]
    assert rung.temperature is not None
    bare = dataclasses.replace(rung, temperature=None)
    logits, goal = (
        [np.log(probe_chances(ground, rung.setting, some)) for some in (validation, test)],
        encode_targets([one.target for one in validation], ground.labels),
    )
    fitted = fit_temperature(logits[0], goal).value
    assert fitted == pytest.approx(rung.temperature, rel=1e-6)
    tuned = make_scorecard("tuned", "test", test, ground.labels, scaled_probabilities(logits[1], fitted))
    for name in ("log_loss", "brier"):
        ((_, fair),) = score_baselines(ground, (rung,), test, "test")
        ((_, unfair),) = score_baselines(ground, (bare,), test, "test")
        rule = Rule(level=0.05, margin=0.01, draws=500)
        groups = tuple(one.group for one in test)
        same = compare(METRICS[name], answers_of(METRICS[name], fair, tuned, groups), rule)
        other = compare(METRICS[name], answers_of(METRICS[name], unfair, tuned, groups), rule)
        assert same.outcome != "better" and abs(same.comparison.difference.value) < 1e-6
        assert abs(other.comparison.difference.value) > 1e-3  # without a temperature a scale would tell
        assert fair.predictions == unfair.predictions == tuned.predictions


def probe_chances(ground: Ground, setting: float, examples: tuple[Example, ...]) -> np.ndarray:
    return scaled_probabilities(
        fit_probe(ground.features(ground.train), ground.train_targets(), len(ground.labels), setting).logits(
            ground.features(examples)
        ),
        None,
    )


def test_few_validation_examples_give_no_rung_a_temperature_and_votes_never_have_one(ground: Ground):
    assert {one.temperature for one in choose_baselines(ground, make_examples(60, 2))} == {None}
    found = {one.name: one.temperature for one in choose_baselines(ground, make_examples(150, 2))}
    assert found.pop("nearest neighbours") is None and found.pop("labels at random") is None
    assert all(found.values())


def test_baselines_of_older_runs_are_read(ground: Ground):
    old = to_json(choose_baselines(ground, make_examples(60, 2))[0])
    old.pop("temperature")
    assert from_json(Baseline, old).temperature is None
