"""An audit without a run: the data are read, checked and split in a folder that is gone afterwards.

It leaves nothing beside the data and trains nothing.
"""

from __future__ import annotations

import dataclasses
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sintonia.corridor.walk import Listener, Walk
from sintonia.files import from_json, stream_lines
from sintonia.models.catalog import find_entry
from sintonia.prepare import SUSPECTS_FILE, prepare, read_decisions
from sintonia.recipe import check_values
from sintonia.records import Base, Checked, Example, ExampleSet, Finding, Prepared, Suspect
from sintonia.runs import RunFolder
from sintonia.settings import Recipe
from sintonia.tasks import TASKS, spoken

if TYPE_CHECKING:
    from sintonia.models.language.template import Template

MOST_EMBEDDED = 10_000
"""Training rows that are looked at with the base; of more, an even draw."""


def look(recipe: Recipe, listener: Listener = lambda _: None, *, has_base: bool = True) -> Checked:
    """Audits the data of a recipe; with the base also what takes a model: label signal, label errors, truncation.

    Raises:
        SintoniaError: one of its kinds, each with place and hint.
    """
    from sintonia.choose import refuse_away

    began = time.monotonic()
    if recipe.base != "auto":
        find_entry(recipe.base)
    if has_base:
        refuse_away(recipe.base, recipe.task)
    with tempfile.TemporaryDirectory(prefix="sintonia-check-") as folder:
        run = RunFolder.create(Path(folder) / "run", check_values(recipe))
        walk = Walk(run, listener)
        walk.tell("prepare", f"reading {Path(recipe.data.path).name or recipe.data.path}")
        prepared = prepare(recipe, run, is_check=True)
        for note in prepared.notes:
            walk.tell("prepare", note)
        findings: tuple[Finding, ...] = prepared.findings
        decided = read_decisions(Path(recipe.data.path))
        if has_base and prepared.task in TASKS:
            findings += _look_with_base(walk, prepared)
        return Checked(
            prepared=prepared,
            findings=tuple(sorted(findings, key=lambda one: one.code)),
            suspects=tuple(one for one in run.lines(SUSPECTS_FILE, Suspect) if one.row not in decided),
            seconds=time.monotonic() - began,
        )


def _look_with_base(walk: Walk, prepared: Prepared) -> tuple[Finding, ...]:
    from sintonia.choose import choose
    from sintonia.resolve import resolve

    run = walk.run
    part = prepared.parts[0]
    if part.train.count > MOST_EMBEDDED:
        walk.tell("examine", f"of {part.train.count:,} training rows, {MOST_EMBEDDED:,} are looked at with the base")
    train, validation = (_drawn(run, held, MOST_EMBEDDED) for held in (part.train, part.validation))
    base = choose(run.recipe(), prepared.task)
    filled, _ = resolve(run.recipe(), base, prepared)
    walk.tell("examine", f"looking at {len(train):,} training rows with the base {base.reference}")
    if TASKS[prepared.task].BASE == "language":
        task = TASKS[prepared.task]
        return _look_at_conversations(run, base, filled, spoken(task, train), spoken(task, validation))
    return _look_at_texts(run, base, filled, train, (prepared, validation))


def _look_at_texts(
    run: RunFolder, base: Base, filled: Recipe, train: list[Example], watched: tuple[Prepared, list[Example]]
) -> tuple[Finding, ...]:
    from sintonia.models.open import open_base
    from sintonia.prepare.examine import examine

    prepared, validation = watched
    labels = tuple(sorted({one.target for one in train}))
    known = [one for one in validation if one.target in set(labels)]
    opened = open_base(base, int(filled.training.max_tokens))
    opened.model.read_as(filled)
    findings, _ = examine(run, opened, train, known, dataclasses.replace(prepared, labels=labels))
    return findings


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    """What reads conversations without a model: its tokenizer with a template."""

    template: Template
    max_tokens: int


def _look_at_conversations(
    run: RunFolder, base: Base, filled: Recipe, train: Sequence[Example], validation: Sequence[Example]
) -> tuple[Finding, ...]:
    """The weights stay on the disk: what is learned and cut takes the tokenizer only."""
    from sintonia.models.language.template import load_template
    from sintonia.models.loading import load_tokenizer
    from sintonia.models.open import find_base
    from sintonia.prepare.examine_conversations import examine_conversations

    template = load_template(load_tokenizer(find_base(base).tokenizer), filled.chat.template)
    reader = _Reader(template=template, max_tokens=int(filled.training.max_tokens))
    findings, _, _ = examine_conversations(run, reader, train, validation, is_shown=False)
    return findings


def _drawn(run: RunFolder, examples: ExampleSet, most: int) -> list[Example]:
    """At most so many examples of a set, drawn evenly and always the same, in their order."""
    drawn = set(random.Random(0).sample(range(examples.count), min(most, examples.count)))
    lines = stream_lines(run.file(examples.path))
    return [from_json(Example, body) for number, body in enumerate(lines) if number in drawn]
