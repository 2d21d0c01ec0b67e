"""Which rung has to be beaten."""

from __future__ import annotations

from sintonia.corridor.closing.judging import pick
from sintonia.records import Rung, Scorecard


def rung(name: str, score: float, *, needs_training: bool) -> tuple[Rung, Scorecard]:
    card = Scorecard(subject=name, split="test", scores=(), ids=(), targets=(), predictions=())
    return Rung(name=name, score=score, needs_training=needs_training, description=""), card


def test_the_rung_to_beat_is_the_best_on_the_test_of_its_kind():
    """With shuffled targets, zero-shot won on validation, lay below guessing on the test, and was "beaten"."""
    rungs = (
        rung("majority", 0.229, needs_training=False),
        rung("zero-shot by label names", 0.052, needs_training=False),
        rung("linear probe", 0.146, needs_training=True),
        rung("TF-IDF", 0.104, needs_training=True),
    )
    assert pick(rungs, "accuracy", needs_training=False).name == "majority"
    assert pick(rungs, "accuracy", needs_training=True).name == "linear probe"
