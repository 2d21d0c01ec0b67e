"""The work of a run is counted from what its stages do: more rows, more tokens and more to write are more work."""

from __future__ import annotations

import dataclasses
from typing import Any

from sintonia.corridor.billing.work import Counted, tokens_kept, work_of
from sintonia.records import ExampleSet, Part, Prepared, SealedTest
from sintonia.settings import DataSettings, EvaluationSettings, Recipe, TrainingSettings

COUNTED = Counted(
    num_train=100,
    num_validation=20,
    train_tokens=5000,
    longest_tokens=90,
    anchor_tokens=3000,
    new_tokens=30,
    answer_tokens=20.0,
)


def recipe(task: str, method: str, **evaluation: Any) -> Recipe:
    return Recipe(
        data=DataSettings(path="x"),
        task=task,
        method=method,
        training=TrainingSettings(epochs=1.0, batch_examples=8),
        evaluation=EvaluationSettings(**evaluation),
    )


def prepared(task: str, metric: str, num_test: int = 60, num_parts: int = 1) -> Prepared:
    sets = [ExampleSet(path=name, count=count, sha256="0" * 64) for name, count in (("train", 100), ("validation", 20))]
    part = Part(name="all", train=sets[0], validation=sets[1], test=SealedTest(count=num_test, sha256="0" * 64))
    return Prepared(
        data_id="0",
        task=task,
        form="",
        labels=("a", "b") if task == "classify" else (),
        columns={},
        primary_metric=metric,
        parts=tuple(dataclasses.replace(part, name=str(number)) for number in range(num_parts)),
        findings=(),
        rows_in=180,
        rows_used=180,
        rows_set_aside=0,
        label_counts={},
        notes=(),
    )


def test_a_head_learns_rows_and_an_encoder_tokens() -> None:
    found = prepared("classify", "accuracy")
    head, full = (work_of(recipe("classify", one), found, COUNTED, 6) for one in ("head", "full"))
    assert (head.train_tokens, head.validation_tokens) == (100, 0)
    assert full.train_tokens == 5000 and full.validation_tokens >= 20 * 50
    assert (
        head.closing.anchor_tokens == 0 and full.closing.anchor_tokens == 6000
    )  # an untouched base has forgotten nothing


def test_more_test_examples_are_more_work() -> None:
    for task, metric in (("classify", "accuracy"), ("chat", "bits_per_byte")):
        few, many = (
            work_of(recipe(task, "full"), prepared(task, metric, count), COUNTED, 6).closing for count in (60, 600)
        )
        assert many.tokens > 3 * few.tokens and many.num_written >= few.num_written


def test_writing_is_work_only_where_something_is_written() -> None:
    found = prepared("chat", "bits_per_byte")
    beside, none = (
        work_of(recipe("chat", "lora", decoding=one), found, COUNTED, 6).closing for one in ("greedy", "none")
    )
    assert none.num_written == none.num_written_steps == none.prompt_tokens == 0
    assert beside.num_written_steps == 2 * 30 and beside.num_written == 2 * 60 * 25
    assert (
        work_of(recipe("chat", "lora"), found, dataclasses.replace(COUNTED, new_tokens=0), 6).closing.num_written == 0
    )


def test_a_verdict_on_texts_writes_to_all_examples_and_by_more_subjects() -> None:
    beside, judged = (
        work_of(recipe("chat", "lora"), prepared("chat", metric, 1000), COUNTED, 6).closing
        for metric in ("bits_per_byte", "rouge_l")
    )
    assert judged.num_written > 10 * beside.num_written and judged.num_written_steps > beside.num_written_steps


def test_parts_share_the_examples_that_are_written_beside() -> None:
    one, ten = (
        work_of(recipe("chat", "lora"), prepared("chat", "bits_per_byte", 20, parts), COUNTED, 6) for parts in (1, 10)
    )
    assert ten.num_parts == 10 and one.closing.num_written == 2 * 20 * 25 and ten.closing.num_written == 2 * 100 * 25


def test_what_is_kept_while_writing_is_that_of_the_rows_that_are_there() -> None:
    assert tokens_kept(COUNTED, 1000) == 64 * 60 and tokens_kept(COUNTED, 10) == 600
    assert tokens_kept(dataclasses.replace(COUNTED, new_tokens=0), 10) == 0
    assert tokens_kept(dataclasses.replace(COUNTED, train_tokens=10**7), 1000) <= 10**5 + 30
