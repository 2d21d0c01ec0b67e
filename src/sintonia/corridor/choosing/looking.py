"""Opens each base once and scores it on training examples; one that cannot be used is put out with the reason."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sintonia.choose import (
    MOST_CONVERSATIONS,
    MOST_TEXTS,
    Entrant,
    choose,
    draw,
    look_at_texts,
    measure_fertility,
    refused_by_licence,
)
from sintonia.choose.fit import fit
from sintonia.choose.ranking.rank import Shown
from sintonia.corridor.choosing.conversations import Weighed, compared, weigh_base
from sintonia.corridor.walk import Walk
from sintonia.errors import Interrupted, SintoniaError, StorageError
from sintonia.files import from_json, sha256_file, stream_lines
from sintonia.models.catalog import find_entry
from sintonia.records import Base, Example, Fertility, Machine, Prepared
from sintonia.resolve import resolve
from sintonia.resources.pace import duration
from sintonia.runs import RunFolder
from sintonia.settings import Recipe
from sintonia.tasks import chat

if TYPE_CHECKING:
    from sintonia.models.language.saved import OpenLanguageModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What bases are looked at with."""

    walk: Walk
    prepared: Prepared
    train: tuple[Example, ...]
    """The training examples that were drawn; no base sees another row."""
    machine: Machine
    licence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """One base as it was found."""

    entrant: Entrant
    weighed: Weighed | None = None
    """Of conversations: what it makes of each; they are compared when all bases were looked at."""


def drawn_from(run: RunFolder, prepared: Prepared) -> tuple[Example, ...]:
    """At most 1,500 training examples, by hash and evenly over the labels. No other set is read.

    Raises:
        StorageError: the training set is not the one that was recorded.
    """
    recorded = prepared.parts[0].train
    path = run.file(recorded.path)
    if not path.is_file() or sha256_file(path) != recorded.sha256:
        raise StorageError(f"`{path}` was changed or removed since the split", hint="begin a new run")
    return draw([from_json(Example, body) for body in stream_lines(path)], MOST_TEXTS)


def look_at_all(
    look: Look, names: Sequence[str], most_seconds: float | None
) -> tuple[tuple[Example, ...], tuple[Entrant, ...]]:
    """What all bases showed, in the order of their names, and the examples that they are compared on."""
    began, seen = time.monotonic(), list[_Seen]()
    for name in names:
        left = None if most_seconds is None else most_seconds - (time.monotonic() - began)
        seen.append(_looked_at(look, name, seen, left))
    if look.prepared.task != chat.NAME:
        return look.train, tuple(one.entrant for one in seen)
    places, shown = compared({one.entrant.name: one.weighed for one in seen if one.weighed})
    entrants = tuple(
        dataclasses.replace(one.entrant, shown=shown[one.entrant.name]) if one.weighed else one.entrant for one in seen
    )
    scored = draw(look.train, MOST_CONVERSATIONS)
    return tuple(scored[place] for place in places), entrants


def _looked_at(look: Look, name: str, before: Sequence[_Seen], seconds_left: float | None) -> _Seen:
    """One base: what it showed, or why it is out."""
    began = time.monotonic()
    entry, refusal = find_entry(name), refused_by_licence(name, look.licence)
    known = Entrant(name=name, licence=entry.licence, num_parameters=entry.num_parameters or 0)
    if refusal:
        return _Seen(entrant=dataclasses.replace(known, why_out=refusal))
    try:
        fitted = fit(entry, _settled(look), look.machine)
        known = dataclasses.replace(known, fit=fitted)
        if fitted.outcome == "does not fit":
            return _Seen(entrant=dataclasses.replace(known, why_out=fitted.reason))
        base = choose(dataclasses.replace(look.walk.run.recipe(), base=name), look.prepared.task)
        known = dataclasses.replace(known, num_parameters=base.num_parameters, max_tokens=base.max_tokens)
        late = _too_late(base, before, seconds_left)
        if late:
            return _Seen(entrant=dataclasses.replace(known, why_out=late))
        look.walk.tell("choose", f"looking at {len(look.train):,} training examples with `{name}`")
        seen = _seen(look, base, known)
    except Interrupted:
        raise
    except SintoniaError as refused:
        out = dataclasses.replace(known, why_out=refused.what, seconds=time.monotonic() - began)
        return _Seen(entrant=out)
    done = dataclasses.replace(seen.entrant, seconds=time.monotonic() - began)
    return dataclasses.replace(seen, entrant=done)


def _settled(look: Look) -> Recipe:
    settled: dict[str, Any] = {"task": look.prepared.task}
    return dataclasses.replace(look.walk.run.recipe(), **settled)


def _too_late(base: Base, before: Sequence[_Seen], seconds_left: float | None) -> str:
    """Why there is no time to score this base, foreseen from the slowest of those before; empty when there is.

    The first one is always scored: there is nothing to foresee it from.
    """
    scored = [one.entrant for one in before if one.entrant.num_parameters and not one.entrant.why_out]
    needed = max((one.seconds / one.num_parameters for one in scored), default=0.0) * base.num_parameters
    if seconds_left is None or not scored or needed <= seconds_left:
        return ""
    return f"scoring it would take about {duration(needed)}: more than is left of the time for that"


def _seen(look: Look, base: Base, known: Entrant) -> _Seen:
    filled, _ = resolve(dataclasses.replace(look.walk.run.recipe(), base=known.name), base, look.prepared)
    max_tokens = int(filled.training.max_tokens)
    if look.prepared.task == chat.NAME:
        return _seen_conversations(look, base, known, filled)
    from sintonia.models.open import open_base

    opened = open_base(base, max_tokens)
    shown = _finite(look_at_texts(opened, look.train))
    fertility = measure_fertility(opened.tokenizer, [one.input for one in look.train])
    return _Seen(entrant=dataclasses.replace(known, shown=shown, fertility=fertility))


def _seen_conversations(look: Look, base: Base, known: Entrant, filled: Recipe) -> _Seen:
    from sintonia.models.language.saved import open_language_base

    opened = open_language_base(base, int(filled.training.max_tokens), filled.chat.template)
    weighed = weigh_base(opened, look.train, draw(look.train, MOST_CONVERSATIONS), filled.chat.learn)
    return _Seen(entrant=dataclasses.replace(known, fertility=_fertility(opened, look.train)), weighed=weighed)


def _fertility(opened: OpenLanguageModel, examples: Sequence[Example]) -> Fertility:
    return measure_fertility(opened.tokenizer, [f"{one.input} {one.target}" for one in examples])


def _finite(shown: Shown) -> Shown:
    """What a base showed, if all of it are numbers.

    Raises:
        StorageError: it computes what is no number.
    """
    if not np.isfinite(list(shown.scores.values())).all():
        raise StorageError("it computes what is no number from these texts")
    return shown
