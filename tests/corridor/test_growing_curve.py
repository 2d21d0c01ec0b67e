"""A learning curve of a finished run, through the door: probes in seconds, real trainings that are kept, the report."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from sintonia.cli.main import main
from sintonia.corridor.doors import measure_curve
from sintonia.corridor.growing import trainings
from sintonia.corridor.growing.curve import Wanted, _look
from sintonia.errors import RunFailed, UsageError
from sintonia.pipeline import finished_turns, improve, start
from sintonia.records import Combination, LearningCurve
from sintonia.runs import CURVE, RunFolder
from sintonia.settings import DataSettings, EvaluationSettings, Recipe, TrainingSettings
from tests.tiny import make_conversations, make_rows, write_rows


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> RunFolder:
    """A finished run on 460 rows; the labels of one topic are drawn by lot, in every set."""
    folder = tmp_path_factory.mktemp("grown")
    rows = make_rows(460)
    for number, row in enumerate(row for row in rows if row["label"] == "travel"):
        row["label"] = "travel" if number % 2 else "food"
    recipe = Recipe(
        data=DataSettings(path=str(write_rows(folder / "rows.jsonl", rows))),
        base=f"file:{tiny_base}",
        training=TrainingSettings(epochs=3.0, learning_rate=1e-3, evaluations=3),
        evaluation=EvaluationSettings(primary_metric="accuracy"),
        accept=("D110",),
    )
    made = start(recipe, folder / "run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SINTONIA_HOME", str(folder / "home"))
        improve(made)
    return made


def test_a_probe_tells_in_plain_words(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    kept = [*run.path.glob("turns/**/*"), *run.path.glob("verdicts/*"), run.file("verdict.json")]
    before = {path: path.read_bytes() for path in kept if path.is_file()}
    assert main(["adjust", str(run.path), "--curve", "--goal", "0.99", "--json"]) == 0
    shown = capsys.readouterr()
    body, curve = json.loads(shown.out), run.read(CURVE, LearningCurve)
    assert curve is not None
    assert body["answer"] == curve.answer
    assert curve.subject == "probe" and curve.metric == "accuracy"
    assert len(curve.points) >= 4
    assert curve.points[0].num_examples >= 40
    assert curve.points[-1].num_examples <= curve.num_train
    assert max(one.num_examples for one in curve.band) == 4 * curve.num_train
    assert curve.told[0].split(",")[0].split(" whether")[0] in ("YES", "NO", "CAN'T TELL")
    assert "the goal of 99 % accuracy" in shown.err
    assert curve.told[0] in shown.err.replace("\n", " ")
    assert {path: path.read_bytes() for path in before} == before


def test_the_class_that_cannot_be_told_is_named_and_shown_in_the_report(run: RunFolder) -> None:
    curve = measure_curve(run)
    named = {(one.column, one.value) for one in curve.missing}
    assert ("class", "travel") in named or ("class", "food") in named
    assert {value for column, value in named if column == "class"} <= {"travel", "food"}
    assert any("where examples are missing" in line for line in curve.advice)
    page = run.file("report.html").read_text(encoding="utf-8")
    assert "Would more examples help?" in page
    assert "Error of accuracy over training examples" in page


def test_real_trainings_are_asked_about_interrupted_and_gone_on_with(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    with pytest.raises(UsageError, match="takes about"):
        measure_curve(run, fine_tunes=True, ask=lambda what: bool(asked.append(what)))
    assert len(asked) == 1 and not run.file(trainings.KEPT).exists()
    real, sizes = trainings._trained, list[int]()

    def breaks_at_the_third(course: trainings.Course, examples: tuple, size: int) -> trainings.Trained:
        sizes.append(size)
        if len(sizes) == 3:
            raise RunFailed("pulled out")
        return real(course, examples, size)

    monkeypatch.setattr(trainings, "_trained", breaks_at_the_third)
    with pytest.raises(RunFailed, match="pulled out"):
        measure_curve(run, fine_tunes=True)
    assert len(run.lines(trainings.KEPT, trainings.Trained)) == 2
    assert not run.file("cache/curve").exists()
    curve = measure_curve(run, fine_tunes=True)
    assert len(sizes) == 4 and sizes[3] == sizes[2] > sizes[1] > sizes[0]
    assert curve.subject == "fine-tune"
    assert [point.num_examples for point in curve.points][-1] == curve.num_train
    again = measure_curve(run, fine_tunes=True, ask=lambda _: pytest.fail("nothing is left to be trained"))
    assert again.points == curve.points and len(sizes) == 4


def test_a_curve_starts_from_a_turn_that_was_trained(run: RunFolder, tmp_path: Path) -> None:
    copied = RunFolder.open(shutil.copytree(run.path, tmp_path / "run"))
    (trained,) = finished_turns(copied)
    combined = dataclasses.replace(
        trained, number=2, validation_metric=1.0, combined=Combination(kind="mean", turns=(1, 1))
    )
    copied.write("turns/002/turn.json", combined)
    assert len(finished_turns(copied)) == 2
    seen = _look(copied, Wanted(fine_tunes=True), lambda _: None)
    assert seen.turn == trained


def test_a_goal_beyond_all_scores_is_refused(run: RunFolder) -> None:
    with pytest.raises(UsageError, match=r"a goal of 90 is no score of accuracy"):
        measure_curve(run, goal=90.0)


def test_options_belong_to_the_curve(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["adjust", str(run.path), "--fine-tune"]) == 2
    assert "`--fine-tune` belongs to `--curve`" in capsys.readouterr().err
    assert main(["adjust", str(run.path), "--curve", "--apply"]) == 2


def test_words_of_texts_stay_out_where_they_are_to_be_hidden(run: RunFolder) -> None:
    from sintonia.corridor.growing.curve import _features
    from sintonia.corridor.growing.kinds import _names

    seen = _look(run, Wanted(), lambda _: None)
    topics = _features(seen)[1][:, 0] > 0
    texts = [one.input for one in seen.validation]
    assert _names(texts, topics.astype(int), 2, is_redacted=True) == ["number 1", "number 2"]
    assert any("(" in name for name in _names(texts, topics.astype(int), 2, is_redacted=False))


def test_of_conversations_only_trainings_tell(
    tmp_path: Path, tiny_language_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_rows(tmp_path / "rows.jsonl", make_conversations(420))
    recipe = Recipe(
        data=DataSettings(path=str(data)),
        task="chat",
        base=f"file:{tiny_language_model}",
        training=TrainingSettings(epochs=1.0, evaluations=2),
    )
    recipe = dataclasses.replace(recipe, evaluation=EvaluationSettings(decoding="none"))
    run = start(recipe, tmp_path / "run")
    improve(run)
    assert main(["adjust", str(run.path), "--curve"]) == 2
    assert "--curve --fine-tune" in capsys.readouterr().err
    curve = measure_curve(run, fine_tunes=True)
    assert curve.metric == "bits_per_byte" and curve.is_relative
    assert len(curve.points) == 4
    assert "of the loss" in curve.told[0]
