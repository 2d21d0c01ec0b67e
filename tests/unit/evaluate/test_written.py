"""What language models write: the same prompts for all, what counts as an answer, and what is told of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from sintonia.choose import choose
from sintonia.evaluate import (
    Said,
    Sizes,
    drawn,
    fitted_texts,
    stopped,
    told_sizes,
    too_slow,
    truncated,
    unreadable,
    written_side,
)
from sintonia.evaluate.ladders.chat import LanguageGround
from sintonia.evaluate.language import Weigher
from sintonia.evaluate.written.subjects import score_writing, write_all
from sintonia.evaluate.written.writing import before_last_answer, prompts_of, tokens_to_give, write
from sintonia.metrics import METRICS, parse_format
from sintonia.models.language.rows import TokenRow
from sintonia.models.language.saved import (
    OpenLanguageModel,
    open_language_base,
    open_language_candidate,
    save_language_model,
)
from sintonia.records import Baseline, Example
from sintonia.settings import DataSettings, Recipe
from tests.unit.train.jobs import make_chat_examples

EXAMPLES = make_chat_examples(24, 3)


def open_tiny(folder: Path) -> OpenLanguageModel:
    recipe = Recipe(data=DataSettings(path="rows"), base=f"file:{folder}", task="chat", method="lora")
    return open_language_base(choose(recipe, "chat"), 128, "auto")


@pytest.fixture(scope="module")
def opened(tiny_language_model: Path) -> OpenLanguageModel:
    return open_tiny(tiny_language_model)


@pytest.fixture(scope="module")
def candidate(tiny_language_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The base itself, saved as a candidate."""
    folder = tmp_path_factory.mktemp("candidate") / "model"
    save_language_model(open_tiny(tiny_language_model), folder, method="full", template_name="auto", max_tokens=128)
    return folder


def changed(example: Example, messages: list[dict[str, object]]) -> Example:
    return dataclasses.replace(example, content={"messages": messages})


def test_base_and_candidate_are_given_the_very_same_tokens(opened: OpenLanguageModel, candidate: Path) -> None:
    there = prompts_of(open_language_candidate(candidate), EXAMPLES, 19)
    here = prompts_of(opened, EXAMPLES, 19)
    assert here == there and all(here)
    for one, prompt in zip(EXAMPLES, here, strict=True):
        assert prompt is not None and prompt.is_whole
        text = opened.tokenizer.decode(list(prompt.ids))
        assert text == opened.template.prompt([{"role": "user", "content": one.input}])


def test_all_are_asked_the_same_and_the_same_weights_write_the_same(
    opened: OpenLanguageModel, candidate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sintonia.models.language import generate

    asked, written = [], generate.write_greedily

    def kept(causal: Any, prompts: Any, stop_ids: Any, new_tokens: int) -> Any:
        asked.append((tuple(prompts), tuple(stop_ids), new_tokens, next(causal.parameters()).dtype))
        return written(causal, prompts, stop_ids, new_tokens)

    monkeypatch.setattr(generate, "write_greedily", kept)
    ground = LanguageGround(weigher=Weigher(opened), train=make_chat_examples(40, 1), primary_metric="bits_per_byte")
    rungs = [
        Baseline(name=name, setting=0.0, validation_score=0.0, needs_training=False, description="")
        for name in ("zero-shot", "few-shot", "token frequencies")
    ]
    assert list(write_all(ground, rungs[1:], candidate, EXAMPLES, 8)) == ["tuned", "few-shot"]
    asked.clear()
    texts = write_all(ground, rungs, candidate, EXAMPLES, 8)
    assert list(texts) == ["tuned", "zero-shot", "few-shot"]
    assert texts["tuned"] == texts["zero-shot"] and len(texts["few-shot"]) == len(EXAMPLES)
    tuned, base, few_shot = asked
    assert tuned == base and tuned[1:] == few_shot[1:]
    for prompt, longer in zip(base[0], few_shot[0], strict=True):
        assert len(longer) > len(prompt) and longer[-len(prompt) + 1 :] == prompt[1:]


def test_an_answer_is_written_after_all_that_was_said_before_it(opened: OpenLanguageModel) -> None:
    said = [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "first"},
        {"role": "user", "content": "two"},
    ]
    example = changed(EXAMPLES[0], [*said, {"role": "assistant", "content": "second"}])
    (prompt,) = prompts_of(opened, [example], 8)
    assert prompt is not None
    assert opened.tokenizer.decode(list(prompt.ids)) == opened.template.prompt(said)
    assert prompt.num_answer == len("second") + 1  # a token a byte, and the end mark


def test_what_has_no_prompt_or_too_long_a_one_is_not_written_to(opened: OpenLanguageModel) -> None:
    text = dataclasses.replace(EXAMPLES[0], content={"text": "once upon a time"})
    long = changed(EXAMPLES[0], [{"role": "user", "content": "x" * 200}, {"role": "assistant", "content": "y"}])
    found = prompts_of(opened, [text, long, EXAMPLES[1]], 8)
    assert found[0] is None
    assert [one.is_whole for one in found[1:] if one] == [False, True]
    (no_room,) = prompts_of(opened, [EXAMPLES[1]], 500)  # the tiny model reads 512 tokens in all
    assert no_room is not None and not no_room.is_whole


@pytest.mark.parametrize(
    ("learned", "start"),
    [((0, 0, 1, 1, 0), 2), ((0, 1, 1, 0, 0, 1), 5), ((0, 0, 0), None), ((1, 1), None)],
)
def test_the_last_stretch_that_is_learned_is_the_answer(learned: tuple[int, ...], start: int | None) -> None:
    row = TokenRow(ids=tuple(range(len(learned))), learned=tuple(map(bool, learned)), num_bytes=1)
    found = before_last_answer(row)
    assert (found.ids if found else None) == (None if start is None else tuple(range(start)))


def test_tokens_to_give_are_a_tenth_more_than_the_longest_training_answer_takes(opened: OpenLanguageModel) -> None:
    prompts = prompts_of(opened, EXAMPLES, 1)
    longest = max(len(one.target.encode()) for one in EXAMPLES) + 1
    assert longest < tokens_to_give(prompts) <= 1.1 * longest + 1
    assert tokens_to_give([None]) == 0
    assert tokens_to_give([dataclasses.replace(one, num_answer=999) for one in prompts if one]) == 256


def test_an_end_mark_that_is_no_token_ends_an_answer_too(
    opened: OpenLanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sintonia.models.language import generate

    ids = tuple(opened.tokenizer("pack it [END] and more", add_special_tokens=False)["input_ids"])
    monkeypatch.setattr(generate, "write_greedily", lambda *_: [generate.Written(ids, False)])
    marked = dataclasses.replace(opened, template=_Ending())
    assert write(marked, [(1,)], 40) == (Said(text="pack it", is_ended=True),)
    assert write(opened, [(1,)], 40) == (Said(text="pack it [END] and more", is_ended=False),)


class _Ending:
    end_mark, stop_ids = " [END]\n", ()


def test_those_who_are_asked_are_always_the_same() -> None:
    ids = [f"e{k}" for k in range(500)]
    assert drawn(ids, 200) == drawn(ids[::-1] * 2, 200) and len(drawn(ids, 200)) == 200
    assert drawn(ids[:30], 200) == frozenset(ids[:30])


def test_answers_of_training_examples_are_rungs() -> None:
    train, asked = make_chat_examples(200, 1), make_chat_examples(40, 2)
    texts = fitted_texts(train, asked)
    assert len({one.text for one in texts["most common answer"]}) == 1
    nearest = [
        one.text == example.target for one, example in zip(texts["answer of the nearest prompt"], asked, strict=True)
    ]
    assert sum(nearest) > 35
    assert fitted_texts([], asked) == {}


def test_a_candidate_writes_on_validation(candidate: Path) -> None:
    card = score_writing(candidate, EXAMPLES, "validation", 8)
    assert {one.metric for one in card.scores} == {"normalised_match", "token_f1", "rouge_l", "chrf"}
    assert card.ids == tuple(one.id for one in EXAMPLES) and card.split == "validation"


def side_of(base: list[str], tuned: list[str]) -> tuple[object, tuple[Example, ...]]:
    examples = tuple(
        dataclasses.replace(EXAMPLES[0], id=f"e{k}", group=f"g{k}", target='{"a": 1}') for k in range(len(base))
    )
    texts = {"tuned": tuple(map(_said, tuned)), "zero-shot": tuple(map(_said, base))}
    return written_side(texts, examples, "normalised_match"), examples


def _said(text: str) -> Said:
    return Said(text=text)


@pytest.mark.parametrize(("share", "is_found"), [(0.2, True), (0.06, True), (0.05, False), (0.0, False)])
def test_parse_failures_of_one_side_are_told_with_both_numbers(share: float, is_found: bool) -> None:
    good, num_bad = '{"a": 1}', round(100 * share)
    side, _ = side_of(["sure: {a"] * num_bad + [good] * (100 - num_bad), [good] * 100)
    found = unreadable(side, "zero-shot", parse_format("json"), "bits_per_byte")  # type: ignore[arg-type]
    assert [one.code for one in found] == ["E314"] * is_found
    if share == 0.2:
        (finding,) = found
        assert finding.severity == "warning" and finding.count == 20
        assert "20.0% of the answers of the base (`zero-shot`) and 0.0% of those of the tuned model" in finding.message
        assert "counted as wrong, " + METRICS["normalised_match"].title in finding.message
        assert "is 80.0 with the base and 100.0 with the tuned model" in finding.message
        assert "on the 80 examples where both can be read 100.0 with the base and 100.0" in finding.message


def test_answers_that_a_pattern_was_too_slow_on_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sintonia.metrics.formats.SLOWEST_SECONDS", 0.1)
    declared = parse_format("regex:(b|bb)+$")
    side, _ = side_of(["bb", "b" * 60 + "x"], ["bb", "bb"])
    (found,) = too_slow(side, "zero-shot", declared)  # type: ignore[arg-type]
    assert (found.code, found.count) == ("E322", 1) and "1 of the base and 0 of the tuned model" in found.message
    assert too_slow(side, "zero-shot", parse_format("regex:b+x?")) == ()  # type: ignore[arg-type]


def test_answers_that_were_stopped_are_told() -> None:
    ended, cut = Said(text="a"), Said(text="a", is_ended=False)
    (found,) = stopped({"base": [ended] * 94 + [cut] * 6, "tuned model": [ended] * 100}, 19)
    assert found.code == "E318" and "6.0% of those of the base and 0.0%" in found.message
    assert "within 19 tokens" in found.message
    (one,) = stopped({"tuned model": [cut]}, 1)
    assert "within 1 token and" in one.message
    assert stopped({"base": [ended] * 95 + [cut] * 5, "tuned model": [ended] * 100}, 19) == ()


def test_inputs_that_were_cut_are_told_above_a_share() -> None:
    (found,) = truncated(6, 100, 128, "texts")
    assert found.code == "E315" and "6 of 100 test texts (6.0%)" in found.message and "128 tokens" in found.message
    assert truncated(5, 100, 128, "texts") == ()


def test_who_was_not_written_to_is_told() -> None:
    (found,) = told_sizes(Sizes(num_examples=500, num_written=200, num_without_prompt=40))
    assert found.code == "E319" and found.count == 300
    assert (
        "200 of 500" in found.message and "40 have no prompt" in found.message and "260 were left out" in found.message
    )
    assert told_sizes(Sizes(num_examples=50, num_written=50, num_without_prompt=0)) == ()
