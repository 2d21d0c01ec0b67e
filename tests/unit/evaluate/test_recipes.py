"""Runs beside each other: planted differences between models and between recipes, and controls without any."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from sintonia.evaluate.compare import Rule
from sintonia.evaluate.several.groups import merged_groups, num_groups
from sintonia.evaluate.several.recipes import (
    Bout,
    Judged,
    compare_models,
    compare_recipes,
    contributions,
    missing_seeds,
    pair_by_seed,
    unpaired,
)
from sintonia.evaluate.several.standing import Standing, settled
from sintonia.metrics import METRICS
from sintonia.records import Outcome, Scorecard

COUNT = 400


def _card(accuracy: float, seed: int, *, spread: int = 0) -> Scorecard:
    """Answers of which a share is right: the same ones for the same seed, and more of them for a higher share."""
    generator = np.random.default_rng(seed)
    targets = np.random.default_rng(0).choice(["a", "b", "c"], COUNT)
    hardness = 0.7 * np.random.default_rng(1 + spread).random(COUNT) + 0.3 * generator.random(COUNT)
    is_right = hardness.argsort().argsort() < accuracy * COUNT
    answers = np.where(is_right, targets, np.where(targets == "a", "b", "a"))
    return Scorecard(
        subject="tuned",
        split="test",
        scores=(),
        ids=tuple(str(one) for one in range(COUNT)),
        targets=tuple(targets.tolist()),
        predictions=tuple(answers.tolist()),
        losses=tuple(np.where(is_right, 0.2, 1.5).tolist()),
    )


def _judged(name: str, accuracy: float, seed: int = 0) -> Judged:
    return Judged(name=name, recipe=name[0], seed=seed, card=_card(accuracy, seed))


def _bout(metric: str = "accuracy", level: float = 0.0304) -> Bout:
    groups = tuple(str(one) for one in range(COUNT))
    return Bout(metric=METRICS[metric], groups=groups, rule=Rule(level=level, margin=0.01, draws=1000))


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1", "log_loss"])
def test_contributions_add_up_to_the_score(metric: str) -> None:
    card, table = _card(0.8, 0), METRICS[metric]
    values = contributions(table, card)
    assert values.mean() == pytest.approx(table.function(card.targets, table.answers(card)), abs=1e-12)
    if metric == "accuracy":
        assert values == pytest.approx([float(one) for one in table.hits(card.targets, card.predictions)], abs=1e-9)
    if metric == "log_loss":
        assert values == pytest.approx(card.losses, abs=1e-9)


def test_a_planted_model_is_found_and_an_equal_one_is_not() -> None:
    duels = compare_models(_bout(), [_judged("a", 0.7), _judged("b", 0.9), _judged("c", 0.7), _judged("d", 0.4)])
    assert [one.outcome for one in duels][::2] == ["better", "worse"]
    assert duels[1].outcome in ("equivalent", "inconclusive") and duels[1].comparison.p_value == 1
    assert [one.sentence.split(" on ")[0] for one in duels][::2] == [
        "`b` is better than `a`:",
        "`d` is worse than `a`:",
    ]


def test_what_is_found_alone_is_not_found_among_many() -> None:
    first, close = _judged("a", 0.7), _judged("b", 0.7175)
    (alone,) = compare_models(_bout(), [first, close])
    assert alone.outcome == "better" and alone.adjusted_p == alone.comparison.p_value
    among = compare_models(_bout(), [first, close, *(_judged(name, 0.7) for name in "cdef")])
    assert among[0].adjusted_p == pytest.approx(5 * alone.adjusted_p)
    assert among[0].outcome == "inconclusive" and "with the other comparisons" in among[0].sentence


@pytest.mark.parametrize(("metric", "sign"), [("accuracy", 1), ("macro_f1", 1), ("log_loss", -1)])
def test_a_planted_recipe_is_claimed_in_its_direction(metric: str, sign: int) -> None:
    low, high = (
        [_judged(f"{name}{k}", share + k / 100, k) for k in range(3)] for name, share in (("a", 0.6), ("b", 0.85))
    )
    (claim,) = compare_recipes(_bout(metric), [low, high])
    assert claim.outcome == "better" and claim.share_won == 1
    assert sign * claim.difference.low > 0 and sign * claim.difference.high > 0
    assert claim.difference.low <= claim.difference.value <= claim.difference.high
    (back,) = compare_recipes(_bout(metric), [high, low])
    assert back.outcome == "worse" and back.share_won == 0


def test_recipes_that_differ_by_chance_are_not_claimed() -> None:
    shares = np.random.default_rng(3).normal(0.75, 0.02, 8).tolist()
    first, other = (
        [_judged(f"{name}{k}", shares[k + start], k + start) for k in range(4)] for name, start in (("a", 0), ("b", 4))
    )
    (claim,) = compare_recipes(_bout(), [first, other])
    assert claim.outcome == "inconclusive" and claim.difference.low < 0 < claim.difference.high


def test_several_recipes_take_holms_steps() -> None:
    recipes = [
        [_judged(f"{name}{k}", share + k / 200, k) for k in range(3)]
        for name, share in zip("abc", (0.6, 0.9, 0.6), strict=True)
    ]
    better, same = compare_recipes(_bout(level=0.03), recipes)
    assert better.outcome == "better" and better.confidence == pytest.approx(0.985)
    assert same.outcome == "inconclusive" and same.confidence == pytest.approx(0.97), "the last step is alone"


def test_seeds_are_paired_and_counted() -> None:
    first, other = (
        [_judged(f"{name}{k}", 0.7, k) for k in seeds] for name, seeds in (("a", (0, 1, 2, 5)), ("b", (2, 1, 0)))
    )
    assert [(one.seed, two.seed) for one, two in pair_by_seed(first, other)] == [(0, 0), (1, 1), (2, 2)]
    assert [(one.seed, two.seed) for one, two in pair_by_seed(first[:2], other)] == [(0, 0), (1, 1)]
    assert missing_seeds(first, other) == ""
    assert "2 more of the recipe of `a0` and 1 more of the recipe of `b2`" in missing_seeds(first[:1], other[:2])
    with pytest.raises(ValueError, match="seeds or more"):
        compare_recipes(_bout(), [first[:2], other[:2]])


def test_few_examples_claim_nothing() -> None:
    bout = _bout()
    ids = {f"{k % 40}": k for k in range(40)}
    small = Bout(metric=bout.metric, groups=tuple(ids), rule=bout.rule)

    def cut(one: Judged) -> Judged:
        card = one.card
        held = Scorecard(
            subject="tuned",
            split="test",
            scores=(),
            ids=card.ids[:40],
            targets=card.targets[:40],
            predictions=card.predictions[:40],
        )
        return Judged(name=one.name, recipe=one.recipe, seed=one.seed, card=held)

    low, high = ([cut(_judged(f"{name}{k}", share, k)) for k in range(3)] for name, share in (("a", 0.2), ("b", 0.95)))
    (claim,) = compare_recipes(small, [low, high])
    assert claim.outcome == "inconclusive" and "fewer than 50 examples" in claim.sentence


def test_cards_of_other_examples_are_told_in_numbers() -> None:
    card = _card(0.7, 0)
    assert unpaired(card, _card(0.9, 1)) == ""
    shifted = Scorecard(subject="", split="test", scores=(), ids=card.ids[1:], targets=card.targets[1:], predictions=())
    assert unpaired(card, shifted) == "of 400 and 399 test examples they share 399"
    turned = Scorecard(
        subject="", split="test", scores=(), ids=card.ids[::-1], targets=card.targets[::-1], predictions=()
    )
    assert "another order" in unpaired(card, turned)


def test_scores_of_another_text_are_told_in_bytes() -> None:
    card = _card(0.7, 0)
    whole = dataclasses.replace(card, num_bytes=(10,) * COUNT)
    cut = dataclasses.replace(card, num_bytes=(10,) * (COUNT - 3) + (4,) * 3)
    assert unpaired(whole, whole) == ""
    assert unpaired(whole, cut).startswith("of 3 of 400 test examples another text was scored, 4,000 bytes")
    assert unpaired(whole, card), "unknown is not the same"


@pytest.mark.parametrize(
    ("outcome", "first", "second", "said"),
    [
        ("better", {}, {}, "better"),
        ("better", {}, {"doubts": ("memory",)}, "inconclusive"),
        ("better", {"doubts": ("memory",)}, {}, "better"),
        ("worse", {"doubts": ("memory",)}, {}, "inconclusive"),
        ("equivalent", {"doubts": ("memory",)}, {}, "inconclusive"),
        ("worse", {}, {"invalid_reasons": ("a leak",)}, "invalid"),
        ("better", {}, {"accepted": ("D113",)}, "better"),
    ],
)
def test_an_outcome_is_no_surer_than_the_runs_behind_it(
    outcome: Outcome, first: dict[str, tuple[str, ...]], second: dict[str, tuple[str, ...]], said: str
) -> None:
    assert settled(outcome, (("a", Standing(**first)),), (("b", Standing(**second)),)) == said


def test_a_recipe_with_an_invalid_or_doubted_run_claims_nothing() -> None:
    low, high = ([_judged(f"{name}{k}", share, k) for k in range(3)] for name, share in (("a", 0.6), ("b", 0.85)))
    leaked = [dataclasses.replace(high[0], standing=Standing(invalid_reasons=("a leak",))), *high[1:]]
    copied = [dataclasses.replace(high[0], standing=Standing(doubts=("it may be memory",))), *high[1:]]
    claims = [compare_recipes(_bout(), [low, one])[0] for one in (high, leaked, copied)]
    assert [one.outcome for one in claims] == ["better", "invalid", "inconclusive"]
    assert "because `b0` is invalid: a leak" in claims[1].sentence and "it may be memory" in claims[2].sentence


def test_groups_of_several_runs_are_joined() -> None:
    ids = ("1", "2", "3", "4", "5")
    alone, pairs = {one: one for one in ids}, {"1": "x", "2": "x", "3": "y", "4": "y", "5": "z"}
    across = {"1": "p", "2": "q", "3": "p", "4": "r", "5": "s"}
    assert len(set(merged_groups(ids, [alone, alone]))) == 5
    for groupings in ([alone, pairs, across], [across, pairs], [pairs, across, alone]):
        merged = merged_groups(ids, groupings)
        assert len(set(merged)) == 2 and len(set(merged[:4])) == 1
    assert num_groups(ids, pairs) == 3


def test_one_group_alone_claims_nothing() -> None:
    bout = _bout()
    single = Bout(metric=bout.metric, groups=("a",) * COUNT, rule=bout.rule)
    low, high = ([_judged(f"{name}{k}", share, k) for k in range(3)] for name, share in (("a", 0.2), ("b", 0.95)))
    (claim,) = compare_recipes(single, [low, high])
    assert claim.outcome == "inconclusive" and (claim.difference.low, claim.difference.high) == (-1, 1)
