"""The order of bases: mean ranks, what is noise, who is out, which short trainings come next. No model is opened."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sintonia.choose.ranking.drawing import draw, folds_of, held_out
from sintonia.choose.ranking.halving import Trial, next_trials, standing
from sintonia.choose.ranking.rank import (
    Entrant,
    Ground,
    Shown,
    by_scores,
    chosen_of,
    mean_ranks,
    ranked,
    shortlist,
    without_cutters,
    without_strangers,
)
from sintonia.records import Example, Fertility, Place


def examples(count: int, labels: int = 4, *, group_size: int = 1) -> tuple[Example, ...]:
    return tuple(
        Example(
            id=f"id-{k}",
            input=f"text {k}",
            target=f"label {k % labels}",
            group=f"g{k // group_size}",
            place=Place(file="a.jsonl", line=k + 1),
        )
        for k in range(count)
    )


def entrant(name: str, correct: list[bool], *, num_parameters: int = 10, **changes: object) -> Entrant:
    share = float(np.mean(correct))
    shown = Shown(
        scores={"h_score": share, "log_me": share, "probe": share},
        outcomes=tuple(map(float, correct)),
        weights=(1.0,) * len(correct),
        num_cut=int(changes.pop("num_cut", 0)),  # type: ignore[call-overload]
    )
    return Entrant(name=name, num_parameters=num_parameters, shown=shown, **{"max_tokens": 512, **changes})  # type: ignore[arg-type]


def right(count: int, num_right: int, shift: int = 0) -> list[bool]:
    return np.roll(np.arange(count) < num_right, shift).tolist()


def test_the_mean_of_three_ranks_decides() -> None:
    scores = {
        "a": {"h_score": 3.0, "log_me": -0.2, "probe": 0.7},
        "b": {"h_score": 2.0, "log_me": -0.1, "probe": 0.9},
        "c": {"h_score": 1.0, "log_me": -0.3, "probe": 0.7},
    }
    assert mean_ranks(scores) == pytest.approx({"a": (1 + 2 + 2.5) / 3, "b": 4 / 3, "c": (3 + 3 + 2.5) / 3})
    pairs = {"a": (1.0, 0.9), "b": (2.0, 0.8), "c": (3.0, 3.0)}
    bits = {name: {"bits_per_byte": one, "few_shot_bits": other} for name, (one, other) in pairs.items()}
    assert mean_ranks(bits) == {"a": 1.5, "b": 1.5, "c": 3.0}


def test_a_real_difference_is_told_from_noise() -> None:
    known = examples(200)
    good, same, bad = (
        entrant(*one) for one in (("a", right(200, 150)), ("b", right(200, 149, 7)), ("c", right(200, 90)))
    )
    lines = ranked((bad, same, good), Ground(examples=known))
    assert [(one.base, one.rank, one.is_tied_with_first) for one in lines] == [
        ("a", 1, False),
        ("b", 2, True),
        ("c", 3, False),
    ]
    chosen, why = chosen_of(lines, (good, same, bad), default="c")
    assert chosen == "a" and "no real difference between `a`, `b`" in why[0]


def test_a_difference_of_a_few_large_groups_is_noise() -> None:
    """The same answers: as single examples the gap is wider than its error, as four groups of 50 it is not."""
    good, bad = right(200, 30), right(200, 20, 50)
    pair = (entrant("a", good), entrant("b", bad))
    assert not ranked(pair, Ground(examples=examples(200)))[1].is_tied_with_first
    assert ranked(pair, Ground(examples=examples(200, group_size=50)))[1].is_tied_with_first


def test_where_differences_are_noise_the_default_or_else_the_smallest_is_taken() -> None:
    known = examples(100)
    entrants = (
        entrant("large", right(100, 71), num_parameters=900),
        entrant("small", right(100, 70, 9), num_parameters=10),
        entrant("default", right(100, 70, 20), num_parameters=50),
    )
    lines = ranked(entrants, Ground(examples=known))
    assert lines[0].base == "large" and all(one.is_tied_with_first for one in lines[1:])
    assert chosen_of(lines, entrants, "default")[0] == "default"
    assert chosen_of(lines, entrants, "elsewhere")[0] == "small"
    clear = (entrants[0], entrant("default", right(100, 10)))
    chosen, why = chosen_of(ranked(clear, Ground(examples=known)), clear, "default")
    assert chosen == "large" and "larger than its error" in why[0]


def test_bits_per_byte_rank_by_their_mean_and_pair_by_bytes() -> None:
    def weighed(name: str, bits: float, few: float, size: int) -> Entrant:
        outcomes = tuple(-(bits + few) / 2 * 20 + (-1) ** k for k in range(40))
        scores = {"bits_per_byte": bits, "few_shot_bits": few}
        shown = Shown(scores=scores, outcomes=outcomes, weights=(20.0,) * 40)
        return Entrant(name=name, num_parameters=size, shown=shown)

    entrants = (weighed("a", 2.0, 1.0, 1), weighed("b", 1.4, 1.2, 1), weighed("c", 1.4, 1.2, 2))
    lines = ranked(entrants, Ground(examples=examples(40)))
    assert [(one.base, one.is_tied_with_first) for one in lines] == [("b", False), ("c", True), ("a", False)]


def test_short_trainings_overrule_the_scores_and_are_paired_with_each_other() -> None:
    known = examples(100)
    entrants = (entrant("a", right(100, 90)), entrant("b", right(100, 60)), entrant("c", right(100, 50)))
    trials = (
        Trial(base="a", round=1, seconds=1.0, num_steps=5, metric=0.6, outcomes=tuple(map(float, right(50, 30)))),
        Trial(base="b", round=1, seconds=1.0, num_steps=5, metric=0.9, outcomes=tuple(map(float, right(50, 45)))),
    )
    lines = ranked(entrants, Ground(examples=known, held=known[:50], trials=trials, metric="accuracy"))
    assert [one.base for one in lines] == ["b", "a", "c"]
    assert not lines[1].is_tied_with_first
    assert lines[0].scores["short_training"] == 0.9 and "short_training" not in lines[2].scores


def test_a_base_that_cuts_what_another_reads_is_out() -> None:
    short = entrant("short", right(100, 90), max_tokens=64, num_cut=6)
    fair = entrant("fair", right(100, 80), max_tokens=64, num_cut=5)
    long = entrant("long", right(100, 80), max_tokens=8192, num_cut=0)
    found = {one.name: one for one in without_cutters((short, fair, long), 100, 256)}
    assert "64 tokens" in found["short"].why_out and found["short"].shown is None
    assert found["fair"].shown and found["long"].shown
    alone = without_cutters((short, fair), 100, 256)
    assert all(one.shown for one in alone), "no base reads more"
    both = (entrant("a", right(100, 1), num_cut=50), entrant("b", right(100, 1), max_tokens=8192, num_cut=50))
    assert all(one.shown for one in without_cutters(both, 100, 256)), "no more than 256 tokens are read anyway"


def test_a_base_that_does_not_know_the_signs_is_out_where_another_does() -> None:
    def known(share: float) -> Fertility:
        return Fertility(tokens_per_word=1, tokens_per_byte=1, unknown_fraction=share, language="ru", remark="lost")

    blind, seeing = entrant("a", right(9, 9), fertility=known(0.3)), entrant("b", right(9, 2), fertility=known(0.0))
    assert [one.why_out for one in without_strangers((blind, seeing), 0.02)] == ["lost", ""]
    assert without_strangers((blind,), 0.02) == (blind,)


def test_those_that_are_out_stand_last_with_the_reason() -> None:
    lines = ranked((Entrant(name="x", why_out="too large"), entrant("a", right(9, 5))), Ground(examples=examples(9)))
    assert [(one.base, one.rank, one.why_out) for one in lines] == [("a", 1, ""), ("x", 0, "too large")]
    assert lines[1].mean_rank is None
    assert chosen_of(lines[1:], (), "a") == ("", ())


def test_the_shortlist_holds_the_best_three_and_the_default() -> None:
    entrants = tuple(entrant(name, right(100, 90 - 10 * k)) for k, name in enumerate("abcdef"))
    assert by_scores(entrants) == list("abcdef")
    assert shortlist(entrants, "e") == ["a", "b", "c", "e"]
    assert shortlist(entrants, "b") == ["a", "b", "c"]


def trial(base: str, number: int, metric: float, seconds: float = 10.0) -> Trial:
    return Trial(base=base, round=number, seconds=seconds, num_steps=1, metric=metric, outcomes=(1.0,))


def test_the_better_half_gets_twice_as_much() -> None:
    bases, history = ["a", "b", "c", "d"], list[Trial]()
    first = next_trials(bases, history, 100.0, 5.0)
    assert [(one.base, one.round, one.seconds) for one in first] == [(base, 1, 10.0) for base in bases]
    history += [trial(base, 1, metric) for base, metric in zip(bases, (0.1, 0.4, 0.3, 0.2), strict=True)]
    assert next_trials(bases, history[:2], 100.0, 5.0) == first[2:], "a round that was begun is finished"
    second = next_trials(bases, history, 100.0, 5.0)
    assert [(one.base, one.round, one.seconds) for one in second] == [("b", 2, 20.0), ("c", 2, 20.0)]
    history += [trial("b", 2, 0.15, 20.0), trial("c", 2, 0.16, 20.0)]
    assert next_trials(bases, history, 100.0, 5.0) == ()
    assert standing(bases, history) == ["c", "b", "d", "a"], "whoever came further stands higher"


def test_no_round_is_begun_that_the_budget_does_not_hold() -> None:
    bases = ["a", "b", "c", "d"]
    assert next_trials(bases, [], 100.0, 61.0) == ()
    slow = [trial(base, 1, 0.1 * k, 20.0) for k, base in enumerate(bases)]
    assert next_trials(bases, slow, 100.0, 5.0) == (), "85 s are spent, and 40 more are asked for"
    begun = [trial("a", 1, 0.1, 95.0)]
    assert [one.base for one in next_trials(bases, begun, 100.0, 4.0)] == ["b", "c", "d"], "else none could be compared"
    assert next_trials(["a"], [], 100.0, 0.0) == ()


def test_a_training_that_broke_is_dropped_and_stands_last() -> None:
    broken = Trial(base="a", round=1, seconds=1.0, num_steps=0, metric=-math.inf, why_broken="the loss is no number")
    history = [broken, trial("b", 1, 0.2, 1.0)]
    assert next_trials(["a", "b"], history, 100.0, 0.0) == ()
    assert standing(["a", "b", "c"], history) == ["b", "c", "a"]
    lines = ranked(
        tuple(entrant(name, right(9, 5)) for name in "ab"),
        Ground(examples=examples(9), held=examples(1), trials=tuple(history)),
    )
    assert [one.base for one in lines] == ["b", "a"] and not lines[1].is_tied_with_first


def test_what_is_drawn_depends_on_no_order_and_keeps_rare_labels() -> None:
    many = tuple(
        Example(
            id=f"{k}",
            input="x",
            target="rare" if k < 3 else f"label {k % 5}",
            group=f"{k}",
            place=Place(file="f", line=k + 1),
        )
        for k in range(2000)
    )
    drawn = draw(many, 100)
    assert len(drawn) == 100 and drawn == draw(many[::-1], 100)
    counts = {target: sum(one.target == target for one in drawn) for target in {one.target for one in drawn}}
    assert counts["rare"] == 2
    assert all(17 <= count <= 22 for target, count in counts.items() if target != "rare")
    assert len(draw(many[:50], 100)) == 50


def test_folds_keep_groups_whole_and_labels_even() -> None:
    known = examples(400, labels=4, group_size=2)
    folds = folds_of(known, 5)
    by_group: dict[str, set[int]] = {}
    for one, fold in zip(known, folds.tolist(), strict=True):
        by_group.setdefault(one.group, set()).add(fold)
    assert all(len(found) == 1 for found in by_group.values())
    assert [int((folds == k).sum()) for k in range(5)] == [80] * 5
    inner, held = held_out(known)
    assert not {one.group for one in inner} & {one.group for one in held}
    assert len(inner) + len(held) == 400 and len(held) == 80


def test_a_label_that_is_not_learned_is_not_asked_for() -> None:
    one = Example(id="lone", input="x", target="lone", group="lone", place=Place(file="f", line=1))
    for count in range(20, 40):
        inner, held = held_out((*examples(count), one))
        assert {row.target for row in held} <= {row.target for row in inner}
