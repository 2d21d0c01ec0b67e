"""The process of one job: it walks the run folder through the pipeline and writes what happens to the database.

It is told to pause by a line on its standard input; when that ends, the server is gone, and so is this process soon: a
run that is broken off goes on where it was. It serves nobody.
"""

from __future__ import annotations

import argparse
import io
import logging
import os
import sys
import threading
import time
import traceback
from pathlib import Path

from sintonia.errors import DataError, Interrupted, SintoniaError, StopFindings, StorageError
from sintonia.pipeline import Progress, improve, request_pause
from sintonia.records import Verdict
from sintonia.runs import RunFolder
from sintonia.serve.jobs.results import metrics_of, outcome_of, table_of_steps
from sintonia.serve.refusals import in_words
from sintonia.serve.store import Database, Job, Store

PAUSED = 75
"""Exit status of a worker that was told to stop, and whose run goes on later (EX_TEMPFAIL)."""
GRACE_SECONDS = 3.0
_LOCK_SECONDS = 60.0
_SAVED_EVERY = 5.0
"""Seconds between two notes of when the job will probably end."""


def main() -> None:
    """Carries out the job that the command line names."""
    os.umask(0o077)
    reading = argparse.ArgumentParser()
    reading.add_argument("home")
    reading.add_argument("job")
    said = reading.parse_args()
    database = Database(Path(said.home), is_worker=True)
    store = Store(database)
    job = store.jobs.find(said.job)
    sys.exit(0 if job is None or job.status != "running" else Work(store, job).carry_out())


class Work:
    """One job under way."""

    def __init__(self, store: Store, job: Job) -> None:
        self.store, self.job = store, job
        self.run = RunFolder(store.jobs.run_path(job.id))
        self.is_told_to_stop = threading.Event()
        self._noted = 0.0
        threading.Thread(target=self._listen_to_server, daemon=True).start()

    def carry_out(self) -> int:
        """Walks the run to its verdict; the exit status of the process."""
        try:
            self._wait_for_predecessor()
            verdict = improve(RunFolder.open(self.run.path), self._hear, ask=lambda _: True)
            self._succeed(verdict)
        except Interrupted:
            return PAUSED
        except SintoniaError as error:
            if self.is_told_to_stop.is_set() and not isinstance(error, StopFindings | DataError):
                return PAUSED
            self._fail(error)
            return 0
        except Exception as error:
            self._break(error)
        return 0

    def _wait_for_predecessor(self) -> None:
        """A worker whose server was killed may still be ending."""
        until = time.monotonic() + _LOCK_SECONDS
        while self.run.is_being_written() and time.monotonic() < until:
            if self.is_told_to_stop.wait(0.2):
                raise Interrupted("told to stop", signal_number=15)

    def _hear(self, progress: Progress) -> None:
        """Keeps what the pipeline says, and stops it where it was told to."""
        event = progress.event
        if event is None:
            self.store.events.add(self.job.id, _in_short(progress.message), level=_level(progress))
        elif found := metrics_of(event):
            message, numbers = found
            self.store.events.add(self.job.id, message, data=numbers | {"turn": self._turn()})
        elif event.kind in ("message", "spike", "resumed"):
            self.store.events.add(
                self.job.id, _in_short(progress.message), level="warn" if event.kind == "spike" else "info"
            )
        if progress.whole_seconds_left is not None and time.monotonic() - self._noted > _SAVED_EVERY:
            self._noted = time.monotonic()
            self.store.jobs.note(self.job.id, estimated_finish=int(time.time() + progress.whole_seconds_left))
        if self.is_told_to_stop.is_set():
            if progress.stage != "train":
                raise Interrupted("told to stop", signal_number=15)
            request_pause(self.run)  # the turn may have begun after it was told

    def _turn(self) -> int:
        """The turn that is being trained: the last one begun."""
        return max((int(one.name) for one in self.run.path.glob("turns/*") if one.name.isdigit()), default=1)

    def _listen_to_server(self) -> None:
        """A line asks for a pause; the end of all lines says that the server is gone."""
        while line := os.read(0, 4096):
            if b"pause" in line:
                self._stop()
        self._stop()
        time.sleep(GRACE_SECONDS)
        os._exit(PAUSED)

    def _stop(self) -> None:
        self.is_told_to_stop.set()
        request_pause(self.run)

    def _succeed(self, verdict: Verdict) -> None:
        """Keeps the results first, so that a job that has succeeded has them all."""
        names = self.job.asked["result_names"]
        table, page, judged = names
        for name, content, filename in (
            (table, table_of_steps(self.run), "step_metrics.csv"),
            (judged, self.run.file("verdict.json").read_bytes(), "verdict.json"),
            (page, self.run.file("report.html").read_bytes(), "report.html"),
        ):
            self.store.files.add(io.BytesIO(content), filename, "fine-tune-results", name=name)
        with self.store.database.changing():
            moved = self.store.jobs.move(
                self.job.id, "succeeded", expected=("running",), outcome=outcome_of(verdict), result_files=names
            )
            if moved:  # else it was cancelled meanwhile, or a worker of a killed server came first
                self.store.events.add(self.job.id, verdict.sentence)
                self.store.events.add(self.job.id, f"New fine-tuned model created: {self.job.tuned_name}")
                self.store.events.add(self.job.id, "The job has successfully completed")
        self._remove_results_of_no_success()

    def _remove_results_of_no_success(self) -> None:
        found = self.store.jobs.find(self.job.id)
        for name in () if found is not None and found.status == "succeeded" else self.job.asked["result_names"]:
            self.store.files.remove(name)

    def _fail(self, error: SintoniaError) -> None:
        code, about = _code_of(error)
        place = _line_in(error.where)
        self._end(code, f"{place}{in_words(error)}".replace(str(self.store.jobs.path(self.job.id)), "the job"), about)

    def _break(self, error: Exception) -> None:
        """A mistake of ours: what and where, in the job's own log, without texts."""
        frames = "".join(traceback.format_tb(error.__traceback__))
        logging.getLogger("sintonia").error("unexpected %s\n%s", type(error).__name__, frames)  # ends in worker.txt
        self._end("internal_error", f"an unexpected {type(error).__name__}: this is a defect of sintonia", None)

    def _end(self, code: str, message: str, about: str | None) -> None:
        with self.store.database.changing():
            error = {"code": code, "message": message, "param": about}
            if self.store.jobs.move(self.job.id, "failed", expected=("running",), error=error):
                self.store.events.add(self.job.id, f"The job failed: {message}", level="error")
        self._remove_results_of_no_success()


def _code_of(error: SintoniaError) -> tuple[str, str | None]:
    """The code of a job's error, and the field of the request that it is about."""
    if isinstance(error, DataError):
        about = "validation_file" if "validation" in Path(error.where.rpartition(":")[0] or error.where).name else None
        return "invalid_training_file", about or "training_file"
    if isinstance(error, StopFindings):
        return "stop_findings", "training_file"
    if isinstance(error, StorageError):
        return "storage_error", None
    return ("invalid_value", "sintonia") if error.exit_code == 2 else ("training_failed", None)


def _line_in(where: str) -> str:
    """`FILE:7` as `Line 7 of the file: `; empty where no line is told."""
    line = where.rpartition(":")[2]
    return f"Line {line} of the file: " if line.isdigit() and ":" in where else ""


def _level(progress: Progress) -> str:
    is_finding = progress.stage == "audit" and (" warning:" in progress.message or " stop:" in progress.message)
    return "warn" if is_finding else "info"


def _in_short(message: str) -> str:
    return message if len(message) <= 2000 else f"{message[:1997]}..."
