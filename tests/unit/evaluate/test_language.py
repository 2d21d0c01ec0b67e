"""Language models scored on given answers: nats by hand, few-shot prompts, the floor of token frequencies."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from sintonia.choose import choose
from sintonia.errors import RunFailed
from sintonia.evaluate import LADDERS, score_candidate, score_language
from sintonia.evaluate.ladders.chat import MOST_LOOKED_AT, LanguageGround
from sintonia.evaluate.ladders.shots import SHOTS, Shots, with_shots
from sintonia.evaluate.language import Weigher, learned_tokens
from sintonia.evaluate.written.writing import drawn_examples
from sintonia.metrics import METRICS
from sintonia.models.language.saved import OpenLanguageModel, open_language_base, save_language_model
from sintonia.records import Example
from sintonia.settings import DataSettings, Recipe
from tests.unit.train.jobs import make_chat_examples

CHAT = LADDERS["chat"]


def open_tiny(tiny_language_model: Path) -> OpenLanguageModel:
    recipe = Recipe(data=DataSettings(path="rows"), base=f"file:{tiny_language_model}", task="chat", method="lora")
    return open_language_base(choose(recipe, "chat"), 128, "auto")


@pytest.fixture(scope="module")
def opened(tiny_language_model: Path) -> OpenLanguageModel:
    return open_tiny(tiny_language_model)


@pytest.fixture(scope="module")
def ground(opened: OpenLanguageModel) -> LanguageGround:
    return LanguageGround(weigher=Weigher(opened), train=make_chat_examples(60, 1), primary_metric="bits_per_byte")


def by_hand(opened: OpenLanguageModel, example: Example) -> tuple[float, bool]:
    """Nats of the learned tokens by the model of transformers, one row at a time, and whether all are likeliest."""
    row = opened.template.render(example.content or {}, opened.max_tokens)
    with torch.no_grad():
        logits = opened.causal(torch.tensor([row.ids])).logits[0].double()
    likelihoods = torch.log_softmax(logits, dim=-1)
    places = [k for k in range(1, len(row.ids)) if row.learned[k]]
    nats = -sum(float(likelihoods[k - 1, row.ids[k]]) for k in places)
    return nats, all(int(likelihoods[k - 1].argmax()) == row.ids[k] for k in places)


def changed(example: Example, **parts: object) -> Example:
    return dataclasses.replace(example, content={**(example.content or {}), **parts})


def test_losses_are_the_sums_of_nats_and_bytes_those_of_the_answers(opened: OpenLanguageModel) -> None:
    examples = make_chat_examples(12, 3)
    card = score_language(opened, examples, "test", "tuned")
    assert card.losses == pytest.approx([by_hand(opened, one)[0] for one in examples], rel=1e-5)
    assert list(card.correct) == [by_hand(opened, one)[1] for one in examples]
    assert list(card.num_bytes) == [len(one.target.encode()) for one in examples]
    bits = sum(card.losses) / math.log(2) / sum(card.num_bytes)
    assert [one.metric for one in card.scores] == ["bits_per_byte", "exact_match"]
    assert card.scores[0].value == pytest.approx(bits, abs=1e-12)
    assert card.scores[0].low < bits < card.scores[0].high
    assert (card.subject, card.split, card.predictions) == ("tuned", "test", ())


def test_an_example_with_nothing_to_learn_counts_nothing_and_is_never_exact(opened: OpenLanguageModel) -> None:
    examples = [*make_chat_examples(3, 3), *make_chat_examples(1, 4)]
    silent = changed(examples[-1], messages=[{"role": "user", "content": "hello"}])
    card = score_language(opened, [*examples[:-1], silent], "test", "tuned")
    assert (card.losses[-1], card.num_bytes[-1], card.correct[-1]) == (0.0, 0, False)
    assert card.losses[:-1] == score_language(opened, examples[:-1], "test", "tuned").losses


def test_an_answer_that_was_cut_is_never_exact(opened: OpenLanguageModel) -> None:
    (example,) = make_chat_examples(1, 3)
    row = opened.template.render(example.content or {}, 128)
    begins = row.learned.index(True)

    class Sure:
        def losses(self, rows: list[object]) -> object:
            return type("Found", (), {"nats": np.zeros(len(rows)), "is_exact": np.ones(len(rows), dtype=bool)})

    for max_tokens, is_exact in ((128, True), (begins + 2, False)):
        weigher = Weigher(dataclasses.replace(opened, max_tokens=max_tokens))
        weigher._engine = Sure()
        assert weigher.weigh(weigher.rows([example]))[1].tolist() == [is_exact]


def test_weights_that_are_no_numbers_are_refused(tiny_language_model: Path) -> None:
    opened = open_tiny(tiny_language_model)
    with torch.no_grad():
        next(opened.causal.parameters()).fill_(float("nan"))
    with pytest.raises(RunFailed, match="not finite"):
        score_language(opened, make_chat_examples(4, 3), "test", "tuned")


def test_answers_that_are_all_cut_away_are_refused(opened: OpenLanguageModel) -> None:
    with pytest.raises(RunFailed, match="none of 4 examples of the test set") as error:
        score_language(dataclasses.replace(opened, max_tokens=5), make_chat_examples(4, 3), "test", "tuned")
    assert "max_tokens" in error.value.hint


def test_a_saved_model_is_scored_as_the_live_one(tiny_language_model: Path, tmp_path: Path) -> None:
    opened = open_tiny(tiny_language_model)
    examples = make_chat_examples(8, 3)
    live = score_language(opened, examples, "validation", "tuned")
    save_language_model(opened, tmp_path / "model", method="full", template_name="auto", max_tokens=128)
    again = score_candidate(tmp_path / "model", examples, "validation")
    assert again.losses == pytest.approx(live.losses, rel=1e-6) and again.num_bytes == live.num_bytes


# ---------------------------------------------------------------- answered examples in the prompt


def test_shots_come_after_the_system_messages_and_are_not_learned(ground: LanguageGround) -> None:
    example = make_chat_examples(1, 3)[0]
    asked = example.content["messages"][0]  # type: ignore[index]
    content = {"messages": [{"role": "system", "content": "be brief"}, *example.content["messages"]]}  # type: ignore[index]
    drawn = ground.shots.drawn(0.0)
    messages = with_shots(content, drawn)["messages"]
    assert [one["role"] for one in messages] == ["system", *["user", "assistant"] * 3]
    assert messages[-2] == asked and messages[-1] == content["messages"][-1]
    assert [one.get("weight") for one in messages if one["role"] == "assistant"] == [0, 0, None]
    assert content["messages"][1] == asked, "nothing is changed in place"


def test_every_example_gets_the_same_shots_and_learns_the_same_tokens(ground: LanguageGround) -> None:
    examples = make_chat_examples(20, 3)
    plain = ground.weigher.rows(examples)
    for setting, (count, _) in enumerate(SHOTS):
        if count > 4:
            continue  # more do not fit in the 512 tokens of the tiny model
        rows = ground.shots.rows(float(setting), examples)
        drawn = ground.shots.drawn(float(setting))
        assert len(drawn) == count and len({one.group for one in drawn}) == count
        assert {one.id for one in drawn} <= {one.id for one in ground.train}
        assert [learned_tokens(row) for row in rows] == [learned_tokens(row) for row in plain]
        assert [row.num_bytes for row in rows] == [row.num_bytes for row in plain]
        shared = min(len(row.ids) for row in rows) - max(len(row.ids) for row in plain)
        assert shared > 20 and len({row.ids[:shared] for row in rows}) == 1
    assert ground.shots.drawn(0.0) != ground.shots.drawn(1.0)
    assert ground.shots.drawn(2.0) == Shots(ground.weigher, ground.train).drawn(2.0)


def test_more_shots_of_a_draw_begin_with_the_fewer_and_no_answer_comes_twice_too_early(ground: LanguageGround) -> None:
    places = {shots: float(k) for k, shots in enumerate(SHOTS)}
    for draw in range(3):
        two, four, eight, many = (ground.shots.drawn(places[count, draw]) for count in (2, 4, 8, 16))
        assert many[:8] == eight and eight[:4] == four and four[:2] == two and len(many) == 16
        assert len({one.target for one in four}) == 4  # of four answers
        assert sorted(Counter(one.target for one in eight).values()) == [2, 2, 2, 2]


def test_fewer_and_more_are_tried_of_the_best_draw_as_long_as_they_are_cheap(
    ground: LanguageGround, monkeypatch: pytest.MonkeyPatch
) -> None:
    examples, shots = make_chat_examples(8, 3), Shots(ground.weigher, ground.train)
    assert [SHOTS[int(k)] for k in shots.settings(examples)] == [(4, 0), (4, 1), (4, 2)]
    monkeypatch.setattr(Shots, "_window", 4096)
    assert [SHOTS[int(k)] for k in shots.further(3.0, examples)] == [(2, 1), (8, 1), (16, 1)]
    monkeypatch.setattr("sintonia.evaluate.ladders.shots.MOST_SHOWN_TOKENS", 100)
    assert [SHOTS[int(k)] for k in shots.further(3.0, examples)] == [(2, 1)]
    monkeypatch.undo()
    monkeypatch.setattr(Shots, "_window", 4096)
    monkeypatch.setattr(Weigher, "shares_beginnings", False)
    assert [SHOTS[int(k)] for k in shots.further(3.0, examples)] == [(2, 1)]


def test_where_shots_do_not_fit_the_prompt_stays_as_it_is(ground: LanguageGround) -> None:
    short, _ = make_chat_examples(2, 3)
    long = changed(short, messages=[{"role": "user", "content": "x" * 600}, *short.content["messages"][1:]])  # type: ignore[index]
    rows, plain = ground.shots.rows(2.0, [short, long]), ground.weigher.rows([short, long])
    assert len(rows[0].ids) > len(plain[0].ids) and rows[1] == plain[1]


@pytest.mark.parametrize(
    ("learn", "content", "why"),
    [
        ("all", None, "every token is learned"),
        ("answers", {"text": "only a text"}, "plain text"),
        ("answers", "long", "do not fit"),
    ],
)
def test_a_rung_that_cannot_be_tried_is_left_out_and_said(
    opened: OpenLanguageModel, learn: str, content: object, why: str
) -> None:
    examples = make_chat_examples(30, 1)
    if content == "long":
        opened = dataclasses.replace(opened, max_tokens=512)
        asked = [{"role": "user", "content": "y" * 200}, {"role": "assistant", "content": "yes"}]
        examples = tuple(changed(one, messages=asked) for one in examples)
    elif content:
        examples = tuple(dataclasses.replace(one, content=content) for one in examples)
    ground = LanguageGround(weigher=Weigher(opened, learn), train=examples, primary_metric="bits_per_byte")
    baselines = CHAT.choose(ground, examples[:10])
    assert [one.name for one in baselines] == ["zero-shot", "token frequencies"]
    (note,) = CHAT.notes(ground, baselines, examples[:10])
    assert note.code == "E308" and why in note.message


# ---------------------------------------------------------------- the ladder


def test_the_ladder_has_its_rungs_and_the_base_is_scored_with_the_very_prompt(
    ground: LanguageGround, opened: OpenLanguageModel
) -> None:
    validation, examples = make_chat_examples(40, 2), make_chat_examples(20, 3)
    baselines = CHAT.choose(ground, validation)
    assert CHAT.notes(ground, baselines, validation) == ()
    scored = CHAT.score(ground, baselines, examples, "test")
    assert [(rung.name, rung.needs_training) for rung, _ in scored] == [
        ("zero-shot", False),
        ("few-shot", False),
        ("token frequencies", True),
    ]
    assert {rung.name: card for rung, card in scored}["zero-shot"].losses == (
        score_language(opened, examples, "test", "zero-shot").losses
    )
    for rung, card in scored:
        assert rung.score == card.scores[0].value and card.scores[0].metric == "bits_per_byte"
        assert card.num_bytes == scored[0][1].num_bytes


def test_the_shots_are_those_that_do_best_on_validation(ground: LanguageGround) -> None:
    validation = make_chat_examples(12, 2)
    chosen = next(one for one in CHAT.choose(ground, validation) if one.name == "few-shot")
    values = []
    for setting in range(len(SHOTS)):
        card = ground.weigher.card("few-shot", "validation", validation, ground.shots.rows(float(setting), validation))
        values.append(card.scores[0].value)
    fours = {k: values[k] for k, (count, _) in enumerate(SHOTS) if count == 4}
    draw = SHOTS[min(fours, key=lambda k: fours[k])][1]
    same = {k: values[k] for k, (count, other) in enumerate(SHOTS) if other == draw and count <= 8}
    assert chosen.validation_score == min(same.values()) and chosen.setting == min(same, key=lambda k: same[k])


def test_token_frequencies_by_hand_and_better_than_knowing_nothing(ground: LanguageGround) -> None:
    examples = make_chat_examples(20, 3)
    baselines = [one for one in CHAT.choose(ground, make_chat_examples(12, 2)) if one.needs_training]
    ((rung, card),) = CHAT.score(ground, baselines, examples, "test")
    counts: dict[int, int] = {}
    for one in ground.train:
        for token in learned_tokens(ground.weigher.rows([one])[0]):
            counts[token] = counts.get(token, 0) + 1
    size, added = ground.weigher.opened.causal.config.vocab_size, baselines[0].setting
    total = sum(counts.values()) + added * size
    tokens = learned_tokens(ground.weigher.rows(examples[:1])[0])
    by_count = -sum(math.log((counts.get(token, 0) + added) / total) for token in tokens)
    assert card.losses[0] == pytest.approx(by_count, abs=1e-9)
    assert 0 < rung.score < 8 and not any(card.correct)


def test_token_frequencies_never_look_at_the_prompt(ground: LanguageGround) -> None:
    examples = make_chat_examples(10, 3)
    others = [
        changed(one, messages=[{"role": "user", "content": "?"}, *one.content["messages"][1:]])  # type: ignore[index]
        for one in examples
    ]
    baselines = [one for one in CHAT.choose(ground, make_chat_examples(12, 2)) if one.needs_training]
    first, second = (CHAT.score(ground, baselines, some, "test")[0][1] for some in (examples, others))
    assert first.losses == second.losses


def test_few_examples_are_drawn_always_the_same_whatever_their_order() -> None:
    examples = make_chat_examples(100, 2)
    found = drawn_examples(examples, MOST_LOOKED_AT)
    assert found == drawn_examples(examples[::-1], MOST_LOOKED_AT) and len({one.id for one in found}) == 32
    assert drawn_examples(examples, 5) == found[:5]
    assert {one.id for one in drawn_examples(examples[:5], 32)} == {one.id for one in examples[:5]}


def test_an_answer_is_kept_with_what_the_metrics_read(ground: LanguageGround) -> None:
    examples = make_chat_examples(4, 3)
    card = score_language(ground.weigher.opened, examples, "test", "tuned")
    kept = CHAT.answer(card, 2)
    assert kept == {"nats": card.losses[2], "bytes": card.num_bytes[2], "exact": card.correct[2]}
    pairs = [(CHAT.answer(card, k)["nats"], CHAT.answer(card, k)["bytes"]) for k in range(4)]
    assert METRICS["bits_per_byte"].function(card.targets, pairs) == card.scores[0].value
