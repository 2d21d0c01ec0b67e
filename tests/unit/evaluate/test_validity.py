"""The gates: leaks and test targets that belong to other texts make a verdict invalid, and honest tests do not."""

from __future__ import annotations

import numpy as np

from sintonia.evaluate.validity import invalid_reasons
from sintonia.records import Scorecard

LABELS = np.array(["a", "b", "c", "d"])


def _card(count: int, accuracy: float, seed: int, split: str = "test", *, is_shuffled: bool = False) -> Scorecard:
    generator = np.random.default_rng(seed)
    targets = generator.choice(LABELS, count, p=[0.4, 0.3, 0.2, 0.1])
    wrong = generator.choice(LABELS, count)
    predictions = np.where(generator.random(count) < accuracy, targets, wrong)
    if is_shuffled:
        targets = generator.permutation(targets)
    return Scorecard(
        subject="tuned",
        split=split,
        scores=(),
        ids=tuple(f"{seed}-{k}" for k in range(count)),
        targets=tuple(targets),
        predictions=tuple(predictions),
    )


def test_an_honest_test_is_valid() -> None:
    reasons = [
        invalid_reasons(_card(200, 0.7, seed), (), _card(150, accuracy, 1000 + seed, "validation"))
        for seed in range(40)
        for accuracy in (0.65, 0.75, 0.9)
    ]
    assert reasons == [()] * len(reasons)


def test_a_model_that_learned_nothing_is_not_the_fault_of_the_test() -> None:
    for seed in range(40):
        assert invalid_reasons(_card(200, 0.0, seed), (), _card(150, 0.0, 1000 + seed, "validation")) == ()


def test_e5_shuffled_test_targets_are_noticed() -> None:
    noticed = 0
    for seed in range(20):
        card = _card(200, 0.8, seed, is_shuffled=True)
        reasons = invalid_reasons(card, (), _card(150, 0.8, 1000 + seed, "validation"))
        noticed += len(reasons) == 1 and "unrelated to the inputs" in reasons[0]
    assert noticed == 20


def test_a_small_test_accuses_nobody() -> None:
    for seed in range(40):
        assert invalid_reasons(_card(12, 0.5, seed), (), _card(60, 0.6, 1000 + seed, "validation")) == ()


def test_e10_a_leak_above_one_percent_is_invalid_and_told_with_the_gap() -> None:
    card = _card(200, 0.5, 0)
    targets = np.array(card.targets, dtype=object)
    predictions = np.array(card.predictions, dtype=object)
    predictions[:20] = targets[:20]
    leaked_card = Scorecard(**{**_fields(card), "predictions": tuple(predictions)})
    (reason,) = invalid_reasons(leaked_card, card.ids[:20], None)
    assert "20 of 200 test examples (10.0%)" in reason
    assert "right in 100.0%, on the others" in reason
    assert invalid_reasons(leaked_card, (), None) == ()


def _fields(card: Scorecard) -> dict[str, object]:
    return {name: getattr(card, name) for name in ("subject", "split", "scores", "ids", "targets", "predictions")}
