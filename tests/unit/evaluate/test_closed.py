"""The base choosing among known answers: what it may choose among, a prior that is planted, and plain arithmetic."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from sintonia.choose import choose
from sintonia.evaluate import Texts, fitted_texts, written_side
from sintonia.evaluate.ladders.chat import (
    AMONG_KNOWN,
    LanguageGround,
    choose_chat_baselines,
    score_chat_baselines,
)
from sintonia.evaluate.language import Weigher
from sintonia.evaluate.written.closed import NEUTRAL, KnownAnswers
from sintonia.evaluate.written.subjects import write_all
from sintonia.models.language.rows import TokenRow
from sintonia.models.language.saved import OpenLanguageModel, open_language_base, save_language_model
from sintonia.records import Baseline, Example
from sintonia.settings import DataSettings, Recipe
from tests.unit.train.jobs import make_chat_examples

TRAIN, ASKED = make_chat_examples(40, 1), make_chat_examples(6, 2)
ANSWERS = tuple(sorted({one.target for one in TRAIN}))


@pytest.fixture(scope="module")
def opened(tiny_language_model: Path) -> OpenLanguageModel:
    recipe = Recipe(data=DataSettings(path="rows"), base=f"file:{tiny_language_model}", task="chat", method="lora")
    return open_language_base(choose(recipe, "chat"), 128, "auto")


def known(opened: OpenLanguageModel, train: Sequence[Example] = TRAIN) -> KnownAnswers:
    return KnownAnswers(weigher=Weigher(opened), train=train)


def told(example: Example, messages: list[dict[str, Any]], target: str) -> Example:
    return dataclasses.replace(example, content={"messages": messages}, target=target)


def answered(number: int, request: str, target: str, system: str = "") -> Example:
    said = [{"role": "user", "content": request}, {"role": "assistant", "content": target}]
    opening = [{"role": "system", "content": system}] if system else []
    return dataclasses.replace(told(TRAIN[0], opening + said, target), id=str(number), input=request)


def by_hand(opened: OpenLanguageModel, prompt: str, answer: str) -> float:
    """Nats of an answer and its end mark behind a prompt, by the model's own forward pass."""
    ids = opened.tokenizer(prompt, add_special_tokens=False)["input_ids"]
    said = opened.tokenizer(f"{answer}<|im_end|>", add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        logits = opened.causal(torch.tensor([ids + said])).logits[0, len(ids) - 1 : -1]
    return float(F.cross_entropy(logits, torch.tensor(said), reduction="sum"))


def test_likelihoods_are_those_of_a_plain_computation(opened: OpenLanguageModel) -> None:
    def prompt(text: str) -> str:
        return opened.template.prompt([{"role": "user", "content": text}])

    found, subject = known(opened).likelihoods(ASKED), known(opened)
    assert subject.texts == ANSWERS and found.nats.shape == (len(ASKED), len(ANSWERS))
    for row, one in enumerate(ASKED):
        for column, answer in enumerate(ANSWERS):
            assert found.nats[row, column] == pytest.approx(by_hand(opened, prompt(one.input), answer), abs=1e-3)
            assert found.num_tokens[row, column] == len(answer) + 1  # a token a byte, and the end mark
    for column, answer in enumerate(ANSWERS):
        blank = np.mean([by_hand(opened, prompt(phrase), answer) for phrase in NEUTRAL])
        assert found.blank[:, column] == pytest.approx(blank, abs=1e-3)
    for setting, scores in enumerate([found.blank - found.nats, -found.nats / found.num_tokens, -found.nats]):
        assert subject.chosen(found, setting) == [ANSWERS[k] for k in scores.argmax(axis=1)]


class _Biased:
    """Stands for an engine: right by two nats behind each prompt, and ten nats fonder of one answer than of others."""

    def __init__(self, opened: OpenLanguageModel, right: dict[str, str], favourite: str) -> None:
        self.opened, self.right, self.favourite, self.learn = opened, right, favourite, "answers"

    def weigh(self, rows: Sequence[TokenRow]) -> tuple[np.ndarray, np.ndarray]:
        nats = []
        for row in rows:
            prompt, answer = (
                self.opened.tokenizer.decode([one for one, k in zip(row.ids, row.learned, strict=True) if k == part])
                for part in (False, True)
            )
            text = answer.removesuffix("<|im_end|>")
            is_right = any(request in prompt and text == target for request, target in self.right.items())
            nats.append(20.0 - 2.0 * is_right - 10.0 * (text == self.favourite))
        return np.array(nats), np.zeros(len(rows), dtype=bool)


def test_a_planted_preference_is_corrected(opened: OpenLanguageModel) -> None:
    weigher: Any = _Biased(opened, {one.input: one.target for one in ASKED}, ANSWERS[0])
    subject, targets = KnownAnswers(weigher=weigher, train=TRAIN), [one.target for one in ASKED]
    found = subject.likelihoods(ASKED)
    assert subject.chosen(found, 2) == [ANSWERS[0]] * len(ASKED)
    assert subject.chosen(found, 0) == targets
    ground = LanguageGround(weigher=weigher, train=TRAIN, primary_metric="bits_per_byte", judged_by="normalised_match")
    ground.known = subject
    (rung,) = [one for one in _among(ground, ASKED) if one.name == AMONG_KNOWN]
    assert (rung.setting, rung.validation_score, rung.needs_training) == (0.0, 1.0, False)


def test_without_a_preference_the_calibrated_choice_is_the_likeliest(opened: OpenLanguageModel) -> None:
    weigher: Any = _Biased(opened, {one.input: one.target for one in ASKED}, "nobody says this")
    subject = KnownAnswers(weigher=weigher, train=TRAIN)
    found = subject.likelihoods(ASKED)
    assert subject.chosen(found, 0) == subject.chosen(found, 2) == [one.target for one in ASKED]


def _among(ground: LanguageGround, validation: Sequence[Example]) -> tuple[Baseline, ...]:
    from sintonia.evaluate.ladders.chat import _among_known

    return _among_known(ground, validation)


def test_a_prompt_that_says_nothing_keeps_the_opening_and_what_all_prompts_share(opened: OpenLanguageModel) -> None:
    texts = ["win a prize now", "see you at nine", "call this number", "lunch on Friday"]
    train = [
        answered(k, f"Spam or not?\n{texts[k % 4]} {k}\nAnswer with one word:", ("yes", "no")[k % 2], "Be brief.")
        for k in range(8)
    ]
    rare = answered(9, "Spam or not?\nanother\nAnswer with one word:", "no", "Be long.")
    prompts = known(opened, [rare, *train])._blank_prompts
    assert [one["messages"] for one in prompts] == [
        [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": f"Spam or not?\n{phrase}\nAnswer with one word:"},
        ]
        for phrase in NEUTRAL
    ]


@pytest.mark.parametrize(
    ("targets", "num_known"),
    [
        (["yes", "no"] * 4, 2),
        (["yes"] * 8, 0),
        ([f"answer {k}" for k in range(8)], 0),  # nothing comes again
        ([f"answer {k // 2}" for k in range(100)], 50),
        ([f"answer {k // 2}" for k in range(102)], 0),  # too many
        (["yes", "no, " + "never " * 8] * 4, 0),  # too long
        (["yes", ""] * 4, 0),
    ],
)
def test_answers_are_known_where_they_are_few_short_and_come_again(
    opened: OpenLanguageModel, targets: list[str], num_known: int
) -> None:
    train = [answered(k, f"request {k}", target) for k, target in enumerate(targets)]
    assert len(known(opened, train).texts) == num_known


def test_only_plain_conversations_have_known_answers(opened: OpenLanguageModel) -> None:
    text = dataclasses.replace(TRAIN[0], content={"text": "once upon a time"}, target="")
    call = {"role": "assistant", "content": ANSWERS[0], "tool_calls": [{"function": {"name": "f", "arguments": {}}}]}
    called = told(TRAIN[0], [{"role": "user", "content": "x"}, call], ANSWERS[0])
    assert known(opened, []).texts == known(opened, [text] * 9).texts == known(opened, [called, *TRAIN]).texts == ()


def test_the_last_answer_is_what_is_chosen(opened: OpenLanguageModel) -> None:
    said = [{"role": "user", "content": "one"}, {"role": "assistant", "content": "first"}]
    asked = ASKED[0].whole["messages"]
    longer = told(ASKED[0], [*said, *asked], ASKED[0].target)
    prompt = opened.template.prompt([*said, asked[0]])
    nats = known(opened).likelihoods([longer]).nats[0]
    assert nats == pytest.approx([by_hand(opened, prompt, answer) for answer in ANSWERS], abs=1e-3)


def test_it_is_a_rung_only_where_texts_are_judged(opened: OpenLanguageModel, tmp_path: Path) -> None:
    weighed = LanguageGround(
        weigher=Weigher(opened), train=TRAIN, primary_metric="bits_per_byte", judged_by="bits_per_byte"
    )
    assert AMONG_KNOWN not in {one.name for one in choose_chat_baselines(weighed, ASKED)}
    ground = dataclasses.replace(weighed, judged_by="token_f1")
    rungs = choose_chat_baselines(ground, ASKED)
    assert rungs[-1].name == AMONG_KNOWN
    scored = {rung.name: card for rung, card in score_chat_baselines(ground, rungs, ASKED, "validation")}
    assert scored[AMONG_KNOWN].losses == scored["zero-shot"].losses and scored[AMONG_KNOWN].subject == AMONG_KNOWN
    save_language_model(opened, tmp_path / "model", method="full", template_name="auto", max_tokens=128)
    texts: Texts = write_all(ground, rungs[-1:], tmp_path / "model", ASKED, 20)
    assert set(texts) == {"tuned", AMONG_KNOWN} and {one.text for one in texts[AMONG_KNOWN]} <= set(ANSWERS)
    side = written_side(dict(texts) | dict(fitted_texts(TRAIN, ASKED)), ASKED, "token_f1")
    assert {rung.name: rung.needs_training for rung, _ in side.rungs} == {
        AMONG_KNOWN: False,
        "most common answer": True,
        "answer of the nearest prompt": True,
    }
