"""What is refused before a server listens: a missing extra, an address that is taken, a run that is none."""

from __future__ import annotations

import importlib.util
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

import sintonia.serve
from sintonia.cli.main import main
from sintonia.errors import Unavailable, UsageError
from sintonia.serve import surroundings_of
from sintonia.serve.server import bound
from sintonia.serve.surroundings import is_any_address, is_loopback

TOKEN = "a-token-of-the-tests"


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server changes its process: what it may write, and whether it may connect."""
    for name in ("SINTONIA_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.setenv(name, os.environ.get(name, "0"))
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_a_missing_extra_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(sintonia.serve, "find_spec", lambda name: None if name == "fastapi" else real(name))
    with pytest.raises(Unavailable, match="needs FastAPI, which is not installed"):
        sintonia.serve.refuse_without_extra()
    assert main(["serve"]) == 2
    assert "pip install 'sintonia[serve]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words,told",
    [
        (["--host", "0.0.0.0"], "no token was named"),
        (["--token", "short"], "the token has 5 characters"),
        (["--port", "70000"], "is no port"),
        (["no-such-run"], "is not a run folder"),
        (["--jobs", "0"], "--jobs"),
    ],
)
def test_words_that_cannot_be_served_are_refused(
    words: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["serve", "--home", str(tmp_path / "state"), "--port", "0", *words]) == 2
    assert told in capsys.readouterr().err


def test_an_address_that_is_taken_is_refused() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UsageError, match="cannot listen"):
            bound(surroundings_of(port=taken.getsockname()[1], token=TOKEN))


def test_only_loopback_is_loopback() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.9.9.9", "::1", "localhost", "LocalHost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "10.0.0.1", "localhost.evil.com", "evil", "")))
    assert all(map(is_any_address, ("0.0.0.0", "::", ""))) and not is_any_address("127.0.0.1")
    assert "0.0.0.0" not in surroundings_of(host="0.0.0.0", token=TOKEN).known_hosts
