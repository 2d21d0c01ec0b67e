"""How examples become rows of several sequences, and what an encoder makes of such rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import processors
from torch import nn

from sintonia.errors import StorageError
from sintonia.models.forward import compute_features, compute_logits, of_length_one
from sintonia.models.pooled import PooledEncoder, load_encoder, load_tokenizer, save_encoder
from sintonia.models.tokens import (
    MARKS,
    MOST_WINDOWS,
    OTHER_TEXT,
    PLAIN,
    SECOND_TEXT,
    WINDOW,
    Reading,
    cut_rows,
    is_one_sequence,
    num_tokens,
    pad,
    tokenize,
)
from tests.tiny import FILLER

FIRST, LAST = 2, 3
"""The special tokens of the tiny base."""
WORDS = " ".join(FILLER)
"""20 tokens, all different."""
SHORT = ["rain and snow", "a song for the guitar today", "bread"]
WAYS = [
    Reading(one, two, bool(three))
    for one in ("head", "head_tail")
    for two in ("together", "compared")
    for three in (0, 1)
]
READINGS = [Reading(long_texts="windows"), Reading(long_texts="windows", pairs="compared"), *WAYS]


@pytest.fixture
def model(tiny_base: Path) -> PooledEncoder:
    found = load_encoder(tiny_base)
    torch.manual_seed(1)
    found.add_head(torch.randn(4, 32), torch.randn(4))
    return found


@pytest.fixture
def tokenizer(tiny_base: Path) -> Any:
    """With a mark between two texts, and a type of tokens for the second, as bases have them."""
    found = load_tokenizer(tiny_base)
    found.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", FIRST), ("[SEP]", LAST)],
    )
    return found


def ids_of(tokenizer: Any, words: str) -> list[int]:
    return list(tokenizer.backend_tokenizer.encode(words, add_special_tokens=False).ids)


@pytest.mark.parametrize("reading", READINGS, ids=str)
def test_short_texts_are_read_alike_bit_for_bit(model: PooledEncoder, tokenizer: Any, reading: Reading):
    plain, other = tokenize(tokenizer, SHORT, 8), tokenize(tokenizer, SHORT, 8, reading)
    assert plain == other and not other.long and not other.cut
    assert (compute_logits(model, plain.ids) == compute_logits(model, other.ids)).all()


def test_both_ends_are_the_first_quarter_and_the_last_three(tokenizer: Any):
    content = ids_of(tokenizer, WORDS)
    found = tokenize(tokenizer, [WORDS, "rain"], 10, Reading(long_texts="head_tail"))
    assert found.ids[0] == [FIRST, *content[:2], *content[-6:], LAST]
    assert (found.long, found.cut, found.num_truncated) == ([0], [0], 1)
    head = tokenize(tokenizer, [WORDS, "rain"], 10)
    assert head.ids[0] == [FIRST, *content[:8], LAST] and head.ids[1] == found.ids[1] and head.long == [0]


def test_windows_hold_the_whole_text_once_in_order_and_are_alike_long(tokenizer: Any):
    content = ids_of(tokenizer, WORDS)
    found = tokenize(tokenizer, [WORDS], 10, Reading(long_texts="windows"))
    first, second, third = (content[k:m] for k, m in ((0, 6), (6, 13), (13, 20)))
    assert found.ids == [[FIRST, *first, LAST, WINDOW, FIRST, *second, LAST, WINDOW, FIRST, *third, LAST]]
    assert found.long == [0] and not found.cut
    assert num_tokens(found.ids[0]) == 20 + 6 and not is_one_sequence(found.ids[0])


def test_what_comes_after_the_last_window_is_cut_and_counted(tokenizer: Any):
    found = tokenize(tokenizer, [WORDS], 4, Reading(long_texts="windows"))
    assert found.ids[0].count(WINDOW) == MOST_WINDOWS - 1 and found.cut == found.long == [0]
    assert [one for one in found.ids[0] if one > LAST] == ids_of(tokenizer, WORDS)[: 2 * MOST_WINDOWS]


def test_two_texts_stand_in_their_order(tokenizer: Any):
    pair = ("rain snow", "guitar")
    first, second = (ids_of(tokenizer, one) for one in pair)
    assert tokenize(tokenizer, [pair], 32).ids == [[FIRST, *first, LAST, *second, LAST]]
    typed = tokenize(tokenizer, [pair], 32, Reading(has_token_types=True)).ids
    assert typed == [[FIRST, *first, LAST, SECOND_TEXT, *second, LAST]]
    apart = tokenize(tokenizer, [pair], 32, Reading(pairs="compared")).ids
    assert apart == [[FIRST, *first, LAST, OTHER_TEXT, FIRST, *second, LAST]]


@pytest.mark.parametrize("long_side", [0, 1])
def test_of_two_texts_together_the_longer_one_is_cut_first(tokenizer: Any, long_side: int):
    pair = ("rain snow", WORDS)[:: 1 if long_side else -1]
    content, short = ids_of(tokenizer, WORDS), ids_of(tokenizer, "rain snow")
    (row,) = tokenize(tokenizer, [pair], 13, Reading(long_texts="head_tail")).ids
    kept = [*content[:2], *content[-6:]]
    assert row == [FIRST, *(short if long_side else kept), LAST, *(kept if long_side else short), LAST]
    both = tokenize(tokenizer, [(WORDS, WORDS)], 11, Reading(long_texts="head_tail")).ids[0]
    assert both == [FIRST, content[0], *content[-3:], LAST, content[0], *content[-3:], LAST]


def test_no_text_can_write_a_mark(tokenizer: Any):
    sly = ["[CLS] rain [SEP] snow [SEP]", "-1 -2 -3"]
    for reading in READINGS:
        for row in tokenize(tokenizer, sly, 32, reading).ids:
            assert not set(row) & set(MARKS)


def test_windows_are_averaged_and_two_texts_compared(model: PooledEncoder, tokenizer: Any):
    windows = tokenize(tokenizer, [WORDS, "rain", WORDS[:40]], 10, Reading(long_texts="windows"))
    found = compute_features(model, windows.ids)
    parts = "|".join(map(str, windows.ids[0])).split(f"|{WINDOW}|")
    with torch.inference_mode():
        each = [model._encoded(torch.tensor([[int(one) for one in part.split("|")]]), None)[0] for part in parts]
    wanted = nn.functional.normalize(torch.stack(each).mean(dim=0), dim=0).numpy()
    assert found[0] == pytest.approx(wanted, abs=1e-6)
    assert found[1] == pytest.approx(compute_features(model, tokenize(tokenizer, ["rain"], 10).ids)[0], abs=1e-6)
    pairs = [("rain", WORDS), ("snow and rain", "guitar")]
    rows = tokenize(tokenizer, pairs, 10, Reading(pairs="compared", long_texts="windows")).ids
    first, second = (
        compute_features(model, tokenize(tokenizer, some, 10, Reading(long_texts="windows")).ids)
        for some in zip(*pairs, strict=True)
    )
    parts_of_both = [first, second, np.abs(first - second), first * second * 32**0.5]
    assert compute_features(model, rows) == pytest.approx(np.concatenate(parts_of_both, axis=1), abs=1e-6)
    turned = tokenize(tokenizer, [(two, one) for one, two in pairs], 10, Reading(pairs="compared")).ids
    assert compute_features(model, turned)[1, :32] == pytest.approx(second[1], abs=1e-6)


def test_rows_with_one_text_and_with_two_are_not_mixed(model: PooledEncoder):
    with pytest.raises(ValueError, match="two texts to compare"):
        model.features(*pad([[FIRST, 9, LAST, OTHER_TEXT, FIRST, LAST], [FIRST, 9, LAST]]))


def test_the_second_text_has_its_own_type_of_tokens(model: PooledEncoder, tokenizer: Any):
    pairs = [("rain snow", "guitar"), ("rain", "the guitar and the song")]
    rows = tokenize(tokenizer, pairs, 32, Reading(has_token_types=True)).ids
    given = tokenizer(
        *map(list, zip(*pairs, strict=True)), padding=True, return_tensors="pt", return_token_type_ids=True
    )
    cut = cut_rows(*pad(rows))
    assert cut.types is not None and cut.mask is not None
    assert cut.ids.tolist() == given["input_ids"].tolist() and cut.mask.tolist() == given["attention_mask"].tolist()
    assert (cut.types * cut.mask).tolist() == given["token_type_ids"].tolist()
    theirs = model.transformer(**{name: given[name] for name in ("input_ids", "attention_mask", "token_type_ids")})
    wanted = nn.functional.normalize(model._pooled(theirs.last_hidden_state, given["attention_mask"]), dim=-1)
    assert model.features(*pad(rows)).detach().numpy() == pytest.approx(wanted.detach().numpy(), abs=1e-6)
    plain = model.features(*pad(tokenize(tokenizer, pairs, 32).ids))
    assert not torch.allclose(plain, wanted, atol=1e-3)


@pytest.mark.parametrize("reading", [PLAIN, *READINGS], ids=str)
def test_a_saved_model_reads_as_it_was_trained(tiny_base: Path, tokenizer: Any, tmp_path: Path, reading: Reading):
    model = load_encoder(tiny_base)
    model.reading = reading
    torch.manual_seed(2)
    model.add_head(torch.randn(3, model.width), torch.randn(3))
    save_encoder(model, tokenizer, tmp_path / "model", says={"task": "classify"}, max_tokens=10)
    again = load_encoder(tmp_path / "model")
    assert again.reading == reading and again.width == model.width
    is_compared = reading.pairs == "compared"
    texts: list[Any] = [("rain", WORDS), ("guitar", "song")] if is_compared else [WORDS, "rain"]
    rows = tokenize(load_tokenizer(tmp_path / "model"), texts, 10, again.reading).ids
    assert (compute_logits(again, rows) == compute_logits(model, rows)).all()
    chain = [one["path"] for one in json.loads((tmp_path / "model" / "modules.json").read_text())]
    assert ("3_Dense" in chain) is not is_compared and (tmp_path / "model" / "pair_head").exists() is is_compared


def test_what_a_model_says_of_its_reading_is_checked(tiny_base: Path, tokenizer: Any, tmp_path: Path):
    model = load_encoder(tiny_base)
    model.add_head(torch.randn(3, 32), torch.randn(3))
    save_encoder(model, tokenizer, tmp_path / "model", says={"task": "classify"}, max_tokens=10)
    for said in ({"pairs": "sideways"}, {"pairs": "compared"}):
        (tmp_path / "model" / "sintonia.json").write_text(json.dumps({"task": "classify", "reading": said}))
        if said["pairs"] == "compared":
            assert load_encoder(tmp_path / "model").head is None  # it stands where nothing compared would look
            continue
        with pytest.raises(StorageError, match="damaged Reading"):
            load_encoder(tmp_path / "model")


def test_rows_become_of_length_one_whatever_their_length() -> None:
    rows = np.array([[3.0, 4.0], [0.0, 0.0], [30.0, 40.0]])
    assert np.allclose(of_length_one(rows), [[0.6, 0.8], [0.0, 0.0], [0.6, 0.8]])
