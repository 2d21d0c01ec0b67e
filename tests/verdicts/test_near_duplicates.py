"""E11 of science.md 9: planted near-copies of short texts are found, English and Italian, and strangers are not.

The marks: case and punctuation 1.00; one typo, a dropped word, an added greeting .95; three typos .6; below 2 % of
the rows of independent texts flagged. A pair counts as found only if the very original and its copy are tied.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest

from sintonia.prepare.near import near_pairs, nearest_elsewhere

NUM_ORIGINALS = 1_500

BANK = (
    [
        "I think",
        "Hello there,",
        "Yesterday",
        "For two days",
        "Since last week",
        "Please tell me why",
        "As far as I see",
    ],
    [
        "my card",
        "the transfer",
        "a cash withdrawal",
        "my virtual card",
        "the exchange rate",
        "a direct debit",
        "my refund",
    ],
    ["was declined", "has not arrived", "shows up twice", "is still pending", "was charged wrong", "went missing"],
    [
        "at the supermarket",
        "while travelling in Poland",
        "in the app",
        "on my statement",
        "after I topped up",
        "abroad",
    ],
    ["what should I do", "can you help", "is there a fee", "how long will it take", "who do I contact about it"],
)
HOME = (
    ["turn on", "switch off", "dim", "brighten", "check", "unlock", "lower", "start", "stop", "pause", "set", "open"],
    [
        "the lamp",
        "the ceiling fan",
        "the blinds",
        "the front door",
        "the vacuum",
        "the heating",
        "the radio",
        "the oven",
    ],
    ["in the kitchen", "upstairs", "in the guest room", "by the window", "on the porch", "in the hallway", "outside"],
    ["at sunset", "in ten minutes", "before dinner", "when I leave", "until midnight", "every morning", "right now"],
    ["to half", "quietly", "for the children", "as usual", "unless it rains", "and lock up", "for one hour"],
)
ITALIAN = (
    ["Buongiorno,", "Da ieri", "Per favore ditemi perché", "Secondo me", "Da una settimana", "Mi sembra che", "Oggi"],
    [
        "la mia carta",
        "il bonifico",
        "un prelievo",
        "il pagamento online",
        "il rimborso",
        "l'abbonamento",
        "la ricarica",
    ],
    ["non è arrivato", "è stato rifiutato", "risulta in attesa", "compare due volte", "non funziona più", "è sparito"],
    ["al supermercato", "durante il viaggio all'estero", "nell'applicazione", "sull'estratto conto", "in farmacia"],
    ["che cosa devo fare", "potete aiutarmi", "quanto ci vorrà", "c'è una commissione", "a chi mi rivolgo"],
)
GREETINGS = {
    "en": ("Hi, {} Thanks!", "Hello! {} thank you", "hey {} thanks"),
    "it": ("Ciao, {} Grazie!", "Salve {} grazie"),
}
Change = Callable[[str, random.Random], str]


def written(grammar: tuple[list[str], ...], seed: int) -> list[str]:
    """Distinct texts of 5 to 21 words."""
    rng = random.Random(seed)
    everything = [" ".join(parts) for parts in product(*grammar)]
    return [text + rng.choice(["", "?", ".", "..."]) for text in rng.sample(everything, NUM_ORIGINALS)]


def other_form(text: str, rng: random.Random) -> str:
    text = rng.choice([text.upper(), text.title(), text.lower()])
    text = text.translate(str.maketrans("", "", string.punctuation)) if rng.random() < 0.5 else text + " !!"
    return f" {text.replace(' ', '  ')} "


def typo(text: str, rng: random.Random) -> str:
    """A letter replaced, lost, followed by one too many, or swapped with the next."""
    place = rng.choice([i for i, one in enumerate(text) if one.isalpha()])
    letter = rng.choice([one for one in string.ascii_lowercase if one != text[place].lower()])
    rest = text[place + 1 :]
    return text[:place] + rng.choice(
        [letter + rest, rest, text[place] + letter + rest, rest[:1] + text[place] + rest[1:]]
    )


def three_typos(text: str, rng: random.Random) -> str:
    return typo(typo(typo(text, rng), rng), rng)


def dropped_word(text: str, rng: random.Random) -> str:
    words = text.split()
    del words[rng.randrange(len(words))]
    return " ".join(words)


def greeted(language: str) -> Change:
    return lambda text, rng: rng.choice(GREETINGS[language]).format(text)


def found_fraction(originals: list[str], change: Change) -> float:
    rng = random.Random(11)
    pairs = near_pairs(originals + [change(text, rng) for text in originals])
    is_planted = pairs.second - pairs.first == len(originals)
    return float(is_planted.sum() / len(originals))


CHANGES: dict[str, tuple[Callable[[str], Change], float]] = {
    "case, punctuation, spaces": (lambda _: other_form, 1.0),
    "one typo": (lambda _: typo, 0.95),
    "three typos": (lambda _: three_typos, 0.6),
    "a word dropped": (lambda _: dropped_word, 0.95),
    "greeting and thanks": (greeted, 0.95),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    ("language", "grammar"),
    [("en", BANK), ("en", HOME), ("en", HOME[:4]), ("it", ITALIAN)],
    ids=["bank", "home", "home, short", "it"],
)
def test_planted_near_copies_are_found(language: str, grammar: tuple[list[str], ...], change: str) -> None:
    make, mark = CHANGES[change]
    assert found_fraction(written(grammar, seed=1), make(language)) >= mark


def flagged_fraction(one: list[str], other: list[str]) -> float:
    """The rows of two sets that have a near one in the other."""
    found = nearest_elsewhere(near_pairs(one + other), np.repeat([0, 1], [len(one), len(other)]))
    return float((found.partner >= 0).mean())


@pytest.mark.parametrize(("one", "other"), [(BANK, HOME), (BANK, ITALIAN), (HOME, ITALIAN)], ids=["1", "2", "3"])
def test_strangers_are_not_flagged(one: tuple[list[str], ...], other: tuple[list[str], ...]) -> None:
    assert flagged_fraction(written(one, seed=1), written(other, seed=2)) < 0.02


def test_same_words_in_other_texts_are_not_flagged() -> None:
    """Harder strangers: two corpora over one vocabulary, as two people would write about one subject."""
    words = sorted({word.lower() for part in (*BANK, *HOME) for phrase in part for word in phrase.split()})
    rng = random.Random(2)
    one, other = ([" ".join(rng.sample(words, rng.randint(6, 16))) for _ in range(NUM_ORIGINALS)] for _ in range(2))
    assert flagged_fraction(one, other) < 0.02
    leaked = [*other[:-150], *(typo(text, rng) for text in one[:150])]
    assert flagged_fraction(one, leaked) >= 0.95 * 300 / (2 * NUM_ORIGINALS), "and with a leak planted, they are"
