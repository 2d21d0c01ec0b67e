"""The forms `tokens and tags`, one for each scheme of tags: from tokens to one text with spans of characters.

They look at columns and at one row at a time; schemes.py knows what the tags mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from sintonia.prepare.columns import Undecided
from sintonia.prepare.forms.form import Form, Match, Parsed, Unusable
from sintonia.prepare.forms.looking import SURE, in_rows, list_in, named, opened
from sintonia.prepare.forms.schemes import SCHEMES, runs, scheme_of, tags_of
from sintonia.prepare.forms.spans import spans_in_words
from sintonia.prepare.table import Row, Table, shown

_ROLES = {
    "input": ("tokens", "words", "token", "parole"),
    "target": (
        "tags",
        "ner_tags",
        "pos_tags",
        "upos",
        "labels",
        "tag",
        "ner",
        "iob",
        "entities",
        "chunk_tags",
        "etichette",
    ),
}


def _recognise(scheme: str, table: Table, asked: Mapping[str, str]) -> Match | None:
    tokens = named(table, "input", _ROLES["input"], asked)
    tags = named(table, "target", _ROLES["target"], {**asked, "input": tokens}) if tokens else None
    if not tokens or not tags:
        return None
    sequences = opened(table, tags)
    fraction = sum(isinstance(one, list) for one in sequences) / max(len(sequences), 1)
    if fraction < 0.5:
        return None
    _refuse_numbers(table, tags, sequences)
    found = scheme_of([tag for tag in one if isinstance(tag, str)] for one in sequences if isinstance(one, list))
    if found != scheme and not (found is None and scheme == "IOB2"):
        return None
    said = f"one {scheme}" if scheme == "one a token" else scheme
    seen = in_rows(fraction, len(sequences))
    why = f"columns: `{shown(tokens)}` and `{shown(tags)}` hold tokens and tags ({said}) {seen}"
    columns = {"input": tokens, "target": tags}
    return Match(form=_name(scheme), confidence=SURE * fraction, columns=columns, why=(why,))


def _refuse_numbers(table: Table, tags: str, sequences: list[Any]) -> None:
    """Numbers that stand for tags are known to whoever wrote the file only.

    Raises:
        Undecided: most tags are numbers.
    """
    lists = [one for one in sequences if isinstance(one, list) and one]
    if sum(isinstance(one[0], int) for one in lists) * 2 > len(lists):
        raise Undecided(
            f"`{shown(tags)}` holds numbers, and the file does not say which tag each stands for",
            where=f"{table.path}:1",
            expected="names of tags such as `B-PER` and `O`",
            hint="write the names instead of the numbers (`features` of the data set lists them)",
            confidence=SURE,
        )


def _name(scheme: str) -> str:
    return f"tokens and tags ({scheme})"


def _parse(scheme: str, row: Row, columns: Mapping[str, str]) -> Parsed:
    asked = asked_of_tokens(list_in(row.values, columns["input"]))
    places = asked["tokens"]
    tags = list_in(row.values, columns["target"])
    if len(places) != len(tags):
        raise Unusable(f"{len(places)} tokens but {len(tags)} tags")
    if not all(isinstance(tag, str) and tag for tag in tags):
        raise Unusable("a tag is not a text")
    spans = [
        {"start": places[first][0], "end": places[last][1], "label": label} for first, last, label in runs(tags, scheme)
    ]
    return Parsed(input=asked, target=spans, text=asked["text"], answer=spans_in_words(spans))


def asked_of_tokens(tokens: list[Any]) -> dict[str, Any]:
    """The text that a list of tokens makes, with one space between two, and the place of each in it.

    >>> asked_of_tokens(["New", "York"])
    {'text': 'New York', 'tokens': [[0, 3], [4, 8]]}

    Raises:
        Unusable: a token is no text, or empty.
    """
    words = [_token(token) for token in tokens]
    places, position = [], 0
    for word in words:
        places.append([position, position + len(word)])
        position += len(word) + 1
    return {"text": " ".join(words), "tokens": places}


def _token(token: Any) -> str:
    text = str(token) if isinstance(token, float) or (isinstance(token, int) and abs(token) < 10**18) else token
    if not isinstance(text, str) or isinstance(token, bool):
        raise Unusable("a token is not a text")
    if not text.strip():
        raise Unusable("a token is empty")
    return text


TOKEN_COLUMNS = _ROLES["input"]
"""What a column of tokens is usually called."""


def scheme_of_form(name: str) -> str | None:
    """The scheme of tags of a form of this file, by its name; None of any other form.

    >>> scheme_of_form("tokens and tags (IOB1)"), scheme_of_form("text and spans")
    ('IOB1', None)
    """
    return next((scheme for scheme in SCHEMES if _name(scheme) == name), None)


def tags_of_tokens(places: Sequence[Sequence[int]], spans: Sequence[tuple[int, int, str]], form: str) -> list[str]:
    """The tags of the tokens at these places, in the scheme of a form; in IOB2 where its rows hold no tags.

    >>> tags_of_tokens([[0, 3], [4, 8], [9, 10]], [(0, 8, "LOC")], "text and spans")
    ['B-LOC', 'I-LOC', 'O']
    """
    first = {start: k for k, (start, _) in enumerate(places)}
    last = {end: k for k, (_, end) in enumerate(places)}
    found = [(first[start], last[end], label) for start, end, label in spans]
    return tags_of(len(places), found, scheme_of_form(form) or "IOB2")


FORMS = tuple(
    Form(
        name=_name(scheme),
        task="tag",
        roles=_ROLES,
        recognise=partial(_recognise, scheme),
        parse=partial(_parse, scheme),
    )
    for scheme in SCHEMES
)
