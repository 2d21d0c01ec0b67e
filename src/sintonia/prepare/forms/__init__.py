"""The forms in which people write examples down, and which of them a table has.

A form is one way of writing; it reads no file. Where two forms fit, it asks: it never guesses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from sintonia.errors import DataError, UsageError, hides
from sintonia.prepare.columns import Undecided, check_asked, typed
from sintonia.prepare.forms import (
    argilla,
    chat,
    classify,
    comparisons,
    instructions,
    label_sets,
    label_studio,
    labelled_pairs,
    pairs,
    passages,
    prefer,
    scored_pairs,
    spans,
    tokens,
)
from sintonia.prepare.forms.form import Form, Match, Parsed, Unusable
from sintonia.prepare.table import Table, listed, of_file, shown
from sintonia.settings import DataSettings
from sintonia.tasks import TASKS

__all__ = ["FORMS", "Form", "Match", "Parsed", "Unusable", "find_form"]


class _Forms(dict[str, Form]):
    """Ours by their names; those of tasks from other packages are looked up when they are asked for."""

    def __missing__(self, name: str) -> Form:
        return next(form for form in _from_elsewhere() if form.name == name)


def _from_elsewhere() -> Iterator[Form]:
    for name in TASKS:
        yield from getattr(TASKS[name], "FORMS", ())


FORMS: dict[str, Form] = _Forms(
    (form.name, form)
    for form in (
        classify.FORM,
        labelled_pairs.FORM,
        *label_sets.FORMS,
        chat.OPENAI,
        chat.SHAREGPT,
        instructions.PROMPT,
        instructions.INSTANCES,
        instructions.TEXT,
        prefer.PAIR,
        prefer.THUMB,
        comparisons.FORM,
        *passages.FORMS,
        *tokens.FORMS,
        spans.FORM,
        spans.PRODIGY,
        classify.CHOICE,
        label_studio.CHOICES,
        label_studio.SPANS,
        argilla.LABELS,
        argilla.SPANS,
        pairs.NUMBER,
        pairs.PAIR,
        pairs.ANCHOR,
        scored_pairs.FORM,
    )
)

_LEAST = 0.5
"""A form less sure than this is not offered."""
_AHEAD = 0.1
"""The best form must be so much surer than the next, or use all its columns and more."""
_KEPT_BY_TOOLS = {
    "lead_time": ("annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement", "id"),
    "_task_hash": ("_input_hash", "_task_hash", "_session_id", "_view_id", "_is_binary", "_timestamp", "_annotator_id"),
    "_server_id": ("id", "_server_id", "vectors"),
}
"""Columns in which annotation tools keep their books, by the column that gives the tool away."""


def find_form(table: Table, asked: DataSettings, task: str) -> tuple[Form, Match]:
    """The form of a table and the columns of its roles, with notes that say why and how to say otherwise.

    `task` is `auto` or the task that was asked for.

    Raises:
        UsageError: a role or a column that does not exist was asked for.
        DataError: no form fits, or two fit equally well.
    """
    forms = [form for form in FORMS.values() if _may_be_meant(form, task)]
    forms += [form for form in _from_elsewhere() if form.task == task]
    check_asked(table, {role: names for form in forms for role, names in form.roles.items()}, asked)
    fitting = [form for form in forms if asked.columns.keys() <= form.roles.keys()]
    if not fitting:
        raise UsageError(
            f"no form has the roles {listed(list(asked.columns))} together",
            expected="roles of one form, such as " + " or ".join(listed(list(form.roles)) for form in forms[:3]),
            hint="name fewer roles, the others are found",
            where="data.columns",
        )
    matches, errors = _recognised(_without_books(table, asked), fitting, asked.columns)
    best = max(matches, key=lambda match: match.confidence, default=None)
    doubt = max(errors, key=lambda error: error.confidence, default=None)
    if doubt and doubt.confidence >= _LEAST and (not best or doubt.confidence > best.confidence - _AHEAD):
        raise doubt
    if not best or best.confidence < _LEAST:
        raise _nothing_fits(table, task, doubt)
    best = _ahead(table, best, matches)
    return FORMS[best.form], _said(best, task)


def _may_be_meant(form: Form, task: str) -> bool:
    return form.task == task or (task == "auto" and not form.is_only_asked_for)


def _without_books(table: Table, asked: DataSettings) -> Table:
    """The table without the group column and without what an annotation tool writes down for itself."""
    kept_by_tools = {name for sign, names in _KEPT_BY_TOOLS.items() if sign in table.columns for name in names}
    hidden = (kept_by_tools - set(asked.columns.values())) | {asked.group}
    return replace(table, columns=tuple(name for name in table.columns if name not in hidden))


def _recognised(table: Table, forms: list[Form], asked: Mapping[str, str]) -> tuple[list[Match], list[Undecided]]:
    matches, errors = [], []
    for form in forms:
        try:
            match = form.recognise(table, asked)
        except Undecided as error:
            errors.append(error)
            continue
        if match:
            matches.append(match)
    return matches, errors


def _ahead(table: Table, best: Match, matches: list[Match]) -> Match:
    """The one match that is ahead of all others.

    A form that uses all columns of another and more explains more of the table, and wins when both are near.

    Raises:
        DataError: two are equally near.
    """
    near = [match for match in matches if match.confidence > best.confidence - _AHEAD]
    widest = [one for one in near if not any(_columns(one) < _columns(other) for other in near)]
    if len(widest) == 1:
        return widest[0]
    named = " and ".join(f"{match.form} ({', '.join(map(_quoted, match.columns.values()))})" for match in widest)
    raise DataError(
        f"{len(widest)} forms fit equally well: {named}",
        where=f"{table.path}:1",
        expected="one form",
        hint="say which: " + " or ".join(_to_type(widest)),
    )


def _columns(match: Match) -> set[str]:
    return set(match.columns.values())


def _quoted(name: str) -> str:
    return "(name hidden)" if hides() else f"`{shown(name)}`"


def _to_type(matches: list[Match]) -> list[str]:
    """What to type for each: its task, and its columns as well where two are of one task."""
    tasks = [FORMS[match.form].task for match in matches]
    return [
        f"`--task {task}`" if tasks.count(task) == 1 else f"`--task {task} --columns {typed(match.columns)}`"
        for match, task in zip(matches, tasks, strict=True)
    ]


def _said(match: Match, task: str) -> Match:
    """The match with notes that open with the form and end with how to say otherwise."""
    of_task = "as asked" if task != "auto" else "found by itself"
    first = f"form: {match.form} (task {FORMS[match.form].task}, {of_task}; confidence {match.confidence:.2f})"
    others = "" if task != "auto" else " or `--task NAME`"
    last = f"to say otherwise: `--columns {typed(match.columns)}`{others}"
    return replace(match, why=(first, *match.why, last))


def _nothing_fits(table: Table, task: str, doubt: Undecided | None) -> DataError:
    """The error that lists the columns and the forms known; what one form of one task missed, where that is known."""
    forms = [form for form in FORMS.values() if _may_be_meant(form, task)]
    forms += [form for form in _from_elsewhere() if form.task == task]
    known = ", ".join(_roles(form) for form in forms if form not in (*tokens.FORMS[1:], *label_sets.FORMS[1:]))
    what = doubt.what if doubt else f"no form fits; columns of the file: {of_file(table.columns)}"
    hint = doubt.hint if doubt else "say what each column is, for example `--columns input=NAME,target=NAME`"
    if task == "auto" and passages.is_text_alone(table):
        hint += "; or, where there is nothing but text to learn from, `--task pretrain` goes on training the base on it"
    return DataError(what, where=f"{table.path}:1", expected=f"columns of a form that is known: {known}", hint=hint)


def _roles(form: Form) -> str:
    """A form with the first usual name of each of its columns."""
    names = [f"`{names[0]}`" for role, names in form.roles.items() if role not in form.optional_roles]
    return f"{form.name} ({', '.join(names)})"
