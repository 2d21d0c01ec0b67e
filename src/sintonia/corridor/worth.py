"""Should you fine-tune at all? Asked once, before the first step, of training rows and the untouched base.

It never stops a run: a person reads the answer and decides.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from sintonia.corridor.walk import Walk
from sintonia.records import Example, LabelSignal, Prepared, Worth
from sintonia.runs import LABEL_SIGNAL, WORTH, RunFolder
from sintonia.settings import Recipe
from sintonia.tasks import TASKS


def weigh_worth(run: RunFolder, opened: Any, plan: tuple[Prepared, Recipe], train: Sequence[Example]) -> None:
    """Writes `worth.json` of a run; `opened` is its base, `plan` its data and its recipe without `auto`."""
    from sintonia.choose.changing import changing_facts
    from sintonia.choose.worth import worth
    from sintonia.evaluate.beforehand import look_beforehand
    from sintonia.evaluate.ladders import Footing

    prepared, filled = plan
    footing = Footing(run=run, base=opened, prepared=prepared, recipe=filled, train=tuple(train))
    before = look_beforehand(footing, run.read(LABEL_SIGNAL, LabelSignal))
    hint = changing_facts((one.input, one.target) for one in train) if TASKS[prepared.task].BASE == "language" else ""
    before = dataclasses.replace(before, hints=(hint,) if hint else ())
    run.write(WORTH, worth(before, filled, _num_tested(prepared)))


def tell_worth(walk: Walk) -> None:
    """Tells the answer of a run in a few lines; nothing of a run that was begun before this was asked."""
    found = walk.run.read(WORTH, Worth)
    if found is None:
        return
    advice = f": {found.advice}" if found.advice else ""
    walk.tell("worth", f"should you fine-tune? {found.answer}{advice}")
    walk.tell("worth", "; ".join(found.reasons))
    if found.hints:
        walk.tell("worth", "; ".join(found.hints))


def _num_tested(prepared: Prepared) -> int:
    """Different examples that are tested: of several parts, each row is tested in its turn."""
    parts = prepared.parts
    return parts[0].test.count if len(parts) == 1 else prepared.rows_used
