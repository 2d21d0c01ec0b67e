"""Balanced classes: the gradient is that of plain torch, validation is never weighted, rare classes are found."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from sintonia.errors import UsageError
from sintonia.metrics import METRICS
from sintonia.models.probe import fit_probe
from sintonia.resolve import settle
from sintonia.tasks.classify import WEIGHT_POWER, class_weights
from sintonia.train.learners import make_learner
from sintonia.train.learners.pooled import EncoderLearner
from tests.unit.train.jobs import make_chat_job, make_job, with_training


def imbalanced(job):
    """The job with one label that has 4 examples only, and another that has none."""
    rare, absent = job.labels[0], job.labels[1]
    few = [one for one in job.train if one.target == rare][:4]
    train = tuple(few + [one for one in job.train if one.target not in (rare, absent)])
    return dataclasses.replace(job, train=train)


def test_weights_are_one_on_average_and_fall_with_the_share() -> None:
    targets = np.array([0] * 90 + [1] * 10)
    weights = class_weights(targets, 3)
    assert weights[targets].mean() == pytest.approx(1.0)
    assert weights[1] / weights[0] == pytest.approx(9**WEIGHT_POWER)
    assert weights[2] == 1.0
    assert class_weights(np.array([0, 1, 0, 1]), 2).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("method", ["full", "head"])
def test_the_gradient_is_that_of_plain_torch(tmp_path: Path, tiny_base: Path, method: str) -> None:
    settings = {"class_weights": "balanced", "dropout": 0.0, "micro_tokens": 40, "head_start": "random"}
    job = imbalanced(make_job(tmp_path / "run", tiny_base, method, **settings))
    learner = make_learner(job)
    positions = [0, 1, 5, 6, 20, 21, 22]
    loss = learner.accumulate(positions)
    found = {name: value.grad.clone() for name, value in learner.parameters.items() if value.grad is not None}
    learner.model.zero_grad()
    counts = np.bincount(learner.targets.numpy(), minlength=4)
    power = np.where(counts > 0, np.maximum(counts, 1.0) ** -WEIGHT_POWER, 0.0)
    weight = torch.tensor(power * len(job.train) / (power * counts).sum(), dtype=torch.float32)
    if isinstance(learner, EncoderLearner):
        logits = torch.cat([learner.model(torch.tensor([learner.train_rows[k]]), None) for k in positions])
    else:
        logits = learner.head(torch.from_numpy(learner.train_features[positions]))
    every = torch.nn.functional.cross_entropy(logits, learner.targets[positions], weight=weight, reduction="none")
    every.mean().backward()
    assert loss == pytest.approx(float(every.detach().mean()), abs=1e-5)
    assert found
    for name, value in learner.parameters.items():
        if value.grad is not None:
            assert torch.allclose(found[name], value.grad, atol=1e-5), name


def test_validation_and_the_followed_training_losses_are_not_weighted(tmp_path: Path, tiny_base: Path) -> None:
    job = imbalanced(make_job(tmp_path / "run", tiny_base, head_start="random"))
    plain = make_learner(job)
    weighted = make_learner(with_training(job, class_weights="balanced"))
    assert plain.score_validation() == weighted.score_validation()
    assert plain.score_train(range(20)).losses == weighted.score_train(range(20)).losses
    assert plain.accumulate(range(8)) != weighted.accumulate(range(8))


def test_the_head_starts_from_a_probe_weighted_alike(tmp_path: Path, tiny_base: Path) -> None:
    job = dataclasses.replace(imbalanced(make_job(tmp_path / "run", tiny_base, "head")), head_strength=3.0)
    shares = []
    for how in ("none", "balanced"):
        learner = make_learner(with_training(job, class_weights=how))
        with torch.inference_mode():
            shares.append(float(learner.head(torch.from_numpy(learner.train_features)).softmax(dim=1)[:, 0].mean()))
    assert shares[1] > 1.3 * shares[0]


def test_balanced_classes_raise_macro_f1_of_a_rare_class() -> None:
    """Planted: a class of 4 % that overlaps with the others. Clean control: even classes, where nothing changes."""
    rng, gains = np.random.default_rng(0), []
    for _ in range(10):
        counts, centres = (300, 300, 25), np.array([[0.0, 0.0], [2.5, 0.0], [1.25, 1.3]])
        sets = []
        for _ in range(2):
            targets = np.repeat(np.arange(3), counts)
            sets.append((centres[targets] + rng.normal(size=(len(targets), 2)), targets))
        (train, goal), (held, wanted) = sets
        scores = []
        for weights in (None, class_weights(goal, 3)):
            answers = fit_probe(train, goal, 3, 10.0, weights).logits(held).argmax(axis=1)
            scores.append(METRICS["macro_f1"].function(wanted.astype(str).tolist(), answers.astype(str).tolist()))
        gains.append(scores[1] - scores[0])
    assert np.mean(gains) > 0.03
    assert np.mean(np.array(gains) > 0) >= 0.8
    even = np.repeat(np.arange(3), 50)
    assert class_weights(even, 3).tolist() == [1.0, 1.0, 1.0]


def test_it_is_refused_where_it_would_do_nothing(tmp_path: Path, tiny_language_model: Path) -> None:
    job = make_chat_job(tmp_path / "run", tiny_language_model)
    recipe = with_training(job, class_weights="balanced").recipe
    with pytest.raises(UsageError, match=r"training\.class_weights"):
        settle(recipe, "chat")
    assert settle(dataclasses.replace(job.recipe, task="chat"), "chat")
