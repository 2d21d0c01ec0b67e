"""Nothing leaves this machine (S5): the sockets of full runs are watched, and each address asked for is loopback.

Watched are the commands in processes of their own, with all that they start: by Python's hooks, by `strace` where it
may watch, and once in a network that holds nothing but loopback, where everything has to work as well.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from tests.reliability.watching import Seen, can_part, can_trace, seen_in, watch, watched_command, watched_environment
from tests.tiny import make_conversations, make_rows, write_rows

FAST = ("training.epochs=1", "training.evaluations=1")
OUTSIDE = "192.0.2.7"
"""An address for documentation, which belongs to nobody."""
_ASKS = f"""
import socket
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.connect_ex(("{OUTSIDE}", 9))
"""
_ASKS_IN_C = f"""
import ctypes, socket, struct
address = struct.pack("=HH4s8x", socket.AF_INET, socket.htons(9), socket.inet_aton("{OUTSIDE}"))
libc = ctypes.CDLL(None)
libc.connect(libc.socket(socket.AF_INET, socket.SOCK_DGRAM, 0), address, len(address))
"""
_IN_A_CHILD = "import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}], check=True)"


def _sintonia(folder: Path, *words: str, is_parted: bool = False, given: str = "") -> Seen:
    seen = watch(folder, "-m", "sintonia", *words, is_parted=is_parted, given=given)
    assert seen.exit_code == 0, seen.said[-2000:]
    return seen


def test_a_connection_is_seen(tmp_path: Path) -> None:
    assert watch(tmp_path, "-c", _ASKS).outside.count(OUTSIDE) >= 1
    assert OUTSIDE in watch(tmp_path, "-c", _IN_A_CHILD.format(code=_ASKS)).outside, "in a child too"
    assert (
        "example.invalid" in watch(tmp_path, "-c", "import socket; socket.getaddrinfo('example.invalid', 80)").outside
    )
    here = "import socket; socket.create_server(('127.0.0.1', 0)); socket.socket(socket.AF_UNIX).connect_ex('/none')"
    assert watch(tmp_path, "-c", here).outside == []
    everywhere = "import socket; socket.create_server(('0.0.0.0', 0))"
    assert watch(tmp_path, "-c", everywhere).outside, "a server that the whole network reaches"


@pytest.mark.skipif(not can_trace(), reason="strace is not here, or may not watch")
def test_a_connection_that_a_library_makes_in_c_is_seen_by_strace_alone(tmp_path: Path) -> None:
    seen = watch(tmp_path, "-c", _IN_A_CHILD.format(code=_ASKS_IN_C))
    assert seen.by_hook == () and seen.by_strace == (OUTSIDE,)


def test_tuning_a_classifier_asks_for_no_address_elsewhere(tmp_path: Path, tiny_base: Path) -> None:
    write_rows(tmp_path / "rows.jsonl", make_rows(300))
    seen = _sintonia(tmp_path, "tune", "rows.jsonl", "--base", f"file:{tiny_base}", "--out", "run", *FAST)
    assert seen.outside == []
    assert (tmp_path / "run/verdict.json").exists()


@pytest.mark.slow
def test_no_command_asks_for_one(tmp_path: Path, tiny_base: Path, tiny_language_model: Path) -> None:
    write_rows(tmp_path / "rows.jsonl", make_rows(300))
    write_rows(tmp_path / "more.jsonl", make_rows(60, seed=9))
    write_rows(tmp_path / "said.jsonl", [dict(row) for row in make_conversations(300)])
    there = [one for one in ("tensorboard", "mlflow", "wandb") if importlib.util.find_spec(one)]
    of_texts = ("--base", f"file:{tiny_base}", "--out", "run", f"tracking=[{', '.join(there)}]", *FAST)
    of_answers = ("--task", "chat", "--base", f"file:{tiny_language_model}", "--out", "said", *FAST)
    commands: list[tuple[str, ...]] = [
        ("check", "rows.jsonl", "--base", f"file:{tiny_base}"),
        ("tune", "rows.jsonl", *of_texts),
        ("tune", "said.jsonl", *of_answers, "evaluation.new_tokens=8"),
        ("evaluate", "run", "--on", "more.jsonl"),
        ("adjust", "run", "--json"),
        ("report", "run"),
        ("predict", "run", "--file", "more.jsonl", "--out", "answers.jsonl"),
        ("export", "run", "--to", "sentence-transformers", "--out", "exported"),
        ("export", "said", "--to", "merged", "--out", "merged"),
        ("audit", "verify", "run"),
        ("doctor", "--quick"),
    ]
    for words in commands:
        assert _sintonia(tmp_path, *words).outside == [], words
    assert _sintonia(tmp_path, "chat", "said", "--max-tokens", "4", given="hello\n").outside == []


@pytest.mark.slow
def test_a_server_listens_on_loopback_alone(tmp_path: Path, tiny_base: Path) -> None:
    write_rows(tmp_path / "rows.jsonl", make_rows(300))
    _sintonia(tmp_path, "tune", "rows.jsonl", "--base", f"file:{tiny_base}", "--out", "run", *FAST)
    for name in ("sockets.jsonl", "strace.txt"):
        (tmp_path / name).unlink(missing_ok=True)
    told = (tmp_path / "server.txt").open("w")
    command = watched_command(tmp_path, ["-m", "sintonia", "serve", "run", "--port", "0"])
    with (
        told,
        subprocess.Popen(
            command, cwd=tmp_path, env=watched_environment(tmp_path), stdout=told, stderr=told, start_new_session=True
        ) as process,
    ):
        said = _when_it_answers(tmp_path / "server.txt")
        os.killpg(process.pid, signal.SIGTERM)  # strace lets it through to the server
        process.wait(timeout=60)
    seen = seen_in(tmp_path, process.returncode, said)
    assert seen.outside == []
    assert "127.0.0.1" in seen.by_hook + seen.by_strace, "it did listen"


def _when_it_answers(told: Path) -> str:
    """Asks a server for its models, as soon as it has said where it is."""
    until = time.monotonic() + 90
    while time.monotonic() < until:
        said = told.read_text()
        if "http://127.0.0.1:" in said:
            address = said.split("http://")[1].split()[0].rstrip("/").split("/")[0]
            try:
                urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://{address}/v1/models")
            except OSError:
                return said  # it has answered: without its token nobody is let in
        time.sleep(0.2)
    raise AssertionError(told.read_text())


@pytest.mark.slow
@pytest.mark.skipif(not can_part(), reason="no network of its own may be made here")
def test_a_run_succeeds_where_there_is_no_network(tmp_path: Path, tiny_base: Path) -> None:
    write_rows(tmp_path / "rows.jsonl", make_rows(300))
    reached = watch(tmp_path, "-c", f"import socket; socket.create_connection(('{OUTSIDE}', 9), 1)", is_parted=True)
    assert reached.exit_code == 1 and "unreachable" in reached.said.lower(), reached.said
    named = ("--base", f"file:{tiny_base}", "--out", "run", "--json", *FAST)
    seen = _sintonia(tmp_path, "tune", "rows.jsonl", *named, is_parted=True)
    assert seen.outside == [] and json.loads((tmp_path / "run/verdict.json").read_text())["outcome"]
    assert _sintonia(tmp_path, "report", "run", is_parted=True).outside == []
