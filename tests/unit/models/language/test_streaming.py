"""Tokens become text without half a character or half an end; what was read is kept, and turns are taken in order."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer

from sintonia.models.language.streaming import Choosing, Memory, Spelling, Turns, Vocabulary, write_on
from sintonia.models.loading import load_causal
from tests.tiny import make_tiny_language_model

TEXT = "Così è: 日本 🙂 e basta <fine> dopo"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_language_model(tmp_path_factory.mktemp("model") / "base", initializer_range=0.6)


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> Any:
    return AutoTokenizer.from_pretrained(folder)


def spelled(tokenizer: Any, ids: list[int], stops: tuple[str, ...] = ()) -> list[str]:
    spelling, pieces = Spelling(tokenizer, stops), []
    for token in ids:
        pieces.append(spelling.add(token))
        if spelling.is_stopped:
            return pieces
    return [*pieces, spelling.rest()]


def test_characters_of_many_tokens_come_whole(tokenizer: Any) -> None:
    ids = tokenizer(TEXT)["input_ids"]
    assert len(ids) == len(TEXT.encode()), "each byte is a token"
    pieces = spelled(tokenizer, ids)
    assert "".join(pieces) == TEXT and all("\ufffd" not in one for one in pieces)


def test_bytes_that_are_no_character_are_told_as_the_tokenizer_tells_them(tokenizer: Any) -> None:
    whole = tokenizer("è日🙂")["input_ids"]
    for ids in (whole[:-1], whole[1:], [whole[0], *whole], whole[:3] * 4):
        assert "".join(spelled(tokenizer, ids)) == tokenizer.decode(ids)


@pytest.mark.parametrize("stops", [("<fine>",), ("<fine> non", "<fine>"), ("zzz", "<fine>"), (" <fi", "<fine>")])
def test_nothing_of_a_stop_text_is_given_away(tokenizer: Any, stops: tuple[str, ...]) -> None:
    pieces = spelled(tokenizer, tokenizer(TEXT)["input_ids"], stops)
    assert "".join(pieces) == TEXT[: min(TEXT.index(one) for one in stops if one in TEXT)]


def test_what_only_began_as_a_stop_text_is_given_in_the_end(tokenizer: Any) -> None:
    assert "".join(spelled(tokenizer, tokenizer("a <fin")["input_ids"], ("<fine>",))) == "a <fin"
    assert "".join(spelled(tokenizer, tokenizer("a <fin b")["input_ids"], ("<fine>",))) == "a <fin b"


def test_each_token_is_its_bytes(tokenizer: Any) -> None:
    vocabulary = Vocabulary(tokenizer)
    found = [vocabulary.spelled(token)[1] for token in tokenizer(TEXT)["input_ids"]]
    assert b"".join(found) == TEXT.encode()
    assert vocabulary.spelled(tokenizer.eos_token_id) == ("<|im_end|>", b"<|im_end|>")
    assert vocabulary.spelled(10**6) == ("", b"")


def some(causal: Any, ids: list[int], memory: Memory, count: int = 8) -> list[int]:
    written = write_on(causal, ids, Choosing(), memory, Turns())
    found = [next(written).token for _ in range(count)]
    written.close()
    return found


def test_what_was_read_is_kept_cut_to_what_both_have_and_never_given_twice(folder: Path) -> None:
    causal = load_causal(folder)
    memory, ids = Memory(causal), list(range(5, 25))
    alone = {k: some(causal, [*ids[:k], 200, 201], Memory(causal)) for k in (3, 10, 20)}
    some(causal, ids, memory)
    for k in (20, 10, 3):
        taken = memory.take([*ids[:k], 200, 201])
        assert taken.ids == ids[:k] and taken.cache.get_seq_length() == k
        assert memory.take(ids).ids == [], "it is in use"
        memory.keep(taken)
        assert some(causal, [*ids[:k], 200, 201], memory) == alone[k]
        memory._kept.clear()
        some(causal, ids, memory)


def test_a_reading_that_failed_is_not_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    causal = load_causal(folder)
    memory = Memory(causal)
    written = write_on(causal, [5, 6, 7], Choosing(), memory, Turns())
    next(written)

    def broken(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(causal.model.layers[1], "forward", broken)  # the first layer has read it already
    with pytest.raises(KeyboardInterrupt):
        next(written)
    assert memory.num_bytes == 0


def test_memory_is_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    causal = load_causal(folder)
    memory = Memory(causal)
    some(causal, [1, 2, 3, 4], memory)
    monkeypatch.setattr("sintonia.models.language.streaming.tokens.MOST_KEPT_BYTES", memory.num_bytes * 2)
    for first in range(10, 20):
        some(causal, [first, 2, 3, 4], memory)
    assert len(memory._kept) == 2 and memory._kept[-1].ids[0] == 19


def test_drawn_tokens_come_as_often_as_they_are_likely(folder: Path) -> None:
    causal = load_causal(folder)
    with torch.no_grad():
        expected = (causal(torch.tensor([[5, 6]])).logits[0, -1].double() / 0.7).softmax(0)
    memory, counts = Memory(causal), torch.zeros(len(expected))
    for seed in range(400):
        counts[next(write_on(causal, [5, 6], Choosing(temperature=0.7, seed=seed), memory, Turns())).token] += 1
    likeliest = int(expected.argmax())
    share, spread = float(counts[likeliest] / 400), float((expected[likeliest] / 400) ** 0.5)
    assert abs(share - float(expected[likeliest])) < 4 * spread


def test_turns_are_taken_in_order_and_passed_on_after_an_error() -> None:
    turns, order, begun = Turns(), list[int](), threading.Event()

    def wait(number: int) -> None:
        with turns.one():
            order.append(number)

    with pytest.raises(ValueError, match="x"), turns.one():
        raise ValueError("x")
    threads = []
    with turns.one():
        for number in range(5):
            threads.append(threading.Thread(target=wait, args=(number,)))
            threads[-1].start()
            while turns._next != number + 3:  # it has asked for its turn
                time.sleep(0.001)
        begun.set()
    for thread in threads:
        thread.join(timeout=10)
    assert order == list(range(5))
