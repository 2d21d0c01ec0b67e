"""TensorBoard, MLflow and W&B are told of a training, and what they hold is read back with their own readers."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sintonia.corridor.trackers import check_trackers, following, tell_verdict, traced_settings
from sintonia.errors import UsageError
from sintonia.records import Comparison, Interval, Resolved, Verdict
from sintonia.settings import LoraSettings
from tests.unit.corridor.trackers.trainings import events, loss_of, make_recipe, make_run, make_turn, train

STEPS = list(range(1, 11))
VALIDATIONS = [0, 2, 4, 6, 8, 10]


def _verdict() -> Verdict:
    interval = Interval(value=0.5, low=0.4, high=0.6)
    primary = Comparison(
        metric="accuracy",
        base=interval,
        tuned=Interval(value=0.75, low=0.7, high=0.8),
        difference=Interval(value=0.25, low=0.1, high=0.4),
        p_value=0.01,
        fixed=3,
        broken=1,
        examples=8,
        minimum_detectable_effect=0.1,
        examples_needed=None,
    )
    fields = dict.fromkeys(Verdict.__dataclass_fields__)
    return Verdict(**fields | {"outcome": "better", "primary": primary, "sentence": "better: 0.5 -> 0.75"})


def test_without_the_setting_nothing_is_followed(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    assert train(run, make_recipe(), events(1, 4), "finished") == []
    assert [path.name for path in run.file("turns/001").iterdir()] == ["events.jsonl"]


def test_a_missing_package_is_refused_before_anything_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "wandb" else found(name))
    with pytest.raises(UsageError) as refused:
        check_trackers(("tensorboard", "wandb"))
    assert "wandb" in refused.value.what and "tensorboard" not in refused.value.what
    assert refused.value.hint.startswith("pip install wandb")
    check_trackers(())


def test_no_path_and_no_column_is_told(tmp_path: Path) -> None:
    told = traced_settings(make_recipe())
    assert told["method"] == "auto" and told["base"] == "file" and "training.learning_rate" in told
    assert not any("secret" in value or "somebody" in value for value in told.values())


# ---------------------------------------------------------------- TensorBoard


def _scalars(run, series: str) -> dict[int, float]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    reader = EventAccumulator(str(run.file("turns/001/tensorboard")), size_guidance={"scalars": 0, "tensors": 0})
    reader.Reload()
    found = reader.Scalars(series)
    assert len(found) == len({one.step for one in found}), "a step is there twice"
    return {one.step: one.value for one in found}


@pytest.fixture
def needs_tensorboard() -> None:
    pytest.importorskip("tensorboard")


@pytest.mark.usefixtures("needs_tensorboard")
def test_tensorboard_shows_every_step_and_validation(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    assert train(run, make_recipe("tensorboard"), events(1, 10), "finished") == []
    losses = _scalars(run, "train/loss")
    assert list(losses) == STEPS
    assert losses == pytest.approx({number: loss_of(number) for number in STEPS})
    assert list(_scalars(run, "train/learning_rate")) == list(_scalars(run, "train/gradient_norm")) == STEPS
    assert list(_scalars(run, "validation/accuracy")) == list(_scalars(run, "validation/loss")) == VALIDATIONS


@pytest.mark.usefixtures("needs_tensorboard")
def test_tensorboard_goes_on_after_a_pause_that_repeats_steps(tmp_path: Path) -> None:
    run, recipe = make_run(tmp_path / "run"), make_recipe("tensorboard")
    train(run, recipe, events(1, 7), "paused")
    train(run, recipe, events(5, 10), "finished")
    assert list(_scalars(run, "train/loss")) == STEPS
    assert list(_scalars(run, "validation/accuracy")) == VALIDATIONS


KILLED = """
import os, signal, sys
from pathlib import Path
from sintonia.corridor.trackers import following
from sintonia.runs import RunFolder
from tests.unit.corridor.trackers.trainings import events, make_recipe
run = RunFolder.open(Path(sys.argv[1]))
with following(run, 1, make_recipe(sys.argv[2]), print) as follow:
    for event in events(1, 7):
        run.append("turns/001/events.jsonl", event, sync=False)
        follow(event)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def _train_and_kill(run, name: str) -> None:
    process = subprocess.run([sys.executable, "-c", KILLED, str(run.path), name], check=False, env=dict(os.environ))
    assert process.returncode == -9


@pytest.mark.usefixtures("needs_tensorboard")
def test_tensorboard_loses_nothing_when_the_training_was_killed(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    _train_and_kill(run, "tensorboard")
    train(run, make_recipe("tensorboard"), events(5, 10), "finished")
    assert list(_scalars(run, "train/loss")) == STEPS


@pytest.mark.usefixtures("needs_tensorboard")
def test_tensorboard_is_told_the_verdict(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run, recipe, said = make_run(tmp_path / "run"), make_recipe("tensorboard"), []
    train(run, recipe, events(1, 10), "finished")
    tell_verdict(run, make_turn(recipe), _verdict(), said.append)
    assert said == [] and list(_scalars(run, "train/loss")) == STEPS
    assert _scalars(run, "test/accuracy") == {10: 0.75}
    reader = EventAccumulator(str(run.file("turns/001/tensorboard")))
    reader.Reload()
    (text,) = reader.Tensors("outcome/text_summary")
    assert text.tensor_proto.string_val == [b"better"]


def _tensorboard_settings(run) -> dict[str, str]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    reader = EventAccumulator(str(run.file("turns/001/tensorboard")))
    reader.Reload()
    (text,) = reader.Tensors("settings/text_summary")
    rows = [row.strip("| ").split(" | ") for row in text.tensor_proto.string_val[0].decode().splitlines()[2:]]
    return dict(rows)


@pytest.mark.usefixtures("needs_tensorboard")
def test_the_files_written_anew_for_the_verdict_show_how_the_turn_was_trained(tmp_path: Path) -> None:
    """Not the first recipe of the run, which the adjusting has left, and no `auto`."""
    run, first = make_run(tmp_path / "run"), make_recipe("tensorboard")
    adjusted = dataclasses.replace(first, method="lora", seed=7, lora=LoraSettings(rank=4))
    used = {"training.learning_rate": 5e-4, "training.epochs": 3, "base": "file:/home/somebody/model"}
    training = dataclasses.replace(adjusted.training, learning_rate=5e-4, epochs=3)
    train(run, dataclasses.replace(adjusted, training=training), events(1, 10), "finished")
    told = _tensorboard_settings(run)
    resolved = tuple(Resolved(setting=name, value=value, origin="test") for name, value in used.items())
    tell_verdict(run, make_turn(adjusted, resolved), _verdict(), print)
    assert _tensorboard_settings(run) == told
    assert (told["method"], told["seed"], told["lora.rank"], told["base"]) == ("lora", "7", "4", "file")
    assert (told["training.learning_rate"], told["training.epochs"]) == ("0.0005", "3")


@pytest.mark.usefixtures("needs_tensorboard")
def test_a_tracker_that_cannot_write_is_told_in_one_line_and_the_training_goes_on(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    run.file("turns/001/tensorboard").write_text("in the way")
    said: list[str] = []
    with following(run, 1, make_recipe("tensorboard"), said.append) as follow:
        for event in events(1, 10):
            follow(event)
    assert len(said) == 1 and said[0].startswith("tensorboard is no longer told about this training, which goes on")


# ---------------------------------------------------------------- MLflow


@pytest.fixture(params=["in the run", "asked for"])
def mlflow_uri(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    pytest.importorskip("mlflow")
    pytest.importorskip("sqlalchemy")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    if request.param == "in the run":
        return f"sqlite:///{tmp_path / 'run' / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'elsewhere.db'}")
    return os.environ["MLFLOW_TRACKING_URI"]


def _mlflow_run(uri: str):
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    (found,) = client.search_runs([client.get_experiment_by_name("sintonia").experiment_id])
    return client, found


def _mlflow_steps(uri: str, series: str) -> list[int]:
    client, found = _mlflow_run(uri)
    return [one.step for one in client.get_metric_history(found.info.run_id, series)]


def test_mlflow_holds_one_run_that_goes_on_after_a_kill(tmp_path: Path, mlflow_uri: str) -> None:
    run, recipe = make_run(tmp_path / "run"), make_recipe("mlflow")
    _train_and_kill(run, "mlflow")
    assert train(run, recipe, events(5, 10), "finished") == []
    assert _mlflow_steps(mlflow_uri, "train/loss") == STEPS
    assert _mlflow_steps(mlflow_uri, "validation/accuracy") == VALIDATIONS
    tell_verdict(run, make_turn(recipe), _verdict(), print)
    tell_verdict(run, make_turn(recipe), _verdict(), print)
    _, found = _mlflow_run(mlflow_uri)
    assert (found.info.status, found.data.tags["outcome"], found.data.metrics["test/accuracy"]) == (
        "FINISHED",
        "better",
        0.75,
    )
    assert _mlflow_steps(mlflow_uri, "test/accuracy") == [10]
    assert found.data.params["method"] == "auto"


def test_an_interrupted_training_is_not_finished_for_mlflow(tmp_path: Path, mlflow_uri: str) -> None:
    train(make_run(tmp_path / "run"), make_recipe("mlflow"), events(1, 4), "paused")
    assert _mlflow_run(mlflow_uri)[1].info.status == "KILLED"


# ---------------------------------------------------------------- W&B


def _wandb_messages(content: bytes) -> list[bytes]:
    """The messages of a W&B file: after 7 bytes, blocks of 32 KiB in the log format of LevelDB."""
    messages, place = [b""], 7
    while place + 7 <= len(content):
        if 2**15 - place % 2**15 < 7:
            place += 2**15 - place % 2**15
            continue
        length, kind = int.from_bytes(content[place + 4 : place + 6], "little"), content[place + 6]
        messages[-1] += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last piece
            messages.append(b"")
    return messages[:-1]


def _wandb_rows(run) -> tuple[list[dict[str, str]], dict[str, str]]:
    """History and summary, in W&B's own messages."""
    from wandb.proto import wandb_internal_pb2

    (path,) = run.file("turns/001/wandb").glob("offline-run-*/run-*.wandb")
    rows, summary = [], {}
    for message in _wandb_messages(path.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(message)
        if record.WhichOneof("record_type") == "history":
            rows.append({"/".join(one.nested_key) or one.key: one.value_json for one in record.history.item})
        if record.WhichOneof("record_type") == "summary":
            summary |= {"/".join(one.nested_key) or one.key: one.value_json for one in record.summary.update}
    return rows, summary


def test_wandb_holds_every_step_once_though_the_training_was_killed(tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    run, recipe = make_run(tmp_path / "run"), make_recipe("wandb")
    _train_and_kill(run, "wandb")
    assert train(run, recipe, events(5, 10), "finished") == []
    tell_verdict(run, make_turn(recipe), _verdict(), print)
    rows, summary = _wandb_rows(run)
    losses = {int(row["_step"]): float(row["train/loss"]) for row in rows if "train/loss" in row}
    assert list(losses) == STEPS and len(rows) == len({row["_step"] for row in rows})
    assert losses == pytest.approx({number: loss_of(number) for number in STEPS})
    assert [int(row["_step"]) for row in rows if "validation/accuracy" in row] == VALIDATIONS
    assert (summary["outcome"], summary["test/accuracy"]) == ('"better"', "0.75")
