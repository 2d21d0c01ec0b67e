"""Jobs end: whatever dies, breaks or cannot begin, none goes round for ever, and none keeps its examples."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from sintonia.serve.jobs import scheduler as scheduling
from sintonia.serve.jobs import worker as working
from sintonia.serve.jobs.scheduler import DATA, MOST_DEATHS, Scheduler
from sintonia.serve.store import Database, Store, new_name

ASKED = {"task": "chat", "validation_file": None, "training_file": "file-x", "result_names": []}


@pytest.fixture
def queue(tmp_path: Path) -> Scheduler:
    store = Store(Database(tmp_path))
    store.files.tidy()
    return Scheduler(store, 1)


def add(queue: Scheduler, status: str = "queued", **asked: Any) -> str:
    name = new_name("ftjob")
    (queue.store.jobs.run_path(name) / "data").mkdir(parents=True)
    (queue.store.jobs.run_path(name) / "data" / "train.jsonl").write_text("{}\n")
    (queue.store.jobs.path(name) / DATA).write_text("{}\n")
    queue.store.jobs.add(name, "talker", name, ASKED | asked, {})
    if status != "validating_files":
        queue.store.jobs.move(name, status, expected=("validating_files",))
    return name


def job_of(queue: Scheduler, name: str) -> Any:
    return queue.store.jobs.find(name)


def keeps_examples(queue: Scheduler, name: str) -> bool:
    return (queue.store.jobs.path(name) / DATA).exists() or (queue.store.jobs.run_path(name) / "data").exists()


def worker_that_tells(*steps: int) -> Any:
    """A worker that dies each time after it has told one of these steps, the last of them again and again."""
    coming = list(steps)

    class Dying:
        def __init__(self, store: Store, job: Any) -> None:
            self.began_at = store.events.furthest(job.id)
            step = coming.pop(0) if len(coming) > 1 else coming[0]
            store.events.add(job.id, "Step", data={"turn": 1, "step": step})
            store.events.add(job.id, "goes on")

        def status(self) -> int:
            return -9

    return Dying


def test_a_worker_that_dies_after_its_first_event_is_not_begun_for_ever(
    queue: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduling, "Worker", worker_that_tells(5))
    name = add(queue)
    for _ in range(MOST_DEATHS + 1):
        queue._begin()
        queue._reap()
    assert job_of(queue, name).status == "failed" and job_of(queue, name).error["code"] == "worker_died"
    assert not keeps_examples(queue, name)


def test_who_gets_further_each_time_goes_on(queue: Scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduling, "Worker", worker_that_tells(*range(1, 20)))
    name = add(queue)
    for _ in range(2 * MOST_DEATHS):
        queue._begin()
        queue._reap()
    assert job_of(queue, name).status == "queued" and job_of(queue, name).deaths == 0


def test_a_worker_that_cannot_begin_leaves_no_job_running(queue: Scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(11, "no process is free")

    monkeypatch.setattr(scheduling, "Worker", refuse)
    name = add(queue)
    queue._begin()
    assert job_of(queue, name).status == "queued" and job_of(queue, name).deaths == 1
    for _ in range(MOST_DEATHS):
        queue._begin()
    assert job_of(queue, name).status == "failed"


def test_what_breaks_while_files_are_checked_fails_that_job_alone(
    queue: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = add(queue, "validating_files", task="odd"), add(queue, "validating_files")

    def check(_: Path, task: str, **__: object) -> int:
        if task == "odd":
            raise RuntimeError("a defect")
        return 10

    monkeypatch.setattr(scheduling, "check_file", check)
    queue._validate()
    assert job_of(queue, bad).error["code"] == "internal_error" and not keeps_examples(queue, bad)
    assert job_of(queue, good).status == "queued" and keeps_examples(queue, good)


def test_a_start_removes_what_ended_jobs_have_left(queue: Scheduler) -> None:
    ended, waiting = add(queue, "cancelled"), add(queue, "paused")
    queue.start()
    queue.close()
    assert not keeps_examples(queue, ended) and keeps_examples(queue, waiting)


def test_a_job_that_is_cancelled_while_it_waits_keeps_nothing(site: Any) -> None:
    name = add(site.state.scheduler, method="supervised", hyperparameters={}, seed=1)
    assert site.ask("POST", f"/v1/fine_tuning/jobs/{name}/cancel").status == 200
    assert not keeps_examples(site.state.scheduler, name)


def test_results_that_cannot_be_kept_fail_the_job(queue: Scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    results = [new_name("file") for _ in range(3)]
    name = add(queue, "running", result_names=results)
    queue.store.files.add(io.BytesIO(b"x"), "half", "fine-tune-results", name=results[0])
    monkeypatch.setattr(working.Work, "_listen_to_server", lambda _: None)
    monkeypatch.setattr(working.Work, "_wait_for_predecessor", lambda _: None)
    monkeypatch.setattr(working.RunFolder, "open", lambda _: None)
    monkeypatch.setattr(working, "improve", lambda *_, **__: None)
    assert working.Work(queue.store, job_of(queue, name)).carry_out() == 0  # there is no report
    assert job_of(queue, name).status == "failed" and queue.store.files.find(results[0]) is None
