"""Takes jobs from the queue to their worker processes and back, on a thread of its own. It reads no row and no model.

All that it has to know after a kill is in the database: what was running is queued again, and goes on where it was.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from sintonia.serve.jobs.checking import Unfit, check_file
from sintonia.serve.jobs.worker import PAUSED
from sintonia.serve.store import Job, Store
from sintonia.serve.store.jobs import ENDED
from sintonia.serve.surroundings import TOKEN_NAME
from sintonia.vault import is_vault, surroundings_without_passphrase

TICK_SECONDS = 0.2
CANCEL_SECONDS = 5.0
"""A worker that is to be cancelled has so long to end by itself."""
CLOSE_SECONDS = 20.0
"""Workers have so long to save a checkpoint when the server ends."""
MOST_DEATHS = 5
"""A worker that dies so often in a row, without any progress between, is not begun again."""
LOG = "worker.txt"
_CODE = "from sintonia.serve.jobs.worker import main; main()"
DATA, VALIDATION = "training.jsonl", "validation.jsonl"
_LOG = logging.getLogger("sintonia.serve")


class Scheduler:
    """The queue at work: `most` jobs at once."""

    def __init__(self, store: Store, most: int) -> None:
        self.store, self.most = store, most
        self.workers: dict[str, Worker] = {}
        self._woken, self._is_closing = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="scheduler", daemon=True)

    def start(self) -> None:
        """Takes up what an earlier server left, and begins."""
        self._tidy()
        for job in self.store.jobs.with_status(*ENDED):
            self.let_go(job.id)
        for job in self.store.jobs.with_status("running"):
            status = "paused" if job.wish else "queued"
            if self.store.jobs.move(job.id, status, expected=("running",), wish=""):
                self.store.events.add(job.id, f"The server was started again: the job is {status}")
        self._thread.start()

    def wake(self) -> None:
        """Says that there is something to do."""
        self._woken.set()

    def let_go(self, name: str) -> None:
        """Removes what a job that has ended keeps of its examples: links to its files, copies in its run.

        Of a job that has succeeded the run stays whole. While the worker is there, this waits for its end.
        """
        job = self.store.jobs.find(name)
        if name in self.workers or job is None or job.status not in ENDED:
            return
        try:
            for link in (DATA, VALIDATION):
                (self.store.jobs.path(name) / link).unlink(missing_ok=True)
            copies = self.store.jobs.run_path(name) / "data"
            if job.status != "succeeded" and copies.exists():
                shutil.rmtree(copies)
        except OSError as error:
            _LOG.error("%s: its examples are not removed: %s", name, error.strerror)

    def close(self) -> None:
        """Asks all workers to pause, and waits for them, but not for ever: what is killed loses a few steps."""
        self._is_closing.set()
        self.wake()
        self._thread.join()
        for worker in self.workers.values():
            worker.pause()
        until = time.monotonic() + CLOSE_SECONDS
        for worker in self.workers.values():
            worker.wait(until)
        self._reap()

    def _work(self) -> None:
        while not self._is_closing.is_set():
            try:
                self._reap()
                self._heed_wishes()
                self._validate()
                self._begin()
                self.store.files.remove_expired()
            except Exception as error:  # the queue goes on; no text of a request is logged
                _LOG.error("the queue stumbled: %s", type(error).__name__)
            self._woken.wait(TICK_SECONDS)
            self._woken.clear()

    def _validate(self) -> None:
        for job in self.store.jobs.with_status("validating_files"):
            folder = self.store.jobs.path(job.id)
            try:
                task = job.asked["task"]
                count = check_file(folder / DATA, task)
                if job.asked["validation_file"]:
                    check_file(folder / VALIDATION, task, about="validation_file", fewest=1)
            except Unfit as unfit:
                self._fail(job, unfit.code, unfit.message, unfit.about)
                continue
            except OSError as error:
                self._fail(job, "storage_error", f"the file cannot be read: {error.strerror}", "training_file")
                continue
            except Exception as error:  # it would come again at every look, and no other job would begin
                _LOG.error("%s: its files cannot be checked: %s", job.id, type(error).__name__)
                what = f"an unexpected {type(error).__name__}: this is a defect of sintonia"
                self._fail(job, "internal_error", what, None)
                continue
            if self.store.jobs.move(job.id, "queued", expected=("validating_files",)):
                self.store.events.add(job.id, f"Files validated: {count} examples; the job is queued")

    def _begin(self) -> None:
        for job in self.store.jobs.with_status("queued")[: self.most]:
            if len(self.workers) < self.most and job.id not in self.workers:
                self._begin_one(job)

    def _begin_one(self, job: Job) -> None:
        if not self.store.jobs.move(job.id, "running", expected=("queued",), wish=""):
            return
        is_new = not (self.store.jobs.run_path(job.id) / "prepared.json").exists()
        self.store.events.add(job.id, "Fine-tuning job started" if is_new else "Fine-tuning job goes on")
        try:
            self.workers[job.id] = Worker(self.store, job)
        except OSError as error:
            if (begun := self.store.jobs.find(job.id)) is not None and begun.status == "running":
                self._settle(begun, f"could not be begun ({error.strerror})", job.deaths + 1)

    def _heed_wishes(self) -> None:
        for name, worker in self.workers.items():
            job = self.store.jobs.find(name)
            if job is None or job.status != "running":
                worker.pause()
                worker.end_soon()
            elif job.wish:
                worker.pause()

    def _reap(self) -> None:
        for name, worker in list(self.workers.items()):
            if (status := worker.status()) is None:
                continue
            del self.workers[name]
            job = self.store.jobs.find(name)
            if job is not None and job.status == "running":
                has_progressed = self.store.events.furthest(name) > worker.began_at
                told = "was told to stop" if status == PAUSED else f"ended (exit status {status})"
                self._settle(job, told, 0 if has_progressed or status == PAUSED else job.deaths + 1)
            self.let_go(name)

    def _settle(self, job: Job, told: str, deaths: int) -> None:
        """What becomes of a job whose worker ended without a result."""
        if job.wish:
            if self.store.jobs.move(job.id, "paused", expected=("running",), wish="", deaths=0):
                self.store.events.add(job.id, "Fine-tuning job paused")
            return
        if deaths >= MOST_DEATHS:
            what = f"its process ended {deaths} times without any progress; at last it {told}"
            self._fail(job, "worker_died", what, None)
        elif self.store.jobs.move(job.id, "queued", expected=("running",), deaths=deaths):
            self.store.events.add(job.id, f"Its process {told}: the job goes on where it was", level="warn")

    def _fail(self, job: Job, code: str, message: str, about: str | None) -> None:
        error = {"code": code, "message": message, "param": about}
        if self.store.jobs.move(job.id, "failed", expected=(job.status,), error=error):
            self.store.events.add(job.id, f"The job failed: {message}", level="error")
            self.let_go(job.id)

    def _tidy(self) -> None:
        """Removes folders of jobs that a server was killed in the middle of making."""
        self.store.jobs.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in self.store.jobs.folder.iterdir():
            if self.store.jobs.find(folder.name) is None:
                shutil.rmtree(folder, ignore_errors=True)


class Worker:
    """The process of a job. It ends when this process does, because its standard input ends."""

    def __init__(self, store: Store, job: Job) -> None:
        self.began_at = store.events.furthest(job.id)
        self._kill_at: float | None = None
        folder = store.jobs.path(job.id)
        is_locked = is_vault(store.jobs.run_path(job.id))
        inherited = dict(os.environ) if is_locked else surroundings_without_passphrase()
        surroundings = {name: value for name, value in inherited.items() if name != TOKEN_NAME}
        places = os.pathsep.join(str(Path(one).absolute()) for one in sys.path)
        with (folder / LOG).open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _CODE, str(store.jobs.folder.parent), job.id],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**surroundings, "PYTHONPATH": places, "SINTONIA_OFFLINE": "1", "HF_HUB_OFFLINE": "1"},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its number in the system."""
        return self._process.pid

    def pause(self) -> None:
        """Asks it to save a checkpoint and to end."""
        assert self._process.stdin is not None
        with suppress(OSError, ValueError):
            self._process.stdin.write(b"pause\n")
            self._process.stdin.flush()

    def end_soon(self) -> None:
        """Kills it when it has not ended in a few seconds."""
        if self._kill_at is None:
            self._kill_at = time.monotonic() + CANCEL_SECONDS

    def status(self) -> int | None:
        """Its exit status, negative where a signal ended it; None while it works."""
        if self._kill_at is not None and time.monotonic() > self._kill_at:
            self._process.kill()
            self._process.wait()
        status = self._process.poll()
        if status is not None and self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
        return status

    def wait(self, until: float) -> None:
        """Waits for its end; after `until`, by the monotonic clock, it is killed."""
        try:
            self._process.wait(timeout=max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
