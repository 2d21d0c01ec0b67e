"""What a model has learned by heart it hands on: its answers become rows that are read back as the same targets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sintonia.evaluate.scoring import teaching
from sintonia.evaluate.scoring.teaching import can_teach, common_system, open_teacher
from sintonia.prepare import Unanswered, answer_writer, prepare
from sintonia.prepare.forms import FORMS
from sintonia.prepare.table import Row
from sintonia.records import Example, Place, Prepared
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe
from sintonia.tasks import TASKS
from tests.contracts.test_tasks import WORD_VECTORS, overfit
from tests.nouns_of_tasks import LEAST_ROWS, TINY, TinyData
from tests.tiny import make_tiny_language_model, write_rows

TEACHING = [pytest.param(one, id=one.name) for task in TASKS if can_teach(task) for one in TINY[task]]


@pytest.fixture(scope="module")
def bases(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """The tiny base of each kind."""
    folder = tmp_path_factory.mktemp("language") / "tiny"
    yield {"encoder": tiny_base, "language": make_tiny_language_model(folder, initializer_range=WORD_VECTORS)}


def prepared_of(data: TinyData, folder: Path) -> tuple[Prepared, DataSettings]:
    path = write_rows(folder / "rows.jsonl", data.make(LEAST_ROWS, 0))
    recipe = Recipe(data=DataSettings(path=str(path)), task=data.task)
    return prepare(recipe, RunFolder.create(folder / "prepared", recipe)), recipe.data


def texts_of(example: Example) -> tuple[str, ...]:
    return tuple((example.content or {}).get("texts") or [example.input])


@pytest.mark.parametrize("data", TEACHING)
def test_what_was_learned_by_heart_is_handed_on(
    tmp_path: Path, bases: dict[str, Path], data: TinyData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teaching, "LEAST_CERTAIN", 0.0)
    learned = overfit(tmp_path / "run", bases[TASKS[data.task].BASE], data, TASKS[data.task].METHOD)
    prepared, settings = prepared_of(data, tmp_path)
    examples = learned.job.train
    inputs = [one[0] if len(one) == 1 else (one[0], one[1]) for one in map(texts_of, examples)]
    answers = open_teacher(learned.model, examples, None)(inputs)
    writer = answer_writer(prepared, settings)
    for line, (example, answer) in enumerate(zip(examples, answers, strict=True), start=1):
        row = writer.row(Unanswered(line=line, texts=texts_of(example)), answer)
        assert row is not None, answer
        parsed = FORMS[prepared.form].parse(Row(line, json.loads(json.dumps(row))), prepared.columns)
        assert parsed.text == example.input
        if data.task == "regress":
            assert float(parsed.answer) == pytest.approx(float(example.target), abs=1.0)
        else:
            assert parsed.answer == example.target


def test_only_tasks_whose_answers_are_targets_teach() -> None:
    assert {task for task in TASKS if can_teach(task)} == {"classify", "multilabel", "regress", "tag", "chat"}


def test_a_system_message_is_handed_on_where_all_conversations_have_the_same() -> None:
    def conversation(system: str) -> Example:
        messages = [{"role": "system", "content": system}, {"role": "user", "content": "Hi"}]
        place = Place(file="a", line=1)
        return Example(id="a", input="Hi", target="", group="", place=place, content={"messages": messages})

    assert common_system([conversation("Be brief."), conversation("Be brief.")]) == "Be brief."
    assert common_system([conversation("Be brief."), conversation("Be kind.")]) == ""
