"""The learner of embeddings: its losses against sentence-transformers, cached batches, negatives, what is saved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from sintonia.models.embeddings.links import link
from sintonia.models.embeddings.ranking import Cosines
from sintonia.models.embeddings.saved import embed_texts, open_embedder
from sintonia.tasks.embed import contrastive_loss, order_loss
from sintonia.train import train
from sintonia.train.learners.embedding import EmbeddingLearner
from sintonia.train.learners.embedding.batch import compare_in_batch
from sintonia.train.learners.embedding.mining import mine
from tests.tiny_pairs import anchored, make_embed_job


def _drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def _unit(features: Tensor) -> Tensor:
    return torch.nn.functional.normalize(features, dim=-1)


class _Given(torch.nn.Module):
    """Stands where sentence-transformers wants a model: embeddings are handed over."""


def test_the_contrastive_loss_is_that_of_sentence_transformers() -> None:
    losses = pytest.importorskip("sentence_transformers.sentence_transformer.losses")
    anchors, positives, negatives = (_drawn(12, 8, seed=k) for k in range(3))
    theirs = losses.MultipleNegativesRankingLoss(_Given()).compute_loss_from_embeddings(
        [anchors, positives, negatives], torch.zeros(0)
    )
    is_own = torch.cat((torch.eye(12, dtype=torch.bool), torch.zeros(12, 12, dtype=torch.bool)), dim=1)
    ours = contrastive_loss(
        _unit(anchors) @ _unit(torch.cat((positives, negatives))).T, is_own, torch.zeros_like(is_own)
    )
    assert ours.item() == pytest.approx(theirs.item(), abs=1e-5)
    for one in (anchors, positives, negatives):
        here, there = (torch.autograd.grad(loss, one, retain_graph=True)[0] for loss in (ours, theirs))
        assert torch.allclose(here, there, atol=1e-5)


def test_the_loss_of_order_is_that_of_sentence_transformers() -> None:
    losses = pytest.importorskip("sentence_transformers.sentence_transformer.losses")
    first, second = (_drawn(24, 8, seed=k) for k in range(2))
    scores = torch.randint(0, 5, (24,), generator=torch.Generator().manual_seed(3)).double()
    theirs = losses.CoSENTLoss(_Given()).compute_loss_from_embeddings([first, second], scores.float())
    ours = order_loss((_unit(first) * _unit(second)).sum(dim=1), scores)
    assert ours.item() == pytest.approx(theirs.item(), abs=1e-5)
    here, there = (torch.autograd.grad(loss, first)[0] for loss in (ours, theirs))
    assert torch.allclose(here, there, atol=1e-5)


def test_losses_of_batches_with_nothing_to_compare_are_zero_and_have_gradients() -> None:
    cosines = torch.tensor([[0.3]], requires_grad=True)
    yes = torch.ones(1, 1, dtype=torch.bool)
    for loss in (contrastive_loss(cosines, yes, ~yes), order_loss(cosines[0], torch.tensor([1.0]))):
        assert loss.item() == pytest.approx(0.0, abs=1e-6)
        loss.backward(retain_graph=True)
    assert torch.isfinite(cosines.grad).all()


def _shut_out(examples: Sequence) -> list[list[str]]:
    """For each example, the texts that are held against it in one batch."""
    links = link(examples)
    found = compare_in_batch(links, range(len(examples)), {})
    names = [links.texts[int(found.texts[k])] for k in found.candidates.tolist()]
    against = (~found.is_own & ~found.is_shut_out).tolist()
    return [[name for name, is_against in zip(names, row, strict=True) if is_against] for row in against]


def test_what_may_be_right_is_never_held_against_an_anchor() -> None:
    examples = (
        anchored("Who wrote it?", ["Page one"]),
        anchored("When was it?", ["page ONE."], line=2),
        anchored("who wrote it", ["Page two"], line=3),
        anchored("Where?", ["Page three", "When was it?"], line=4),
        anchored("Far away", ["Page four"], ["Page five"], line=5),
    )
    against = _shut_out(examples)
    assert set(against[0]) == {"Page three", "Page four", "Page five"}
    assert set(against[1]) & {"Page one", "page ONE.", "Page two", "Page three"} == set()
    assert set(against[4]) == {"Page one", "Page two", "Page three", "When was it?", "Page five"}


def test_texts_that_have_nothing_to_do_with_each_other_are_all_held_against(tmp_path: Path) -> None:
    examples = tuple(anchored(f"question {k}", [f"page {k}"], line=k) for k in range(6))
    assert [len(one) for one in _shut_out(examples)] == [5] * 6


@pytest.mark.parametrize("is_scored", [False, True])
def test_cached_batches_have_the_gradients_of_plain_ones(tmp_path: Path, tiny_base: Path, is_scored: bool) -> None:
    """One group of all texts against many small ones, each computed twice."""
    found = []
    for most in (100_000, 40):
        job = make_embed_job(tmp_path / str(most), tiny_base, is_scored=is_scored, dropout=0.0, micro_tokens=most)
        learner = EmbeddingLearner(job)
        torch.manual_seed(7)
        loss = learner.accumulate(range(32))
        found.append(
            (loss, {name: one.grad.clone() for name, one in learner.parameters.items() if one.grad is not None})
        )
    (plain, of_plain), (cached, of_cached) = found
    assert cached == pytest.approx(plain, rel=1e-5) and plain > 0.1
    assert of_plain.keys() == of_cached.keys() and of_plain
    for name, gradient in of_plain.items():
        assert torch.allclose(gradient, of_cached[name], atol=2e-5 * max(1.0, float(gradient.abs().max()))), name


def test_dropout_is_the_same_in_both_passes(tmp_path: Path, tiny_base: Path) -> None:
    from sintonia.train.learners.embedding.cached import backward_cached, backward_whole

    learner = EmbeddingLearner(make_embed_job(tmp_path / "run", tiny_base, dropout=0.3))
    texts, loss = learner._step(range(16))
    groups = [list(range(10)), list(range(10, len(texts)))]
    gradients = []
    for backward in (backward_whole, backward_cached):
        learner.model.zero_grad(set_to_none=True)
        torch.manual_seed(11)
        backward(groups, lambda group: learner._features([texts[k] for k in group]), loss)
        gradients.append(torch.cat([one.grad.flatten() for one in learner.parameters.values() if one.grad is not None]))
    assert torch.allclose(*gradients, atol=1e-5)
    assert float(gradients[0].abs().max()) > 1e-3


def _near_of(table: dict[str, float], texts: Sequence[str]) -> Cosines:
    """Texts at these angles."""
    angles = np.array([table[text] for text in texts])
    return Cosines(np.stack([np.cos(angles), np.sin(angles)], axis=1))


def test_the_hardest_text_that_is_surely_wrong_is_mined() -> None:
    examples = (anchored("q1", ["p1"]), anchored("q2", ["p2"]), anchored("q3", ["p3"]), anchored("q4", ["p4"], ["n4"]))
    links = link(examples)
    angles = {"q1": 0.0, "p1": 0.30, "p2": 0.31, "p3": 0.60, "p4": 2.0, "q2": 3.0, "q3": 3.0, "q4": 3.0, "n4": 1.5}
    found = mine(links, _near_of(angles, links.texts))
    assert links.texts[found.negatives[0]] == "p3"  # p2 is as near as the right answer: it may be right
    assert found.num_passed_over >= 1
    assert 3 not in found.negatives  # somebody has said what is wrong


def test_what_belongs_to_a_relative_is_not_mined() -> None:
    examples = (anchored("q1", ["p1"]), anchored("q2", ["p1", "p2"]), anchored("q3", ["p3"]))
    links = link(examples)
    angles = {"q1": 0.0, "p1": 0.1, "p2": 0.5, "p3": 1.0, "q2": 3.0, "q3": 3.0}
    assert links.texts[mine(links, _near_of(angles, links.texts)).negatives[0]] == "p3"


@pytest.mark.parametrize("is_scored", [False, True])
@pytest.mark.parametrize("method", ["full", "lora"])
def test_training_teaches_what_belongs_together(tmp_path: Path, tiny_base: Path, method: str, is_scored: bool) -> None:
    rate, epochs = (2e-3, 12.0) if method == "full" else (5e-3, 40.0)
    job = make_embed_job(
        tmp_path / "run",
        tiny_base,
        method=method,
        is_scored=is_scored,
        epochs=epochs,
        learning_rate=rate,
        micro_tokens=200,
    )
    events = list(train(job))
    validated = [one.values["metric"] for one in events if one.kind == "validated"]
    assert max(validated[1:]) > validated[0] + 0.1
    folder = job.run.file(job.file("model"))
    assert open_embedder(folder).max_tokens == 32


def test_what_is_saved_loads_with_sentence_transformers(tmp_path: Path, tiny_base: Path) -> None:
    library = pytest.importorskip("sentence_transformers")
    job = make_embed_job(tmp_path / "run", tiny_base, epochs=1.0)
    assert list(train(job))[-1].kind == "finished"
    folder, texts = job.run.file(job.file("model")), [one.input for one in job.validation]
    theirs = library.SentenceTransformer(str(folder), device="cpu").encode(texts)
    assert np.allclose(theirs, embed_texts(folder, texts), atol=1e-5)


def test_mined_negatives_are_in_the_batch_and_the_same_every_time(
    tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learners = []
    for name in ("first", "second"):
        learner = EmbeddingLearner(make_embed_job(tmp_path / name, tiny_base))
        monkeypatch.setattr("sintonia.train.learners.embedding._negatives", lambda _job: "mined")
        told = list(learner.prepare())
        assert "multiple negatives" in told[0] and "have one, mined with the base" in told[-1]
        learners.append(learner)
    mined, links = learners[0].mined, learners[0]._links
    assert mined == learners[1].mined and len(mined) > 48
    position = next(iter(mined))
    texts, _ = learners[0]._step([position])
    assert links.texts[mined[position]] in texts
    assert mined[position] not in links.known[position]


def test_a_resumed_training_ends_as_if_nothing_had_happened(tmp_path: Path, tiny_base: Path) -> None:
    whole, job = (make_embed_job(tmp_path / name, tiny_base, micro_tokens=60) for name in ("whole", "run"))
    list(train(whole))
    stop = job.run.file(job.file("stop"))
    for event in train(job):
        if event.step == 7 and not stop.exists():
            stop.write_text("pause\n")
    assert event.kind == "paused"
    stop.unlink()
    assert "resumed" in [one.kind for one in train(job)]
    texts = [one.input for one in job.validation]
    ends = [embed_texts(one.run.file(one.file("model")), texts) for one in (whole, job)]
    assert np.array_equal(*ends)
