"""What every task promises, held for each with every method that learns it. A task without tiny data fails here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from sintonia.errors import DataError
from sintonia.evaluate.predict import score_candidate
from sintonia.methods import METHODS
from sintonia.models.shape import is_causal
from sintonia.prepare import prepare
from sintonia.records import Evaluation, Example, Scorecard, SetAside
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe
from sintonia.tasks import TASKS, kinds_for
from sintonia.train import Job, train
from tests.contracts.encodings import all_encoded, encoded
from tests.nouns_of_tasks import LEAST_ROWS, TINY, Sizes, TinyData, make_tiny_examples, make_tiny_job, read_tiny
from tests.tiny import make_tiny_language_model

ROOT = Path(__file__).parents[2]
EVERY = [pytest.param(data, id=data.name) for task in TASKS for data in TINY.get(task, ())]
CELLS = [
    pytest.param(data, method, kind, id=f"{data.name}, {method}" + (f", {kind}" if kind != TASKS[task].BASE else ""))
    for task in TASKS
    for place, data in enumerate(TINY.get(task, ()))
    for method in METHODS
    for kind in kinds_for(TASKS[task])
    if METHODS[method].learns(TASKS[task]) and kind in METHODS[method].bases
    if place == 0 or (method == TASKS[task].METHOD and kind == TASKS[task].BASE)
]
"""The usual form of each task with every method on every kind of base, its other forms with what is usual."""
FEW, BROKEN_LINE, NEAR = 8, 8, 1e-5
RATES = {"full": 2e-2, "lora": 2e-2, "head": 1.0, "contrastive": 5e-3}
RATE_OF_HEAD_ON_STATES = 0.1
SLOWER = {"chat": 1e-2, "embed": 1e-2, "prefer": 1e-2, "pretrain": 1e-2}
"""High, for the bases are tiny and random; most for what has a head, which begins at random."""
WORD_VECTORS = 0.4
"""Spread of the weights of the tiny language model: adapters leave its word vectors alone, and at the usual .02 these
are too short for any logit to be large."""


@pytest.fixture(scope="module")
def bases(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The tiny base of each kind."""
    folder = tmp_path_factory.mktemp("language") / "tiny"
    return {"encoder": tiny_base, "language": make_tiny_language_model(folder, initializer_range=WORD_VECTORS)}


def without_data(tasks: Iterable[str]) -> str:
    """What to do about tasks that nobody wrote rows for."""
    missing = sorted(set(tasks) - set(TINY))
    return f"no tiny data of {', '.join(missing)}: add rows to TINY in tests/nouns_of_tasks.py" if missing else ""


def test_every_task_has_tiny_data_and_its_usual_method_learns_it() -> None:
    assert not without_data(TASKS), without_data(TASKS)
    assert without_data([*TASKS, "poems"]) == "no tiny data of poems: add rows to TINY in tests/nouns_of_tasks.py"
    assert all(METHODS[TASKS[name].METHOD].learns(TASKS[name]) for name in TASKS)
    assert all(one.metric in TASKS[name].METRICS for name in TASKS for one in TINY[name])


def write_lines(path: Path, rows: Sequence[object]) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("data", EVERY)
def test_a_row_that_cannot_be_used_is_set_aside_with_its_line_and_the_reason(tmp_path: Path, data: TinyData) -> None:
    rows = data.make(LEAST_ROWS, 0)
    rows.insert(BROKEN_LINE - 1, dict(data.broken))
    recipe = Recipe(data=DataSettings(path=str(write_lines(tmp_path / "rows.jsonl", rows))), task=data.task)
    run = RunFolder.create(tmp_path / "run", recipe)
    prepared = prepare(recipe, run)
    aside = run.lines("data/set_aside.jsonl", SetAside)
    (of_line,) = [one for one in aside if one.place.line == BROKEN_LINE]
    assert of_line.place.file == "rows.jsonl" and data.reason in of_line.reason and of_line.reason
    assert prepared.task == data.task and prepared.form == data.form
    assert prepared.rows_in == LEAST_ROWS + 1 == prepared.rows_used + prepared.rows_set_aside
    assert len(aside) == prepared.rows_set_aside


@pytest.mark.parametrize("data", EVERY)
def test_what_cannot_be_read_is_refused_at_its_line(tmp_path: Path, data: TinyData) -> None:
    rows: list[object] = [*data.make(LEAST_ROWS, 0)]
    rows.insert(BROKEN_LINE - 1, '{"text": ')
    path = write_lines(tmp_path / "rows.jsonl", rows)
    with pytest.raises(DataError) as caught:
        read_tiny(data, path)
    assert f"rows.jsonl:{BROKEN_LINE}" in str(caught.value)
    path = write_lines(tmp_path / "rows.jsonl", [*data.make(LEAST_ROWS, 0)[:FEW], *[dict(data.broken)] * LEAST_ROWS])
    with pytest.raises(DataError, match=r"rows\.jsonl:\d"):
        read_tiny(data, path)


def test_another_process_encodes_the_same(tmp_path: Path, bases: dict[str, Path]) -> None:
    """Where sets are walked in another order too."""
    process = subprocess.run(
        [sys.executable, "-m", "tests.contracts.encodings", str(bases["encoder"]), str(bases["language"])],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "4", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    here = all_encoded(bases, tmp_path)
    assert json.loads(process.stdout) == here
    one = TINY["classify"][0]
    assert encoded(one, bases["encoder"], tmp_path / "changed", changed=3) != here[one.name]


@dataclass(frozen=True)
class Trained:
    """A model of eight examples, and what the weights that were saved had said of them."""

    job: Job
    model: Path
    first: Evaluation
    best: Evaluation


@pytest.fixture(scope="module")
def trained(
    bases: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[TinyData, str, str], Trained]:
    """Fifty steps on eight examples, which validate too; each cell is trained once."""
    found: dict[tuple[TinyData, str, str], Trained] = {}

    def of(data: TinyData, method: str, kind: str) -> Trained:
        if (data, method, kind) not in found:
            folder = tmp_path_factory.mktemp("trained") / "run"
            found[data, method, kind] = overfit(folder, bases[kind], data, method)
        return found[data, method, kind]

    return of


def overfit(folder: Path, base: Path, data: TinyData, method: str) -> Trained:
    is_on_states = method == "head" and is_causal(base)  # which are longer than features of length one
    rate = RATE_OF_HEAD_ON_STATES if is_on_states else RATES[method]
    job = make_tiny_job(
        folder,
        base,
        data,
        method,
        sizes=Sizes(train=FEW, is_same=True),
        epochs=50.0,
        batch_examples=FEW,
        evaluations=2,
        checkpoint_steps="validation",
        learning_rate=min(rate, SLOWER.get(data.task, 1.0)),
        warmup_fraction=0.0,
        weight_decay=0.0,
        early_stopping=False,
        loss_spikes="note",
        head_start="random",
    )
    *_, last = train(job)
    assert last.kind == "finished" and last.values["last_step"] == 50
    evaluations = job.run.lines(job.file("evaluations.jsonl"), Evaluation)
    (best,) = [one for one in evaluations if one.step == last.values["best_step"]]
    return Trained(job, job.run.file(job.file("model")), evaluations[0], best)


@pytest.mark.parametrize(("data", "method", "kind"), CELLS)
def test_eight_examples_are_learned_by_heart_in_fifty_steps(
    trained: Callable[[TinyData, str, str], Trained], data: TinyData, method: str, kind: str
) -> None:
    one = trained(data, method, kind)
    before, after = np.mean(one.first.train_losses), np.mean(one.best.train_losses)
    has_come_right = all(one.best.train_correct) and not all(one.first.train_correct)
    assert len(one.best.train_losses) == FEW
    assert after < before / 10 or (has_come_right and after < before), f"loss {before:.4f} to {after:.4f}"


@pytest.mark.parametrize(("data", "method", "kind"), CELLS)
def test_what_is_loaded_says_what_was_saved(
    trained: Callable[[TinyData, str, str], Trained], tmp_path: Path, data: TinyData, method: str, kind: str
) -> None:
    one = trained(data, method, kind)
    card = score_candidate(one.model, one.job.validation, "validation")
    assert losses_of(card) == pytest.approx(one.best.validation_losses, abs=NEAR)
    assert are_right(card) == one.best.validation_correct
    (value,) = [score.value for score in card.scores if score.metric == data.metric]
    assert value == pytest.approx(one.best.metric, abs=NEAR)
    elsewhere = shutil.copytree(one.model, tmp_path / "elsewhere")
    again = score_candidate(elsewhere, one.job.validation, "validation")
    assert again.predictions == card.predictions and again.losses == card.losses


def losses_of(card: Scorecard) -> tuple[float, ...]:
    """In the unit of training: of what a language model says, for each byte."""
    sizes = card.num_bytes or (1,) * len(card.losses)
    return tuple(loss / size for loss, size in zip(card.losses, sizes, strict=True))


def are_right(card: Scorecard) -> tuple[bool, ...]:
    return card.correct or tuple(map(str.__eq__, card.predictions, card.targets))


@pytest.mark.parametrize(("data", "method", "kind"), CELLS)
def test_there_is_one_answer_an_example_in_their_order(
    trained: Callable[[TinyData, str, str], Trained], data: TinyData, method: str, kind: str
) -> None:
    examples = make_tiny_examples(data, 20)
    order = np.random.default_rng(0).permutation(len(examples)).tolist()
    card = scored(trained(data, method, kind), examples)
    moved = scored(trained(data, method, kind), [examples[k] for k in order])
    assert moved.ids == tuple(examples[k].id for k in order)
    assert moved.targets == tuple(examples[k].target for k in order)
    assert moved.losses == pytest.approx([card.losses[k] for k in order], abs=NEAR)
    assert are_right(moved) == tuple(are_right(card)[k] for k in order)
    if card.predictions:
        assert all(map(are_alike, moved.predictions, [card.predictions[k] for k in order]))
    assert len({round(loss, 4) for loss in card.losses}) > 2, "answers that are all alike have no order"


def scored(one: Trained, examples: Sequence[Example]) -> Scorecard:
    card = score_candidate(one.model, examples, "validation")
    of_each = (card.predictions or card.correct, card.losses, card.targets, card.ids)
    assert {len(column) for column in of_each} == {len(examples)}
    return card


def are_alike(one: str, other: str) -> bool:
    """The same text, or the same numbers but for rounding: a batch in another order adds up in another order."""
    if one == other:
        return True
    try:
        numbers = [[float(word) for word in text.split()] for text in (one, other)]
    except ValueError:
        return False
    return numbers[0] == pytest.approx(numbers[1], abs=NEAR)
