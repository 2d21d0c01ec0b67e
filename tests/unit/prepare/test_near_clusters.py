"""What stays together, where chains are cut, and which rows have a near one in another set."""

from __future__ import annotations

import random

import numpy as np
import pytest

from sintonia.prepare.near import NearPairs, clusters, near_pairs, nearest_elsewhere


def pairs_of(*pairs: tuple[int, int, float]) -> NearPairs:
    first, second, similarity = zip(*pairs, strict=True) if pairs else ((), (), ())
    return NearPairs(
        np.array(first, dtype=np.int64), np.array(second, dtype=np.int64), np.array(similarity, dtype=np.float32)
    )


def test_tied_rows_are_named_after_the_first_of_them() -> None:
    assert clusters(6, pairs_of((1, 4, 0.7), (4, 5, 0.9)), largest=10).tolist() == [0, 1, 2, 3, 1, 1]
    assert clusters(3, pairs_of(), largest=1).tolist() == [0, 1, 2]
    assert clusters(0, pairs_of(), largest=1).tolist() == []


def test_a_chain_is_cut_only_where_it_is_too_large() -> None:
    chain = [(0, 1, 0.9), (1, 2, 0.72), (2, 3, 0.9), (3, 4, 0.6), (4, 5, 0.9)]
    short = [(6, 7, 0.58)]
    pairs = pairs_of(*chain, *short)
    assert clusters(8, pairs, largest=6).tolist() == [0, 0, 0, 0, 0, 0, 6, 6]
    assert clusters(8, pairs, largest=4).tolist() == [0, 0, 0, 0, 4, 4, 6, 6], "cut at .7, and no further"
    assert clusters(8, pairs, largest=3).tolist() == [0, 0, 2, 2, 4, 4, 6, 6], "cut at .8, and 6-7 are left alone"
    assert clusters(8, pairs, largest=1).tolist() == [0, 1, 2, 3, 4, 5, 6, 7]


def test_what_is_one_text_at_heart_stays_whole() -> None:
    pairs = pairs_of(*((i, i + 1, 0.97) for i in range(9)), (9, 10, 0.94))
    assert clusters(11, pairs, largest=2).tolist() == [0] * 10 + [10]


def test_the_order_of_pairs_and_rows_does_not_matter() -> None:
    rng = random.Random(4)
    ties = [(rng.randrange(40), rng.randrange(40), rng.choice([0.6, 0.75, 0.82, 0.96])) for _ in range(45)]
    ties = list({(min(a, b), max(a, b)): (min(a, b), max(a, b), c) for a, b, c in ties if a != b}.values())
    straight = clusters(40, pairs_of(*ties), largest=6)
    rng.shuffle(ties)
    assert (clusters(40, pairs_of(*ties), largest=6) == straight).all()
    places = list(range(40))
    rng.shuffle(places)
    moved = clusters(40, pairs_of(*((*sorted((places[a], places[b])), c) for a, b, c in ties)), largest=6)
    together = {(a, b) for a in range(40) for b in range(40) if straight[a] == straight[b]}
    assert together == {(a, b) for a in range(40) for b in range(40) if moved[places[a]] == moved[places[b]]}


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="largest is 0"):
        clusters(3, pairs_of(), largest=0)


@pytest.mark.timeout(60)
def test_a_crowd_of_one_kind_is_one_cluster() -> None:
    """20,000 rows of one sentence, one in ten with another number: far too many pairs to list, yet none is lost."""
    texts = [f"my card has not arrived yet, what should I do about order {i // 10}" for i in range(20_000)]
    pairs = near_pairs(texts)
    assert (clusters(20_000, pairs, largest=20_000) == 0).all()
    strict = clusters(20_000, pairs.at_least(0.99), largest=20_000)
    assert (strict == np.arange(20_000) // 10 * 10).all(), "copies are together, whatever the crowd"


def test_the_nearest_row_of_another_set() -> None:
    pairs = pairs_of((0, 1, 0.9), (0, 3, 0.8), (0, 4, 0.85), (1, 2, 0.95))
    found = nearest_elsewhere(pairs, [0, 0, 0, 1, 1])
    assert found.partner.tolist() == [4, -1, -1, 0, 0]
    assert found.similarity.tolist() == pytest.approx([0.85, 0, 0, 0.8, 0.85])


def test_copies_lend_each_other_their_neighbours() -> None:
    """Only the first of some copies is paired; the others must be found all the same."""
    pairs = pairs_of((0, 2, 1.0), (0, 5, 1.0), (0, 1, 0.8), (1, 3, 1.0), (1, 4, 1.0))
    found = nearest_elsewhere(pairs, [1, 1, 1, 1, 0, 1])
    assert found.partner.tolist() == [4, 4, 4, 4, 1, 4]
    assert found.similarity.tolist() == pytest.approx([0.8, 1, 0.8, 1, 1, 0.8])


def test_no_pairs_no_leaks() -> None:
    assert nearest_elsewhere(pairs_of(), [0, 1, 1]).partner.tolist() == [-1, -1, -1]
    assert nearest_elsewhere(pairs_of((0, 1, 1.0), (1, 2, 0.8)), [2, 2, 2]).partner.tolist() == [-1, -1, -1]


def test_two_files_put_one_after_the_other() -> None:
    mine = ["turn on the kitchen light", "what is my balance", "turn on the kitchen lights", "play some jazz"]
    theirs = ["Turn on the kitchen light!", "book a table for two", "what's my balance", "book a table for four"]
    found = nearest_elsewhere(near_pairs(mine + theirs), [0] * 4 + [1] * 4)
    assert found.partner.tolist() == [4, 6, 4, -1, 0, -1, 1, -1]
    assert found.similarity[4] == 1
