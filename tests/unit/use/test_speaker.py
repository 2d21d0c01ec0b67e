"""Answers piece by piece: the same as in batches and as transformers writes them, whoever else is writing."""

from __future__ import annotations

import inspect
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from sintonia.errors import UsageError
from sintonia.models.language.generate import write_greedily
from sintonia.use import ConversationTooLong, Decoding, Shelf, Speaker
from tests.unit.use.tuned import TALK, make_tuned, make_wide_base

LONG = Decoding(max_new_tokens=40)
CHANCE = replace(LONG, temperature=1.0, top_p=0.9)


@pytest.fixture(scope="module")
def speaker(tmp_path_factory: pytest.TempPathFactory) -> Speaker:
    folder: Path = tmp_path_factory.mktemp("speaker")
    opened = Shelf().open(make_tuned(folder / "tuned", make_wide_base(folder / "base")))
    assert isinstance(opened, Speaker)
    return opened


def said(speaker: Speaker, messages: list[dict[str, str]], decoding: Decoding = LONG) -> str:
    return "".join(piece.text for piece in speaker.write(messages, decoding))


def talks(count: int) -> list[list[dict[str, str]]]:
    return [[{"role": "user", "content": f"{'Quid novi? ' * (k % 3)}{k}"}] for k in range(count)]


def test_the_stream_is_what_batches_and_transformers_write(speaker: Speaker) -> None:
    tokenizer, asked = speaker._opened.tokenizer, talks(6)
    prompts = [speaker._ids(one, None) for one in asked]
    written = write_greedily(speaker.causal, prompts, speaker._opened.template.stop_ids, 40)
    texts = [tokenizer.decode(list(one.ids), skip_special_tokens=True) for one in written]
    assert [said(speaker, one) for one in asked] == texts
    assert [one.text for one in speaker.write_all([{"messages": one} for one in asked], 40)] == texts
    assert len(set(texts)) == 6 and all(len(set(one)) > 3 for one in texts), "the texts must be able to differ"
    for prompt, text in zip(prompts, texts, strict=True):
        with torch.no_grad():
            stops = list(speaker._opened.template.stop_ids)
            ids = speaker.causal.generate(
                torch.tensor([prompt]), max_new_tokens=40, do_sample=False, eos_token_id=stops, pad_token_id=0
            )
        assert tokenizer.decode(ids[0, len(prompt) :], skip_special_tokens=True) == text


def test_only_what_is_new_of_a_conversation_is_read(speaker: Speaker, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh, plain, widths = list(TALK), speaker.causal.forward, list[int]()

    def watched(*words: Any, **given: Any) -> Any:
        widths.append(given["input_ids"].shape[1])
        return plain(*words, **given)

    said(speaker, fresh, replace(LONG, max_new_tokens=1))
    speaker._memory._kept.clear()
    first = said(speaker, fresh)
    longer = [*fresh, {"role": "assistant", "content": first}, {"role": "user", "content": "Et tu?"}]
    speaker._memory._kept.clear()
    whole = said(speaker, longer)
    speaker._memory._kept.clear()
    said(speaker, fresh)
    watched.__signature__ = inspect.signature(plain)  # type: ignore[attr-defined]
    monkeypatch.setattr(speaker.causal, "forward", watched)
    assert said(speaker, longer) == whole, "what is kept must not change the answer"
    assert widths[0] <= speaker.count_tokens(longer) - speaker.count_tokens(fresh), "the first turn was read again"
    assert speaker.kept_bytes > 0


def test_a_seed_gives_the_same_again_and_another_seed_another(speaker: Speaker) -> None:
    texts = [said(speaker, TALK, replace(CHANCE, seed=seed)) for seed in (1, 2, 1)]
    assert texts[0] == texts[2] != texts[1]
    assert said(speaker, TALK, replace(CHANCE, top_p=1e-9)) == said(speaker, TALK), "one token is left: the likeliest"
    assert said(speaker, TALK, replace(LONG, temperature=1e-300)) == said(speaker, TALK)


def test_many_threads_say_what_each_says_alone(speaker: Speaker) -> None:
    asked, decodings = talks(8), [replace(CHANCE, seed=k) if k % 2 else LONG for k in range(8)]
    alone = [said(speaker, *pair) for pair in zip(asked, decodings, strict=True)]
    together = threading.Barrier(8)

    def ask(pair: tuple[list[dict[str, str]], Decoding]) -> str:
        together.wait(timeout=30)
        return said(speaker, *pair)

    for _ in range(2):
        with ThreadPoolExecutor(8) as crew:
            assert list(crew.map(ask, zip(asked, decodings, strict=True))) == alone


def test_none_waits_for_the_whole_answer_of_another(speaker: Speaker) -> None:
    first = speaker.write(TALK, LONG)
    next(first)  # begun, and not read on: the model is free
    assert said(speaker, talks(1)[0])
    rest = "".join(piece.text for piece in first)
    assert said(speaker, TALK).endswith(rest)


def test_an_answer_ends_before_a_stop_text_wherever_its_tokens_part(speaker: Speaker) -> None:
    whole = said(speaker, TALK)
    for begin in range(2, 12, 3):
        stop = whole[begin : begin + 3]
        pieces = list(speaker.write(TALK, replace(LONG, stop=(stop, "is not there"))))
        assert "".join(piece.text for piece in pieces) == whole[: whole.index(stop)]
        assert [piece.finish_reason for piece in pieces[:-1]] == [None] * (len(pieces) - 1)
        assert pieces[-1].finish_reason == "stop"


def test_chances_are_those_of_the_model_and_one_for_each_token(speaker: Speaker) -> None:
    pieces = list(speaker.write(TALK, replace(CHANCE, wants_logprobs=True, num_top_logprobs=3, max_new_tokens=12)))
    chances = [one for piece in pieces for one in piece.logprobs]
    assert len(chances) == sum(piece.num_tokens for piece in pieces) == 12
    with torch.no_grad():
        logits = speaker.causal(torch.tensor([speaker._ids(TALK, None)])).logits[0, -1].double().log_softmax(0)
    assert [one.logprob for one in chances[0].top] == pytest.approx(logits.topk(3).values.tolist(), abs=1e-5)
    assert b"".join(one.bytes for one in chances).decode(errors="replace") == "".join(piece.text for piece in pieces)


def test_the_last_piece_says_why_an_answer_ended(speaker: Speaker) -> None:
    pieces = list(speaker.write(TALK, replace(LONG, max_new_tokens=3)))
    assert pieces[-1].finish_reason == "length" and sum(piece.num_tokens for piece in pieces) == 3


def test_a_conversation_without_room_is_refused_before_anything_is_written(speaker: Speaker) -> None:
    with pytest.raises(ConversationTooLong) as refused:
        speaker.write([{"role": "user", "content": "x" * 600}], LONG)
    assert "512" in (refused.value.expected or "")
    room = 512 - speaker.count_tokens([{"role": "user", "content": "x" * 480}])
    pieces = list(speaker.write([{"role": "user", "content": "x" * 480}], LONG))
    assert sum(piece.num_tokens for piece in pieces) <= room < 40


@pytest.mark.parametrize("messages", [[], [{"content": "hi"}], ["hi"]])
def test_what_is_no_conversation_is_refused(speaker: Speaker, messages: Any) -> None:
    with pytest.raises(UsageError):
        speaker.write(messages, LONG)


@pytest.mark.parametrize(
    "wrong", [{"max_new_tokens": 0}, {"temperature": -1.0}, {"temperature": float("nan")}, {"top_p": 0.0},
              {"stop": ("",)}, {"num_top_logprobs": 21}, {"seed": 2**63}],
)  # fmt: skip
def test_numbers_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        Decoding(**wrong)
