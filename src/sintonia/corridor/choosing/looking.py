"""Opens each base once and scores it on training examples; one that cannot be used is put out with the reason."""

from __future__ import annotations

import dataclasses
import heapq
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sintonia.choose import (
    MOST_CONVERSATIONS,
    MOST_TEXTS,
    UNKNOWN_FRACTION,
    Entrant,
    choose,
    draw,
    look_at_texts,
    measure_fertility,
    refused_by_licence,
    without_cutters,
    without_strangers,
)
from sintonia.choose.fit import fit
from sintonia.choose.ranking.rank import Shown
from sintonia.corridor.choosing.conversations import Weighed, compared, lengths_of, weigh_base
from sintonia.corridor.walk import Walk
from sintonia.errors import Interrupted, SintoniaError, StorageError
from sintonia.files import from_json, sha256_file, stream_lines
from sintonia.models.catalog import find_entry
from sintonia.records import Base, Example, Fertility, Machine, Prepared
from sintonia.resolve import resolve
from sintonia.resources.pace import duration
from sintonia.resources.plan import Lengths
from sintonia.runs import RunFolder
from sintonia.settings import Recipe
from sintonia.tasks import TASKS

if TYPE_CHECKING:
    from sintonia.models.language.saved import OpenLanguageModel


_UNLIKE = (
    "ranking needs an encoder here: how encoders compare with what a language model says at its last token is not "
    "known (`--base` takes it)"
)
"""Why a base is not ranked that can learn the task and is not of its usual kind."""
_NUM_LONGEST = 32
"""Rows that a base is asked about the memory of training with: more than are in a batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What bases are looked at with."""

    walk: Walk
    prepared: Prepared
    train: tuple[Example, ...]
    """The training examples that were drawn; no base is scored on another row."""
    longest: tuple[Example, ...]
    """The longest of all training examples: what training them takes in memory."""
    machine: Machine
    licence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """One base as it was found."""

    entrant: Entrant
    weighed: Weighed | None = None
    """Of conversations: what it makes of each; they are compared when all bases were looked at."""
    forward_seconds: float = 0.0
    """What all its forward passes took."""
    layer_weights: int = 0
    """What one token is multiplied with in a forward pass, about; word vectors are only looked up."""


def drawn_from(run: RunFolder, prepared: Prepared) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """At most 1,500 training examples, by hash and evenly over the labels, and the longest of all.

    No other set is read.

    Raises:
        StorageError: the training set is not the one that was recorded.
    """
    recorded = prepared.parts[0].train
    path = run.file(recorded.path)
    if not path.is_file() or sha256_file(path) != recorded.sha256:
        raise StorageError(f"`{path}` was changed or removed since the split", hint="begin a new run")
    train = [from_json(Example, body) for body in stream_lines(path)]
    return draw(train, MOST_TEXTS), tuple(heapq.nlargest(_NUM_LONGEST, train, key=_num_characters))


def _num_characters(example: Example) -> int:
    return len(json.dumps(example.content, ensure_ascii=False)) if example.content else len(example.input)


def look_at_all(
    look: Look, names: Sequence[str], most_seconds: float | None
) -> tuple[tuple[Example, ...], tuple[Entrant, ...]]:
    """What all bases showed, in the order of their names, and the examples that they are compared on."""
    began, seen = time.monotonic(), list[_Seen]()
    for name in names:
        left = None if most_seconds is None else most_seconds - (time.monotonic() - began)
        seen.append(_looked_at(look, name, seen, left))
    scored = _scored(look)
    fitting = without_strangers([one.entrant for one in seen], UNKNOWN_FRACTION)
    entrants = without_cutters(fitting, len(scored), TASKS[look.prepared.task].LONGEST)
    if TASKS[look.prepared.task].BASE == "encoder":
        return scored, entrants
    weighed = {one.entrant.name: one.weighed for one in seen if one.weighed}
    places, shown = compared({one.name: weighed[one.name] for one in entrants if one.shown})
    return tuple(scored[place] for place in places), tuple(
        dataclasses.replace(one, shown=shown[one.name]) if one.shown else one for one in entrants
    )


def _scored(look: Look) -> tuple[Example, ...]:
    """What each base is scored on."""
    return draw(look.train, MOST_CONVERSATIONS) if TASKS[look.prepared.task].BASE == "language" else look.train


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
        if base.kind != TASKS[look.prepared.task].BASE:
            return _Seen(entrant=dataclasses.replace(known, why_out=_UNLIKE))
        known = dataclasses.replace(known, num_parameters=base.num_parameters, max_tokens=base.max_tokens)
        late = _too_late(base, before, seconds_left)
        if late:
            return _Seen(entrant=dataclasses.replace(known, why_out=late))
        look.walk.tell("choose", f"looking at {len(_scored(look)):,} training examples with `{name}`")
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
    """Why there is no time to score this base, foreseen from the usual pace of those before; empty when there is.

    The pace is that of forward passes alone: what is imported once says nothing of the next base. The first one is
    always scored: there is nothing to foresee it from.
    """
    paces = [one.forward_seconds / one.layer_weights for one in before if one.forward_seconds and one.layer_weights]
    if seconds_left is None or not paces:
        return ""
    needed = float(np.median(paces)) * layer_weights(base)
    if needed <= seconds_left:
        return ""
    return f"scoring it would take about {duration(needed)}: more than is left of the time for that"


def layer_weights(base: Base) -> int:
    """About as many weights as one token is multiplied with in the layers, up to a factor that all bases share.

    Word vectors do not count: a multilingual base has many, and a forward pass only looks some of them up.
    """
    return max(1, base.num_layers) * max(1, base.hidden_size) ** 2


def _seen(look: Look, base: Base, known: Entrant) -> _Seen:
    filled, _ = resolve(dataclasses.replace(look.walk.run.recipe(), base=known.name), base, look.prepared)
    max_tokens = int(filled.training.max_tokens)
    if TASKS[look.prepared.task].BASE == "language":
        return _seen_conversations(look, base, known, filled)
    from sintonia.models.open import open_base
    from sintonia.models.tokens import tokenize

    opened = open_base(base, max_tokens)
    rows = tokenize(opened.tokenizer, [one.input for one in look.longest], opened.max_tokens).ids
    longest = tuple(sorted(map(len, rows), reverse=True))
    known = _fitted(look, known, Lengths(longest=longest, max_tokens=opened.max_tokens))
    if known.why_out:
        return _Seen(entrant=known)
    shown = _finite(look_at_texts(opened, look.train))
    fertility = measure_fertility(opened.tokenizer, [one.input for one in look.train])
    return _Seen(
        entrant=dataclasses.replace(known, shown=shown, fertility=fertility),
        forward_seconds=shown.forward_seconds * len(look.train),
        layer_weights=layer_weights(base),
    )


def _fitted(look: Look, known: Entrant, lengths: Lengths | None) -> Entrant:
    """Asked once more, now that its own tokenizer has told how long the rows are; put out where it does not fit."""
    fitted = fit(find_entry(known.name), _settled(look), look.machine, lengths)
    return dataclasses.replace(known, fit=fitted, why_out=fitted.reason if fitted.outcome == "does not fit" else "")


def _seen_conversations(look: Look, base: Base, known: Entrant, filled: Recipe) -> _Seen:
    from sintonia.models.language.saved import open_language_base

    opened = open_language_base(base, int(filled.training.max_tokens), filled.chat.template)
    scored = _scored(look)
    known = _fitted(look, known, lengths_of(opened, (*scored, *look.longest), filled.chat.learn))
    if known.why_out:
        return _Seen(entrant=known)
    weighed = weigh_base(opened, look.train, scored, filled.chat.learn)
    shown = compared({known.name: weighed})[1][known.name]  # by itself, until all were looked at
    return _Seen(
        entrant=dataclasses.replace(known, shown=shown, fertility=_fertility(opened, look.train)),
        weighed=weighed,
        forward_seconds=weighed.all_seconds,
        layer_weights=layer_weights(base),
    )


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
