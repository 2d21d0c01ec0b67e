"""The form `comparison`: one prompt, two answers, and what one or several annotators said of them.

A row is a preference when more than half of its annotators prefer one answer; ties and discord are set aside.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sintonia.prepare.columns import as_text, listed
from sintonia.prepare.forms.form import Form, Match, Parsed, Unusable
from sintonia.prepare.forms.instructions import (
    INPUT,
    ROLES,
    answer_messages,
    asked_messages,
    asking_columns,
    said_beside,
)
from sintonia.prepare.forms.looking import SURE, in_rows, named, share
from sintonia.prepare.forms.prefer import preference
from sintonia.prepare.forms.votes import majority
from sintonia.prepare.table import Row, Table

_STEMS = ("response", "answer", "output", "completion", "risposta", "model_output")
_FIRST = tuple(f"{stem}{end}" for stem in _STEMS for end in ("1", "_1", "_a", "a"))
_SECOND = tuple(f"{stem}{end}" for stem in _STEMS for end in ("2", "_2", "_b", "b"))
_VOTES = tuple(f"vote{number}" for number in range(1, 10))
_ROLES = {
    "input": (*INPUT, "input"),
    "first": _FIRST,
    "second": _SECOND,
    "vote": ("winner", "preference", "preferred", "vote", "choice", "verdict", "label", "migliore", "preferenza"),
    **{role: (f"annotator{role[4:]}", f"annotator_{role[4:]}") for role in _VOTES},
    **{role: ROLES[role] for role in ("context", "system", "history", "tools")},
}
_OPTIONAL = ("vote", *_VOTES, "context", "system", "history", "tools")
_SAYS = {
    "1": "1",
    "1.0": "1",
    "a": "1",
    "first": "1",
    "left": "1",
    "2": "2",
    "2.0": "2",
    "b": "2",
    "second": "2",
    "right": "2",
    "0": "tie",
    "0.0": "tie",
    "prima": "1",
    "seconda": "2",
    "tie": "tie",
    "both": "tie",
    "equal": "tie",
    "neither": "tie",
    "pari": "tie",
    "nessuna": "tie",
}


def _vote(value: Any) -> str | None:
    """What one annotator said: `1`, `2` or `tie`; `model_a` and `response1` are understood by their end."""
    text = (as_text(value) or "").lower().removesuffix(" (bothbad)")
    return _SAYS.get(text) or _SAYS.get(re.sub(rf"^({'|'.join(_STEMS)}|model)_?(?=[12ab]$)", "", text))


def _recognise(table: Table, asked: Mapping[str, str]) -> Match | None:
    first, second = named(table, "first", _FIRST, asked), named(table, "second", _SECOND, asked)
    if not first or not second:
        return None
    columns = asking_columns(table, {**asked, "first": first, "second": second})
    if not columns:
        return None
    columns |= {"first": first, "second": second}
    for role in ("vote", *_VOTES):
        if (column := named(table, role, _ROLES[role], {**asked, **columns})) and column not in columns.values():
            columns[role] = column
    votes = [columns[role] for role in ("vote", *_VOTES) if role in columns]
    if not votes:
        return None
    fraction = share(table, votes[0], lambda value: _vote(value) is not None)
    why = (
        f"columns: {listed([first, second])} are compared by {listed(votes)} {in_rows(fraction, len(table.rows))}",
        *said_beside(columns),
        "votes: a row is used when more than half of its annotators prefer one answer",
    )
    return Match(form="comparison", confidence=SURE * fraction, columns=columns, why=why)


def _parse(row: Row, columns: Mapping[str, str]) -> Parsed:
    values = row.values
    votes = _votes(values, columns)
    winner = majority(votes)
    if winner == "tie":
        raise Unusable("a tie: the annotators prefer neither answer")
    before = asked_messages(values, columns)
    answers = [answer_messages(values, columns[role]) for role in ("first", "second")]
    chosen, rejected = answers if winner == "1" else reversed(answers)
    parsed = preference(before, chosen, rejected, [])
    return Parsed(input=parsed.input, target=parsed.target, text=parsed.text, answer=parsed.answer, votes=votes)


def _votes(values: Mapping[str, Any], columns: Mapping[str, str]) -> tuple[str, ...]:
    votes = []
    for role in ("vote", *_VOTES):
        value = values.get(columns[role]) if role in columns else None
        if value is None or value == "":
            continue
        vote = _vote(value)
        if vote is None:
            raise Unusable("a vote is neither 1, 2 nor a tie")
        votes.append(vote)
    return tuple(votes)


FORM = Form(
    name="comparison", task="prefer", roles=_ROLES, recognise=_recognise, parse=_parse, optional_roles=_OPTIONAL
)
