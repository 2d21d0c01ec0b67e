"""What a person waits for: help and import are instant, load no torch and open no connection."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

import pytest

PROMISED_SECONDS = 0.3
SLACK = 3.0 if "CI" in os.environ else 2.0
"""How much slower than a quiet laptop a shared machine may be; the comparison with a bare Python is exact."""

_NO_NETWORK = """
import socket
def refuse(*_): raise AssertionError("a connection was tried")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
"""


def _python(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)


def _median_seconds(*words: str) -> float:
    seconds = []
    for _ in range(5):
        before = time.perf_counter()
        assert _python(*words).returncode == 0
        seconds.append(time.perf_counter() - before)
    return statistics.median(seconds)


@pytest.mark.parametrize("words", [("-c", "import sintonia"), ("-m", "sintonia", "--help")], ids=["import", "help"])
def test_starting_is_instant(words: tuple[str, ...]) -> None:
    assert _median_seconds(*words) < PROMISED_SECONDS * SLACK


@pytest.mark.parametrize(
    "call",
    [
        "import sintonia",
        "from sintonia.cli.main import main; main(['--help'])",
        "from sintonia.cli.main import main; main(['tune', '--help'])",
    ],
)
def test_help_loads_no_torch(call: str) -> None:
    heavy = "torch transformers sklearn scipy matplotlib pandas"
    process = _python("-c", f"import sys; {call}; sys.exit(', '.join(set(sys.modules) & set('{heavy}'.split())) or 0)")
    assert process.stderr == ""


def test_importing_everything_opens_no_connection() -> None:
    code = (
        _NO_NETWORK
        + "import importlib, pkgutil, sintonia\n"
        + "names = [one.name for one in pkgutil.walk_packages(sintonia.__path__, 'sintonia.')]\n"
        + "[importlib.import_module(name) for name in names if name != 'sintonia.__main__']\n"
        + "print(len(names))"
    )
    process = _python("-c", code)
    assert process.returncode == 0, process.stderr
    assert int(process.stdout) > 10
