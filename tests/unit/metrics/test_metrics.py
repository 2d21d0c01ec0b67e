"""The metrics against scikit-learn, and the promises of the table."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from sintonia.metrics import METRICS, Metric
from sintonia.records import Scorecard
from sintonia.tasks import chat, classify

OF_LABELS = [metric for metric in METRICS.values() if metric.reads == "predictions"]


def macro_f1(targets: list[str], predictions: list[str]) -> float:
    return METRICS["macro_f1"].function(targets, predictions)


@pytest.mark.parametrize("seed", range(20))
def test_agrees_with_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = [f"label {i}" for i in range(int(rng.integers(2, 30)))]
    targets = rng.choice(labels, 200).tolist()
    predictions = [x if rng.random() < 0.6 else str(rng.choice([*labels, "never a target"])) for x in targets]
    present = sorted(set(targets))
    expected = f1_score(targets, predictions, labels=present, average="macro", zero_division=0)
    assert macro_f1(targets, predictions) == pytest.approx(expected, abs=1e-9)
    found = METRICS["accuracy"].function(targets, predictions)
    assert found == pytest.approx(accuracy_score(targets, predictions), abs=1e-9)


def test_agrees_with_plain_scikit_learn_when_all_predictions_occur_as_targets() -> None:
    targets, predictions = list("aabbccc"), list("abbbcca")
    assert macro_f1(targets, predictions) == pytest.approx(f1_score(targets, predictions, average="macro"))


def test_a_label_without_targets_is_a_mistake_but_no_class() -> None:
    assert macro_f1(["a", "a", "b"], ["a", "absent", "b"]) == pytest.approx((2 / 3 + 1) / 2)
    assert macro_f1(["a"], ["absent"]) == 0.0


@pytest.mark.parametrize("metric", OF_LABELS, ids=lambda metric: metric.name)
def test_all_right_and_all_wrong_are_the_ends_of_the_range(metric: Metric) -> None:
    targets = ["a", "b", "b"]
    assert (metric.function(targets, ["b", "a", "a"]), metric.function(targets, targets)) == metric.range


@pytest.mark.parametrize("metric", OF_LABELS, ids=lambda metric: metric.name)
def test_counts_add_up_over_any_subset(metric: Metric) -> None:
    rng = np.random.default_rng(3)
    targets, predictions = (rng.choice(list("abcd"), 60) for _ in range(2))
    counts = metric.counts(targets.tolist(), predictions.tolist()).toarray()
    picked = rng.integers(0, 60, size=15)
    from_counts = float(metric.from_counts(counts[picked].sum(axis=0)[None])[0])
    direct = metric.function(targets[picked].tolist(), predictions[picked].tolist())
    assert from_counts == pytest.approx(direct, abs=1e-12)


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda metric: metric.name)
def test_unequal_or_empty_answers_are_refused(metric: Metric) -> None:
    for targets, predictions in ([["a"], []], [[], []], [["a", "b"], ["a"]]):
        with pytest.raises(ValueError, match="targets"):
            metric.function(targets, predictions)


def test_the_table_names_its_members_and_each_says_what_it_hides() -> None:
    assert all(name == metric.name for name, metric in METRICS.items())
    assert all(len(metric.blind_to) > 40 for metric in METRICS.values())
    known = METRICS["accuracy"]
    with pytest.raises(ValueError, match="blind"):
        Metric(
            name="silent",
            title="silent",
            counts=known.counts,
            from_counts=known.from_counts,
            higher_is_better=True,
            range=(0.0, 1.0),
            blind_to=" ",
            is_mean_of_correct=True,
        )


def language_card(losses: tuple[float, ...], num_bytes: tuple[int, ...], correct: tuple[bool, ...]) -> Scorecard:
    names = tuple(str(number) for number in range(len(losses)))
    return Scorecard(
        subject="tuned",
        split="test",
        scores=(),
        ids=names,
        targets=names,
        predictions=(),
        losses=losses,
        num_bytes=num_bytes,
        correct=correct,
    )


def test_bits_per_byte_is_the_ratio_of_the_sums() -> None:
    """By hand: 1.5 + 2.5 + 4 nats over 10 + 20 + 30 bytes; not the mean of the ratios."""
    card, metric = language_card((1.5, 2.5, 4.0), (10, 20, 30), (True, False, True)), METRICS["bits_per_byte"]
    found = metric.function(card.targets, metric.answers(card))
    assert found == pytest.approx(8.0 / math.log(2) / 60, abs=1e-12)
    exact = METRICS["exact_match"]
    assert exact.function(card.targets, exact.answers(card)) == pytest.approx(2 / 3, abs=1e-12)


def test_bits_of_a_model_that_knows_nothing_are_eight() -> None:
    assert METRICS["bits_per_byte"].function(["x"], [(10 * math.log(256), 10)]) == pytest.approx(8.0, abs=1e-12)


def test_losses_that_are_no_numbers_and_answers_without_text_are_refused() -> None:
    for wrong in ([(float("nan"), 3)], [(float("inf"), 3)], [(1.0, 0)], [(-1.0, 3)]):
        with pytest.raises(ValueError, match="finite"):
            METRICS["bits_per_byte"].function(["x"], wrong)


def names_that_read(card: Scorecard) -> list[str]:
    """Of labels and of language: what other tasks answer has a form of its own, which a label may have by chance."""
    known = (*classify.METRICS, *chat.METRICS)
    return [name for name, metric in METRICS.items() if name in known and metric.answers(card)]


def test_a_scorecard_of_labels_has_no_bytes_and_one_of_text_no_predictions() -> None:
    text = language_card((1.0,), (3,), (True,))
    labels = replace(text, predictions=("a",), num_bytes=(), correct=())
    written = replace(text, predictions=("a",))
    assert names_that_read(labels) == [
        "accuracy",
        "macro_f1",
        "log_loss",
    ]
    assert names_that_read(text) == ["bits_per_byte", "exact_match"]
    assert names_that_read(written) == [
        "bits_per_byte",
        "exact_match",
        "normalised_match",
        "token_f1",
        "rouge_l",
        "chrf",
    ]


def test_goodness_orders_and_the_margin_is_a_share_of_the_base_where_it_says_so() -> None:
    bits, accuracy = METRICS["bits_per_byte"], METRICS["accuracy"]
    assert bits.goodness(0.5) > bits.goodness(0.9) and accuracy.goodness(0.9) > accuracy.goodness(0.5)
    assert bits.margin("auto", 1.5) == pytest.approx(0.03) and bits.margin(0.1, 1.5) == pytest.approx(0.15)
    assert accuracy.margin("auto", 0.4) == 0.01 and accuracy.margin(0.05, 0.4) == 0.05
