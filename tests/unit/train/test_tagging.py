"""Learning tags: a few examples are learned by heart, what is saved says the same, and batches sum up exactly."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel

from sintonia.errors import UsageError
from sintonia.evaluate import score_candidate
from sintonia.models.open import open_base
from sintonia.models.scaling import make_dial, open_tuned
from sintonia.train.learners import make_learner
from sintonia.train.learners.tagging import TagEncoderLearner, TagLearner
from tests.tiny import make_tiny_base
from tests.unit.train.tag_jobs import make_tag_job


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_base(tmp_path_factory.mktemp("base") / "base")


def _steps(learner: TagLearner, count: int, rate: float, size: int = 8) -> float:
    optimizer = torch.optim.AdamW(learner.parameters.values(), lr=rate, weight_decay=0.0)
    loss = float("nan")
    for _ in range(count):
        optimizer.zero_grad()
        loss = learner.accumulate(range(size))
        optimizer.step()
        learner.stepped(0.0)
    return loss


@pytest.mark.parametrize("one_each", [False, True])
@pytest.mark.parametrize("method", ["full", "lora"])
def test_eight_examples_are_learned_by_heart_and_saved_as_they_are(
    tmp_path: Path, base: Path, method: str, one_each: bool
) -> None:
    job = make_tag_job(tmp_path / "run", base, method, one_each=one_each, dropout=0.0, head_start="random")
    learner = make_learner(job)
    assert isinstance(learner, TagEncoderLearner)
    first = learner.accumulate(range(8))
    last = _steps(learner, 50, 1e-2)
    assert first > 1.0 and last < (0.05 if method == "full" else 0.5)
    live = learner.score_validation()
    learner.save(tmp_path / "model")
    card = score_candidate(tmp_path / "model", job.validation, "validation")
    assert np.allclose(card.losses, live.losses, atol=1e-5) and card.correct == live.correct
    assert next(one.value for one in card.scores if one.metric == job.primary_metric) == pytest.approx(live.metric)


def _deep_base(folder: Path, *, forgets: bool) -> Path:
    """Four layers; with `forgets` the upper two make the same state of every token."""
    settings = BertConfig.from_pretrained(make_tiny_base(folder), num_hidden_layers=4)
    torch.manual_seed(0)
    model = BertModel(settings)
    with torch.no_grad():
        for layer in model.encoder.layer[2:]:
            for part in (layer.attention.output, layer.output):
                part.dense.weight.zero_()
                part.LayerNorm.weight.fill_(0.0 if forgets else 1.0)
    model.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("method", ["full", "lora"])
def test_layers_that_know_no_word_any_more_are_left_out(tmp_path: Path, method: str) -> None:
    base = _deep_base(tmp_path / "base", forgets=True)
    job = make_tag_job(tmp_path / "run", base, method, dropout=0.0)
    assert job.base.num_layers == 4
    learner = make_learner(job)
    assert isinstance(learner, TagLearner) and learner.depth == 2
    assert "layer 2 of 4" in next(iter(learner.prepare()))
    _steps(learner, 3, 1e-3)
    live = learner.score_validation()
    learner.save(tmp_path / "model")
    card = score_candidate(tmp_path / "model", job.validation, "validation")
    assert np.allclose(card.losses, live.losses, atol=1e-5)
    assert json.loads((tmp_path / "model/config.json").read_text())["num_hidden_layers"] == 2
    dial = make_dial(open_tuned(tmp_path / "model"), open_base(job.base, 32))
    assert not dial.is_untouched
    again = make_learner(job)
    assert isinstance(again, TagLearner) and again.depth == 2


def test_layers_that_change_nothing_stay(tmp_path: Path) -> None:
    base = _deep_base(tmp_path / "base", forgets=False)
    learner = make_learner(make_tag_job(tmp_path / "run", base))
    assert isinstance(learner, TagLearner) and learner.depth == 4 and not [*learner.prepare()]


@pytest.mark.parametrize(("settings", "lora"), [({"frozen_layers": 2}, {}), ({}, {"layers": 3})])
def test_more_layers_than_are_left_cannot_be_asked_for(
    tmp_path: Path, settings: dict[str, Any], lora: dict[str, Any]
) -> None:
    base = _deep_base(tmp_path / "base", forgets=True)
    job = make_tag_job(tmp_path / "run", base, "lora" if lora else "full", **settings)
    recipe = dataclasses.replace(job.recipe, lora=dataclasses.replace(job.recipe.lora, **lora))
    with pytest.raises(UsageError, match="head stands on layer 2 of 4"):
        make_learner(dataclasses.replace(job, recipe=recipe))


def test_the_start_from_a_probe_knows_the_task_a_little(tmp_path: Path, base: Path) -> None:
    probe = TagEncoderLearner(make_tag_job(tmp_path / "one", base, head_start="probe"))
    random = TagEncoderLearner(make_tag_job(tmp_path / "two", base, head_start="random"))
    assert np.mean(probe.score_validation().losses) < 0.7 * np.mean(random.score_validation().losses)


def test_micro_batches_add_up_to_the_batch_also_over_windows(tmp_path: Path, base: Path) -> None:
    grads = []
    for most in (4096, 24):
        job = make_tag_job(
            tmp_path / str(most), base, dropout=0.0, max_tokens=10, micro_tokens=most, head_start="random"
        )
        learner = TagEncoderLearner(job)
        assert learner.train_words.num_windowed > 10
        loss = learner.accumulate(range(12))
        mean = np.mean(learner.score_train(range(12)).losses)
        assert loss == pytest.approx(mean, abs=1e-5)
        grads.append({name: one.grad.clone() for name, one in learner.parameters.items() if one.grad is not None})
    assert grads[0].keys() == grads[1].keys()
    assert all(torch.allclose(one, grads[1][name], atol=1e-6) for name, one in grads[0].items())


def test_kept_states_of_frozen_layers_give_the_same_loss(tmp_path: Path, base: Path) -> None:
    settings = {"dropout": 0.0, "frozen_layers": 1, "head_start": "random"}
    plain = TagEncoderLearner(make_tag_job(tmp_path / "one", base, cache="off", **settings))
    kept = TagEncoderLearner(make_tag_job(tmp_path / "two", base, cache="on", **settings))
    assert [*kept.prepare()] and kept.is_kept and not [*plain.prepare()]
    assert kept.accumulate(range(8)) == pytest.approx(plain.accumulate(range(8)), abs=2e-3)


def test_weights_go_out_and_come_back(tmp_path: Path, base: Path) -> None:
    learner = TagEncoderLearner(make_tag_job(tmp_path / "run", base, dropout=0.0))
    _steps(learner, 2, 1e-3)
    kept = {name: value.clone() for name, value in learner.weights().items()}
    before = learner.score_validation().losses
    _steps(learner, 2, 1e-2)
    assert not np.allclose(before, learner.score_validation().losses)
    learner.load(kept)
    assert learner.score_validation().losses == before


def test_balanced_weights_let_rare_tags_count_more(tmp_path: Path, base: Path) -> None:
    plain = TagEncoderLearner(make_tag_job(tmp_path / "one", base, dropout=0.0))
    balanced = TagEncoderLearner(make_tag_job(tmp_path / "two", base, dropout=0.0, class_weights="balanced"))
    weights, counts = balanced.weights_of_tags, np.bincount(np.concatenate(balanced.train_targets))
    assert plain.weights_of_tags is None and weights is not None
    assert weights[counts.argmin()] > 1 > weights[counts.argmax()]
    assert (weights * counts).sum() == pytest.approx(counts.sum())
    assert balanced.accumulate(range(8)) != pytest.approx(plain.accumulate(range(8)), rel=1e-3)
