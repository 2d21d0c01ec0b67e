"""Under 300 rows: ten parts, one opening, a verdict on the recipe, and a model trained on all rows."""

from __future__ import annotations

import dataclasses
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sintonia.errors import DataError, Interrupted, StorageError
from sintonia.files import from_json, read_json, read_lines, sha256_file
from sintonia.pipeline import Progress, finished_turns, improve, propose, request_pause, start
from sintonia.records import Candidate, Evaluation, Example, Prepared, Turn, Verdict
from sintonia.runs import RunFolder
from sintonia.settings import AdjustingSettings, DataSettings, Recipe, TrainingSettings
from tests.tiny import make_rows, write_rows

NUM_ROWS = 120
QUICK = TrainingSettings(epochs=2.0, learning_rate=1e-3, evaluations=2)


def recipe_for(data: Path, base: Path, **settings) -> Recipe:
    return dataclasses.replace(
        Recipe(
            data=DataSettings(path=str(data)),
            base=f"file:{base}",
            training=TrainingSettings(epochs=6.0, learning_rate=2e-3, evaluations=3, checkpoint_steps=5),
        ),
        **settings,
    )


def weights_of(run: RunFolder) -> list[str]:
    return [sha256_file(run.file(f"model/{name}")) for name in ("model.safetensors", "3_Dense/model.safetensors")]


@pytest.fixture(scope="module")
def small(tmp_path_factory, tiny_base: Path) -> tuple[RunFolder, Verdict, list[Progress]]:
    """One finished run on 120 separable rows, shared by the tests that only look at it."""
    folder = tmp_path_factory.mktemp("small")
    data = write_rows(folder / "rows.jsonl", make_rows(NUM_ROWS))
    run = start(recipe_for(data, tiny_base), folder / "run")
    seen: list[Progress] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SINTONIA_HOME", str(folder / "home"))
        verdict = improve(run, seen.append)
    return run, verdict, seen


@pytest.fixture(scope="module")
def quick(tmp_path_factory, tiny_base: Path) -> Path:
    """A folder with `rows.jsonl`, a finished run on its 60 rows, `whole`, and the `home` that counted its opening."""
    folder = tmp_path_factory.mktemp("quick")
    data = write_rows(folder / "rows.jsonl", make_rows(60))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SINTONIA_HOME", str(folder / "home"))
        improve(start(recipe_for(data, tiny_base, training=QUICK), folder / "whole"))
    return folder


@pytest.fixture
def opened(quick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, RunFolder]:
    """A copy of all that: a data file of one's own whose test was opened once, and the run that did it."""
    shutil.copytree(quick, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("SINTONIA_HOME", str(tmp_path / "home"))
    return tmp_path / "rows.jsonl", RunFolder.open(tmp_path / "whole")


def verdict_of(run: RunFolder) -> Verdict:
    verdict = run.read("verdict.json", Verdict)
    assert verdict is not None
    return verdict


def test_a_true_signal_gives_a_verdict_on_as_many_examples_as_there_are_rows(small) -> None:
    _, verdict, _ = small
    assert verdict.outcome == "better"
    assert verdict.primary.examples == NUM_ROWS
    assert verdict.primary.tuned.value > 0.7
    assert verdict.primary.fixed - verdict.primary.broken == pytest.approx(
        verdict.primary.difference.value * NUM_ROWS, abs=1
    )


def test_ten_parts_share_no_example_between_their_sets_and_test_each_row_twice(small) -> None:
    run, _, _ = small
    prepared = run.read("prepared.json", Prepared)
    assert prepared is not None and len(prepared.parts) == 10
    tested: list[str] = []
    for part in prepared.parts:
        folder = f"data/{part.name}"
        sets = [{one.id for one in run.lines(f"{folder}/{name}.jsonl", Example)} for name in ("train", "validation")]
        sets.append({one.id for one in run.lines(f"{folder}/sealed_test.jsonl", Example)})
        assert sum(map(len, sets)) == len(set.union(*sets)) == NUM_ROWS
        tested += sets[2]
    assert len(tested) == 2 * NUM_ROWS and len(set(tested)) == NUM_ROWS


def test_all_tests_open_as_one_opening_and_before_the_training_on_all_rows(small) -> None:
    run, verdict, seen = small
    assert verdict.test_openings == 1
    ledger = read_lines(Path(run.recipe().data.path + ".sintonia") / "openings.jsonl")
    assert len(ledger) == 1
    opening = next(k for k, one in enumerate(seen) if one.message.startswith("the sealed test of 120 examples is open"))
    begun = [k for k, one in enumerate(seen) if one.event and one.event.kind == "started"]
    assert len(begun) == 11
    assert begun[9] < opening < begun[10]


def test_each_part_takes_its_own_turn_and_the_last_one_is_on_all_rows(small) -> None:
    run, verdict, _ = small
    prepared, turns = run.read("prepared.json", Prepared), finished_turns(run)
    assert prepared is not None
    assert [turn.part for turn in turns] == [*(part.name for part in prepared.parts), "all rows"]
    assert [turn.number for turn in turns] == list(range(1, 12))
    shipped = turns[-1]
    assert "all 120 rows" in shipped.purpose and verdict.turn == shipped.number
    started = read_lines(run.file("turns/011/events.jsonl"))[0]
    assert started["values"]["train_examples"] == NUM_ROWS
    assert not run.file("turns/011/evaluations.jsonl").exists()


def best_epoch(run: RunFolder, turn: Turn) -> float:
    evaluations = run.lines(f"turns/{turn.number:03d}/evaluations.jsonl", Evaluation)
    return next(one.epoch for one in evaluations if one.step == turn.candidate.best_step)


def test_the_model_is_trained_to_the_median_of_the_best_epochs(small) -> None:
    run, _, _ = small
    *parts, shipped = finished_turns(run)
    median = statistics.median(best_epoch(run, turn) for turn in parts)
    assert shipped.candidate.best_step == shipped.candidate.last_step == round(median * 8)  # 120 rows, batches of 16
    assert shipped.candidate.planned_steps == 6 * 8


def test_the_model_at_the_root_is_that_of_all_rows_and_predicts(small) -> None:
    from sintonia.evaluate import predict_texts

    run, _, _ = small
    assert weights_of(run)[0] == sha256_file(run.file("turns/011/model/model.safetensors"))
    rows = make_rows(60, seed=9)
    labels, probabilities = predict_texts(run.file("model"), [row["text"] for row in rows])
    right = [labels[k] == row["label"] for k, row in zip(probabilities.argmax(axis=1), rows, strict=True)]
    assert sum(right) > 42


def test_verdict_card_and_report_say_that_the_model_saved_was_not_tested(small) -> None:
    run, verdict, _ = small
    words = "The model saved is none of those"
    assert words in (read_json(run.file("verdict.json")) or {})["sentence"]
    assert words in run.file("card.md").read_text() and words in run.file("report.html").read_text()
    assert "E306" in {one.code for one in verdict.causes}


def test_the_bill_was_announced_for_eleven_trainings(small) -> None:
    run, _, seen = small
    told = [one.message for one in seen if one.stage == "estimate"]
    assert "10 trainings on parts of the rows and one on all" in told[0]
    bill = read_json(run.file("resources.json")) or {}
    assert bill["estimated"]["seconds"] > 10 * 0.1


def test_improving_again_trains_nothing_and_opens_nothing(small) -> None:
    run, verdict, _ = small
    seen: list[Progress] = []
    assert improve(run, seen.append) == verdict
    assert not [one for one in seen if one.event]


def begin(words: list[str], folder: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "SINTONIA_HOME": str(folder / "home")}
    command = [sys.executable, "-m", "sintonia", *words]
    silent = subprocess.DEVNULL
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=silent, stderr=silent)


def kill_when(process: subprocess.Popen[bytes], mark: Path, lines: int) -> None:
    """Kills -9 as soon as `mark` exists and has that many lines."""
    until = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < until:
        if mark.exists() and mark.read_bytes().count(b"\n") >= lines:
            break
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


def test_killed_in_the_third_part_it_goes_on_there(small, tmp_path: Path) -> None:
    whole, _, _ = small
    data = tmp_path / "rows.jsonl"
    shutil.copy(whole.recipe().data.path, data)
    run = start(dataclasses.replace(whole.recipe(), data=DataSettings(path=str(data))), tmp_path / "run")
    process = begin(["resume", "run"], tmp_path)
    kill_when(process, run.file("turns/003/events.jsonl"), 9)
    turns = finished_turns(run)
    assert len(turns) == 2 and run.file("turns/003/checkpoints").exists()
    stamps = [run.file(f"turns/{turn.number:03d}/turn.json").stat().st_mtime_ns for turn in turns]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "SINTONIA_HOME": str(tmp_path / "home")}
    subprocess.run([sys.executable, "-m", "sintonia", "resume", "run"], cwd=tmp_path, env=environment, check=True)
    assert stamps == [run.file(f"turns/{turn.number:03d}/turn.json").stat().st_mtime_ns for turn in turns]
    assert [turn.part for turn in finished_turns(run)] == [turn.part for turn in finished_turns(whole)]
    # The whole one ran with other threads: the last digits of its weights differ, and so does their hash.
    ended, expected = (
        [dataclasses.replace(turn.candidate, files_id="") for turn in finished_turns(one)] for one in (run, whole)
    )
    assert ended == expected
    assert len(read_lines(data.with_name("rows.jsonl.sintonia") / "openings.jsonl")) == 1


def test_pauses_in_a_part_and_on_all_rows_end_with_the_same_weights_and_one_opening(
    opened, tmp_path: Path, tiny_base: Path
) -> None:
    """Both runs share a ledger: other weights in any part would be another candidate, and a second opening."""
    data, whole = opened
    run = start(recipe_for(data, tiny_base, training=QUICK), tmp_path / "paused")
    for number in (3, 11):

        def listen(progress: Progress, number: int = number) -> None:
            if run.file(f"turns/{number:03d}").exists() and progress.event and progress.event.step == 2:
                request_pause(run)

        with pytest.raises(Interrupted, match="paused at step 2"):
            improve(run, listen)
        assert len(finished_turns(run)) == number - 1
    verdict = improve(RunFolder.open(run.path))
    assert (verdict.test_openings, weights_of(run)) == (verdict_of(whole).test_openings, weights_of(whole))
    assert verdict.test_openings == 1


def test_no_test_is_read_before_the_opening(tmp_path: Path, tiny_base: Path) -> None:
    data = write_rows(tmp_path / "rows.jsonl", make_rows(60))
    run = start(recipe_for(data, tiny_base, training=QUICK), tmp_path / "run")

    def spoil(progress: Progress) -> None:
        for path in run.path.glob("data/*/sealed_test.jsonl") if progress.stage == "choose" else ():
            path.write_text("nobody can read this\n")

    with pytest.raises(StorageError, match=r"sealed_test\.jsonl` was changed after it was sealed"):
        improve(run, spoil)
    assert len(finished_turns(run)) == 10


def test_another_seed_is_a_second_opening_of_the_same_test(opened, tmp_path: Path, tiny_base: Path) -> None:
    data, whole = opened
    run = start(recipe_for(data, tiny_base, training=QUICK, seed=1), tmp_path / "other")
    verdicts = [verdict_of(whole), improve(run)]
    assert [one.test_openings for one in verdicts] == [1, 2]
    assert verdicts[1].level < verdicts[0].level
    first, second = (one.file("data") for one in (whole, run))
    assert sorted(path.name for path in first.iterdir()) == sorted(path.name for path in second.iterdir())
    for path in first.glob("*/*.jsonl"):
        assert path.read_text() == (second / path.parent.name / path.name).read_text(), "the seed moved the split"


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3))])
def test_random_targets_are_never_better(tmp_path: Path, tiny_base: Path, seed: int) -> None:
    rows = make_rows(100, seed=seed)
    labels = [row["label"] for row in rows]
    random.Random(seed).shuffle(labels)
    mixed = [{**row, "label": label} for row, label in zip(rows, labels, strict=True)]
    data = write_rows(tmp_path / "rows.jsonl", mixed)
    verdict = improve(start(recipe_for(data, tiny_base, method="head", accept=("D110",)), tmp_path / "run"))
    assert verdict.outcome in ("inconclusive", "equivalent", "worse")


def test_with_a_budget_every_part_gets_the_same_rounds_on_its_own_validation(tmp_path: Path, tiny_base: Path) -> None:
    data = write_rows(tmp_path / "rows.jsonl", make_rows(60))
    weak = dataclasses.replace(QUICK, learning_rate=1e-6, head_start="random", epochs=1.0)
    recipe = recipe_for(
        data, tiny_base, method="head", training=weak, budget_seconds=600.0, adjusting=AdjustingSettings(turns=2)
    )
    run = start(recipe, tmp_path / "run")
    verdict = improve(run)
    *turns, shipped = finished_turns(run)
    assert len(turns) == 20 and shipped.part == "all rows"
    for later in turns[10:]:
        assert later.parent is not None and turns[later.parent - 1].part == later.part
    assert verdict.test_openings == 1 and verdict.turn == 21


def test_a_change_after_the_verdict_is_taken_by_every_part_and_is_a_second_opening(
    tmp_path: Path, tiny_base: Path
) -> None:
    data = write_rows(tmp_path / "rows.jsonl", make_rows(60))
    weak = dataclasses.replace(QUICK, learning_rate=1e-6, head_start="random", epochs=1.0)
    run = start(recipe_for(data, tiny_base, method="head", training=weak), tmp_path / "run")
    assert improve(run).test_openings == 1
    (change, *_) = propose(run).changes

    def stop(progress: Progress) -> None:
        if progress.event and run.file("turns/015").exists():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        improve(run, stop, change)
    verdict = improve(RunFolder.open(run.path))
    turns = finished_turns(run)
    assert [turn.part for turn in turns[11:21]] == [turn.part for turn in turns[:10]]
    assert all(turn.recipe == change.recipe for turn in turns[11:21])
    assert verdict.test_openings == 2 and verdict.turn == 22 and turns[21].part == "all rows"
    assert len(list(run.path.glob("verdicts/*.json"))) == 2


def test_fewer_than_fifty_rows_have_no_verdict(tmp_path: Path, tiny_base: Path) -> None:
    data = write_rows(tmp_path / "rows.jsonl", make_rows(49))
    with pytest.raises(DataError, match="49 usable rows"):
        improve(start(recipe_for(data, tiny_base), tmp_path / "run"))


def test_the_saved_records_read_back(small) -> None:
    run, _, _ = small
    rows = read_lines(run.file("turns/011/predictions/test.jsonl"))
    assert len(rows) == 2 * NUM_ROWS and len({row["part"] for row in rows}) == 10
    body = read_json(run.file("turns/011/turn.json")) or {}
    assert from_json(Candidate, body["candidate"]).weights == "turns/011/model"
