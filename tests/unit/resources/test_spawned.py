"""Processes that follow orders: what they answer, what they print, and that they end with whoever began them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from queue import SimpleQueue

import pytest

from sintonia.resources.spawned import GRACE_SECONDS, Heard, Orders, Spawned, _surroundings, end_all


def echo() -> None:
    """What the processes of these tests do."""
    orders = Orders()
    for order in orders:
        print("what a library prints is no answer")
        if order["do"] == "break":
            raise ValueError("planted")
        if order["do"] == "sleep":
            while not orders.is_over or order["is_deaf"]:
                time.sleep(0.01)
            return
        orders.answer({"said": order["do"], "words": sys.argv[1:], "threads": os.environ["OMP_NUM_THREADS"]})


def begin_one() -> None:
    """What begins one of them and waits; it is killed."""
    heard: SimpleQueue[Heard] = SimpleQueue()
    one = Spawned(f"{__name__}:echo", (), Path(sys.argv[1]), 1, heard)
    one.order({"do": "hello"})
    assert heard.get().answer is not None
    one.order({"do": "sleep", "is_deaf": True})
    print(one.pid, flush=True)
    time.sleep(600)


def test_orders_are_answered_and_what_is_printed_is_in_the_log(tmp_path: Path) -> None:
    heard: SimpleQueue[Heard] = SimpleQueue()
    one = Spawned(f"{__name__}:echo", ("a word",), tmp_path / "one", 3, heard)
    for number in range(3):
        one.order({"do": number})
    answers = [heard.get().answer for _ in range(3)]
    assert answers == [{"said": number, "words": ["a word"], "threads": "3"} for number in range(3)]
    assert os.getpgid(one.pid) != os.getpgid(0), "Ctrl-C at the terminal does not reach it"
    began = time.monotonic()
    one.order({"do": "sleep", "is_deaf": False})
    end_all([one])
    assert time.monotonic() - began < GRACE_SECONDS, "told that it is over, it ends by itself"
    assert heard.get().answer is None and one.wait(0.0) == 0
    assert one.log.read_text().count("what a library prints") == 4


def test_they_are_not_given_the_passphrase_of_a_vault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SINTONIA_VAULT_PASSPHRASE", "correct horse")
    monkeypatch.setenv("SINTONIA_HOME", "/home")
    given = _surroundings(2)
    assert "correct horse" not in given.values() and given["SINTONIA_HOME"] == "/home"


@pytest.mark.parametrize("is_killed", [True, False])
def test_one_that_dies_is_heard_of(is_killed: bool, tmp_path: Path) -> None:
    heard: SimpleQueue[Heard] = SimpleQueue()
    one = Spawned(f"{__name__}:echo", (), tmp_path / "one", 1, heard)
    if is_killed:
        os.kill(one.pid, signal.SIGKILL)
    else:
        one.order({"do": "break"})
    last = heard.get()
    assert last.answer is None and last.who is one
    one.order({"do": "hello"})  # goes nowhere, and breaks nothing here
    assert one.wait(time.monotonic() + 5) == (-signal.SIGKILL if is_killed else 1)
    assert one.last_words() == ("" if is_killed else "ValueError: planted")


def test_no_process_outlives_for_long_the_one_that_began_it(tmp_path: Path) -> None:
    code = f"from {__name__} import begin_one; begin_one()"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(one for one in sys.path if one)}
    first = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "one")], stdout=subprocess.PIPE, env=environment
    )
    assert first.stdout is not None
    below = int(first.stdout.readline())
    os.kill(below, 0)
    first.kill()
    first.wait()
    first.stdout.close()
    until = time.monotonic() + GRACE_SECONDS + 5
    while _is_running(below):
        assert time.monotonic() < until, "it works on for nobody"
        time.sleep(0.05)


def _is_running(pid: int) -> bool:
    """Whether it is there, and no corpse that nobody has asked for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
