"""Near-duplicates against an exact oracle, on awkward texts, and on data made to break the bound on work."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache
from itertools import combinations, pairwise

import numpy as np
import pytest

from sintonia.prepare.near import LENGTHS, NearPairs, near_pairs
from sintonia.prepare.near.letters import fold

_LETTERS = random.Random(0)
WORDS = tuple("".join(_LETTERS.choices("abcdefghilmnoprstuvz", k=_LETTERS.randint(2, 9))) for _ in range(800))


def words_of(text: str) -> list[str]:
    """The oracle's own way to words, character by character."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    spaced = (" " if one.isspace() else one for one in folded)
    return "".join(one for one in spaced if one == " " or unicodedata.category(one)[0] not in "PC").split()


def shingles_of(words: list[str], fewest: int) -> set[object]:
    if fewest < 50:
        line = f" {' '.join(words)} "
        return {line[i : i + 4] for i in range(max(len(line) - 3, 1))}
    length = 3 if fewest <= 300 else 5
    return {tuple(words[i : i + length]) for i in range(len(words) - length + 1)}


def oracle(texts: list[str]) -> dict[tuple[int, int], float]:
    """Every pair of texts that is near, by the definition."""
    near = {}
    words = [words_of(text) for text in texts]
    known = cache(lambda place, of_letters, long: shingles_of(words[place], 1 if of_letters else 301 if long else 50))
    for one, other in combinations([i for i, found in enumerate(words) if found], 2):
        fewest = min(len(words[one]), len(words[other]))
        threshold = next(length.threshold for length in LENGTHS if fewest <= length.max_words)
        left, right = (known(place, fewest < 50, fewest > 300) for place in (one, other))
        similarity = len(left & right) / len(left | right)
        if similarity >= threshold:
            near[one, other] = similarity
    return near


def as_dict(pairs: NearPairs) -> dict[tuple[int, int], float]:
    return {
        (one, other): similarity
        for one, other, similarity in zip(
            pairs.first.tolist(), pairs.second.tolist(), pairs.similarity.tolist(), strict=True
        )
    }


def family(rng: random.Random, num_words: int, num_members: int) -> Iterator[str]:
    """A text, and others with ever more of its words replaced: similarities from near 1 down to far."""
    text = [rng.choice(WORDS) for _ in range(num_words)]
    yield " ".join(text)
    for _ in range(num_members - 1):
        for _ in range(max(1, num_words // 25)):
            text[rng.randrange(num_words)] = rng.choice(WORDS)
        yield " ".join(text)


@pytest.mark.parametrize("num_words", [(4, 14), (44, 56), (120, 160), (294, 306)], ids=str)
def test_pairs_are_those_of_the_definition(num_words: tuple[int, int]) -> None:
    rng = random.Random(3)
    texts = [text for _ in range(25) for text in family(rng, rng.randint(*num_words), 9)]
    rng.shuffle(texts)
    texts = list(dict.fromkeys(texts))
    truth, found = oracle(texts), as_dict(near_pairs(texts))
    assert set(found) <= set(truth)
    assert all(found[pair] == pytest.approx(truth[pair], abs=1e-6) for pair in found)
    assert len(truth) > 100
    assert len(found) >= 0.99 * len(truth)


def test_misses_are_rare_at_the_threshold_itself() -> None:
    rng = random.Random(5)
    texts = list(dict.fromkeys(text for _ in range(90) for text in family(rng, 14, 9)))
    truth, found = oracle(texts), as_dict(near_pairs(texts))
    edge = [pair for pair, similarity in truth.items() if similarity < 0.62]
    assert len(edge) > 200
    assert sum(pair in found for pair in edge) >= 0.98 * len(edge), ".995 is what the bands are made for"


def test_few_kinds_of_shingles_are_no_excuse() -> None:
    """Most pairs of these texts are near: buckets are crowded, yet small enough to compare all."""
    rng = random.Random(6)
    texts = [" ".join(rng.choices(["turn", "on", "the", "light", "lamp", "now"], k=30)) for _ in range(250)]
    distinct = list({frozenset(shingles_of(words_of(text), 1)): text for text in texts}.values())
    truth, found = oracle(distinct), as_dict(near_pairs(distinct))
    assert len(truth) > 0.1 * len(distinct) ** 2 / 2
    assert len(found) >= 0.99 * len(truth)


def test_a_pair_is_compared_as_its_shorter_text_is() -> None:
    rng = random.Random(1)
    for border in (49, 300):
        text = [rng.choice(WORDS) for _ in range(border)]
        longer = [*text, "and", "thanks", "again"]
        assert as_dict(near_pairs([" ".join(text), " ".join(longer)])).keys() == {(0, 1)}


def test_content_alone_decides_not_order_nor_luck() -> None:
    rng = random.Random(8)
    texts = list(dict.fromkeys(text for _ in range(100) for text in family(rng, 9, 6)))
    places = list(range(len(texts)))
    rng.shuffle(places)
    straight = as_dict(near_pairs(texts))
    assert as_dict(near_pairs(iter(texts))) == straight
    shuffled = as_dict(near_pairs([texts[place] for place in places]))
    assert {tuple(sorted((places[one], places[other]))) for one, other in shuffled} == set(straight)


def test_pairs_are_ordered_once_each_and_typed() -> None:
    pairs = near_pairs(["turn on the light", "turn on the lights", "Turn on the light!", "what is my balance"])
    assert as_dict(pairs).keys() == {(0, 1), (0, 2)}, "a copy is tied to the first of its kind alone"
    assert (pairs.first.dtype, pairs.second.dtype, pairs.similarity.dtype) == (np.int64, np.int64, np.float32)
    assert as_dict(pairs.at_least(0.99)).keys() == {(0, 2)}


SAME = {
    "case and punctuation": ("Don't panic!", "dont PANIC"),
    "spaces of all kinds": ("turn \t on\nthe light", "  turn on\u00a0the\u2003light "),
    "composed or not": ("perché è così", unicodedata.normalize("NFD", "perché è così")),
    "full width": ("ＡＢＣ card", "abc card"),
    "emoji with modifiers": ("party 🎉👍🏽 now", "party 🎉👍🏽 NOW"),
    "joined emoji": ("family 👨‍👩‍👧 photo", "Family 👨‍👩‍👧 photo."),
    "Chinese": ("打开厨房的灯好吗", "打开厨房的灯，好吗？"),
    "Japanese": ("電気をつけてください", "電気をつけてください。"),
    "Arabic": ("افتح الضوء في المطبخ", "افتح الضوء في المطبخ؟"),
    "Hebrew": ("הדלק את האור", "הדלק את האור!"),
    "one letter": ("a", "A."),
    "NUL inside": ("turn\0on", "turn on"),
    "half a pair of surrogates": ("bad \ud83d text here", "BAD \ud83d text here"),
}


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME.keys())
def test_the_same_but_for_form(one: str, other: str) -> None:
    assert as_dict(near_pairs([one, "quite another thing", other])) == {(0, 2): 1.0}


NEAR = {
    "Chinese": ("请帮我打开厨房里的那盏大灯好吗谢谢你了", "请帮我打开厨房里的那盏小灯好吗谢谢你了"),
    "Arabic": ("من فضلك افتح الضوء في المطبخ الكبير", "من فضلك افتح الضوء في المطبخ الكبيرة"),
    "Hindi": ("कृपया रसोई की बत्ती जला दीजिए धन्यवाद", "कृपया रसोई की बत्ती जला दीजिये धन्यवाद"),
}


@pytest.mark.parametrize(("one", "other"), NEAR.values(), ids=NEAR.keys())
def test_near_in_other_alphabets(one: str, other: str) -> None:
    found = as_dict(near_pairs([one, other, "something in English about a card"]))
    assert found.keys() == {(0, 1)}
    assert found[0, 1] < 1


@pytest.mark.parametrize(
    "texts",
    [[], [""], ["hello there"], ["", "", ""], ["?!", "?!", "..."], ["a", "b", "c"], ["ab", "ac"], ["🎉", "👍"]],
    ids=repr,
)
def test_nothing_is_near_nothing(texts: list[str]) -> None:
    assert as_dict(near_pairs(texts)) == {}


def test_positions_count_empty_texts_too() -> None:
    assert as_dict(near_pairs(["", "my card is lost", "?", "", "My card is lost."])) == {(1, 4): 1.0}


def test_texts_of_a_megabyte() -> None:
    rng = random.Random(2)
    words = [rng.choice(WORDS) for _ in range(160_000)]
    other = [rng.choice(WORDS) for _ in range(160_000)]
    changed = [*words[:80_000], "changed", *words[80_001:]]
    solid = "".join(words)
    texts = [" ".join(words), " ".join(other), " ".join(changed), solid, solid[:-1] + "#", "x" * 1_000_000]
    assert len(texts[0]) > 1_000_000
    assert as_dict(near_pairs(texts)).keys() == {(0, 2), (3, 4)}


def identical(_: int) -> str:
    return "my card has not arrived yet"


def nearly_identical(number: int) -> str:
    return f"my card has not arrived yet, what should I do about it now, order {number}"


def templated(number: int) -> str:
    rng = random.Random(number)
    room = rng.choice(["kitchen", "bedroom", "garage", "garden", "hall"])
    return f"turn {rng.choice(['on', 'off'])} the {rng.choice(['light', 'lamp', 'fan'])} in the {room} {number}"


@pytest.mark.timeout(60)
@pytest.mark.parametrize("write", [identical, nearly_identical, templated])
def test_crowds_cost_no_more_than_linear_work(write: Callable[[int], str]) -> None:
    """All pairs would be 200 million; what is compared is bounded, and each row still meets rows like it."""
    num_texts = 20_000
    pairs = near_pairs(write(number) for number in range(num_texts))
    assert len(pairs.first) <= 4_000_000 + num_texts
    is_met = np.zeros(num_texts, dtype=bool)
    is_met[pairs.first] = is_met[pairs.second] = True
    assert is_met.mean() > 0.99


def test_folding_whole_blocks_keeps_texts_apart() -> None:
    letters = fold(["  Hello,  World ", "", "...", "a\tb", "\u0301x"])
    edges = letters.starts.tolist()
    texts = ["".join(map(chr, letters.codes[begin + 1 : end].tolist())) for begin, end in pairwise(edges)]
    assert texts == ["hello world", "", "", "a b", "\u0301x"]
    assert letters.num_words.tolist() == [2, 0, 0, 2, 1]
