"""The form `pair and label`: two columns of texts and one of classes (does one follow from the other, do both say the
same). It looks at columns and at one row at a time."""

from __future__ import annotations

from collections.abc import Mapping

from sintonia.prepare.columns import as_text, shape_of, single
from sintonia.prepare.forms.form import Form, Match, Parsed, Unusable
from sintonia.prepare.forms.looking import NAMED, kind_of, named, text_in
from sintonia.prepare.forms.pairs import FIRST, SECOND
from sintonia.prepare.table import Row, Table, shown
from sintonia.tasks import TASKS

NAME = "pair and label"
_OF_PAIRS = ("gold_label", "is_duplicate", "is_paraphrase", "paraphrase", "entailment", "relation", "relazione")
"""What the label of two texts is called, besides the names that any label has."""
_ROLES: dict[str, tuple[str, ...]] = {
    "first": FIRST,
    "second": SECOND,
    "target": (*TASKS["classify"].COLUMNS["target"], *_OF_PAIRS),
}


def _recognise(table: Table, asked: Mapping[str, str]) -> Match | None:
    columns: dict[str, str] = {}
    for role, names in _ROLES.items():
        column = named(table, role, names, {**columns, **asked})
        if column is None:
            return None
        columns[role] = column
    target = shape_of(table, columns["target"])
    if not target.is_plain or not (target.may_be_class or "target" in asked):
        return None
    first, second = (f"`{shown(columns[role])}`" for role in ("first", "second"))
    why = f"columns: {first} and {second} are the pair, `{shown(columns['target'])}` its label"
    return Match(form=NAME, confidence=NAMED if target.may_be_class else 0.55, columns=columns, why=(why,))


def _parse(row: Row, columns: Mapping[str, str]) -> Parsed:
    texts = [text_in(row.values, columns[role]) for role in ("first", "second")]
    given = single(row.values.get(columns["target"]))
    label = as_text(given)
    if not label:
        raise Unusable(f"`{shown(columns['target'])}` {'is empty' if label == '' else f'holds {kind_of(given)}'}")
    return Parsed(input={"texts": texts}, target=label, text="\n".join(texts), answer=label)


FORM = Form(name=NAME, task="classify", roles=_ROLES, recognise=_recognise, parse=_parse)
