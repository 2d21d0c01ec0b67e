"""Which method for few examples: no claim that the examples do not bear."""

from __future__ import annotations

import numpy as np
import pytest

from sintonia.choose.method import decide_method, is_few_shot


def outcomes(shares: dict[str, float], count: int, seed: int = 0) -> dict[str, list[bool]]:
    """Answers that are right with these chances, each method for itself."""
    chance = np.random.default_rng(seed)
    return {name: (chance.random(count) < share).tolist() for name, share in shares.items()}


def apart(count: int) -> list[str]:
    return [str(k) for k in range(count)]


def test_a_large_difference_on_many_examples_decides() -> None:
    found = decide_method(outcomes({"head": 0.9, "contrastive": 0.6, "full": 0.6}, 400), apart(400), "contrastive")
    assert found.method == "head" and "more than chance explains" in found.why[1]


def test_without_a_difference_the_usual_one_is_taken() -> None:
    taken = [
        decide_method(outcomes({"head": 0.5, "contrastive": 0.5}, 40, seed), apart(40), "contrastive").method
        for seed in range(60)
    ]
    assert taken.count("contrastive") >= 45  # one standard error is passed by chance in one of six


def test_a_lead_within_its_error_changes_nothing_and_says_so() -> None:
    right = {"contrastive": [True, False] * 20, "head": [True, False] * 19 + [True, True]}
    found = decide_method(right, apart(40), "contrastive")
    assert found.method == "contrastive" and "less than one standard error" in found.why[1]


def test_a_lead_that_chance_may_explain_says_so() -> None:
    right = {"contrastive": [False] * 4 + [True] * 36, "head": [True] * 40}
    found = decide_method(right, apart(40), "contrastive")
    assert found.method == "head" and "chance alone may still be the reason" in found.why[1]
    assert "show differences of about" in found.why[-1]


def test_rows_of_one_group_are_one_witness() -> None:
    """Ten rows of one person are no ten reasons: the same answers decide where they are apart."""
    right = {"contrastive": [False] * 10 + [True] * 30, "head": [True] * 40}
    together = ["one person"] * 10 + apart(30)
    assert decide_method(right, apart(40), "contrastive").method == "head"
    assert decide_method(right, together, "contrastive").method == "contrastive"


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ValueError, match="same examples"):
        decide_method({"head": [True]}, ["a"], "contrastive")
    with pytest.raises(ValueError, match="same examples"):
        decide_method({"head": [True], "contrastive": [True, False]}, ["a"], "contrastive")


@pytest.mark.parametrize(
    ("counts", "is_few"),
    [({"a": 64, "b": 2}, True), ({"a": 65, "b": 2}, False), ({"a": 8}, False), ({}, False), ({"a": 1, "b": 1}, False)],
)
def test_few_shot_is_up_to_64_of_every_class(counts: dict[str, int], is_few: bool) -> None:
    assert is_few_shot(counts) is is_few
