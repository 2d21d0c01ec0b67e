"""The form `text and label`: one column of texts, one of classes. It looks at columns and at one row at a time."""

from __future__ import annotations

from collections.abc import Mapping

from sintonia.prepare.columns import as_text, choose_columns, shape_of, single
from sintonia.prepare.forms.form import Form, Match, Parsed, Unusable
from sintonia.prepare.forms.looking import NAMED, decoded, kind_of, share, text_in
from sintonia.prepare.forms.pairs import FIRST, SECOND
from sintonia.prepare.table import Row, Table, shown
from sintonia.tasks import TASKS

NAME = "text and label"
_ROLES = TASKS["classify"].COLUMNS
MOST_WITH_SEVERAL = 0.05
"""Share of the rows with lists of several labels, or of none, from which one label a row is not what is meant."""


def _recognise(table: Table, asked: Mapping[str, str]) -> Match | None:
    if _is_of_pairs(table, asked):
        return None
    chosen = choose_columns(table, _ROLES, asked)
    target = chosen.shapes[chosen.columns["target"]]
    if not target.is_plain or not chosen.shapes[chosen.columns["input"]].is_plain:
        return None
    confidence = (NAMED, 0.8, 0.7)[len(chosen.by_shape)]
    if share(table, chosen.columns["target"], _holds_several) >= MOST_WITH_SEVERAL:
        confidence = 0.55  # sets of labels: rows with several, or none, would all be set aside
    return Match(
        form=NAME,
        confidence=confidence if target.may_be_class else 0.55,
        columns=chosen.columns,
        why=chosen.why,
    )


def _holds_several(value: object) -> bool:
    value = decoded(value)
    return isinstance(value, list) and len(value) != 1


def _is_of_pairs(table: Table, asked: Mapping[str, str]) -> bool:
    """Whether two texts and a class are there: one of the texts must not be taken without a word."""
    folded = {name.strip().casefold(): name for name in table.columns}
    has_pair = any({a, b} <= folded.keys() for a, b in zip(FIRST, SECOND, strict=True))
    classes = [folded[name] for name in _ROLES["target"] if name in folded]
    return "input" not in asked and has_pair and bool(classes) and shape_of(table, classes[0]).may_be_class


def _parse(row: Row, columns: Mapping[str, str]) -> Parsed:
    values = row.values
    text, target = values.get(columns["input"]), values.get(columns["target"])
    if type(text) is not str or not (text := text.strip()) or type(target) is not str or not (target := target.strip()):
        text, target = _both(row, columns)
    return Parsed(input=text, target=target, text=text, answer=target)


def _both(row: Row, columns: Mapping[str, str]) -> tuple[str, str]:
    """The slower way, for what is not simply two texts."""
    roles = [columns[role] for role in ("input", "target")]
    texts = [as_text(single(row.values.get(name))) for name in roles]
    empty = [f"`{shown(name)}`" for name, text in zip(roles, texts, strict=True) if text == ""]
    if empty:
        raise Unusable(" and ".join(empty) + (" is empty" if len(empty) == 1 else " are empty"))
    for name, text in zip(roles, texts, strict=True):
        if text is None:
            raise Unusable(f"`{shown(name)}` holds {kind_of(row.values.get(name))}")
    return texts[0] or "", texts[1] or ""


FORM = Form(name=NAME, task="classify", roles=_ROLES, recognise=_recognise, parse=_parse)


def _recognise_choice(table: Table, asked: Mapping[str, str]) -> Match | None:
    """Prodigy's `choice` and `textcat`: what was accepted, and the annotator's answer about the row as a whole."""
    folded = {name.casefold(): name for name in table.columns}
    columns = {role: asked.get(role) or folded.get(names[0], "") for role, names in _CHOICE_ROLES.items()}
    if columns["target"] == "" and not asked:
        columns["target"] = folded.get("label", "")
    if not all(columns.values()):
        return None
    answers = {row.values.get(columns["answer"]) for row in table.rows if not _is_nested(row.values, columns["answer"])}
    if not answers or not answers <= {"accept", "reject", "ignore"}:
        return None
    why = f"columns: `{shown(columns['target'])}` holds what was accepted, `{shown(columns['answer'])}` the verdict"
    return Match(form=CHOICE_NAME, confidence=NAMED, columns=columns, why=(why,))


def _is_nested(values: Mapping[str, object], column: str) -> bool:
    return isinstance(values.get(column), list | dict)


def _parse_choice(row: Row, columns: Mapping[str, str]) -> Parsed:
    values = row.values
    refuse_answer(values.get(columns["answer"]))
    text = text_in(values, columns["input"])
    accepted = values.get(columns["target"])
    if isinstance(accepted, list):
        if len(accepted) != 1:
            raise Unusable(f"{len(accepted)} labels were chosen where one is needed")
        accepted = accepted[0]
    label = as_text(accepted)
    if not label:
        raise Unusable("no label was chosen")
    return Parsed(input=text, target=label, text=text, answer=label)


def refuse_answer(answer: object) -> None:
    """Raises Unusable unless a Prodigy annotator accepted the row."""
    if answer == "accept":
        return
    reasons = {"reject": "rejected by the annotator", "ignore": "ignored by the annotator"}
    raise Unusable(reasons.get(answer, "no answer of the annotator") if isinstance(answer, str) else "no answer")


CHOICE_NAME = "Prodigy choice"
_CHOICE_ROLES: dict[str, tuple[str, ...]] = {"input": ("text",), "target": ("accept",), "answer": ("answer",)}
CHOICE = Form(name=CHOICE_NAME, task="classify", roles=_CHOICE_ROLES, recognise=_recognise_choice, parse=_parse_choice)
