"""Whether answers follow from prompts: seen where they do, doubted where they do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sintonia.evaluate.prompts import Swapped, _answered, _pairs, prompt_doubts, swap_prompts
from sintonia.train import train
from tests.unit.train.jobs import make_chat_examples, make_chat_job


def swapped(gain: float, count: int = 60, seed: int = 0) -> list[Swapped]:
    noise = np.random.default_rng(seed).normal(size=(2, count))
    return [
        Swapped(group=str(k), own_nats=20 + noise[0, k], other_nats=20 + gain + noise[1, k], num_bytes=10)
        for k in range(count)
    ]


def test_answers_that_follow_from_their_prompts_are_not_doubted() -> None:
    assert prompt_doubts(swapped(1.0)) == ()


def test_answers_that_follow_from_nothing_are_doubted() -> None:
    """One-sided 95 %: of 200 sets of such answers about ten pass."""
    passed = sum(not prompt_doubts(swapped(0.0, seed=seed)) for seed in range(200))
    assert passed <= 20
    assert prompt_doubts(swapped(0.0))[0].code == "E309"


def test_few_groups_tell_nothing() -> None:
    assert prompt_doubts(swapped(0.0, 9)) == ()


def test_only_the_prompt_is_another() -> None:
    one, two = _pairs(make_chat_examples(20))[0]
    assert one.group != two.group and one.target != two.target
    content = _answered(two, one)
    assert [message["content"] for message in content["messages"]] == [two.input, one.target]


def test_a_candidate_weighs_both(tmp_path: Path, tiny_language_model: Path) -> None:
    job = make_chat_job(tmp_path / "run", tiny_language_model, epochs=1.0, evaluations=1)
    list(train(job))
    found = swap_prompts(job.run.file(job.file("model")), job.validation, "answers")
    assert len(found) >= 12
    assert all(one.num_bytes == len(next(x.target for x in job.validation if x.group == one.group)) for one in found)
    assert any(one.own_nats != one.other_nats for one in found)
    assert swap_prompts(job.run.file(job.file("model")), job.validation, "all") == ()
