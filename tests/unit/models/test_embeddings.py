"""Searching the texts of a set, what is a tie, and embeddings that are all alike."""

from __future__ import annotations

import numpy as np
import pytest

from sintonia.models.embeddings.answers import answer
from sintonia.models.embeddings.collapse import check_collapse
from sintonia.models.embeddings.links import link, pair
from sintonia.models.embeddings.ranking import Cosines, order_nats, search
from sintonia.tasks.embed import contrastive_loss
from tests.tiny_pairs import anchored, make_anchored, scored


def _features(count: int, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=(count, 16))
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def test_ranks_are_those_of_sorting() -> None:
    links = link(make_anchored(300))
    features = _features(len(links.texts))
    found = search(links, Cosines(features))
    for position in (0, 100, 299):
        cosines = features[links.corpus] @ features[links.anchors[position]]
        own = int(np.flatnonzero(links.corpus == links.positives[position][0])[0])
        assert found.ranks[position].tolist() == [int((cosines > cosines[own]).sum()) + 1]


def test_losses_are_those_of_the_loss_in_training() -> None:
    import torch

    links = link((anchored("a", ["b", "c"]), anchored("d", ["e"], ["f"]), anchored("g", ["h"])))
    features = _features(len(links.texts))
    cosines = torch.from_numpy(features[links.anchors] @ features[links.corpus].T)
    is_own = torch.from_numpy(np.stack([np.isin(links.corpus, one) for one in links.positives]))
    whole = contrastive_loss(cosines, is_own, torch.zeros_like(is_own))
    assert search(links, Cosines(features)).nats.mean() == pytest.approx(float(whole))


def test_who_finds_all_equally_near_finds_nothing() -> None:
    examples = make_anchored(40)
    links = link(examples)
    alike = np.tile(_features(1), (len(links.texts), 1))
    assert all(int(one[0]) == len(links.corpus) for one in search(links, Cosines(alike)).ranks)


def test_an_anchor_is_not_searched_for_itself_nor_for_what_another_example_gives_it() -> None:
    links = link((anchored("a", ["b"]), anchored("A!", ["c"], line=2), anchored("x", ["a"], line=3)))
    features = np.eye(len(links.texts))
    features[links.texts.index("b")] = features[links.texts.index("a")] * 0.9
    found = search(links, Cosines(features))
    assert found.ranks[0].tolist() == [1]  # `a` itself is in the corpus, and `c` belongs to it too
    assert found.ranks[1].tolist() == [1]


def test_scored_pairs_answer_with_their_cosine() -> None:
    examples = (scored("a", "b", 5.0), scored("a", "c", 0.0, 2), scored("b", "d", 0.0, 3))
    vectors = {"a": [1.0, 0.0], "b": [1.0, 0.0], "c": [0.0, 1.0], "d": [1.0, 0.0]}
    found = answer(examples, lambda texts: Cosines(np.array([vectors[one] for one in texts])))
    assert found.predictions == ("1.0", "0.0", "1.0")
    assert found.losses.tolist() == pytest.approx([(np.log1p(np.exp(-20.0)) + np.log(2)) / 2, 0.0, np.log(2)], abs=1e-8)
    assert found.correct[:2] == (True, True)
    assert pair(examples).texts == ("a", "b", "c", "d")


def test_the_loss_of_a_pair_falls_with_the_order_and_not_with_the_size_of_its_cosine() -> None:
    generator = np.random.default_rng(0)
    pairs = pair(tuple(scored(f"a{k}", f"b{k}", float(score), k) for k, score in enumerate(generator.random(600))))
    noisy = pairs.scores + generator.normal(0, 0.2, 600)
    assert order_nats(pairs, pairs.scores).mean() < order_nats(pairs, noisy).mean() < order_nats(pairs, -noisy).mean()
    assert order_nats(pairs, noisy - 0.8) == pytest.approx(order_nats(pairs, noisy))


def test_embeddings_that_are_all_alike_are_found_out() -> None:
    spread = _features(200)
    near = spread * 0.02 + spread[:1]
    collapsed = near / np.linalg.norm(near, axis=1, keepdims=True)
    (finding,) = check_collapse(collapsed, lambda: spread)
    assert (finding.code == "E330" and "the base has -0.0" in finding.message) or "the base has 0.0" in finding.message
    assert check_collapse(spread) == ()
    assert check_collapse(collapsed[:5]) == ()
