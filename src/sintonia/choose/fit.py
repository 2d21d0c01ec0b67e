"""Whether a base can be trained by a method on a machine, told from its shape alone, before it is fetched.

The memory is that of the run's own plan (`resources/plan.py`, `resources/estimate.py`), the room on the disk that of
its own checkpoints: nothing is estimated here a second time. A setting that is named as the way out was tried.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

from sintonia.choose.base import refusal
from sintonia.choose.described import bytes_until_open, described, layers_of
from sintonia.errors import SintoniaError, UsageError
from sintonia.files import home_folder
from sintonia.methods import METHODS
from sintonia.models.catalog import Entry, catalog
from sintonia.records import Base, Fit, Machine
from sintonia.resources.disk import training_disk_parts
from sintonia.resources.estimate import encoder_peak_parts, workload_of
from sintonia.resources.machine import look_at_machine
from sintonia.resources.plan import LEAST_MICRO_TOKENS, LanguageShape, Lengths, Plan, language_peak_parts, plan_memory
from sintonia.settings import DataSettings, Recipe
from sintonia.tasks import TASKS, usual_micro_tokens

_BATCH_EXAMPLES = 8
"""Of the task `chat`, as `resolve` fills it."""
_SMALLER = (2048, 1024, 512, 256)
_LIGHTER = ("lora", "head")
"""Methods that need less than the one before, `full` being the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """One base, one way to train it, one machine."""

    name: str
    base: Base
    shape: LanguageShape
    fetched_bytes: int
    """On the disk, until the base can be opened: what is downloaded and what becomes of it; 0 of one that is here."""
    recipe: Recipe
    machine: Machine
    lengths: Lengths | None


def fit(
    base: Entry | Base,
    recipe: Recipe,
    machine: Machine,
    lengths: Lengths | None = None,
    others: Sequence[Entry] = (),
) -> Fit:
    """Whether a base can be trained as a recipe says on a machine; it is neither fetched nor opened.

    Args:
        base: A catalog entry, or a base that was chosen.
        recipe: With its task named; a method on `auto` is the usual one of the task.
        machine: Of its memory that of the processor counts, for training runs there.
        lengths: Tokens of the longest training rows where they are known; else rows are taken as short.
        others: Bases that may be named as the way out, where they fit.
    """
    question = _question(base, recipe, machine, lengths)
    if isinstance(question, Fit):
        return question
    found = _answer(question)
    if found.outcome != "does not fit":
        return found
    return dataclasses.replace(found, nearest=_nearest(question, others))


def fit_each(
    base: Entry, recipe: Recipe, machine: Machine, lengths: Lengths | None = None, others: Sequence[Entry] = ()
) -> tuple[Fit, ...]:
    """A base with each method of the task, or with the one that the recipe names; the rest is as for `fit`."""
    methods = [
        name for name, one in METHODS.items() if one.learns(TASKS[recipe.task]) and recipe.method in ("auto", name)
    ]
    return tuple(fit(base, _by(recipe, method), machine, lengths, others) for method in methods)


def fits_here(names: Sequence[str]) -> dict[str, tuple[Fit, ...]]:
    """Bases of the catalog on this machine as it is now: each by every method of its tasks, for short rows.

    One whose shape the catalog does not tell, and that is not here, is unknown; one that names no task is in none.

    Args:
        names: As the catalog has them.

    Raises:
        SintoniaError: the person's own catalog, or the list of pinned commits, is damaged.
    """
    entries, machine = catalog(), look_at_machine(home_folder())
    found: dict[str, tuple[Fit, ...]] = {}
    for name in names:
        tasks: tuple[Any, ...] = entries[name].tasks
        recipes = [Recipe(data=DataSettings(path=""), task=task) for task in tasks]
        answers = (fit_each(entries[name], one, machine, others=tuple(entries.values())) for one in recipes)
        found[name] = tuple(chain.from_iterable(answers))
    return found


def _question(base: Entry | Base, recipe: Recipe, machine: Machine, lengths: Lengths | None) -> _Question | Fit:
    """What is to be answered; or the answer, where the shape of the base is unknown or it is not for the task."""
    task = recipe.task
    method = TASKS[task].METHOD if recipe.method == "auto" else recipe.method
    name = (base.name or base.reference) if isinstance(base, Entry) else base.reference
    refused = Fit(base=name, method=method, outcome="unknown", peak_memory_bytes=0, disk_bytes=0, parts={}, reason="")
    try:
        known = described(base) if isinstance(base, Entry) else base
    except SintoniaError as error:
        return dataclasses.replace(refused, reason=error.what)
    if known is None:
        why = (
            "the catalog does not tell its number of weights, layers and their width, and it is not on this machine yet"
        )
        return dataclasses.replace(refused, reason=why)
    why = refusal(task, METHODS[method], known.kind)
    if why:
        return dataclasses.replace(refused, outcome="does not fit", reason=why)
    return _Question(
        name=name,
        base=known,
        shape=layers_of(base, known),
        fetched_bytes=bytes_until_open(base) if isinstance(base, Entry) else 0,
        recipe=_filled(_by(recipe, method), known),
        machine=machine,
        lengths=lengths,
    )


def _filled(recipe: Recipe, base: Base) -> Recipe:
    """With what a run fills before it makes its plan."""
    asked = recipe.training
    longest = min(base.max_tokens, TASKS[recipe.task].LONGEST)
    changed: dict[str, Any] = {"max_tokens": longest} if asked.max_tokens == "auto" else {}
    if asked.batch_examples == "auto":
        changed["batch_examples"] = _BATCH_EXAMPLES
    return dataclasses.replace(recipe, training=dataclasses.replace(asked, **changed))


def _answer(question: _Question) -> Fit:
    """Whether it fits, without a way out."""
    recipe, machine = question.recipe, question.machine
    outcome: Literal["fits", "fits with checkpointing", "does not fit"]
    outcome, parts, reason = _of_language(question) if TASKS[recipe.task].BASE == "language" else _of_encoder(question)
    disk = {"base": question.fetched_bytes, **training_disk_parts(recipe, question.shape)}
    if outcome == "does not fit" and machine.gpus:
        reason += "; training runs on the processor: the memory of a GPU does not count"
    if sum(disk.values()) > machine.free_disk_bytes:
        needed = ", ".join(f"{name} {_gib(size)}" for name, size in disk.items() if size)
        short = f"it needs {_gib(sum(disk.values()))} on the disk ({needed}), {_gib(machine.free_disk_bytes)} are free"
        reason = f"{reason}; {short}" if outcome == "does not fit" else short
        outcome = "does not fit"
    return Fit(
        base=question.name,
        method=recipe.method,
        outcome=outcome,
        peak_memory_bytes=sum(parts.values()),
        disk_bytes=sum(disk.values()),
        parts=parts,
        reason=reason,
    )


def _of_language(
    question: _Question,
) -> tuple[Literal["fits", "fits with checkpointing", "does not fit"], dict[str, int], str]:
    """By the plan that the run itself makes."""
    asked, room = question.recipe.training, question.machine.free_memory_bytes
    work = workload_of(question.recipe, question.shape, question.lengths)
    refusal = ""
    try:
        plan = plan_memory(
            question.shape, work, room, micro_tokens=asked.micro_tokens, checkpointing=asked.checkpointing
        )
        if plan.peak_memory_bytes > room:  # both were asked for: a run does not refuse this, and will not live long
            refusal = plan.why
    except UsageError as refused:
        refusal, plan = refused.what, _least_plan(question)
    work = dataclasses.replace(work, micro_tokens=plan.micro_tokens, uses_checkpoints=plan.uses_checkpoints)
    parts = language_peak_parts(question.shape, work)
    if refusal:
        is_near = sum(parts.values()) <= room
        return "does not fit", parts, refusal + (", a tenth of which is kept free" if is_near else "")
    why = plan.why if ":" in plan.why else f"it needs about {_gib(plan.peak_memory_bytes)}, {_gib(room)} are there"
    return "fits with checkpointing" if plan.uses_checkpoints else "fits", parts, why


def _least_plan(question: _Question) -> Plan:
    """The one that needs least of those that may be taken."""
    asked = question.recipe.training
    work = workload_of(question.recipe, question.shape, question.lengths)
    return plan_memory(
        question.shape,
        work,
        question.machine.free_memory_bytes,
        micro_tokens=LEAST_MICRO_TOKENS if asked.micro_tokens == "auto" else asked.micro_tokens,
        checkpointing="off" if asked.checkpointing == "off" else "on",
    )


def _of_encoder(question: _Question) -> tuple[Literal["fits", "does not fit"], dict[str, int], str]:
    """By what choosing a base refuses; an encoder's micro-batches are as large as is asked, and computed once."""
    room = question.machine.free_memory_bytes
    parts = encoder_peak_parts(question.recipe, question.base, max(_micro_tokens(question), _longest(question)))
    needed = sum(parts.values())
    why = f"it needs about {_gib(needed)}, {_gib(room)} are there"
    return "fits" if needed <= room else "does not fit", parts, why


def _micro_tokens(question: _Question) -> int:
    asked = question.recipe.training.micro_tokens
    return usual_micro_tokens(TASKS[question.recipe.task], question.base.kind) if asked == "auto" else asked


def _longest(question: _Question) -> int:
    """Tokens of the longest row as it is read; 0 where nobody knows."""
    return min(question.lengths.longest[0], int(question.recipe.training.max_tokens)) if question.lengths else 0


def _nearest(question: _Question, others: Sequence[Entry]) -> str:
    """The first of the ways out that fits, nearest first; empty where none of them does."""
    for words, way in _ways(question, others):
        if _answer(way).outcome in ("fits", "fits with checkpointing"):
            return words
    return ""


def _ways(question: _Question, others: Sequence[Entry]) -> Iterator[tuple[str, _Question]]:
    """Other ways to train, nearest first; rows are cut only where nothing else helps, and then of this base first."""
    yield from _whole_rows(question)
    smaller = [one for one in others if (one.num_parameters or 0) < question.base.num_parameters]
    bases: list[tuple[str, _Question]] = []
    for entry in sorted(smaller, key=lambda one: -(one.num_parameters or 0)):
        other = _question(entry, question.recipe, question.machine, question.lengths)
        if isinstance(other, _Question):
            bases.append((f"`--base {entry.name or entry.reference}`", other))
    yield from _cut_rows(question)
    for ways in (_whole_rows, _cut_rows):
        for named, other in bases:
            if ways is _whole_rows:
                yield named, other
            yield from ((f"{named} with {words}", way) for words, way in ways(other))


def _whole_rows(question: _Question) -> Iterator[tuple[str, _Question]]:
    """The same base with less at once, or with a lighter method."""
    asked = question.recipe.training
    if TASKS[question.recipe.task].BASE == "language" and (asked.micro_tokens, asked.checkpointing) != ("auto", "auto"):
        words = "`training.micro_tokens` and `training.checkpointing` on auto"
        yield words, _with(question, micro_tokens="auto", checkpointing="auto")
    yield from _smaller_batches(question)
    for named, lighter in _lighter(question):
        yield named, lighter
        yield from ((f"{named} with {words}", way) for words, way in _smaller_batches(lighter))


def _cut_rows(question: _Question) -> Iterator[tuple[str, _Question]]:
    """The same base with shorter conversations. (Texts are short, and a smaller micro-batch does the same.)"""
    if TASKS[question.recipe.task].BASE != "language":
        return
    for named, way in (("", question), *_lighter(question)):
        for size in (one for one in _SMALLER if one < _longest(question)):
            words = f"`training.max_tokens={size}`"
            yield f"{named} with {words}" if named else words, _with(way, max_tokens=size)


def _lighter(question: _Question) -> Iterator[tuple[str, _Question]]:
    task, method = question.recipe.task, question.recipe.method
    for name in _LIGHTER[_LIGHTER.index(method) + 1 if method in _LIGHTER else 0 :]:
        if METHODS[name].learns(TASKS[task]):
            yield f"`--method {name}`", dataclasses.replace(question, recipe=_by(question.recipe, name))


def _smaller_batches(question: _Question) -> Iterator[tuple[str, _Question]]:
    """Of texts; a conversation has a plan of its own, which tries them."""
    if TASKS[question.recipe.task].BASE != "language" and METHODS[question.recipe.method].trains_encoder:
        for size in (one for one in _SMALLER if _longest(question) <= one < _micro_tokens(question)):
            yield f"`training.micro_tokens={size}`", _with(question, micro_tokens=size)


def _with(question: _Question, **settings: Any) -> _Question:
    training = dataclasses.replace(question.recipe.training, **settings)
    return dataclasses.replace(question, recipe=dataclasses.replace(question.recipe, training=training))


def _by(recipe: Recipe, method: str) -> Recipe:
    settled: dict[str, Any] = {"method": method}
    return dataclasses.replace(recipe, **settled)


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"
