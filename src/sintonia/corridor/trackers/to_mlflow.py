"""MLflow: a run of the experiment `sintonia`, in `mlflow.db` of the run folder or where `MLFLOW_TRACKING_URI` says.

`mlflow ui --backend-store-uri sqlite:///RUN/mlflow.db` shows it. Which run it is stands in `mlflow.json` of the turn,
with the place as a person knows it: that of a run in a vault, whose files lie in memory, is the same in every process.
"""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from typing import Any

from sintonia.corridor.trackers.tracker import Place
from sintonia.files import read_json, write_json
from sintonia.vault import given_path

EXPERIMENT = "sintonia"
DATABASE, NOTE = "mlflow.db", "mlflow.json"


class MlflowRun:
    """One run of MLflow that belongs to one turn; a resumed training goes on in it."""

    def __init__(self, place: Place) -> None:
        for noisy in ("mlflow", "alembic"):
            logging.getLogger(noisy).setLevel(logging.WARNING)
        from mlflow import MlflowClient

        self._uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{place.run / DATABASE}"
        self._named = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{given_path(place.run / DATABASE)}"
        self._client = MlflowClient(tracking_uri=self._uri)
        if self._uri.endswith(str(place.run / DATABASE)):
            (place.run / DATABASE).chmod(0o600)
        self._id = self._known(place.folder / NOTE) or self._create(place)
        self._step = 0

    def _known(self, note: Path) -> str | None:
        """The run that the note of the turn names, if it is still there."""
        from mlflow.exceptions import MlflowException

        found = read_json(note) or {}
        if found.get("tracking_uri") != self._named:
            return None
        try:
            self._client.update_run(found["run_id"], status="RUNNING")
        except MlflowException:
            return None
        return str(found["run_id"])

    def _create(self, place: Place) -> str:
        from mlflow.entities import Param

        experiment = self._client.get_experiment_by_name(EXPERIMENT)
        number = experiment.experiment_id if experiment else self._client.create_experiment(EXPERIMENT)
        created: Any = self._client.create_run(number, run_name=place.name)
        settings = [Param(name, value) for name, value in place.settings.items()]
        self._client.log_batch(created.info.run_id, params=settings)
        write_json(place.folder / NOTE, {"run_id": created.info.run_id, "tracking_uri": self._named})
        return str(created.info.run_id)

    def last_step(self, series: str) -> int:
        """From its store."""
        return max((one.step for one in self._client.get_metric_history(self._id, series)), default=-1)

    def log(self, numbers: dict[str, float], step: int) -> None:
        """All numbers of a step in one call."""
        from mlflow.entities import Metric

        self._step, now = max(self._step, step), int(time.time() * 1000)
        self._client.log_batch(self._id, metrics=[Metric(name, value, now, step) for name, value in numbers.items()])

    def flush(self) -> None:
        """Each call is stored at once."""

    def conclude(self, words: dict[str, str], numbers: dict[str, float]) -> None:
        """The verdict as tags, and its numbers as metrics that are there once."""
        for name, text in words.items():
            self._client.set_tag(self._id, name, text)
        new = {series: value for series, value in numbers.items() if self.last_step(series) < 0}
        self.log(new, max(self._step, self.last_step("train/learning_rate"), 0))

    def close(self, is_finished: bool) -> None:
        """Finished, or killed: a resumed training runs again."""
        self._client.set_terminated(self._id, status="FINISHED" if is_finished else "KILLED")


def open_tracker(place: Place) -> MlflowRun:
    """The run of a turn, begun or gone on with."""
    return MlflowRun(place)
