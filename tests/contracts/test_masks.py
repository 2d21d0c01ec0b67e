"""What no loss is computed of is only what is no target: prompts, earlier answers, marks, words of unknown labels."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import AutoTokenizer

from sintonia.models.language.preferences.bundles import bundles_of
from sintonia.models.language.rows import TokenRow
from sintonia.models.language.template import Template, load_template
from sintonia.models.loading import load_tokenizer
from sintonia.models.tagging import align, masked
from sintonia.models.tagging.alignment import tokens_of_words
from sintonia.records import Example
from sintonia.tasks import TASKS, chat, prefer, tag
from tests.nouns_of_tasks import TINY, make_tiny_examples

END = "<|im_end|>"
SHAPES = [
    pytest.param(
        [("system", 1, "be brief"), ("user", 1, "rain?"), ("assistant", 0, "a guess"), ("user", 1, "again")],
        id="an earlier answer that is not learned",
    ),
    pytest.param([("user", 1, "rain?"), ("assistant", 1, "an umbrella"), ("user", 1, "sun?")], id="two answers"),
    pytest.param([("user", 1, "rain?")], id="one answer"),
]
"""What is said before the last answer: who says it, whether it counts, and the words."""


@pytest.fixture(scope="module")
def tokenizer(tiny_language_model: Path) -> Any:
    return AutoTokenizer.from_pretrained(tiny_language_model)


@pytest.fixture(scope="module")
def template(tokenizer: Any) -> Template:
    return load_template(tokenizer)


def parts_of(tokenizer: Any, row: TokenRow) -> tuple[str, str]:
    """What is learned of a row, and what is not."""
    kinds = ([token for token, one in zip(row.ids, row.learned, strict=True) if one == kind] for kind in (True, False))
    learned, masked_out = (tokenizer.decode(ids) for ids in kinds)
    return learned, masked_out


def said(before: list[tuple[str, int, str]]) -> list[dict[str, Any]]:
    return [
        {"role": who, "content": text} if counts else {"role": who, "content": text, "weight": 0}
        for who, counts, text in before
    ]


@pytest.mark.parametrize("before", SHAPES)
def test_of_a_conversation_all_answers_that_count_are_learned_and_nothing_else(
    tokenizer: Any, template: Template, before: list[tuple[str, int, str]]
) -> None:
    messages = [*said(before), {"role": "assistant", "content": "take an umbrella"}]
    learned, rest = parts_of(tokenizer, template.render({"messages": messages}, 512))
    counted = [messages[k]["content"] for k in chat.learned_positions(messages)]
    assert learned == "".join(text + END for text in counted)
    assert all(one["content"] in rest for one in messages if one["content"] not in counted)
    assert "take an umbrella" not in rest


@pytest.mark.parametrize("before", SHAPES)
@pytest.mark.parametrize("is_single", [False, True])
def test_of_a_preference_the_answers_are_learned_and_nothing_of_the_prompt(
    tokenizer: Any, template: Template, before: list[tuple[str, int, str]], is_single: bool
) -> None:
    chosen, rejected = ([{"role": "assistant", "content": text}] for text in ("take an umbrella", "no idea"))
    answer = {"completion": rejected, "is_desirable": False} if is_single else {"chosen": chosen, "rejected": rejected}
    (bundle,) = bundles_of(template, [prefer.whole_content({"messages": said(before)}, answer)], 512)
    parts = [parts_of(tokenizer, row) for row in bundle.rows]
    assert [learned for learned, _ in parts] == [*([] if is_single else ["take an umbrella" + END]), "no idea" + END]
    assert len({rest for _, rest in parts}) == 1, "both answers stand behind the same prompt"
    assert all(text in parts[0][1] for _, _, text in before)


@pytest.mark.parametrize("task", ["chat", "prefer"])
def test_of_made_up_rows_the_answer_is_learned_whole(tokenizer: Any, template: Template, task: str) -> None:
    """As they are read from a file."""
    (example, *_) = make_tiny_examples(TINY[task][0], 4)
    content = example.whole if task == "chat" else prefer.as_conversation(example.whole)
    learned, rest = parts_of(tokenizer, template.render(content, 512))
    assert learned == content["messages"][-1]["content"] + END
    assert content["messages"][0]["content"] in rest and TASKS[task].BASE == "language"


@pytest.mark.parametrize("data", [pytest.param(one, id=one.form) for one in TINY["tag"]])
def test_of_words_each_has_one_target_and_marks_have_none(tiny_base: Path, tokenizer: Any, data: Any) -> None:
    """With the tokenizer of an encoder, and with one that cuts every word into letters."""
    examples = make_tiny_examples(data, 12)
    fitted = tag.fit(examples)
    for cutter in (load_tokenizer(tiny_base), tokenizer):
        texts, units = [tag.inputs(one) for one in examples], [tag.places_of(one, fitted) for one in examples]
        words = align(cutter, texts, units, 512, may_join=False)
        goal = masked(tag.encode(examples, (), fitted, words.units), words, tag.NOT_LEARNED)
        assert not any((one == tag.NOT_LEARNED).any() for one in goal)
        rows = words.learned_rows(goal, tag.NOT_LEARNED)
        for text, row, window in zip(texts, rows, words.windows, strict=True):
            positions, _ = tokens_of_words(row.places)
            assert len(row.places) == len(text.split()) and len(positions) == len(set(positions.tolist()))
            assert row.weights.sum() == pytest.approx(1.0)
            begun = [cutter.decode([window[k]]).strip() for k in row.places[:, 0]]
            assert all(map(str.startswith, text.split(), begun)) and all(begun)
            assert [cutter.decode(window[first:behind]).strip() for first, behind in row.places] == text.split()


def test_of_words_only_those_of_an_unknown_label_are_not_learned(tiny_base: Path) -> None:
    examples = make_tiny_examples(TINY["tag"][0], 12)
    fitted = tag.fit(examples)
    (number, span) = next((k, one.whole["spans"][0]) for k, one in enumerate(examples) if one.whole["spans"])
    moved = renamed(examples[number], span)
    goal, before = (tag.encode([one], (), fitted)[0] for one in (moved, examples[number]))
    is_within = [span["start"] <= start and end <= span["end"] for start, end in tag.places_of(moved, fitted)]
    assert ((goal == tag.NOT_LEARNED) == np.array(is_within)).all() and any(is_within)
    assert (goal[~np.array(is_within)] == before[~np.array(is_within)]).all()


def renamed(example: Example, span: dict[str, Any]) -> Example:
    spans = [{**one, "label": "new"} if one == span else one for one in example.whole["spans"]]
    return dataclasses.replace(example, content={**example.whole, "spans": spans})
