"""The form of two texts with the score of their likeness, for `--task embed`. It looks as `pair and number` does.

The same rows teach `regress` to tell the number; so this form is offered only to who asks for the task.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sintonia.prepare.forms import pairs
from sintonia.prepare.forms.form import Form, Match
from sintonia.prepare.table import Table
from sintonia.tasks.embed import NAME, SCORED_FORM


def _recognise(table: Table, asked: Mapping[str, str]) -> Match | None:
    found = pairs.PAIR.recognise(table, asked)
    return replace(found, form=SCORED_FORM) if found else None


FORM = Form(
    name=SCORED_FORM,
    task=NAME,
    roles=pairs.PAIR.roles,
    recognise=_recognise,
    parse=pairs.PAIR.parse,
    is_only_asked_for=True,
)
