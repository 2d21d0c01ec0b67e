"""Slices: a planted loss is found and named, nothing else is, and under the null nothing is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sintonia.evaluate.answers import answers_of
from sintonia.evaluate.compare import compare
from sintonia.evaluate.inspect.slices import Sides, _rule, find_slices, is_worse, make_columns, slices_finding
from sintonia.metrics import METRICS
from sintonia.records import Example, Place, Scorecard

LABELS = ("on", "off", "dim")
PLACE = Place(file="a.csv", line=1)


def sides(base_right: np.ndarray, tuned_right: np.ndarray, metric: str = "accuracy") -> Sides:
    cards = [card("base", base_right), card("tuned", tuned_right)]
    groups = tuple(f"g{k}" for k in range(len(base_right)))
    return Sides(base=cards[0], tuned=cards[1], groups=groups, metric=METRICS[metric])


def card(subject: str, right: np.ndarray) -> Scorecard:
    targets = tuple(LABELS[k % 3] for k in range(len(right)))
    answers = tuple(
        target if is_right else LABELS[(k + 1) % 3]
        for k, (target, is_right) in enumerate(zip(targets, right.tolist(), strict=True))
    )
    ids = tuple(f"x{k}" for k in range(len(right)))
    return Scorecard(subject=subject, split="test", scores=(), ids=ids, targets=targets, predictions=answers)


def examples(of: Scorecard, inputs: list[str]) -> tuple[Example, ...]:
    rows = zip(of.ids, inputs, of.targets, strict=True)
    return tuple(Example(id=one, input=text, target=goal, group=one, place=PLACE) for one, text, goal in rows)


def test_columns_that_the_examples_keep_are_sliced_by() -> None:
    both, columns = planted()
    rows = examples(both.tuned, ["the same text"] * 600)
    told = tuple(
        replace(one, fields={"source": value, "length": "own"})
        for one, value in zip(rows, columns["source"], strict=True)
    )
    made = make_columns(told, both.tuned)
    assert made["source"] == columns["source"]
    assert set(made["column length"]) == {"own"} and set(made["length"]) != {"own"}
    assert [one.value for one in find_slices(both, made) if is_worse(one)] == ["phone"]
    assert "source" not in make_columns(rows, both.tuned)


def planted(seed: int = 0, num_examples: int = 600) -> tuple[Sides, dict[str, list[str]]]:
    """Better everywhere but where the source is `phone`: there the tuned model is worse."""
    randomness = np.random.default_rng(seed)
    source = [("web", "shop", "phone", "mail")[k % 4] for k in range(num_examples)]
    is_phone = np.array([one == "phone" for one in source])
    base = randomness.random(num_examples) < np.where(is_phone, 0.85, 0.6)
    tuned = randomness.random(num_examples) < np.where(is_phone, 0.45, 0.9)
    mixed = randomness.choice(["ant", "bee", "cow"], num_examples).tolist()
    return sides(base, tuned), {"source": source, "kind": mixed}


def test_a_planted_loss_is_found_and_no_other() -> None:
    both, columns = planted()
    found = find_slices(both, columns)
    assert [(one.column, one.value) for one in found if is_worse(one)] == [("source", "phone")]
    phone = next(one for one in found if one.value == "phone")
    assert phone.num_examples == 150
    assert phone.difference.high < 0
    assert phone.adjusted_p >= phone.p_value
    said = slices_finding(found, is_better=True)
    assert said is not None
    hidden = slices_finding(found, is_better=True, hides_values=True)
    assert hidden is not None and "source (value hidden" in hidden.message and "phone" not in hidden.message
    assert hidden.message.replace("(value hidden, `privacy.redact`)", "phone") == said.message
    assert said.code == "E313"
    assert said.count == 1
    assert "source phone (-" in said.message
    assert "150 examples" in said.message
    assert slices_finding(found, is_better=False) is None


def test_a_model_that_is_better_everywhere_has_no_finding() -> None:
    both, columns = planted()
    everywhere = replace(both, tuned=card("tuned", np.ones(600, dtype=bool)))
    found = find_slices(everywhere, columns)
    assert all(one.is_found and not is_worse(one) for one in found)
    assert slices_finding(found, is_better=True) is None


def test_a_slice_is_the_comparison_of_its_examples_alone() -> None:
    both, columns = planted(1)
    is_in = [one == "shop" for one in columns["source"]]
    alone = sides(
        *(
            np.array([a == b for a, b in zip(one.predictions, one.targets, strict=True)])[is_in]
            for one in (both.base, both.tuned)
        )
    )
    by_hand = compare(
        both.metric, answers_of(both.metric, alone.base, alone.tuned, alone.groups), _rule(both)
    ).comparison
    found = next(one for one in find_slices(both, columns) if one.value == "shop")
    assert (found.p_value, found.base, found.tuned) == (by_hand.p_value, by_hand.base.value, by_hand.tuned.value)
    assert found.difference == by_hand.difference


def test_under_the_null_hardly_any_run_has_a_false_discovery() -> None:
    """Six slices of two overlapping columns, base and tuned equally good: at most one run in ten finds one."""
    false = 0
    for seed in range(200):
        randomness = np.random.default_rng(seed)
        skill = randomness.random(240)
        both = sides(randomness.random(240) < skill, randomness.random(240) < skill)
        columns = {
            "source": randomness.choice(["a", "b", "c"], 240).tolist(),
            "kind": randomness.choice(["k", "l", "m"], 240).tolist(),
        }
        found = find_slices(replace(both, draws=100), columns)  # only intervals are drawn
        assert len(found) == 6
        false += any(one.is_found for one in found)
    assert 0 < false <= 0.10 * 200, false


def test_small_slices_and_the_whole_are_no_slices() -> None:
    both, _ = planted()
    columns = {
        "few": ["rare" if k < 29 else "rest" if k < 571 else "" for k in range(600)],
        "all": ["same"] * 600,
        "own": [f"v{k}" for k in range(600)],
    }
    assert [(one.column, one.value, one.num_examples) for one in find_slices(both, columns)] == [("few", "rest", 542)]


def test_columns_are_length_class_language_and_others() -> None:
    both, _ = planted(num_examples=90)
    texts = ["a" * (1 + k) for k in range(90)]
    rows = tuple(replace(one, fields={"source": "web"}) for one in examples(both.tuned, texts))
    columns = make_columns(rows, both.tuned, lambda texts: ["it" for _ in texts])
    assert list(columns) == ["length", "class", "language", "source"]
    assert columns["length"][0] == "up to 30 characters"
    assert columns["length"][45] == "31 to 60 characters"
    assert columns["length"][89] == "over 60 characters"
    thirds = [one for one in find_slices(both, columns) if one.column == "length"]
    assert [one.num_examples for one in thirds] == [30, 30, 30]
    assert [one.value for one in thirds] == ["up to 30 characters", "31 to 60 characters", "over 60 characters"]


def test_equal_lengths_stay_together() -> None:
    both, _ = planted(num_examples=90)
    columns = make_columns(examples(both.tuned, ["same"] * 90), both.tuned)
    assert set(columns["length"]) == {"up to 4 characters"}
    assert [one for one in find_slices(both, columns) if one.column == "length"] == []


def test_a_class_is_told_by_the_share_of_it_that_is_found() -> None:
    both, _ = planted()
    macro = replace(both, metric=METRICS["macro_f1"])
    columns = {"class": both.tuned.targets, "source": ["web" if k % 2 else "shop" for k in range(600)]}
    found = find_slices(macro, columns)
    assert [one.metric for one in found] == ["accuracy"] * 3 + ["macro_f1"] * 2
    right = [a == b for a, b in zip(both.tuned.targets, both.tuned.predictions, strict=True)]
    share = np.mean([one for one, goal in zip(right, both.tuned.targets, strict=True) if goal == "on"])
    assert next(one for one in found if one.value == "on").tuned == pytest.approx(share)


def test_bits_per_byte_are_sliced_too() -> None:
    """Lower is better there: a slice whose answers became less likely is worse."""
    randomness = np.random.default_rng(3)
    is_odd = np.arange(200) % 2 == 1
    nats = randomness.uniform(30, 60, 200)
    changed = nats * np.where(is_odd, 1.3, 0.5) * randomness.uniform(0.9, 1.1, 200)
    cards = [
        Scorecard(
            subject=name,
            split="test",
            scores=(),
            ids=tuple(f"x{k}" for k in range(200)),
            targets=("a b c",) * 200,
            predictions=(),
            losses=tuple(column.tolist()),
            num_bytes=(20,) * 200,
            correct=(False,) * 200,
        )
        for name, column in (("base", nats), ("tuned", changed))
    ]
    both = Sides(
        base=cards[0],
        tuned=cards[1],
        groups=tuple(f"g{k}" for k in range(200)),
        metric=METRICS["bits_per_byte"],
    )
    found = find_slices(both, {"source": ["odd" if one else "even" for one in is_odd]})
    assert {one.value: is_worse(one) for one in found} == {"odd": True, "even": False}
    assert all(one.is_found for one in found)
    said = slices_finding(found, is_better=True)
    assert said is not None
    assert "bits per byte" in said.message


def test_repeats_of_an_example_are_no_more_examples() -> None:
    both, columns = planted(2, 300)
    cards = [
        replace(
            one,
            **{name: getattr(one, name) * 2 for name in ("ids", "targets", "predictions")},
        )
        for one in (both.base, both.tuned)
    ]
    twice = replace(both, base=cards[0], tuned=cards[1], groups=both.groups * 2)
    columns["few"] = ["rare" if k < 20 else "" for k in range(300)]  # 40 answers, and still 20 examples
    once = find_slices(both, columns)
    again = find_slices(twice, {name: list(values) * 2 for name, values in columns.items()})
    assert [one.num_examples for one in again] == [one.num_examples for one in once]
    assert [one.p_value for one in again] == pytest.approx([one.p_value for one in once], abs=1e-9)
