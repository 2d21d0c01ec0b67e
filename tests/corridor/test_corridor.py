"""The whole corridor on a tiny base: every phase real, the folder complete, the test opened once."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from sintonia.errors import DataError, Interrupted, StopFindings, StorageError, UsageError
from sintonia.files import read_json
from sintonia.pipeline import Progress, finished_turns, improve, propose, request_pause, start
from sintonia.recipe import make_recipe
from sintonia.records import Evaluation, Resolved, Scorecard, Turn, Verdict
from sintonia.resolve import settle
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe, TrainingSettings
from tests.tiny import make_rows, write_rows


def recipe_for(data: Path, base: Path, **settings) -> Recipe:
    return dataclasses.replace(
        Recipe(
            data=DataSettings(path=str(data)),
            base=f"file:{base}",
            training=TrainingSettings(epochs=4.0, learning_rate=1e-3, evaluations=4),
        ),
        **settings,
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tiny_base: Path) -> tuple[RunFolder, Verdict, list[Progress]]:
    """One finished run on 400 separable rows, which accepts a finding that they do not have.

    Shared by the tests that only look at it.
    """
    folder = tmp_path_factory.mktemp("finished")
    data = write_rows(folder / "rows.jsonl", make_rows(400))
    run = start(recipe_for(data, tiny_base, accept=("D103",)), folder / "run")
    seen: list[Progress] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SINTONIA_HOME", str(folder / "home"))
        verdict = improve(run, seen.append)
    return run, verdict, seen


def test_a_separable_task_is_better_than_its_base(finished):
    _, verdict, _ = finished
    assert verdict.outcome == "better"
    assert verdict.primary.tuned.value > 0.9
    assert verdict.test_openings == 1
    assert {rung.name for rung in verdict.rungs} >= {
        "majority",
        "labels at random",
        "zero-shot by label names",
        "nearest neighbours",
        "nearest centroid",
        "linear probe",
        "TF-IDF",
    }


def test_the_run_folder_is_complete_and_every_record_reads_back(finished):
    run, verdict, _ = finished
    for name in ("recipe.yaml", "resolved.yaml", "findings.jsonl", "events.jsonl", "report.html", "card.md"):
        assert run.file(name).stat().st_size > 0, name
    assert run.read("verdict.json", Verdict) == verdict == run.read("verdicts/001.json", Verdict)
    turn = run.read("turns/001/turn.json", Turn)
    assert turn is not None and turn.recipe == settle(run.recipe(), "classify")
    bill = read_json(run.file("resources.json"))
    assert bill is not None
    assert bill["measured"]["seconds"] > 0 and bill["measured"]["peak_memory_bytes"] > 10**8
    assert bill["estimated"]["seconds"] > 0
    evaluations = run.lines("turns/001/evaluations.jsonl", Evaluation)
    assert len(evaluations) == 5
    card = run.read("turns/001/scorecards/test-tuned.json", Scorecard)
    assert card is not None and len(card.ids) == verdict.primary.examples


def test_every_setting_is_resolved_with_its_origin(finished):
    import yaml

    from sintonia.metrics.asked import WRITING
    from sintonia.recipe import setting_names

    run, _, _ = finished
    listed = [Resolved(**one) for one in yaml.safe_load(run.file("resolved.yaml").read_text())["settings"]]
    of_others = (
        "lora.",
        "chat.",
        "prefer.",
        "embed.",
        "data.passage_bytes",
        "privacy.dp.",
        *WRITING,
    )  # of a method and of a task that this run has not
    assert {one.setting for one in listed} == {name for name in setting_names() if not name.startswith(of_others)}
    assert all(one.value != "auto" and one.origin for one in listed)


def test_the_three_sets_share_no_example_and_the_test_stays_out_of_the_records(finished):
    run, _, _ = finished
    sets = {
        name: {json.loads(line)["input"] for line in run.file(f"data/{name}.jsonl").read_text().splitlines()[1:]}
        for name in ("train", "validation", "sealed_test")
    }
    assert not sets["train"] & sets["validation"] and not sets["train"] & sets["sealed_test"]
    assert not sets["validation"] & sets["sealed_test"]
    assert sum(len(one) for one in sets.values()) == 400
    prepared = run.file("prepared.json").read_text()
    assert not any(text in prepared for text in sets["sealed_test"])


def test_improving_a_finished_run_again_trains_nothing_and_opens_nothing(finished):
    run, verdict, _ = finished
    seen: list[Progress] = []
    again = improve(run, seen.append)
    assert again == verdict
    assert not [one for one in seen if one.event]


def test_the_order_is_that_of_the_corridor(finished):
    _, _, seen = finished
    stages = list(dict.fromkeys(one.stage for one in seen))
    told = ["prepare", "choose", "examine", "audit", "worth", "estimate", "train", "evaluate", "diagnose", "report"]
    assert stages == [name for name in told if name in stages]
    assert {"prepare", "choose", "examine", "worth", "estimate", "train", "evaluate", "report"} <= set(stages)
    opening = next(k for k, one in enumerate(seen) if "sealed test" in one.message and one.stage == "evaluate")
    assert all(one.event is None for one in seen[opening:])


def test_shuffled_targets_stop_the_run_and_accepting_it_never_gives_better(tmp_path: Path, tiny_base: Path):
    import random

    rows = make_rows(400, seed=5)
    labels = [row["label"] for row in rows]
    random.Random(0).shuffle(labels)
    data = write_rows(
        tmp_path / "rows.jsonl", [{**row, "label": label} for row, label in zip(rows, labels, strict=True)]
    )
    with pytest.raises(StopFindings, match="D110"):
        improve(start(recipe_for(data, tiny_base), tmp_path / "stopped"))
    assert "D110" in (tmp_path / "stopped" / "report.html").read_text()
    run = start(recipe_for(data, tiny_base, accept=("D110",)), tmp_path / "accepted")
    verdict = improve(run)
    assert verdict.outcome in ("inconclusive", "equivalent", "worse", "invalid")
    assert verdict.accepted == ("D110",)


def test_a_budget_carries_out_changes_on_validation_only(tmp_path: Path, tiny_base: Path, rows_file: Path):
    recipe = recipe_for(rows_file, tiny_base, budget_seconds=600.0)
    recipe = dataclasses.replace(
        recipe, training=dataclasses.replace(recipe.training, learning_rate=5e-4, head_start="random", epochs=1.0)
    )
    run = start(recipe, tmp_path / "run")
    verdict = improve(run)
    turns = finished_turns(run)
    assert len(turns) >= 2
    assert turns[1].parent == 1 and turns[1].recipe != turns[0].recipe
    assert max(turn.validation_metric for turn in turns) > turns[0].validation_metric
    assert verdict.test_openings == 1


def test_a_change_after_the_verdict_is_a_second_counted_opening(tmp_path: Path, tiny_base: Path, rows_file: Path):
    recipe = recipe_for(rows_file, tiny_base)
    recipe = dataclasses.replace(
        recipe, training=dataclasses.replace(recipe.training, learning_rate=5e-4, head_start="random", epochs=1.0)
    )
    run = start(recipe, tmp_path / "run")
    first = improve(run)
    assert first.test_openings == 1
    changes = propose(run).changes
    assert changes
    second = improve(run, change=changes[0])
    assert second.test_openings == 2
    assert second.level < first.level
    assert len(list(run.path.glob("verdicts/*.json"))) == 2
    assert run.read("verdict.json", Verdict) == second


def test_a_pause_in_training_is_resumed_to_the_same_weights(finished, tmp_path: Path, tiny_base: Path, rows_file: Path):
    from sintonia.files import sha256_file

    whole, _, _ = finished  # on the same rows
    run = start(recipe_for(rows_file, tiny_base), tmp_path / "paused")

    def listen(progress: Progress) -> None:
        if progress.event and progress.event.kind == "step" and progress.event.step == 9:
            request_pause(run)

    with pytest.raises(Interrupted, match="paused at step 9"):
        improve(run, listen)
    improve(RunFolder.open(run.path))
    for weights in ("model/model.safetensors", "model/3_Dense/model.safetensors"):
        assert sha256_file(run.file(weights)) == sha256_file(whole.file(weights))


def test_a_run_folder_in_use_is_refused_with_the_way_out(finished):
    run, _, _ = finished
    with pytest.raises(UsageError, match="sintonia resume"):
        start(run.recipe(), run.path)


def test_two_processes_cannot_write_one_run(finished):
    run, _, _ = finished
    with run.writing(), pytest.raises(UsageError, match="another process"):
        improve(RunFolder.open(run.path))


def test_a_recipe_round_trips_through_the_run_folder(tmp_path: Path):
    recipe = make_recipe({"data": {"path": "x.csv", "columns": {"input": "a"}}, "training": {"learning_rate": 1e-4}})
    run = RunFolder.create(tmp_path / "run", recipe)
    assert run.recipe() == recipe


def test_every_head_that_is_judged_is_an_opening_of_its_own(tmp_path: Path, tiny_base: Path, rows_file: Path):
    openings = []
    for number, rate in enumerate((1e-3, 1e-1)):
        recipe = recipe_for(rows_file, tiny_base, method="head")
        recipe = dataclasses.replace(recipe, training=dataclasses.replace(recipe.training, learning_rate=rate))
        openings.append(improve(start(recipe, tmp_path / f"run{number}")).test_openings)
    assert openings == [1, 2]


def test_a_training_set_that_was_changed_is_refused(tmp_path: Path, tiny_base: Path, rows_file: Path):
    run = start(recipe_for(rows_file, tiny_base), tmp_path / "run")

    def stop(progress: Progress) -> None:
        if progress.stage == "train":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        improve(run, stop)
    with run.file("data/train.jsonl").open("a") as stream:
        stream.write(run.file("data/validation.jsonl").read_text().splitlines()[1] + "\n")
    with pytest.raises(StorageError, match=r"train\.jsonl` was changed"):
        improve(RunFolder.open(run.path))


def test_data_that_are_refused_leave_no_folder(tmp_path: Path, tiny_base: Path):
    data = write_rows(tmp_path / "rows.jsonl", make_rows(8))
    run = start(recipe_for(data, tiny_base), tmp_path / "run")
    with pytest.raises(DataError):
        improve(run)
    assert not run.path.exists()


def test_accepting_what_was_not_found_is_not_claimed(finished, tmp_path: Path, tiny_base: Path, rows_file: Path):
    run, verdict, _ = finished
    assert run.recipe().accept == ("D103",) and verdict.accepted == ()
    with pytest.raises(UsageError, match="FOO never stops a run"):
        start(recipe_for(rows_file, tiny_base, accept=("FOO",)), tmp_path / "other")
