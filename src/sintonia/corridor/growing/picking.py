"""Picks the next batch of texts from a pool: what the model of a run says of them, or where they lie for a base alone.

It trains nothing and opens no sealed test: the texts of the test are known by their keys alone.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sintonia.corridor.walk import Listener, Progress
from sintonia.errors import UsageError
from sintonia.prepare import read_pool, split_keys, text_key
from sintonia.records import Batch, Labelling, Origin, Pool, Prepared, Verdict, Waiting
from sintonia.runs import RunFolder

LEAST_BATCH = 20
RANDOM_FRACTION = 0.15
"""Of a batch, where nothing else is asked for."""
BATCH_FRACTION = 0.1
"""Of what is labelled: a larger batch is picked by a model that knows too little of what it will hold."""
NEEDED_OF_A_CLASS = 5
_SHOWN_LIKELY = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a finished run says of itself: its labels, and how its data call the column of texts."""

    labels: tuple[str, ...]
    column: str
    group: str | None
    """The column by which its rows belong together: a row that is added has it, empty where it belongs to no other."""
    time: str | None
    """The column of times, which nobody can give a text of a pool afterwards."""
    model: str
    """Stands for the model that would pick: another turn is another model."""


def know(path: str) -> Known:
    """What the finished run in a folder knows; nothing that takes seconds is imported.

    Raises:
        UsageError: the run is not finished, or its task is not classify.
    """
    run = RunFolder.open(path)
    prepared, verdict = run.read("prepared.json", Prepared), run.read("verdict.json", Verdict)
    if prepared is not None and prepared.task != "classify":
        raise UsageError(
            f"`{path}` learned the task {prepared.task}, whose answers are no labels: no key can stand for one",
            expected="a run of the task classify",
            hint="write the answers into a file of their own, and add it to the run's data",
            where="--run",
        )
    if prepared is None or verdict is None:
        raise UsageError(f"`{path}` is not finished yet", hint=f"`sintonia resume {path}` goes on to its verdict")
    if "first" in prepared.columns:
        raise UsageError(
            f"`{path}` learned pairs of texts, and a pool holds one text a row",
            expected="a run of one text and a label",
            hint="write the answers into a file of their own, and add it to the run's data",
            where="--run",
        )
    data = run.recipe().data
    return Known(
        labels=prepared.labels,
        group=data.group,
        time=data.time,
        column=prepared.columns.get("input", ""),
        model=f"{run.place.resolve()} turn {verdict.turn}",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Texts that are not picked, by their keys."""

    learned: frozenset[str]
    """In training or validation of the run."""
    recorded: frozenset[str]
    """In the record of its split, or in a file of its own: those of the test are among them, known by their keys."""
    answered: frozenset[str]
    """A person has said something of them before."""

    def __contains__(self, key: object) -> bool:
        return key in self.learned or key in self.recorded or key in self.answered


def taken(path: str | None, answered: frozenset[str]) -> Taken:
    """What is known of the texts of a run, where there is one."""
    if path is None:
        return Taken(learned=frozenset(), recorded=frozenset(), answered=answered)
    from sintonia.corridor.turns import read_sets  # torch comes with it, and a sitting that goes on needs none

    run = RunFolder.open(path)
    prepared = run.read("prepared.json", Prepared)
    parts = prepared.parts if prepared else ()
    texts = {example.input for part in parts for learned in read_sets(run, part) for example in learned}
    recorded = split_keys(run.recipe().data, prepared)
    return Taken(learned=frozenset(map(text_key, texts)), recorded=recorded, answered=answered)


def usual_size(num_labelled: int, num_labels: int, *, has_model: bool) -> int:
    """How many texts are a batch: 20, or a tenth of what is labelled; at first five a class where that is more."""
    first = 0 if has_model else NEEDED_OF_A_CLASS * num_labels
    return max(LEAST_BATCH, round(BATCH_FRACTION * num_labelled), first if num_labelled < first else 0)


def pick_with_run(asked: Labelling, known: Known, left_out: Taken, batch: Batch, tell: Listener) -> list[Waiting]:
    """The texts that the model of the run is least sure of, apart from one another, and some by chance."""
    from sintonia.adjust import pick, shortlist
    from sintonia.evaluate import answer_texts
    from sintonia.models.forward import compute_features
    from sintonia.models.open import open_candidate
    from sintonia.models.tokens import tokenize

    pool = _pool(asked, known.column, left_out, tell)
    folder = RunFolder.open(asked.run or "").file("model")
    _say(tell, f"the model of the run reads {len(pool.texts):,} texts")
    labels, probabilities, answers = answer_texts(folder, pool.texts)
    nearest = [pool.texts[position] for position in shortlist(probabilities, batch)]
    candidate = open_candidate(folder)
    rows = tokenize(candidate.tokenizer, nearest, candidate.max_tokens, candidate.model.reading).ids
    features = compute_features(candidate.model, rows)
    return [
        _suggested(
            pool.texts[one.position], one.origin, labels, probabilities[one.position], int(answers[one.position])
        )
        for one in pick(probabilities, features, batch)
    ]


def pick_cold(
    asked: Labelling, labelled: Sequence[str], left_out: Taken, batch: Batch, tell: Listener
) -> list[Waiting]:
    """Texts that each stand for many like them, far from those that are labelled, and some by chance."""
    from sintonia.adjust import pick_spread
    from sintonia.choose import choose
    from sintonia.models.forward import compute_features
    from sintonia.models.open import open_base
    from sintonia.models.tokens import tokenize
    from sintonia.recipe import check_values, make_recipe

    pool = _pool(asked, "", left_out, tell)
    recipe = check_values(make_recipe({"task": "classify", "base": asked.base, "data": {"path": asked.pool}}))
    base = choose(recipe, "classify")
    _say(tell, f"the base {base.reference} reads {len(pool.texts):,} texts")
    opened = open_base(base, base.max_tokens)
    ids = tokenize(opened.tokenizer, [*pool.texts, *labelled], opened.max_tokens).ids
    features = compute_features(opened.model, ids)
    picks = pick_spread(features[: len(pool.texts)], features[len(pool.texts) :], batch)
    texts = [(pool.texts[one.position], one.origin) for one in picks]
    return [Waiting(key=text_key(text), text=text, origin=origin) for text, origin in texts]


def _pool(asked: Labelling, usual: str, known: Container[str], tell: Listener) -> Pool:
    pool = read_pool(Path(asked.pool), known, asked.columns, usual)
    for note in pool.notes:
        _say(tell, note)
    return pool


def _suggested(text: str, origin: Origin, labels: Sequence[str], probabilities: np.ndarray, answer: int) -> Waiting:
    """With the answer that `predict` gives; of a model with offsets it is not always the likeliest label."""
    order = list(dict.fromkeys([answer, *np.argsort(-probabilities, kind="stable").tolist()]))[:_SHOWN_LIKELY]
    return Waiting(
        key=text_key(text),
        text=text,
        origin=origin,
        suggested=labels[answer],
        probability=float(probabilities[answer]),
        likely=tuple(labels[position] for position in order),
    )


def _say(tell: Listener, message: str) -> None:
    tell(Progress(stage="label", message=message))
