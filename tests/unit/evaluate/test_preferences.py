"""The ladder of preferences and the scoring of a saved candidate: planted cases with a known answer."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sintonia.choose import choose
from sintonia.errors import RunFailed
from sintonia.evaluate.ladders.prefer import (
    GUESS,
    LENGTH,
    LIKELIER,
    LIKELIER_PER_TOKEN,
    PreferenceGround,
    choose_preference_baselines,
    cut_answers,
    note_length,
    score_preference_baselines,
)
from sintonia.evaluate.scoring.preferences import preference_card
from sintonia.models.language.saved import open_language_base
from sintonia.records import Example, Place
from sintonia.settings import DataSettings, Recipe
from sintonia.tasks.prefer import target_of


def example(number: int, content: dict[str, Any]) -> Example:
    content = {"messages": [{"role": "user", "content": f"question {number}"}], **content}
    place = Place(file="rows", line=number + 1)
    return Example(
        id=f"id{number}",
        input=f"question {number}",
        target=target_of(content),
        group=str(number),
        place=place,
        content=content,
    )


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def pairs(count: int, *, is_shorter: bool = False, start: int = 0) -> list[Example]:
    """Of every four pairs, the better answer is the longer one in three (or the shorter one)."""
    found = []
    for number in range(start, start + count):
        answers = [said("a much longer answer " + "x" * (number % 5)), said("short")]
        is_longer = (number % 4 != 0) != is_shorter
        chosen, rejected = answers if is_longer else reversed(answers)
        found.append(example(number, {"chosen": chosen, "rejected": rejected}))
    return found


def ratings(count: int, share: int = 4) -> list[Example]:
    """Single answers; long ones are wanted, but for one in `share`."""
    found = []
    for number in range(count):
        is_long = number % 2 == 0
        text = "quite a long answer" if is_long else "no"
        found.append(example(number, {"completion": said(text), "is_desirable": is_long != (number % share == 1)}))
    return found


@pytest.fixture
def ground(tiny_language_model: Path) -> PreferenceGround:
    recipe = Recipe(data=DataSettings(path="rows"), base=f"file:{tiny_language_model}", task="prefer")
    opened = open_language_base(choose(recipe, "prefer"), 128, "auto")
    return PreferenceGround(opened=opened, train=tuple(pairs(8)), primary_metric="preference_accuracy")


@pytest.mark.parametrize("is_shorter", [False, True])
def test_length_alone_takes_its_direction_from_validation(ground: PreferenceGround, is_shorter: bool) -> None:
    validation, test = pairs(80, is_shorter=is_shorter), pairs(40, is_shorter=is_shorter, start=100)
    baselines = choose_preference_baselines(ground, validation)
    assert [one.name for one in baselines] == [LIKELIER, LIKELIER_PER_TOKEN, LENGTH, GUESS]
    assert not any(one.needs_training for one in baselines)
    scores = {rung.name: rung.score for rung, _ in score_preference_baselines(ground, baselines, test, "test")}
    assert scores[LENGTH] == 0.75
    assert scores[GUESS] == 0.5
    (finding,) = note_length(ground, baselines, validation)
    assert finding.code == "E323"
    assert ("shorter" if is_shorter else "longer") in finding.message
    against = score_preference_baselines(ground, baselines, pairs(40, is_shorter=not is_shorter), "test")
    assert {rung.name: rung.score for rung, _ in against}[LENGTH] == 0.25


def test_length_is_not_told_where_it_says_nothing(ground: PreferenceGround) -> None:
    validation = [*pairs(40), *pairs(40, is_shorter=True, start=40)]
    assert note_length(ground, choose_preference_baselines(ground, validation), validation) == ()


def test_the_base_prefers_what_it_finds_likelier(ground: PreferenceGround) -> None:
    examples = pairs(12)
    baselines = choose_preference_baselines(ground, examples)
    cards = {card.subject: card for _, card in score_preference_baselines(ground, baselines, examples, "test")}
    nats, counts = ground.weigh(examples)
    assert cards[LIKELIER].predictions == tuple("chosen" if a < b else "rejected" for a, b in nats)
    assert cards[LIKELIER].losses == pytest.approx(np.logaddexp(0, nats[:, 0] - nats[:, 1]))
    per_token = nats / counts
    assert cards[LIKELIER_PER_TOKEN].predictions == tuple("chosen" if a < b else "rejected" for a, b in per_token)
    # A random model of bytes finds a short answer likelier, whatever it says.
    assert sum(one == "rejected" for one in cards[LIKELIER].predictions) == 9


def test_single_ratings_have_thresholds_and_a_majority(ground: PreferenceGround) -> None:
    ground = dataclasses.replace(ground, train=tuple(ratings(40, share=2)))
    validation, test = ratings(80), ratings(40)
    baselines = choose_preference_baselines(ground, validation)
    scores = {rung.name: rung.score for rung, _ in score_preference_baselines(ground, baselines, test, "test")}
    assert scores[LENGTH] == pytest.approx(
        np.mean([(k % 2 == 0) == (one.target == "wanted") for k, one in enumerate(test)])
    )
    assert scores[GUESS] == pytest.approx(np.mean([one.target == "wanted" for one in test]))
    assert note_length(ground, baselines, validation) == ()


def test_examples_of_which_something_is_cut_are_named(ground: PreferenceGround) -> None:
    examples = pairs(3)
    assert cut_answers(ground, examples) == ()
    long = example(9, {"chosen": said("y" * 300), "rejected": said("n")})
    assert cut_answers(ground, [*examples, long]) == ("id9",)
    gone = dataclasses.replace(
        long, id="gone", content={**long.whole, "messages": [{"role": "user", "content": "z" * 300}]}
    )
    nats, counts = ground.weigh([gone])
    assert (nats.tolist(), counts.tolist()) == ([[0.0, 0.0]], [[1.0, 1.0]])


def test_a_card_says_what_its_margins_say() -> None:
    examples = [*pairs(3), *ratings(2)]
    card = preference_card("tuned", "test", examples[:3], np.array([2.0, -1.0, 0.0]))
    assert card.predictions[:2] == ("chosen", "rejected")
    assert card.losses == pytest.approx(np.logaddexp(0, [-2.0, 1.0, 0.0]))
    single = preference_card("tuned", "test", examples[3:], np.array([1.0, 1.0]))
    assert single.predictions == ("wanted", "wanted")
    with pytest.raises(RunFailed, match="finite"):
        preference_card("tuned", "test", examples[:1], np.array([np.nan]))
