"""The forms of texts with any number of labels: a list of labels in one column, or labels with a sign between them.

They look at columns and at one row at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from sintonia.prepare.columns import MAX_CLASS_SHARE, Undecided, as_text, shape_of
from sintonia.prepare.forms.form import Form, Match, Parsed, Unusable
from sintonia.prepare.forms.looking import NAMED, decoded, in_rows, kind_of, named, num_opened, opened, text_in
from sintonia.prepare.table import Row, Table, shown
from sintonia.tasks.multilabel import SEPARATOR, written

LISTS = "text and labels"
_SIGNS = (";", "|", ",")
"""What stands between labels in one text."""
_NAMES = ("labels", "classes", "emotions", "intents", "etichette", "classi", "emozioni", "intenti")
_VAGUE = ("tags", "topics", "categories", "genres", "label", "tag", "etichetta", "argomenti", "categorie", "generi")
"""Names that hold other things too, or one label a row."""
_TEXTS = (
    "text",
    "sentence",
    "utterance",
    "message",
    "comment",
    "review",
    "tweet",
    "document",
    "body",
    "testo",
    "frase",
    "messaggio",
    "commento",
    "recensione",
)
_ROLES = {"input": _TEXTS, "target": (*_NAMES, *_VAGUE)}
_FEWEST = 0.05
"""Share of the rows with several labels, or none, from which labels are sets."""
_UNSURE = 0.6
_LEAST_DOUBT = 0.5
"""How surely a column that is called labels and holds lists is one of labels, where it cannot be learned as it is."""


def _recognise(sign: str | None, table: Table, asked: Mapping[str, str]) -> Match | None:
    text, target = named(table, "input", _TEXTS, asked), _target(sign, table, asked)
    if not text or not target or text == target or not shape_of(table, text).is_plain:
        return None
    sets = [_names(value, sign) for value in opened(table, target) if value is not None and value != ""]
    held = [one for one in sets if one is not None]
    if sign is None and held and target.strip().casefold() in _NAMES:
        _refuse_spoilt(table, target, sets, held)
    if not held or len(held) < 0.95 * len(sets) or not _are_sets(held):
        return None
    fraction = sum(len(one) != 1 for one in held) / len(held)
    if not fraction:
        return None
    is_sure = fraction >= _FEWEST and target.strip().casefold() in _NAMES and not _has_one_label(table, target)
    is_sure = is_sure or (fraction >= _FEWEST and sign is None and "target" in asked)
    confidence = NAMED if is_sure else 0.8 if fraction >= _FEWEST and sign != "," else _UNSURE
    how = "lists of labels" if sign is None else f"labels with `{sign}` between them"
    seen = in_rows(fraction, num_opened(table))
    why = f"columns: `{shown(text)}` is the input, `{shown(target)}` holds {how}; several or none {seen}"
    return Match(form=_name(sign), confidence=confidence, columns={"input": text, "target": target}, why=(why,))


def _target(sign: str | None, table: Table, asked: Mapping[str, str]) -> str | None:
    """The column as asked, or the one whose name fits best; of texts with commas only a name that says several."""
    if "target" in asked:
        return asked["target"]
    folded = {name.strip().casefold(): name for name in table.columns if name not in asked.values()}
    usual = [*_NAMES, *(name for name in _VAGUE if sign != "," or name not in ("label", "tag", "etichetta"))]
    return next((folded[name] for name in usual if name in folded), None)


def _has_one_label(table: Table, target: str) -> bool:
    """Whether another column holds one label a row: then it is asked which is meant."""
    names = {name.strip().casefold() for name in table.columns if name != target}
    return bool(names & {"label", "class", "target", "intent", "etichetta", "classe"})


def _refuse_spoilt(table: Table, target: str, sets: list[list[str] | None], held: list[list[str]]) -> None:
    """Says what keeps lists in a column called labels from being learned; texts in it are another matter.

    Raises:
        Undecided: too many cells hold no list, or all lists hold one and the same label.
    """
    column, where = f"`{shown(target)}`", f"{table.path}:1"
    if 0.5 * len(sets) < len(held) < 0.95 * len(sets):
        raise Undecided(
            f"{len(sets) - len(held)} of the first {len(sets)} rows have no list of labels in {column}",
            where=where,
            expected='a list of texts, such as ["red", "round"], in nearly every row',
            hint="mend these rows or take them out; an empty list says that no label fits",
            confidence=_LEAST_DOUBT,
        )
    if len({name for one in held for name in one}) < 2:
        raise Undecided(
            f"all lists in {column} hold one and the same label",
            where=where,
            expected="two labels or more",
            hint="a text that has a label or has it not: write two labels, and `--task classify`",
            confidence=_LEAST_DOUBT,
        )


def _names(value: Any, sign: str | None) -> list[str] | None:
    """The labels of a cell; None where it holds something else."""
    if sign is not None:
        text = as_text(value)
        return [part.strip() for part in text.split(sign) if part.strip()] if text else None
    if not isinstance(value, list):
        return None
    names = [as_text(one) for one in value]
    return [name for name in names if name] if all(names) else None


def _are_sets(held: list[list[str]]) -> bool:
    """Whether labels come again in other rows, and never twice in one: twice would be votes, or the tags of words."""
    names = {name for one in held for name in one}
    num_repeating = sum(len(set(one)) < len(one) for one in held)
    are_few = 2 <= len(names) <= max(MAX_CLASS_SHARE * len(held), 2) and max(map(len, names)) <= 60
    return are_few and num_repeating <= 0.01 * len(held)


def _parse(sign: str | None, row: Row, columns: Mapping[str, str]) -> Parsed:
    text, value = text_in(row.values, columns["input"]), decoded(row.values.get(columns["target"]))
    column = f"`{shown(columns['target'])}`"
    if value is None or value == "":
        raise Unusable(f"{column} is empty")
    names = _names(value, sign)
    if names is None:
        wanted = "a list of texts" if sign is None else "a text"
        raise Unusable(f"{column} holds {kind_of(value)} where {wanted} is needed")
    if any(SEPARATOR in name for name in names):
        raise Unusable(f"a label in {column} has `{SEPARATOR}` in it, which stands between labels")
    return Parsed(input=text, target=sorted(set(names)), text=text, answer=written(names))


def _name(sign: str | None) -> str:
    return LISTS if sign is None else f"{LISTS} with `{sign}` between them"


FORMS = tuple(
    Form(
        name=_name(sign),
        task="multilabel",
        roles=_ROLES,
        recognise=partial(_recognise, sign),
        parse=partial(_parse, sign),
    )
    for sign in (None, *_SIGNS)
)
