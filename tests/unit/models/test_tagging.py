"""Words and sub-tokens: places of the text as it is, windows of long texts, and a head that others can load."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import AutoModelForTokenClassification, BertConfig, BertModel, PreTrainedTokenizerFast

from sintonia.models.open import open_candidate
from sintonia.models.tagging import TokenTagger, align, compute_word_logits, learned_words, masked, save_tagger
from sintonia.models.tagging.alignment import tokens_of_words
from sintonia.tasks.words import words_of
from tests.tiny import make_tiny_base

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789'.,北京大"


def _plain_tokenizer() -> Any:
    """Word pieces of one or two letters in lower case and without accents, as of an uncased BERT."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *LETTERS, *(f"##{one}" for one in LETTERS), "##ia", "##lia"]
    inner = Tokenizer(models.WordPiece({word: k for k, word in enumerate(words)}, unk_token="[UNK]"))
    inner.normalizer = normalizers.BertNormalizer(lowercase=True, strip_accents=True)
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="[UNK]", pad_token="[PAD]")


def _byte_tokenizer() -> Any:
    """Every byte a token, the space before a word counted to it."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(models.BPE({one: k for k, one in enumerate(letters)}, []))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=inner)


def _spoken_text(tokenizer: Any, text: str, max_tokens: int = 500) -> list[tuple[str, str]]:
    """Each word beside the first token that speaks for it."""
    found = align(tokenizer, [text], [words_of(text)], max_tokens, may_join=False)
    names = [tokenizer.convert_ids_to_tokens(ids) for ids in found.windows]
    return [
        (text[start:end], names[window][position] if window >= 0 else "-")
        for (start, end), (window, position, _) in zip(found.units[0], found.spoken[0].tolist(), strict=True)
    ]


def test_words_are_spoken_for_by_their_first_token_whatever_was_normalised() -> None:
    spoken = _spoken_text(_plain_tokenizer(), "L'Itàlia e\u0301 BELLÀ, 北京")
    latin = [("L", "l"), ("'", "'"), ("Itàlia", "i"), ("e\u0301", "e"), ("BELLÀ", "b"), (",", ",")]
    assert spoken == [*latin, ("北", "北"), ("京", "京")]


def test_a_word_is_all_of_its_tokens_and_none_of_another_word() -> None:
    tokenizer, text = _plain_tokenizer(), "ital' abc"
    found = align(tokenizer, [text], [words_of(text)], 50, may_join=True)
    names = tokenizer.convert_ids_to_tokens(found.windows[0])
    pieces = [names[first:behind] for _, first, behind in found.spoken[0].tolist()]
    assert pieces == [["i", "##t", "##a", "##l"], ["'"], ["a", "##b", "##c"]]
    assert tokens_of_words(found.spoken[0][:, 1:])[0].tolist() == list(range(1, len(names) - 1))


def test_of_a_word_that_goes_beyond_its_window_only_what_is_read_counts() -> None:
    text = "a " * 9 + "b" * 30
    found = align(_plain_tokenizer(), [text], [words_of(text)], 16, may_join=True)
    assert found.num_windowed == 1
    for window, first, behind in found.spoken[0].tolist():
        assert 1 <= first < behind <= len(found.windows[window]) - 1


def test_what_is_said_of_a_word_is_the_mean_of_its_tokens(saved: tuple[TokenTagger, Path]) -> None:
    model, folder = saved
    tokenizer = open_candidate(folder).tokenizer
    texts = ["please tell rain", "sun"]
    words = align(tokenizer, texts, [[(0, 11), (12, 16)], [(0, 3)]], 16, may_join=False)
    with torch.no_grad():
        rows = [model(torch.tensor([ids]), None)[0].numpy() for ids in words.windows]
    found = compute_word_logits(model, words)
    assert words.spoken[0][0].tolist() == [0, 1, 3]
    assert np.allclose(found[0][0], rows[0][1:3].mean(axis=0), atol=1e-5)
    assert np.allclose(found[0][1], rows[0][3], atol=1e-5)
    learned = words.learned_rows([np.array([0, 1]), np.array([2])], -100)
    padded = torch.zeros(2, len(rows[0]), 3)
    for k, row in enumerate(rows):
        padded[k, : len(row)] = torch.from_numpy(row)
    assert np.allclose(learned_words(padded, learned).numpy(), np.concatenate(found), atol=1e-5)


@pytest.mark.parametrize(
    "text", ["\U0001f468\u200d\U0001f469\u200d\U0001f467 si", "a \U0001f602\U0001f602 b", "è \u0e01\u0e34"]
)
@pytest.mark.parametrize("make", [_plain_tokenizer, _byte_tokenizer])
def test_pieces_are_places_of_the_text_in_order_without_overlap(text: str, make: Any) -> None:
    found = align(make(), [text], [None], 50, may_join=True)
    places = found.units[0]
    assert all(0 <= start < end <= len(text) for start, end in places)
    assert all(one[1] <= following[0] for one, following in pairwise(places))
    assert not any(text[start].isspace() or text[end - 1].isspace() for start, end in places)
    covered = {k for start, end in places for k in range(start, end)}
    assert {k for k, one in enumerate(text) if not one.isspace()} == covered
    assert found.num_silent == 0


def test_words_without_a_token_are_counted_and_not_learned() -> None:
    text = "a \u200b b"
    tokens = [(0, 1), (2, 3), (4, 5)]
    found = align(_plain_tokenizer(), [text], [tokens], 50, may_join=False)
    assert found.num_silent == 1 and found.spoken[0][1].tolist() == [-1, -1, -1]
    assert masked([np.array([1, 1, 1])], found, -100)[0].tolist() == [1, -100, 1]
    assert align(_plain_tokenizer(), ["a c b"], [tokens], 50, may_join=False).num_silent == 0


def test_emoji_that_the_tokenizer_takes_together_are_one_word() -> None:
    text = "\U0001f602\U0001f602 a"
    found = align(_plain_tokenizer(), [text], [words_of(text)], 50, may_join=True)
    assert found.units[0] == [(0, 2), (3, 4)] and found.num_silent == 0
    apart = align(_plain_tokenizer(), [text], [words_of(text)], 50, may_join=False)
    assert len(apart.units[0]) == 3 and apart.num_silent == 1


def test_a_long_text_is_read_in_windows_and_every_word_once() -> None:
    words = [LETTERS[k % 26] for k in range(100)]
    text = " ".join(words)
    found = align(_plain_tokenizer(), [text, "a b"], [words_of(text), words_of("a b")], 14, may_join=True)
    assert found.num_windowed == 1 and all(len(ids) <= 14 for ids in found.windows)
    assert [spoken for _, spoken in _spoken_text(_plain_tokenizer(), text, 14)] == words
    spoken = found.spoken[0]
    counts = np.bincount(spoken[:, 0])
    inner = [spoken[spoken[:, 0] == k, 1] for k in range(1, len(counts) - 1)]
    assert len(counts) > 5 and all(some.min() > 1 and some.max() < 12 for some in inner)
    whole = align(_plain_tokenizer(), [text], [words_of(text)], 102, may_join=True)
    assert whole.num_windowed == 0 and len(whole.windows) == 1


def test_some_texts_of_many_keep_their_words() -> None:
    texts = ["a b c", " ".join("abcdefghijklmnop"), "x y"]
    whole = align(_plain_tokenizer(), texts, [words_of(one) for one in texts], 8, may_join=True)
    some = whole.only([2, 1])
    alone = align(_plain_tokenizer(), [texts[2], texts[1]], [words_of(texts[2]), words_of(texts[1])], 8, may_join=True)
    assert some.windows == alone.windows and some.windows_of == alone.windows_of
    assert all((one == two).all() for one, two in zip(some.spoken, alone.spoken, strict=True))


def test_words_of_a_text_share_a_weight_of_one_over_all_windows() -> None:
    text = " ".join("abcdefghijklmnop")
    found = align(_plain_tokenizer(), [text], [words_of(text)], 8, may_join=True)
    goal = np.arange(16) % 3
    goal[3] = -100
    rows = found.learned_rows([goal], -100)
    assert sum(float(one.weights.sum()) for one in rows) == pytest.approx(1)
    assert sorted(np.concatenate([one.targets for one in rows]).tolist()) == sorted(goal[goal >= 0].tolist())


@pytest.fixture
def saved(tmp_path: Path) -> tuple[TokenTagger, Path]:
    base = make_tiny_base(tmp_path / "base")
    tokenizer = PreTrainedTokenizerFast.from_pretrained(base)
    model = TokenTagger(BertModel.from_pretrained(base), 32)
    torch.manual_seed(1)
    model.add_head(torch.randn(3, 32), torch.randn(3))
    fitted = {"scheme": "BIO", "units": "words", "labels": ["A"], "commonest": "A"}
    save_tagger(model.eval(), tokenizer, tmp_path / "model", fitted=fitted, max_tokens=16)
    return model, tmp_path / "model"


def test_the_saved_tagger_is_a_token_classifier_of_transformers(saved: tuple[TokenTagger, Path]) -> None:
    model, folder = saved
    whole = AutoModelForTokenClassification.from_pretrained(folder).eval()
    ids, mask = torch.tensor([[2, 7, 9, 3], [2, 8, 3, 0]]), torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]])
    with torch.no_grad():
        ours, theirs = model(ids, mask), whole(input_ids=ids, attention_mask=mask).logits
    assert torch.allclose(ours[mask.bool()], theirs[mask.bool()], atol=1e-6)
    assert whole.config.id2label == {0: "O", 1: "B-A", 2: "I-A"}


def test_a_saved_tagger_says_the_same_when_it_is_loaded(saved: tuple[TokenTagger, Path]) -> None:
    model, folder = saved
    candidate = open_candidate(folder)
    texts = ["please tell rain", "sun"]
    words = align(candidate.tokenizer, texts, [words_of(one) for one in texts], candidate.max_tokens, may_join=True)
    before, after = compute_word_logits(model, words), compute_word_logits(candidate.model, words)  # type: ignore[arg-type]
    assert [one.shape for one in after] == [(3, 3), (1, 3)]
    assert all(np.allclose(one, two, atol=1e-6) for one, two in zip(before, after, strict=True))
    alone = compute_word_logits(model, words.only([1]))
    assert np.allclose(alone[0], before[1], atol=1e-5)


def test_a_base_whose_class_for_tags_has_more_layers_keeps_its_head_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sintonia.models.tagging import head

    monkeypatch.setattr(head, "_HEADS", ())
    model = TokenTagger(
        BertModel(BertConfig(vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=1)), 8
    )
    model.add_head(torch.randn(3, 8), torch.randn(3))
    assert head.write_tagger(model, tmp_path, ("O", "B-A", "I-A")).startswith("encoder and")
    monkeypatch.undo()
    found = head.load_tagger(tmp_path).head
    assert found is not None and torch.equal(found.weight, model.head.weight)  # type: ignore[union-attr]
