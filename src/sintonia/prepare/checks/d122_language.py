"""D122: texts in another language.

What: the language of at most 5,000 texts of 20 characters or more (answers, in chat and prefer), drawn evenly, by
py3langid among some sixty languages; its model is arrays, never a pickle. One short text proves little, so evidence
over the whole comes first: a language counts only when several texts, and 0.5 % of them, show it with a probability of
.8; then each text is judged between the languages that count. Said when a language beside the main one has over 2 %
of the texts, or when the main one is not `data.language`.
Why it matters: rows of another language are learned apart; when they are few, the model answers them badly, and a
class that holds most of them is told by its language. A base that was taught one language hardly knows the others.
What to do: remove or translate the rows; or, where both are meant, see that every class has texts of both.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import Any

import numpy as np

from sintonia.prepare.audit import Audit, percent
from sintonia.prepare.rows import Labelled
from sintonia.records import Finding

CODE = "D122"
LEAST_CHARACTERS = 20
_MOST_TEXTS = 5_000
_MOST_CHARACTERS = 400
_LEAST_TEXTS = 20
_MINORITY = 0.02
_BOTH_MEANT = 0.2
_SURE = 0.8
_LEAST_SURE_TEXTS, _LEAST_SURE_FRACTION = 3, 0.005
_BETWEEN, _AGAINST_ALL = 0.7, 0.9
"""Probability among the languages that count: when none is likelier at all, and when another one is."""
_NO_LANGUAGE = "zxx"
_LANGUAGES = (
    "af am ar az be bg bn ca cs cy da de el en es et eu fa fi fr ga gl gu he hi hr hu hy id is it ja ka kk km kn ko "
    "lt lv mk ml mn mr ms my ne nl no pa pl pt ro ru si sk sl sq sr sv sw ta te th tl tr uk ur uz vi zh"
)
_KIN = (
    {"no", "nb", "nn", "da"},
    {"id", "ms"},
    {"hr", "sr", "bs", "sl"},
    {"cs", "sk"},
    {"gl", "pt"},
    {"hi", "ne", "mr"},
)
"""Languages that a short text does not tell apart: neither counts beside the other."""
_NOT_WORDS = re.compile(r"https?://\S+|www\.\S+|\S*@\S+")


def check(audit: Audit) -> Finding | None:
    """A warning for a stray language or the wrong main one; a note where a fifth or more are of a second one."""
    positions, texts = _texts(audit)
    if len(texts) < _LEAST_TEXTS:
        return None
    main, found = languages_of(texts)
    if main == _NO_LANGUAGE:
        return None
    asked = _plain_code(audit.language)
    expected = asked if asked and not _is_kin(asked, main) else main
    other = np.array([name not in (expected, _NO_LANGUAGE) and not _is_kin(name, expected) for name in found])
    count = int(other.sum())
    if count <= _MINORITY * len(texts):
        return None
    shares = Counter(name for name, is_other in zip(found, other, strict=True) if is_other)
    listed = ", ".join(f"`{name}` {percent(n, len(texts))}" for name, n in shares.most_common(5))
    is_both_meant = expected == main and count >= _BOTH_MEANT * len(texts)
    rows = f"of {len(texts):,} texts of {LEAST_CHARACTERS} characters or more that were looked at"
    first = f"`data.language` is `{asked}`, but" if expected != main else f"the language is `{main}`, but"
    return Finding(
        code=CODE,
        severity="note" if is_both_meant else "warning",
        count=count,
        message=f"{first} {count:,} {rows} ({percent(count, len(texts))}) are in another one: {listed}",
        hint=(
            "if both are meant, see that every class has texts of both"
            if is_both_meant
            else "look at the listed rows; remove or translate them, or say the right `data.language`"
        ),
        places=audit.places(positions[other]),
    )


def languages_of(texts: list[str]) -> tuple[str, list[str]]:
    """The main language of some texts, and the language of each: the main one wherever nothing speaks against it."""
    identifier = _identifier()
    names = identifier.nb_classes
    chances = np.array([_chances(identifier, text) for text in texts])
    likeliest, highest = chances.argmax(axis=1), chances.max(axis=1)
    main = int(np.bincount(likeliest, weights=highest).argmax())
    sure = Counter(likeliest[highest >= _SURE].tolist())
    least = max(_LEAST_SURE_TEXTS, _LEAST_SURE_FRACTION * len(texts))
    others = [one for one, n in sorted(sure.items()) if n >= least and not _is_kin(names[one], names[main])]
    found = np.full(len(texts), main)
    if others:
        among = chances[:, [main, *others]]
        among = among / among.sum(axis=1, keepdims=True)
        best = among[:, 1:].argmax(axis=1)
        chance, other = among[np.arange(len(among)), best + 1], np.array(others)[best]
        is_other = (chance >= _BETWEEN) & ((other == likeliest) | (chance >= _AGAINST_ALL))
        found[is_other] = other[is_other]
    return names[main], [names[one] for one in found]


def language_of_each(texts: list[str]) -> list[str]:
    """The language of each text, as results are sliced by it; empty where nothing is in a language."""
    if not texts:
        return []
    plain = [_NOT_WORDS.sub(" ", text[: 2 * _MOST_CHARACTERS]).strip()[:_MOST_CHARACTERS] for text in texts]
    return ["" if name == _NO_LANGUAGE else name for name in languages_of(plain)[1]]


def _texts(audit: Audit) -> tuple[np.ndarray, list[str]]:
    """Positions and texts of those drawn rows that are long enough to tell."""
    is_answered_in_words = audit.task in ("chat", "prefer")
    positions, texts = [], []
    for position in audit.rows.draw(_MOST_TEXTS):
        text = _telling(audit.rows.row(int(position)), is_answered_in_words)
        if len(text) >= LEAST_CHARACTERS:
            positions.append(int(position))
            texts.append(text)
    return np.array(positions, dtype=np.int64), texts


def _telling(row: Labelled, is_answered_in_words: bool) -> str:
    """The answer where it is prose, else the text; without addresses and names of users."""
    words = row.answer if is_answered_in_words and len(row.answer) >= LEAST_CHARACTERS else row.text
    return _NOT_WORDS.sub(" ", words[: 2 * _MOST_CHARACTERS]).strip()[:_MOST_CHARACTERS]


def _chances(identifier: Any, text: str) -> np.ndarray:
    chances = dict(identifier.rank(text))
    return np.array([chances[name] for name in identifier.nb_classes])


def _is_kin(name: str, other: str) -> bool:
    return name == other or any(name in family and other in family for family in _KIN)


def _plain_code(language: str | None) -> str:
    """`it` of `it`, `IT` and `it-CH`; empty for a language that is not told apart here."""
    code = (language or "").lower().replace("_", "-").split("-")[0]
    return code if any(_is_kin(code, name) for name in _LANGUAGES.split()) else ""


@cache
def _identifier() -> Any:
    """py3langid with its own model (npz, read with `allow_pickle=False`), restricted to common languages."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages([*_LANGUAGES.split(), _NO_LANGUAGE])
    return identifier
