"""The forms `tokens and tags`, one for each scheme of tags: from tokens to one text with spans of characters.

They look at columns and at one row at a time; schemes.py knows what the tags mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from sintonia.prepare.columns import Undecided
from sintonia.prepare.forms.form import Form, Match, Parsed, Unusable
from sintonia.prepare.forms.looking import SURE, in_rows, list_in, named, opened
from sintonia.prepare.forms.schemes import SCHEMES, runs, scheme_of
from sintonia.prepare.forms.spans import spans_in_words
from sintonia.prepare.table import Row, Table, shown

_ROLES = {
    "input": ("tokens", "words", "token", "parole"),
    "target": ("tags", "ner_tags", "pos_tags", "upos", "labels", "tag", "ner", "iob", "entities", "chunk_tags"),
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
    tokens = [_token(token) for token in list_in(row.values, columns["input"])]
    tags = list_in(row.values, columns["target"])
    if len(tokens) != len(tags):
        raise Unusable(f"{len(tokens)} tokens but {len(tags)} tags")
    if not all(isinstance(tag, str) and tag for tag in tags):
        raise Unusable("a tag is not a text")
    places, position = [], 0
    for token in tokens:
        places.append([position, position + len(token)])
        position += len(token) + 1
    spans = [
        {"start": places[first][0], "end": places[last][1], "label": label} for first, last, label in runs(tags, scheme)
    ]
    text = " ".join(tokens)
    return Parsed(input={"text": text, "tokens": places}, target=spans, text=text, answer=spans_in_words(spans))


def _token(token: Any) -> str:
    text = str(token) if isinstance(token, float) or (isinstance(token, int) and abs(token) < 10**18) else token
    if not isinstance(text, str) or isinstance(token, bool):
        raise Unusable("a token is not a text")
    if not text.strip():
        raise Unusable("a token is empty")
    return text


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
