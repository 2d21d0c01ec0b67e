"""The forms of texts with a number, and of texts that belong together (pairs, triplets).

They look at columns and at one row at a time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from sintonia.prepare.columns import Undecided, as_text, is_number, listed, shape_of, typed
from sintonia.prepare.forms.form import Form, Match, Parsed, Unusable
from sintonia.prepare.forms.looking import NAMED, decoded, kind_of, named, text_in
from sintonia.prepare.table import Row, Table, of_file, shown

FIRST = (
    "sentence1",
    "text1",
    "text_1",
    "sentence_1",
    "sentence_a",
    "text_a",
    "premise",
    "question1",
    "frase1",
    "testo1",
)
SECOND = (
    "sentence2",
    "text2",
    "text_2",
    "sentence_2",
    "sentence_b",
    "text_b",
    "hypothesis",
    "question2",
    "frase2",
    "testo2",
)
_NUMBER = (
    "score",
    "similarity",
    "similarity_score",
    "relatedness_score",
    "rating",
    "label",
    "target",
    "stars",
    "value",
    "price",
    "grade",
    "voto",
    "punteggio",
    "valore",
    "prezzo",
    "stelle",
)
_TEXT = (
    "text",
    "input",
    "sentence",
    "review",
    "comment",
    "body",
    "content",
    "testo",
    "frase",
    "recensione",
    "commento",
)


_FEW_NUMBERS, _PAIR = 0.75, 0.85
"""How sure a column of few numbers is one of scores: more beside two texts, which leave no other reading of them."""


def _number_column(table: Table, asked: Mapping[str, str]) -> tuple[str, float] | None:
    """The column of numbers and how sure it is: less where a few whole numbers could as well be classes."""
    if "target" in asked:
        found = [asked["target"]]
    else:
        taken = asked.values()
        found = [name for name in table.columns if name.strip().casefold() in _NUMBER and name not in taken]
    shapes = {name: shape_of(table, name) for name in found}
    numeric = {name: shape for name, shape in shapes.items() if shape.is_plain and shape.numeric_fraction > 0.9}
    if len(numeric) > 1:
        options = " or ".join(f"`--columns {typed({**asked, 'target': name})}`" for name in list(numeric)[:4])
        raise Undecided(
            f"{len(numeric)} columns may be the number: {of_file(list(numeric))}",
            where=f"{table.path}:1",
            expected="one column for `target`",
            hint=f"say which: {options}",
            confidence=0.7,
        )
    for name, shape in numeric.items():
        if shape.is_continuous:
            return name, NAMED
        is_class_name = name.strip().casefold() in ("label", "target") or shape.is_code
        return name, (0.5 if is_class_name else _FEW_NUMBERS)
    return None


def _recognise_number(table: Table, asked: Mapping[str, str]) -> Match | None:
    number = _number_column(table, asked)
    text = named(table, "input", _TEXT, asked) or _only_text(table) if number else None
    if not text or not number or text == number[0] or shape_of(table, text).numeric_fraction > 0.5:
        return None
    why = f"columns: `{shown(text)}` is the input, `{shown(number[0])}` holds numbers that measure something"
    return Match(form="text and number", confidence=number[1], columns={"input": text, "target": number[0]}, why=(why,))


def _only_text(table: Table) -> str | None:
    """The column of free text, when there is one only."""
    texts = [name for name in table.columns if shape_of(table, name).may_be_text]
    return texts[0] if len(texts) == 1 else None


def _recognise_pair(table: Table, asked: Mapping[str, str]) -> Match | None:
    first, second = named(table, "first", FIRST, asked), named(table, "second", SECOND, asked)
    number = _number_column(table, asked) if first and second else None
    if not first or not second or not number:
        return None
    why = f"columns: `{shown(first)}` and `{shown(second)}` are the pair, `{shown(number[0])}` its number"
    columns = {"first": first, "second": second, "target": number[0]}
    confidence = max(number[1], _PAIR) if number[1] >= _FEW_NUMBERS else number[1]
    return Match(form="pair and number", confidence=confidence, columns=columns, why=(why,))


_LARGEST = 1e15
"""From here on squares of numbers lose what tells them apart."""


def _number(values: Mapping[str, Any], column: str) -> float:
    text = as_text(values.get(column))
    if not text:
        raise Unusable(f"`{shown(column)}` {'is empty' if text == '' else f'holds {kind_of(values.get(column))}'}")
    if isinstance(values.get(column), bool) or not is_number(text):
        raise Unusable(f"`{shown(column)}` is not a number")
    number = float(text.replace(",", ".", 1))
    if not math.isfinite(number):
        raise Unusable(f"`{shown(column)}` is not a finite number")
    if abs(number) > _LARGEST:
        raise Unusable(f"`{shown(column)}` is a number above {_LARGEST:g}, which cannot be scaled with others")
    return number


def _parse_number(row: Row, columns: Mapping[str, str]) -> Parsed:
    text = text_in(row.values, columns["input"])
    number = _number(row.values, columns["target"])
    return Parsed(input={"texts": [text]}, target=number, text=text, answer=repr(number))


def _parse_pair(row: Row, columns: Mapping[str, str]) -> Parsed:
    texts = [text_in(row.values, columns[role]) for role in ("first", "second")]
    number = _number(row.values, columns["target"])
    return Parsed(input={"texts": texts}, target=number, text="\n".join(texts), answer=repr(number))


def _recognise_anchor(table: Table, asked: Mapping[str, str]) -> Match | None:
    columns: dict[str, str] = {}
    for role, names in _ANCHOR_ROLES.items():
        if column := named(table, role, names, {**asked, **columns}):
            columns[role] = column
    if "anchor" not in columns or "positive" not in columns:
        return None
    kind = "triplets" if "negative" in columns else "pairs"
    why = f"columns: {kind} of {listed(list(columns.values()))}"
    return Match(form="anchor and positive", confidence=NAMED, columns=columns, why=(why,))


def _texts(values: Mapping[str, Any], column: str) -> list[str]:
    """One text or several of one role."""
    value = decoded(values.get(column))
    texts = [as_text(one) for one in value] if isinstance(value, list) else [text_in(values, column)]
    if not texts or not all(texts):
        raise Unusable(f"`{shown(column)}` is empty or holds something other than texts")
    return [text for text in texts if text]


def _parse_anchor(row: Row, columns: Mapping[str, str]) -> Parsed:
    anchor = text_in(row.values, columns["anchor"])
    positives = _texts(row.values, columns["positive"])
    negatives = _texts(row.values, columns["negative"]) if "negative" in columns else []
    if anchor in positives:
        raise Unusable("anchor and positive are the same text")
    if set(positives) & set(negatives):
        raise Unusable("a text is positive and negative at once")
    target = {"positives": positives, "negatives": negatives}
    return Parsed(input={"anchor": anchor}, target=target, text=anchor, answer="\n".join(positives))


_ANCHOR_ROLES = {
    "anchor": ("anchor", "query", "sent0", "ricerca"),
    "positive": (
        "positive",
        "pos",
        "sent1",
        "positive_passage",
        "positive_passages",
        "passage",
        "passages",
        "positivo",
        "passaggio",
        "brano",
    ),
    "negative": ("negative", "neg", "hard_neg", "hard_negative", "negative_passages", "negativo"),
}

NUMBER = Form(
    name="text and number",
    task="regress",
    roles={"input": _TEXT, "target": _NUMBER},
    recognise=_recognise_number,
    parse=_parse_number,
)
PAIR = Form(
    name="pair and number",
    task="regress",
    roles={"first": FIRST, "second": SECOND, "target": _NUMBER},
    recognise=_recognise_pair,
    parse=_parse_pair,
)
ANCHOR = Form(
    name="anchor and positive",
    task="embed",
    roles=_ANCHOR_ROLES,
    recognise=_recognise_anchor,
    parse=_parse_anchor,
    optional_roles=("negative",),
)
