"""The method `contrastive`: its loss, its batches, the gradients of a batch in pieces, and what it learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from sintonia.methods.contrastive import BATCH_EXAMPLES, CONTRASTIVE, pair_loss, paired_batches
from sintonia.models.contrastive import Fit, add_gradients, features_of, tuned_encoder
from sintonia.models.open import open_candidate
from sintonia.models.probe import fit_probe
from sintonia.train import Job, train
from sintonia.train.learners import make_learner
from sintonia.train.learners.contrastive import ContrastiveLearner
from tests.tiny import make_tiny_base
from tests.unit.train.jobs import make_job


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_base(tmp_path_factory.mktemp("base"))


def job_of(folder: Path, base: Path, **training: object) -> Job:
    """Ninety-six texts of four labels."""
    return make_job(folder, base, "contrastive", **{"batch_examples": 32, "epochs": 12.0, **training})


def test_the_loss_is_that_of_every_pair() -> None:
    """Held to the cosine loss of SetFit's recipe over all pairs, either kind weighing one half."""
    generator = torch.Generator().manual_seed(3)
    features = nn.functional.normalize(torch.randn(6, 5, generator=generator), dim=-1)
    targets = torch.tensor([0, 1, 0, 2, 1, 0])
    alike, apart = [], []
    for one in range(6):
        for other in range(one + 1, 6):
            is_alike = bool(targets[one] == targets[other])
            cosine = nn.functional.cosine_similarity(features[one], features[other], dim=0)
            (alike if is_alike else apart).append(float((cosine - float(is_alike)) ** 2))
    assert float(pair_loss(features, targets)) == pytest.approx((np.mean(alike) + np.mean(apart)) / 2, abs=1e-6)


@pytest.mark.parametrize("targets", [[0, 1, 2], [1, 1, 1], [0]])
def test_a_batch_without_pairs_of_a_kind_has_a_finite_loss(targets: list[int]) -> None:
    features = nn.functional.normalize(torch.randn(len(targets), 4), dim=-1).requires_grad_()
    loss = pair_loss(features, torch.tensor(targets))
    loss.backward()
    assert torch.isfinite(loss) and features.grad is not None and bool(torch.isfinite(features.grad).all())


def test_batches_hold_each_text_once_and_two_of_a_label_together() -> None:
    """Seventy-seven labels with eight texts each: at random a text would seldom meet one of its own label."""
    targets = [k % 77 for k in range(77 * 8)]
    batches = paired_batches(targets, BATCH_EXAMPLES, seed=1, epoch=0)
    assert sorted(position for batch in batches for position in batch) == list(range(len(targets)))
    assert len(batches) == -(-len(targets) // BATCH_EXAMPLES) and max(map(len, batches)) <= BATCH_EXAMPLES
    lonely = sum(sum(targets[other] == targets[one] for other in batch) == 1 for batch in batches for one in batch)
    assert lonely <= 2 * len(batches)  # those whose partner fell behind the border of a batch
    assert paired_batches(targets, BATCH_EXAMPLES, seed=1, epoch=0) == batches
    assert paired_batches(targets, BATCH_EXAMPLES, seed=1, epoch=1) != batches


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_a_batch_in_pieces_has_the_gradients_of_the_whole(tmp_path: Path, base: Path, dropout: float) -> None:
    """With activations that drop out too: the same ones in both passes over a piece."""
    learner = make_learner(job_of(tmp_path / "run", base, dropout=dropout))
    assert isinstance(learner, ContrastiveLearner)
    positions = list(range(12))

    def gradients(micro_tokens: int) -> tuple[float, list[torch.Tensor]]:
        learner.micro_tokens = micro_tokens
        for value in learner.parameters.values():
            value.grad = None
        torch.manual_seed(5)
        loss = learner.accumulate(positions)
        return loss, [value.grad.clone() for value in learner.parameters.values() if value.grad is not None]

    whole_loss, whole = gradients(4096)
    loss, pieces = gradients(24)
    assert len(whole) == len(pieces) > 10 and max(float(one.abs().max()) for one in whole) > 0
    if dropout == 0:
        assert loss == pytest.approx(whole_loss, abs=1e-6)
        assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(whole, pieces, strict=True))
    else:  # other activations drop out in groups of another size; what counts is that the two passes agree
        assert gradients(24)[0] == loss
        assert _slope_agrees(learner, positions)


def _slope_agrees(learner: ContrastiveLearner, positions: list[int]) -> bool:
    """Whether the gradient foretells how the loss changes, with the same activations dropped."""
    name, weight = max(learner.parameters.items(), key=lambda one: float(one[1].grad.abs().max()))
    gradient, step = weight.grad.clone(), 1e-3
    losses = []
    for sign in (1, -1):
        with torch.no_grad():
            weight += sign * step * gradient / gradient.norm()
        torch.manual_seed(5)
        losses.append(learner.accumulate(positions))
        with torch.no_grad():
            weight -= sign * step * gradient / gradient.norm()
    slope = (losses[0] - losses[1]) / (2 * step)
    return bool(slope == pytest.approx(float(gradient.norm()), rel=0.05)) and bool(name)


def test_it_learns_and_is_saved_as_every_classifier(tmp_path: Path, base: Path) -> None:
    job = job_of(tmp_path / "run", base)
    events = list(train(job))
    losses = [event.values["loss"] for event in events if event.kind == "step"]
    assert losses[-1] < 0.6 * losses[0]
    metrics = [event.values["metric"] for event in events if event.kind == "validated"]
    assert max(metrics) > metrics[0] + 0.3
    saved = open_candidate(job.run.file(job.file("model")))
    assert saved.labels == job.labels and saved.model.head is not None


def test_the_head_belongs_to_the_encoder(tmp_path: Path, base: Path) -> None:
    """After a step, and after other weights were loaded, answers come from a head that was fitted to them."""
    learner = make_learner(job_of(tmp_path / "run", base, learning_rate=1e-2))
    first = {name: value.clone() for name, value in learner.weights().items()}
    before = learner.score_validation()
    assert learner.accumulate(list(range(32))) > 0
    with torch.no_grad():
        for value in learner.parameters.values():
            if value.grad is not None:
                value.sub_(0.05 * value.grad)
    learner.stepped(0.0)
    assert learner.score_validation() != before
    learner.load(first)
    assert learner.score_validation() == before
    assert not any(name.startswith("head.") for name in learner.parameters)


def test_frozen_layers_are_kept_and_do_not_train(tmp_path: Path, base: Path) -> None:
    job = job_of(tmp_path / "run", base, frozen_layers=1, cache="on", epochs=2.0, dropout=0.0)
    learner = make_learner(job)
    told = list(learner.prepare())
    assert learner.is_kept and "cache" in told[0]
    kept = learner.accumulate(list(range(16)))
    other = make_learner(job_of(tmp_path / "other", base, frozen_layers=1, cache="off", dropout=0.0))
    list(other.prepare())
    assert kept == pytest.approx(other.accumulate(list(range(16))), abs=1e-3)
    assert not any("layer.0." in name or "embeddings" in name for name in learner.parameters)


def test_the_fit_of_a_rung_learns_and_leaves_the_base_alone(tmp_path: Path, base: Path) -> None:
    learner = make_learner(job_of(tmp_path / "run", base))
    job, opened = learner.job, make_learner(make_job(tmp_path / "head", base, "head")).base
    texts, goal = [one.input for one in job.train], learner.targets.numpy()
    before = {name: value.clone() for name, value in opened.model.named_parameters()}
    random = torch.get_rng_state()
    model = tuned_encoder(opened, texts, goal, Fit(learning_rate=1e-3, passes=12))
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(before[name], value) for name, value in opened.model.named_parameters())
    asked = [one.input for one in job.validation]
    wanted = np.array([job.labels.index(one.target) for one in job.validation])

    def accuracy(encoder: object) -> float:
        probe = fit_probe(features_of(encoder, opened, texts), goal, len(job.labels), 1.0)
        return float((probe.logits(features_of(encoder, opened, asked)).argmax(axis=1) == wanted).mean())

    before_tuning = accuracy(opened.model)
    assert accuracy(model) > before_tuning + 0.3


@pytest.mark.parametrize(("count", "passes"), [(16, 40), (40, 40), (80, 40), (320, 10), (16 * 200, 1), (10**6, 1)])
def test_few_texts_are_read_often_and_many_once(count: int, passes: int) -> None:
    assert CONTRASTIVE.passes(count, BATCH_EXAMPLES) == passes


def test_a_loss_that_is_no_number_adds_no_gradient() -> None:
    weight = torch.tensor([float("nan"), 1.0], requires_grad=True)
    loss = add_gradients([3, 3], lambda group: weight.expand(len(group), 2), torch.tensor([0, 0]), 100)
    assert not np.isfinite(loss) and weight.grad is None
