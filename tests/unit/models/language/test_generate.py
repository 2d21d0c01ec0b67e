"""Answers written greedily in batches, against the likeliest token of a whole forward pass, one prompt at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from sintonia.models.language.generate import (
    LEAST_SHARED_TOKENS,
    MOST_AT_ONCE,
    Written,
    can_branch,
    nats_of_endings,
    write_greedily,
)
from sintonia.models.loading import load_causal
from tests.tiny import make_tiny_language_model

PROMPTS = [(5, 6, 7), (8,), (9, 10, 11, 12, 13, 14, 15), (5, 6, 7, 8), (20, 21)]


@pytest.fixture(scope="module")
def causal(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("model") / "base"
    make_tiny_language_model(folder)
    return load_causal(folder)


def one_by_one(causal: Any, prompt: tuple[int, ...], stop_ids: tuple[int, ...], new_tokens: int) -> Written:
    """The textbook way: the whole text again for each token, nothing kept, nothing padded."""
    ids = list(prompt)
    for _ in range(new_tokens):
        with torch.no_grad():
            likeliest = int(causal(input_ids=torch.tensor([ids])).logits[0, -1].argmax())
        if likeliest in stop_ids:
            return Written(tuple(ids[len(prompt) :]), True)
        ids.append(likeliest)
    return Written(tuple(ids[len(prompt) :]), False)


def stops_of(causal: Any) -> tuple[int, ...]:
    """A token that one of the answers comes to, but not at once."""
    return (one_by_one(causal, PROMPTS[2], (), 12).ids[5],)


def test_a_batch_is_answered_like_each_prompt_alone(causal: Any) -> None:
    stops = stops_of(causal)
    expected = [one_by_one(causal, prompt, stops, 12) for prompt in PROMPTS]
    assert write_greedily(causal, PROMPTS, stops, 12) == expected
    assert {one.is_ended for one in expected} == {True, False}, "both kinds of ends must be tried"


def test_the_habits_of_a_model_are_put_away_and_left_as_they_were(causal: Any) -> None:
    plain = write_greedily(causal, PROMPTS, (), 12)
    habits = causal.generation_config
    habits.repetition_penalty, habits.do_sample, habits.temperature, habits.max_length = 5.0, True, 3.0, 4
    try:
        assert write_greedily(causal, PROMPTS, (), 12) == plain
        assert causal.generation_config is habits
        with torch.no_grad():
            own = causal.generate(torch.tensor([PROMPTS[0]]), max_new_tokens=12)[0, 3:].tolist()
        assert tuple(own) != plain[0].ids, "its habits would have changed what it writes"
    finally:
        habits.repetition_penalty, habits.do_sample, habits.temperature, habits.max_length = None, None, None, None


def test_an_answer_ends_at_the_limit(causal: Any) -> None:
    assert [len(one.ids) for one in write_greedily(causal, PROMPTS, (), 3)] == [3] * len(PROMPTS)
    with pytest.raises(ValueError, match="needs a token"):
        write_greedily(causal, [()], (), 3)
    assert write_greedily(causal, [], (), 3) == []


def test_a_beginning_that_all_prompts_have_is_read_once(causal: Any) -> None:
    beginning = tuple(range(4, 4 + LEAST_SHARED_TOKENS))
    prompts = [(*beginning, *prompt) for prompt in PROMPTS]
    lengths = []
    reads = causal.register_forward_pre_hook(
        lambda _, __, given: lengths.append(given["input_ids"].shape), with_kwargs=True
    )
    try:
        found = write_greedily(causal, prompts, (), 6)
    finally:
        reads.remove()
    assert found == [one_by_one(causal, prompt, (), 6) for prompt in prompts]
    assert lengths[:2] == [(1, len(beginning)), (len(prompts), max(map(len, PROMPTS)))]


def test_rows_that_are_finished_are_computed_no_longer(causal: Any) -> None:
    stops = stops_of(causal)
    rows = []
    reads = causal.register_forward_pre_hook(
        lambda _, __, given: rows.append(len(given["input_ids"])), with_kwargs=True
    )
    try:
        found = write_greedily(causal, PROMPTS, stops, 12)
    finally:
        reads.remove()
    num_going = [sum(len(one.ids) + one.is_ended > step for one in found) for step in range(1, len(rows))]
    assert rows[1:] == num_going, "a row goes on as long as its answer does"
    assert rows[-1] < len(PROMPTS)


def test_endings_of_one_beginning_cost_what_each_costs_alone_and_share_what_they_have_in_common(causal: Any) -> None:
    beginning = (5, 6, 7, 8)
    endings = [(a, b, c) for a in (9, 10, 11) for b in (9, 12) for c in range(5, 40)] + [(9,), (10, 13)]

    def alone(ending: tuple[int, ...]) -> float:
        with torch.no_grad():
            found = causal(input_ids=torch.tensor([(*beginning, *ending)])).logits[0].log_softmax(1)
        return -sum(float(found[len(beginning) - 1 + k, token]) for k, token in enumerate(ending))

    read = []
    reads = causal.register_forward_pre_hook(
        lambda _, __, given: read.append(given["input_ids"].numel()), with_kwargs=True
    )
    found = nats_of_endings(causal, beginning, endings)
    reads.remove()
    assert found == pytest.approx([alone(one) for one in endings], abs=1e-4)
    assert sum(read) == 4 + 3 + 6, "the beginning, three first digits, six second ones; the last are never read"
    assert can_branch(causal)
    with pytest.raises(ValueError, match="needs a token"):
        nats_of_endings(causal, beginning, [(5,), ()])


def test_more_endings_than_are_read_at_once(causal: Any) -> None:
    endings = [(a, b) for a in range(4, 4 + MOST_AT_ONCE + 9) for b in (5, 6)]
    few = nats_of_endings(causal, (5, 6), endings[-4:])
    assert nats_of_endings(causal, (5, 6), endings)[-4:] == pytest.approx(few, abs=1e-4)
