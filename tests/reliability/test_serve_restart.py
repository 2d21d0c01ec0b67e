"""`kill -9` of server and worker at any moment: after a restart the job ends with the same weights.

How often is set by SINTONIA_SERVE_KILLS (3 in the slow tier, 20 in the issue).
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.reliability.commands import leftovers, weights_of
from tests.serving import TOKEN, Served, chat_lines, wait_for, write_catalog

KILLS = int(os.environ.get("SINTONIA_SERVE_KILLS", "3"))
RECIPE = {"training": {"evaluations": 4, "epochs": 6, "checkpoint_steps": 5}, "evaluation": {"decoding": "none"}}


@pytest.fixture
def home(tiny_language_model: Path, tmp_path: Path) -> Path:
    write_catalog(tmp_path, talker=tiny_language_model)
    return tmp_path


@pytest.fixture
def served(home: Path) -> Iterator[Served]:
    server = Served(home)
    yield server
    if server.process is not None and server.process.poll() is None:
        server.kill()


def begin(served: Served) -> str:
    client = served.start().client
    name = client.files.create(file=("a.jsonl", chat_lines(320)), purpose="fine-tune").id
    job = client.fine_tuning.jobs.create(
        model="talker", training_file=name, seed=3, extra_body={"sintonia": RECIPE}, suffix="killed"
    )
    return job.id


def model_of(served: Served, job: str) -> Path:
    return served.home / "serve/jobs" / job / "run/model"


def kill_workers(served: Served) -> None:
    for number in served.worker_pids():
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.timeout(200 + 120 * KILLS)
def test_kills_at_random_times_change_nothing(served: Served) -> None:
    undisturbed = begin(served)
    began = time.monotonic()
    wait_for(served.client, undisturbed, "succeeded")
    seconds, weights = time.monotonic() - began, weights_of(model_of(served, undisturbed))
    served.kill()
    generator = random.Random(KILLS)
    for number in range(KILLS):
        job, pause = begin(served), generator.uniform(0.05, 0.95) * seconds
        time.sleep(pause)
        who = ("both", "server", "worker")[number % 3]
        if who in ("both", "server"):
            served.kill()
        if who in ("both", "worker"):
            kill_workers(served)
        if who != "worker":
            served.start()
        wait_for(served.client, job, "succeeded")
        assert weights_of(model_of(served, job)) == weights, (who, pause)
        run = model_of(served, job).parent
        assert leftovers(run) == [] and b'"test_openings"' in (run / "verdict.json").read_bytes()
        served.kill()


def test_sigterm_pauses_the_job_and_the_next_start_goes_on(served: Served) -> None:
    longer = {**RECIPE, "training": {"evaluations": 2, "epochs": 50}}
    client = served.start().client
    name = client.files.create(file=("a.jsonl", chat_lines(120)), purpose="fine-tune").id
    job = client.fine_tuning.jobs.create(model="talker", training_file=name, extra_body={"sintonia": longer})
    wait_for(client, job.id, "running")
    assert served.stop() == 143 and served.worker_pids() == []
    client = served.start().client
    found = wait_for(client, job.id, "running")
    messages = [one.message for one in client.fine_tuning.jobs.list_events(job.id, limit=100)]
    assert any("told to stop" in one or "started again" in one or "goes on" in one for one in messages), messages
    assert client.fine_tuning.jobs.cancel(found.id).status == "cancelled"
    assert served.stop() == 143


def test_a_worker_that_is_killed_is_begun_again(served: Served) -> None:
    job = begin(served)
    wait_for(served.client, job, "running")
    until = time.monotonic() + 120
    while not served.worker_pids() and time.monotonic() < until:
        time.sleep(0.02)
    kill_workers(served)
    while time.monotonic() < until:
        told = [one.message for one in served.client.fine_tuning.jobs.list_events(job, limit=100)]
        if any("goes on where it was" in one for one in told):
            break
        time.sleep(0.1)
    else:
        raise AssertionError(told)
    served.client.fine_tuning.jobs.cancel(job)


def test_with_json_a_program_is_told_where_it_answers(served: Served) -> None:
    served.start()
    told = (served.home / "server.txt").read_text()
    facts = next(json.loads(line) for line in told.splitlines() if line.startswith("{"))
    assert facts == {"url": served.url, "home": str(served.home / "serve")} and TOKEN not in told


def test_a_second_server_does_not_take_the_same_state(served: Served) -> None:
    served.start()
    other = Served(served.home)
    with pytest.raises(AssertionError, match="another server has its state"):
        other.start()
