"""An audit without a run: the data are read, checked and split in a folder that is gone afterwards.

It leaves nothing beside the data and trains nothing.
"""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path

from sintonia.corridor.walk import Listener, Walk
from sintonia.models.catalog import find_entry
from sintonia.prepare import SUSPECTS_FILE, prepare
from sintonia.recipe import check_values
from sintonia.records import Checked, Example, Finding, Prepared, Suspect
from sintonia.runs import RunFolder
from sintonia.settings import Recipe
from sintonia.tasks import TASKS

MOST_EMBEDDED = 10_000
"""Training rows that are looked at with the base; of more, an even draw."""


def look(recipe: Recipe, listener: Listener = lambda _: None, *, has_base: bool = True) -> Checked:
    """Audits the data of a recipe; with the base also what takes a model: label signal, label errors, truncation.

    Raises:
        SintoniaError: one of its kinds, each with place and hint.
    """
    began = time.monotonic()
    find_entry(recipe.base)
    with tempfile.TemporaryDirectory(prefix="sintonia-check-") as folder:
        run = RunFolder.create(Path(folder) / "run", check_values(recipe))
        walk = Walk(run, listener)
        walk.tell("prepare", f"reading {Path(recipe.data.path).name}")
        prepared = prepare(recipe, run, is_check=True)
        for note in prepared.notes:
            walk.tell("prepare", note)
        findings: tuple[Finding, ...] = prepared.findings
        if has_base and prepared.task in TASKS:
            findings += _look_with_base(walk, prepared)
        return Checked(
            prepared=prepared,
            findings=tuple(sorted(findings, key=lambda one: one.code)),
            suspects=tuple(run.lines(SUSPECTS_FILE, Suspect)),
            seconds=time.monotonic() - began,
        )


def _look_with_base(walk: Walk, prepared: Prepared) -> tuple[Finding, ...]:
    from sintonia.choose import choose
    from sintonia.models.open import open_base
    from sintonia.prepare.examine import examine
    from sintonia.resolve import resolve

    run = walk.run
    part = prepared.parts[0]
    train, validation = (run.lines(one.path, Example) for one in (part.train, part.validation))
    if len(train) > MOST_EMBEDDED:
        walk.tell("examine", f"of {len(train):,} training rows, {MOST_EMBEDDED:,} are looked at with the base")
        train = random.Random(0).sample(train, MOST_EMBEDDED)
    base = choose(run.recipe())
    filled, _ = resolve(run.recipe(), base, prepared)
    walk.tell("examine", f"looking at {len(train):,} training rows with the base {base.reference}")
    labels = sorted({one.target for one in train})
    opened = open_base(base, int(filled.training.max_tokens))
    findings, _ = examine(run, opened, train, [one for one in validation if one.target in labels], labels)
    return findings
