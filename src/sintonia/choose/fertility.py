"""How many tokens a base spends on the words of some texts, and what that says of its knowledge of their language.

A tokenizer has whole words for the languages that it was made from and spells all others from pieces, so the pieces of
a word tell how well a base knows a language, before any of its weights are read. Counted are tokens that hold letters:
numbers, addresses and punctuation are spelled in every language. Languages differ in how long and how many their words
are, so what is compared is the tokens for the same content: in the language of the texts, and in that in which this
very base spends least, both by a few sentences that say the same in sixteen languages. No weights are read here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from sintonia.records import Fertility

MOST_TEXTS = 1_000
_MOST_CHARACTERS = 500
_LEAST_LETTERS = 80
"""Fewer tell nothing."""
POOR_RATIO, STRANGE_RATIO = 1.45, 2.0
"""So many times the tokens of its best language: from here on a base is said to know a language poorly, and hardly.

Counted were the tokens of three tokenizers (those of the two embedded bases, made from English, and one made from many
languages) on 17 public sets, 13 English and 4 Italian, and on texts in six languages. The first two took .75 to 1.22
times on English and 1.46 to 1.98 times on all else, the third 1.44 times at most. The line was drawn afterwards, on
these very texts, between 1.44 and 1.46: it parts them, by a margin that is thin, and it was tried on no others. How
well a base learns from such texts was not measured; nor was the upper line, which none of these texts reached.
"""
UNKNOWN_FRACTION = 0.02
"""From this share of unknown tokens on, texts lose what they say."""
_MOST_TOLD = 200
"""Texts whose language is asked: enough for the language of most."""
_LEAST_CHARACTERS = 20
_LIKELY = 0.5
_NO_LANGUAGE = "zxx"
_DENSE = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}"
_UNSPACED = ("zh", "ja", "ko", "th", "lo", "km", "my")
"""Languages that do not set words apart, or join to them what others set apart."""
NAMES = {
    "ar": "Arabic", "de": "German", "en": "English", "es": "Spanish", "fi": "Finnish", "fr": "French",
    "hi": "Hindi", "it": "Italian", "ja": "Japanese", "ko": "Korean", "nl": "Dutch", "pl": "Polish",
    "pt": "Portuguese", "ru": "Russian", "tr": "Turkish", "zh": "Chinese",
}  # fmt: skip
_SENTENCES = {
    "en": "The train was late, so we drank a coffee at the station and talked about the weather. "
    "My sister lives in a small house near the river with two children and an old dog.",
    "it": "Il treno era in ritardo, così abbiamo bevuto un caffè alla stazione e parlato del tempo. "
    "Mia sorella vive in una piccola casa vicino al fiume con due bambini e un vecchio cane.",
    "fr": "Le train était en retard, alors nous avons bu un café à la gare et parlé du temps. "
    "Ma sœur habite une petite maison près de la rivière avec deux enfants et un vieux chien.",
    "es": "El tren llegaba tarde, así que tomamos un café en la estación y hablamos del tiempo. "
    "Mi hermana vive en una casa pequeña cerca del río con dos niños y un perro viejo.",
    "de": "Der Zug hatte Verspätung, also tranken wir am Bahnhof einen Kaffee und sprachen über das Wetter. "
    "Meine Schwester wohnt in einem kleinen Haus am Fluss mit zwei Kindern und einem alten Hund.",
    "pt": "O trem estava atrasado, então tomamos um café na estação e falamos sobre o tempo. "
    "Minha irmã mora em uma casa pequena perto do rio com duas crianças e um cachorro velho.",
    "nl": "De trein had vertraging, dus dronken we een koffie op het station en praatten over het weer. "
    "Mijn zus woont in een klein huis bij de rivier met twee kinderen en een oude hond.",
    "pl": "Pociąg się spóźniał, więc wypiliśmy kawę na dworcu i rozmawialiśmy o pogodzie. "
    "Moja siostra mieszka w małym domu nad rzeką z dwójką dzieci i starym psem.",
    "ru": "Поезд опаздывал, поэтому мы выпили кофе на вокзале и поговорили о погоде. "
    "Моя сестра живёт в маленьком доме у реки с двумя детьми и старой собакой.",
    "tr": "Tren gecikti, bu yüzden istasyonda bir kahve içtik ve hava hakkında konuştuk. "
    "Kız kardeşim iki çocuğu ve yaşlı bir köpekle nehrin yanında küçük bir evde yaşıyor.",
    "fi": "Juna oli myöhässä, joten joimme kahvia asemalla ja puhuimme säästä. "
    "Siskoni asuu pienessä talossa joen lähellä kahden lapsen ja vanhan koiran kanssa.",
    "ar": "كان القطار متأخرا، فشربنا القهوة في المحطة وتحدثنا عن الطقس. "
    "تعيش أختي في بيت صغير قرب النهر مع طفلين وكلب عجوز.",
    "hi": "ट्रेन देर से आई, इसलिए हमने स्टेशन पर कॉफ़ी पी और मौसम के बारे में बात की। "
    "मेरी बहन नदी के पास एक छोटे घर में दो बच्चों और एक बूढ़े कुत्ते के साथ रहती है।",
    "zh": "火车晚点了，所以我们在车站喝了一杯咖啡，聊了聊天气。我的姐姐和两个孩子还有一只老狗住在河边的一座小房子里。",
    "ja": "電車が遅れたので、私たちは駅でコーヒーを飲みながら天気の話をした。姉は川の近くの小さな家に"
    "二人の子供と年老いた犬と住んでいる。",
    "ko": "기차가 늦어서 우리는 역에서 커피를 마시며 날씨 이야기를 했다. "
    "내 누나는 강가의 작은 집에서 두 아이와 늙은 개와 함께 산다.",
}
"""The same two sentences, written for this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a tokenizer spends on some texts."""

    num_tokens: int
    num_bytes: int
    num_unknown: int
    num_words: int
    num_letters: int
    """With a dense sign counted as its bytes."""
    num_letter_tokens: int
    """Tokens that hold a letter."""

    @property
    def per_letter(self) -> float:
        """Tokens a letter."""
        return self.num_letter_tokens / max(1, self.num_letters)

    @property
    def per_word(self) -> float:
        """Tokens a word, those without any letter apart."""
        return self.num_letter_tokens / max(1, self.num_words)


def measure_fertility(tokenizer: Any, texts: Sequence[str]) -> Fertility:
    """What the tokenizer of a base spends on at most 1,000 of these texts, drawn evenly, with a remark where it is bad.

    `tokenizer` is a fast tokenizer of transformers, or one of `tokenizers`.
    """
    chosen = [text[:_MOST_CHARACTERS] for text in _evenly(texts, MOST_TEXTS)]
    spent, language = spent_on(tokenizer, chosen), language_of(chosen)
    unknown = spent.num_unknown / max(1, spent.num_tokens)
    return Fertility(
        tokens_per_word=spent.per_word,
        tokens_per_byte=spent.num_tokens / max(1, spent.num_bytes),
        unknown_fraction=unknown,
        language=language,
        remark=_remark(tokenizer, spent, language, unknown),
    )


def spent_on(tokenizer: Any, texts: Sequence[str]) -> Spent:
    """Counts tokens, words and letters of these texts; no special tokens are added and nothing is cut."""
    import regex

    letters, dense = regex.compile(r"[\p{L}\p{M}]+"), regex.compile(rf"[{_DENSE}]")
    inner = getattr(tokenizer, "backend_tokenizer", tokenizer)
    inner.no_padding()
    inner.no_truncation()
    unknown = _unknown_id(tokenizer, inner)
    counts = np.zeros(6, dtype=np.int64)
    for text, encoding in zip(texts, inner.encode_batch(list(texts), add_special_tokens=False), strict=True):
        words = letters.findall(text)
        counts += (
            len(encoding.ids),
            len(text.encode("utf-8", "surrogatepass")),
            encoding.ids.count(unknown) if unknown is not None else 0,
            len(words),
            sum(map(len, words)) + sum(len(sign.encode()) - 1 for sign in dense.findall(text)),
            _num_touching(encoding.offsets, [match.span() for match in letters.finditer(text)], len(text)),
        )
    names = ("num_tokens", "num_bytes", "num_unknown", "num_words", "num_letters", "num_letter_tokens")
    return Spent(**dict(zip(names, counts.tolist(), strict=True)))


def _num_touching(offsets: Sequence[tuple[int, int]], spans: Sequence[tuple[int, int]], length: int) -> int:
    """How many of the pieces at `offsets` hold a character of one of the spans of a text."""
    if not offsets:
        return 0
    is_inside = np.zeros(length + 2, dtype=np.int64)
    for start, end in spans:
        is_inside[start + 1 : end + 1] = 1
    before = np.cumsum(is_inside)
    starts, ends = np.array(offsets, dtype=np.int64).T
    return int((before[np.maximum(ends, np.minimum(starts + 1, length))] > before[starts]).sum())


def times_best(tokenizer: Any, spent: Spent, language: str) -> tuple[float, str, Spent]:
    """How many times the tokens of its best language a tokenizer spends on the same content; and that language.

    What was `spent` on some texts is compared by what sentences of their `language` need in letters; for a language
    without kept sentences by letters alone.
    """
    kept = {code: spent_on(tokenizer, [text]) for code, text in _SENTENCES.items()}
    whole = {code: one for code, one in kept.items() if one.num_unknown <= UNKNOWN_FRACTION * one.num_tokens} or kept
    best = min(whole, key=lambda code: whole[code].num_letter_tokens)
    letters = kept[language if language in kept else best].num_letters
    return spent.per_letter * letters / max(1, kept[best].num_letter_tokens), best, kept[best]


def language_of(texts: Sequence[str]) -> str:
    """The language of most of these texts by py3langid, as two letters; empty where that cannot be told."""
    long = [text.strip() for text in texts if len(text.strip()) >= _LEAST_CHARACTERS]
    if not long:
        return ""
    chances: dict[str, float] = {}
    chosen = _evenly(long, _MOST_TOLD)
    for text in chosen:
        for name, chance in _identifier().rank(text):
            chances[name] = chances.get(name, 0.0) + float(chance)
    likeliest = max(chances, key=lambda name: chances[name])
    return likeliest if likeliest != _NO_LANGUAGE and chances[likeliest] >= _LIKELY * len(chosen) else ""


def _remark(tokenizer: Any, spent: Spent, language: str, unknown: float) -> str:
    texts = f"{_name(language)} texts" if language else "texts"
    if unknown >= UNKNOWN_FRACTION:
        return f"{100 * unknown:.0f} % of the tokens of these {texts} are unknown to this base: what they say is lost"
    if spent.num_letters < _LEAST_LETTERS or not language:
        return ""
    times, best, least = times_best(tokenizer, spent, language)
    if times < POOR_RATIO:
        return ""
    cost = f"{spent.per_word:.1f} tokens a word on these {texts} ({least.per_word:.1f} on {_name(best)})"
    if language in _UNSPACED or best in _UNSPACED:
        cost = f"{times:.1f} times the tokens on these {texts} that the same takes in {_name(best)}"
    how = "hardly knows the language" if times >= STRANGE_RATIO else "knows the language poorly"
    return f"this base spends {cost}: it {how}"


def _name(language: str) -> str:
    return NAMES.get(language, f"`{language}`")


def _evenly(texts: Sequence[str], most: int) -> list[str]:
    if len(texts) <= most:
        return list(texts)
    return [texts[k * len(texts) // most] for k in range(most)]


def _unknown_id(tokenizer: Any, inner: Any) -> int | None:
    """The token for what is not known; None for a tokenizer that spells everything (its model has none)."""
    name = getattr(inner.model, "unk_token", None) or getattr(tokenizer, "unk_token", None)
    return inner.token_to_id(name) if isinstance(name, str) else None


@cache
def _identifier() -> Any:
    """py3langid with its own model (npz, read with `allow_pickle=False`)."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
