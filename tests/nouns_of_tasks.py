"""Tiny made-up data of every task, and jobs on them: what the tests of contracts, resumes and golden losses begin with.

A task in `TASKS` without rows here fails `tests/contracts`. Nothing is trained here.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sintonia.choose import choose
from sintonia.prepare import prepare
from sintonia.prepare.gather import Gathered, gather
from sintonia.records import Example
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, LoraSettings, Recipe, TrainingSettings
from sintonia.tasks import TASKS
from sintonia.train import Job
from tests.tiny import ANSWERS, FILLER, TOPICS, make_conversations, make_rows, write_rows
from tests.tiny_pairs import make_pair_rows, make_scored_rows
from tests.unit.train.tag_jobs import make_tagged

Rows = list[dict[str, Any]]
LEAST_ROWS = 60
"""Fewer are refused when data are read."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TinyData:
    """Rows of a task as people write them, and one that cannot be used."""

    task: str
    form: str
    make: Callable[[int, int], Rows]
    """(number of rows, seed) to rows that are all different."""
    broken: Mapping[str, Any]
    """A row of the same columns that is to be set aside."""
    reason: str
    """What is said of it, or a part of that."""
    metric: str

    @property
    def name(self) -> str:
        """Task and form, as tests are called."""
        return f"{self.task}: {self.form}"


def _numbers(count: int, seed: int) -> Rows:
    """The number is how many of the words are about the weather, all or none, and a little more."""
    generator = np.random.default_rng(seed)
    return [
        {"text": text, "score": round(number + float(generator.uniform(0, 0.2)), 3)}
        for text, number in _weather(count, generator)
    ]


def _numbers_of_pairs(count: int, seed: int) -> Rows:
    """The number is how many words of the weather the second text has more than the first."""
    generator = np.random.default_rng(seed)
    pairs = zip(_weather(count, generator), _weather(count, generator), strict=True)
    return [
        {"text1": first, "text2": second, "score": more - less + round(float(generator.uniform(0, 0.2)), 3)}
        for (first, less), (second, more) in pairs
    ]


def _weather(count: int, generator: np.random.Generator) -> list[tuple[str, int]]:
    found: dict[str, int] = {}
    while len(found) < count:
        number = 4 * int(generator.integers(2))
        words = generator.choice(TOPICS["weather" if number else "food"][:5], 4).tolist()
        found[_shuffled(words, generator)] = number
    return list(found.items())


def _spans(count: int, seed: int) -> Rows:
    return [{"text": one.input, "spans": one.whole["spans"]} for one in make_tagged(count, seed)]


def _tokens(count: int, seed: int) -> Rows:
    return [
        {"tokens": one.input.split(), "tags": [span["label"] for span in one.whole["spans"]]}
        for one in make_tagged(count, seed, one_each=True)
    ]


def _preferences(count: int, seed: int) -> Rows:
    """The better answer belongs to the topic, the other one never does."""
    return [
        {"prompt": row["text"], "chosen": ANSWERS[row["label"]], "rejected": "no idea"}
        for row in make_rows(count, seed)
    ]


def _ratings(count: int, seed: int) -> Rows:
    rows = enumerate(make_rows(count, seed))
    return [
        {"prompt": row["text"], "completion": "no idea" if k % 2 else ANSWERS[row["label"]], "label": k % 2 == 0}
        for k, row in rows
    ]


def _sets_of_labels(count: int, seed: int) -> Rows:
    """A text about the weather, about food, about both or about neither."""
    generator, names, rows = np.random.default_rng(seed), np.array(["food", "weather"]), []
    for _ in range(count):
        labels = sorted(generator.choice(names, int(generator.integers(3)), replace=False).tolist())
        words = [word for label in labels for word in generator.choice(TOPICS[label][:5], 2).tolist()]
        rows.append({"text": _shuffled([*words, *generator.choice(FILLER, 3).tolist()], generator), "labels": labels})
    return rows


def _shuffled(words: list[str], generator: np.random.Generator) -> str:
    return " ".join(generator.permutation(words).tolist())


def _votes(count: int, seed: int) -> Rows:
    """Two of three annotators say what the text is about."""
    names, generator = list(TOPICS), np.random.default_rng(seed)
    return [
        {"text": row["text"], "votes": [row["label"], row["label"], names[int(generator.integers(4))]]}
        for row in make_rows(count, seed)
    ]


def _passages(count: int, seed: int) -> Rows:
    """A letter at the beginning, which is read and not learned, tells what follows."""
    rows = enumerate(make_rows(count, seed))
    return [{"text": f"{chr(97 + number % 26)}) {row['text']}"} for number, row in rows]


def _of(task: str, form: str, metric: str, make: Callable[[int, int], Rows], **wrong: Any) -> TinyData:
    reason = wrong.pop("reason")
    return TinyData(task=task, form=form, make=make, broken=wrong, reason=reason, metric=metric)


_OVERLAPPING = [{"start": 0, "end": 5, "label": "food"}, {"start": 3, "end": 8, "label": "food"}]
_ALL = (
    _of("classify", "text and label", "accuracy", make_rows, text="rain", label="", reason="`label` is empty"),
    _of(
        "multilabel",
        "text and labels",
        "micro_f1_of_labels",
        _sets_of_labels,
        text="rain",
        labels=["food ; music", "food"],
        reason="stands between labels",
    ),
    _of("chat", "prompt and completion", "bits_per_byte", make_conversations, prompt="rain", completion="", reason=""),
    _of("regress", "text and number", "mean_absolute_error", _numbers, text="rain", score="wet", reason="not a number"),
    _of(
        "regress",
        "pair and number",
        "mean_absolute_error",
        _numbers_of_pairs,
        text1="rain",
        text2="",
        score=1.0,
        reason="`text2`",
    ),
    _of(
        "embed",
        "anchor and positive",
        "ndcg_at_10",
        make_pair_rows,
        anchor="rain",
        positive="rain",
        reason="anchor and positive are the same text",
    ),
    _of("embed", "scored pair", "spearman", make_scored_rows, text1="rain", text2="sun", score="?", reason="`score`"),
    _of(
        "tag",
        "text and spans",
        "span_f1",
        _spans,
        text="bread and soup",
        spans=_OVERLAPPING,
        reason="two spans overlap",
    ),
    _of(
        "tag",
        "tokens and tags (one a token)",
        "token_accuracy",
        _tokens,
        tokens=["rain", "sun"],
        tags=["weather"],
        reason="2 tokens but 1 tags",
    ),
    _of(
        "prefer",
        "preference",
        "preference_accuracy",
        _preferences,
        prompt="rain",
        chosen="a song",
        rejected="a song",
        reason="chosen and rejected are the same",
    ),
    _of(
        "prefer",
        "unpaired preference",
        "preference_accuracy",
        _ratings,
        prompt="rain",
        completion="a song",
        label="perhaps",
        reason="`label` is neither true nor false",
    ),
    _of("pretrain", "passages of a column", "bits_per_byte", _passages, text=" ", reason="`text` is empty"),
    _of("votes", "text and votes", "accuracy", _votes, text="rain", votes=["food", "music"], reason="no label has"),
)

TINY: dict[str, tuple[TinyData, ...]] = {
    task: tuple(one for one in _ALL if one.task == task) for task in dict.fromkeys(one.task for one in _ALL)
}
"""Every task with its rows, the usual form first; `votes` is that of `examples/votes_task`, which is learned only where
it is installed."""


def write_tiny(data: TinyData, path: Path, count: int = LEAST_ROWS, seed: int = 0) -> Path:
    """The rows as JSONL."""
    return write_rows(path, data.make(count, seed))


def read_tiny(data: TinyData, path: Path) -> Gathered:
    """What the form of the data understands of a file."""
    return gather(Recipe(data=DataSettings(path=str(path)), task=data.task), None, taught=tuple(TASKS))


@cache
def make_tiny_examples(data: TinyData, count: int, seed: int = 0) -> tuple[Example, ...]:
    """Examples as a run has them: rows that were read, understood, put into sets and written down."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SINTONIA_HOME", f"{folder}/home")
        path = write_tiny(data, Path(folder) / "rows.jsonl", max(2 * count, LEAST_ROWS), seed)
        recipe = Recipe(data=DataSettings(path=str(path)), task=data.task)
        run = RunFolder.create(Path(folder) / "run", recipe)
        part = prepare(recipe, run).parts[0]
        every = [one for of_set in (part.train, part.validation) for one in run.lines(of_set.path, Example)]
        return tuple(sorted(every, key=lambda one: one.place.line)[:count])


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How many examples a job learns from, and how many it is validated on: the next ones, or the same."""

    train: int = 20
    validation: int = 8
    is_same: bool = False


def make_tiny_job(
    folder: Path,
    base: Path,
    data: TinyData,
    method: str = "",
    *,
    sizes: Sizes | None = None,
    lora: Mapping[str, Any] | None = None,
    **training: Any,
) -> Job:
    """A job on the first examples of some data; `base` is a tiny one of the kind that the task takes."""
    sizes = sizes or Sizes()
    settings: dict[str, Any] = {
        "epochs": 2.0,
        "learning_rate": 1e-3,
        "batch_examples": 8,
        "micro_tokens": 4096 if TASKS[data.task].BASE == "encoder" else 2048,
        "precision": "fp32",
        "evaluations": 3,
        "checkpoint_steps": 6,
        "max_tokens": 32 if TASKS[data.task].BASE == "encoder" else 128,
        "dropout": 0.0,
        "weight_decay": 0.01,
        **training,
    }
    recipe = Recipe(
        data=DataSettings(path="rows"),
        base=f"file:{base}",
        task=data.task,
        method=method or TASKS[data.task].METHOD,
        training=TrainingSettings(**settings),
        lora=LoraSettings(**{"rank": 4, **(lora or {})}),
    )
    num_behind = 0 if sizes.is_same else sizes.validation
    examples = make_tiny_examples(data, sizes.train + num_behind)
    train = examples[: sizes.train]
    return Job(
        run=RunFolder.create(folder, recipe),
        recipe=recipe,
        base=choose(recipe, data.task),
        labels=tuple(sorted({one.target for one in train})) if TASKS[data.task].HAS_CLASSES else (),
        primary_metric=data.metric,
        train=train,
        validation=train if sizes.is_same else examples[sizes.train :],
        turn=1,
        part="000",
    )
