"""D115: the answer stands in the text, or in another column.

What: three signs, each on at most 20,000 rows drawn evenly (science.md 3.3, point 5). The name of a row's own class
stands in its text, hardly ever that of another class, and this in a systematic way: in nearly all rows of the class,
in most classes, or at one place that classes share (first, last, after the same word). One word stands in nearly
every text of a class (98 %) and hardly ever elsewhere. A word that is no word (`src_a`, `k17`) gives the class away
in 5 % of the rows. A keyword is not a leak: `refund` stands in many of the texts about refunds, each in its own way.
`leaking_columns` looks at the other columns: one that says the target is no input, but shows how the file was made.
Why it matters: the model learns to read the answer off, the test flatters it, and in use, where the answer is not
there, it fails.
What to do: take the words out of the texts, or say which column is really the input.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from sintonia.prepare.audit import Audit, named, percent, rows_in_words
from sintonia.prepare.table import Table, shown
from sintonia.records import Finding
from sintonia.statistics.prediction import share_predicted

CODE = "D115"
PRECISION = 0.98
SUPPORT_FRACTION = 0.05
_MOST_ROWS = 20_000
_MIN_ROWS = 20
_NEARLY_ALL = 0.95
_NEARLY_EVERY = 0.98
_MOST_CLASSES = 0.8
_NOTABLE = 0.2
_SAME_PLACE = 0.95
_MOST_CHARACTERS = 4_000
_MOST_SPANS = 5
_WORD = re.compile(r"\w+")
_NO_WORD = re.compile(r"(?=.*\d)(?=.*[^\W\d_]).*|.*_.*")


@dataclass(slots=True)
class _NameUse:
    """How the name of one class is used in the texts."""

    own: int = 0
    """Texts of the class that hold it."""
    elsewhere: int = 0
    """Texts of other classes that hold it."""
    places: Counter[str] = field(default_factory=Counter)
    """Where it stands in the texts of the class."""


def check(audit: Audit) -> Finding | None:
    """One finding for the clearest sign."""
    if audit.task != "classify" or len(audit.rows.classes) < 2:
        return None
    rows = audit.rows.draw(_MOST_ROWS)
    classes = audit.rows.classes
    codes = [int(code) for code in audit.rows.codes[rows]]
    words = [_words(audit.rows.text_at(int(row))) for row in rows]
    sizes = Counter(codes)
    names = _leaking_names(words, codes, sizes, classes)
    if names:
        told = [
            position for position, code in enumerate(codes) if code in names and _holds(words[position], names[code])
        ]
        message = f"texts name their own class: {named(classes[code] for code in names)}"
        hint = "take the class out of the texts; where it is not given, the model would fail"
    else:
        giving = _giving_words(words, codes, sizes)
        told = [position for position, held in enumerate(words) if not giving.keys().isdisjoint(held)]
        message = f"a word gives the class away: {audit.words(giving)}"
        hint = "if the word will not be there in use, take it out of the texts"
    if not told:
        return None
    looked = "" if len(rows) == len(audit.rows) else f" of the {len(rows):,} looked at"
    return Finding(
        code=CODE,
        severity="warning",
        count=len(told),
        message=f"{message} ({rows_in_words(len(told))}{looked}, {percent(len(told), len(rows))})",
        hint=hint,
        places=audit.places(int(rows[position]) for position in told),
    )


def _words(text: str) -> list[str]:
    return _WORD.findall(text[:_MOST_CHARACTERS].casefold())


def _pieces(name: str) -> tuple[str, ...]:
    """A class name as its words: `card_arrival` may be written `card arrival` or as it is."""
    return tuple(re.findall(r"[^\W_]+", name.casefold()))


def _holds(words: Sequence[str], name: tuple[str, ...]) -> bool:
    return next(_found_at(words, name), None) is not None


def _found_at(words: Sequence[str], name: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """Where a name begins and ends in a text, as one word with `_` or as several."""
    joined = "_".join(name)
    for begin, word in enumerate(words):
        if word == joined:
            yield begin, begin + 1
        elif word == name[0] and tuple(words[begin : begin + len(name)]) == name:
            yield begin, begin + len(name)


def _leaking_names(
    words: Sequence[Sequence[str]], codes: Sequence[int], sizes: Counter[int], classes: Sequence[str]
) -> dict[int, tuple[str, ...]]:
    """Classes whose name gives their rows away, with their names as words."""
    names = {code: pieces for code in sizes if (pieces := _pieces(classes[code]))}
    uses = _name_uses(words, codes, names)
    total, own = len(codes), sum(use.own for use in uses.values())
    clear = {code for code, use in uses.items() if use.own and use.own >= PRECISION * (use.own + use.elsewhere)}
    if own < max(_MIN_ROWS, SUPPORT_FRACTION * total):
        return {}
    notable = {code for code in clear if uses[code].own >= _NOTABLE * sizes[code]}
    if len(notable) >= max(2, _MOST_CLASSES * len(sizes)):
        return {code: names[code] for code in sorted(notable)}
    enough = {code for code in clear if uses[code].own >= max(_MIN_ROWS, SUPPORT_FRACTION * total / len(sizes))}
    shared = Counter(place for code in enough for place in _constant_places(uses[code]))
    found = {
        code
        for code in enough
        if uses[code].own >= _NEARLY_ALL * sizes[code]
        or any(shared[place] >= 2 for place in _constant_places(uses[code]))
    }
    return {code: names[code] for code in sorted(found)}


def _name_uses(
    words: Sequence[Sequence[str]], codes: Sequence[int], names: dict[int, tuple[str, ...]]
) -> dict[int, _NameUse]:
    """For each class, texts of its own and of others that hold its name, and the places of the name in its own."""
    by_word: dict[str, list[int]] = defaultdict(list)
    for code, name in names.items():
        for word in {name[0], "_".join(name)}:
            by_word[word].append(code)
    uses = {code: _NameUse() for code in names}
    for held, code in zip(words, codes, strict=True):
        candidates = {one for word in set(held) & by_word.keys() for one in by_word[word]}
        spans = [(span, other) for other in candidates for span in islice(_found_at(held, names[other]), _MOST_SPANS)]
        for other in {other for span, other in spans if not _is_within(span, spans)}:
            if other != code:
                uses[other].elsewhere += 1
        mine = [span for span, other in spans if other == code and not _is_within(span, spans)]
        if mine:
            uses[code].own += 1
            uses[code].places.update({place for span in mine for place in _places(held, span)})
    return uses


def _is_within(span: tuple[int, int], spans: Sequence[tuple[tuple[int, int], int]]) -> bool:
    """Whether a longer name covers it: `negative` in `very negative`."""
    return any(begin <= span[0] and span[1] <= end and end - begin > span[1] - span[0] for (begin, end), _ in spans)


def _places(words: Sequence[str], span: tuple[int, int]) -> Iterator[str]:
    """How one would say where a name stands; the first and last words of a text, or the word before."""
    begin, end = span
    if begin == 0:
        yield "first"
    if end == len(words):
        yield "last"
    if begin > 0:
        yield f"after {words[begin - 1]}"


def _constant_places(use: _NameUse) -> set[str]:
    """Where the name nearly always stands. One class may have a habit (`play music`); two do not share it."""
    return {place for place, count in use.places.items() if count >= _SAME_PLACE * use.own}


def _giving_words(words: Sequence[Sequence[str]], codes: Sequence[int], sizes: Counter[int]) -> dict[str, int]:
    """Words that give a class away and are no keywords, with the class."""
    in_texts: Counter[str] = Counter(word for held in words for word in set(held))
    least = max(_MIN_ROWS, SUPPORT_FRACTION * len(codes))
    frequent = {word for word, count in in_texts.items() if count >= least}
    by_class: dict[str, Counter[int]] = {word: Counter() for word in frequent}
    for held, code in zip(words, codes, strict=True):
        for word in set(held) & frequent:
            by_class[word][code] += 1
    found = {}
    for word in sorted(frequent):
        code, count = by_class[word].most_common(1)[0]
        base = sizes[code] / len(codes)
        is_precise = (count / in_texts[word] - base) / (1 - base) >= PRECISION if base < 1 else False
        if is_precise and (count >= _NEARLY_EVERY * sizes[code] or _NO_WORD.fullmatch(word)):
            found[word] = code
    return found


def leaking_columns(table: Table, target_column: str, input_columns: tuple[str, ...]) -> tuple[tuple[str, float], ...]:
    """Columns that say the target, with the share of targets they say right; the surest first.

    A column is judged by what its values, the letters they begin with, or its nearest number say about rows that were
    not looked at, and must close 95 % of the gap that the commonest target leaves.
    """
    targets = [str(row.values.get(target_column)) for row in table.rows]
    found = []
    for column in table.columns:
        if column == target_column or column in input_columns:
            continue
        values = [row.values.get(column) for row in table.rows]
        share = share_predicted(values, targets)
        if share is not None:
            found.append((column, share))
    return tuple(sorted(found, key=lambda one: (-one[1], one[0])))


def columns_in_words(columns: Sequence[tuple[str, float]], limit: int = 5) -> str:
    """Columns and what they say, for a message."""
    return ", ".join(f"`{shown(name)}` ({100 * share:.1f} %)" for name, share in columns[:limit])
