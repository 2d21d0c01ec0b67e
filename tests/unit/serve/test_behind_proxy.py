"""What a proxy with TLS sends is let in for names that were allowed; refused tokens are told seldom."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from sintonia.serve import telling
from sintonia.serve.telling import RefusedTokens
from tests.unit.serve.asgi import GOOD, PORT, Site


def test_an_allowed_name_has_any_port_and_https(tmp_path: Path) -> None:
    site = Site(tmp_path / "serve", allowed_hosts=("Lab.example",))

    def status(**headers: str) -> int:
        return site.ask("GET", "/v1/models", GOOD | headers).status

    for host in ("lab.example", "lab.example:443", "LAB.example:8443", f"lab.example:{PORT}"):
        assert status(host=host) == 200, host
        assert status(host=host, origin="https://lab.example") == 200, host
    assert status(origin="https://lab.example:8443") == 200
    assert status(host="lab.example@evil.com") == status(host="lab.example.evil.com") == 403
    for origin in (f"https://localhost:{PORT}", "https://evil.com", "https://u@lab.example", "https://lab.example/a",
                   "https://lab.example:x", "ftp://lab.example", "null"):  # fmt: skip
        assert status(origin=origin) == 403, origin
    assert status(host="127.0.0.1:9") == status(host="127.0.0.1") == 403


def test_refused_tokens_are_one_line_a_minute_from_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[tuple[dict[str, Any], threading.Thread]] = []
    is_told = threading.Event()

    def keep(event: str, **facts: Any) -> None:
        assert event == "token_refused"
        lines.append((facts, threading.current_thread()))
        is_told.set()

    monkeypatch.setattr(telling, "tell_log", keep)
    refused = RefusedTokens()
    refused.add(has_token=True)
    assert is_told.wait(10) and lines[0][1] is not threading.current_thread()
    for number in range(500):
        refused.add(has_token=number < 3)
    assert [facts for facts, _ in lines] == [{"count": 1, "with_token": 1}]
    refused.tell_rest()
    assert lines[1][0] == {"count": 500, "with_token": 3}


def test_what_comes_within_the_wait_is_told_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[int] = []
    is_whole = threading.Event()

    def keep(_: str, count: int, with_token: int) -> None:
        counts.append(count)
        if sum(counts) == 10:
            is_whole.set()

    monkeypatch.setattr(telling, "tell_log", keep)
    refused = RefusedTokens(0.2)
    for _ in range(10):
        refused.add(has_token=False)
    assert is_whole.wait(10) and len(counts) <= 3
