"""E31: judges with known faults are found out, and an honest one is not; identical answers are a tie."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from sintonia.evaluate.pairwise import Opinion, Pair, ask_judge, plan_judging, told_preference
from sintonia.evaluate.pairwise.asking import _ask_all
from sintonia.evaluate.pairwise.question import REPLIES
from sintonia.evaluate.pairwise.summing import preference_of
from sintonia.evaluate.pairwise.telling import judge_findings
from tests.nouns import LANGUAGE_BASE
from tests.planted_judges import always_first, garbage, honest, likes_longer, playing

NUM_PAIRS = 100
LATER = "z" * 40


def pairs(base: Callable[[int], str], tuned: Callable[[int], str]) -> list[Pair]:
    return [
        Pair(id=f"e{k}", group=f"g{k}", prompt=f"question {k}", reference="right", base=base(k), tuned=tuned(k))
        for k in range(NUM_PAIRS)
    ]


def ask(judge: Callable[[str], str], asked: list[Pair], model: str = "planted") -> Opinion:
    with playing(lambda _, question: judge(question)) as server:
        plan = plan_judging(server.named(model), NUM_PAIRS, is_redacted=False)
        assert plan is not None
        return ask_judge(plan, asked, LANGUAGE_BASE)


def warnings(found: Opinion) -> list[str]:
    return [one.message for one in found.findings if one.severity == "warning"]


def mixed_length(text: str, k: int) -> str:
    """As long as the other answer in a half of the pairs, else longer or shorter by chance."""
    return text + "z" * (0, 0, 30, 60)[k % 4]


def test_an_honest_judge_prefers_what_is_right_and_nothing_is_held_against_it() -> None:
    """The right answers are shorter in a quarter of the pairs, longer in a quarter, and as long in a half."""
    found = ask(honest, pairs(lambda k: mixed_length("wrong", k), lambda k: mixed_length("right", k + 1)))
    assert found.preference is not None
    whole = found.preference.whole
    assert (whole.wins, whole.losses, whole.num_pairs) == (NUM_PAIRS, 0, NUM_PAIRS)
    assert whole.rate.low > 0.9 and whole.p_value < 1e-9
    assert found.preference.disagreement == 0 and found.preference.first_share == 0.5
    assert warnings(found) == []
    assert [one.code for one in found.findings] == ["E317"] and "people prefer" in found.findings[0].message


def test_identical_answers_are_a_tie_and_nobody_is_asked() -> None:
    with playing(lambda _, question: always_first(question)) as server:
        plan = plan_judging(server.named(), NUM_PAIRS, is_redacted=False)
        assert plan is not None
        found = ask_judge(plan, pairs(lambda _: "same", lambda _: "same "), LANGUAGE_BASE)
    assert server.requests == [] and found.preference is not None
    assert found.preference.whole.rate.value == 0.5 and found.preference.whole.p_value == 1
    assert found.preference.num_identical == NUM_PAIRS and found.preference.disagreement is None
    assert "was not asked, and it is a tie" in told_preference(found.preference)


def test_a_judge_that_takes_the_first_gives_no_win_and_is_found_out() -> None:
    found = ask(always_first, pairs(lambda _: "wrong", lambda _: "right"))
    assert found.preference is not None
    assert found.preference.whole.rate.value == 0.5 and found.preference.whole.num_decided == 0
    assert found.preference.disagreement == 1 and found.preference.first_share == 1
    assert any("stands first, in 100%" in one for one in warnings(found))
    assert any("decided only 0" in one for one in warnings(found))


def test_a_judge_that_takes_the_second_is_found_out_too() -> None:
    found = ask(lambda _: "B", pairs(lambda _: "wrong", lambda _: "right"))
    assert any("stands second, in 100%" in one for one in warnings(found))


def test_longer_answers_that_are_worse_win_with_a_judge_of_length_and_it_is_said() -> None:
    """The tuned model is wrong and long, but in a third of the pairs, where it is as long as the base."""
    asked = pairs(lambda _: "right", lambda k: "wrong" + (LATER if k % 3 else ""))
    found = ask(likes_longer, asked)
    assert found.preference is not None and found.preference.like_length is not None
    assert found.preference.whole.rate.low > 0.6
    assert found.preference.like_length.rate.value == 0.5
    assert found.preference.length_ratio > 2
    assert any("of like length this is not shown" in one and "their length" in one for one in warnings(found))
    assert "times as long" in told_preference(found.preference)


def test_where_no_two_are_of_like_length_a_win_is_doubted() -> None:
    found = ask(honest, pairs(lambda _: "wrong", lambda _: "right" + LATER))
    assert any("no two are of like length" in one for one in warnings(found))


def test_a_judge_of_length_is_found_out_where_nobody_wins() -> None:
    """Either model has the longer answer in half of the pairs, and neither is right."""
    found = ask(likes_longer, pairs(lambda k: "x" + LATER * (k % 2), lambda k: "y" + LATER * ((k + 1) % 2)))
    assert found.preference is not None and found.preference.whole.p_value > 0.5
    said = "follow length: of 100 decided pairs of unlike length the longer answer won 100"
    assert any(said in one for one in warnings(found))


def test_a_judge_that_talks_is_counted_as_unreadable() -> None:
    found = ask(garbage, pairs(lambda _: "wrong", lambda _: "right"))
    assert found.preference is not None
    assert found.preference.num_unreadable == NUM_PAIRS and found.preference.whole.rate.value == 0.5
    assert any("did not say A, B or tie about 100 of 100" in one for one in warnings(found))


def test_an_endpoint_of_the_family_of_the_base_is_named() -> None:
    base = dataclasses.replace(LANGUAGE_BASE, reference="hf:Qwen/Qwen2.5-0.5B")
    for model, is_kin in (("qwen2.5:7b", True), ("mistral-small", False)):
        with playing(lambda _, question: honest(question)) as server:
            plan = plan_judging(server.named(model), NUM_PAIRS, is_redacted=False)
            assert plan is not None
            found = ask_judge(plan, pairs(lambda _: "wrong", lambda _: "right"), base)
        assert any("family of the base (qwen)" in one for one in warnings(found)) == is_kin


def test_a_judge_that_cannot_be_asked_is_a_finding() -> None:
    plan = plan_judging("http://127.0.0.1:9/v1#m", NUM_PAIRS, is_redacted=False)
    assert plan is not None
    found = ask_judge(plan, pairs(lambda _: "wrong", lambda _: "right"), LANGUAGE_BASE)
    assert found.preference is None and len(found.findings) == 1
    assert found.findings[0].code == "E317" and "could not be asked" in found.findings[0].message


def test_a_judge_that_guesses_shows_no_winner_more_often_than_it_may() -> None:
    """Of 40 judges that throw dice, a win (p < .05) is shown by few, and none for the place."""

    class Dice:
        def __init__(self, seed: int) -> None:
            self.generator = np.random.default_rng(seed)

        def reply(self, question: str) -> str:
            return REPLIES[int(self.generator.integers(2))]

    asked = pairs(lambda _: "wrong", lambda _: "right")
    found = [preference_of("dice", _ask_all(Dice(seed), asked, 60.0)[0], NUM_PAIRS) for seed in range(40)]
    assert sum(one.whole.p_value < 0.05 for one in found) <= 6
    assert all(0.3 < (one.disagreement or 0) < 0.7 for one in found)
    placed = sum(any("stands" in told.message for told in judge_findings(one)) for one in found)
    assert placed <= 1
