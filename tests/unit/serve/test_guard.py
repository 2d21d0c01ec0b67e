"""Every route x method x stranger is refused and changes nothing; every security flag does what it says."""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path

import pytest

from sintonia.errors import UsageError
from sintonia.serve import Limits, surroundings_of
from sintonia.serve.app import refuse_undecided
from sintonia.serve.bucket import Bucket
from tests.unit.serve.asgi import GOOD, PORT, TOKEN, WIDE, Site

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE")
STRANGERS = {
    "no token": {"host": GOOD["host"]},
    "wrong token": {**GOOD, "authorization": "Bearer wrong-token-of-somebody"},
    "token without its scheme": {**GOOD, "authorization": TOKEN},
    "foreign host": {**GOOD, "host": "evil.com"},
    "foreign host, our port": {**GOOD, "host": f"evil.com:{PORT}"},
    "host with a user": {**GOOD, "host": f"127.0.0.1@evil.com:{PORT}"},
    "our host, another port": {**GOOD, "host": "127.0.0.1:9"},
    "no host": {"authorization": GOOD["authorization"]},
    "foreign origin": {**GOOD, "origin": "http://evil.com"},
    "origin null": {**GOOD, "origin": "null"},
    "origin of another port": {**GOOD, "origin": "http://127.0.0.1:9"},
    "cross-site": {**GOOD, "sec-fetch-site": "cross-site"},
    "same-site": {**GOOD, "sec-fetch-site": "same-site"},
}


def _paths(site: Site) -> list[str]:
    found = [route.path for one in site.app.routes for route in one.original_router.routes]
    assert len(found) > 15
    return [path.replace("{model:path}", "talker").format(file_id="file-x", job_id="ftjob-x") for path in found]


def test_strangers_are_refused_on_every_route(site: Site) -> None:
    paths = {*_paths(site), "/", "/docs", "/redoc", "/openapi.json", "/v1", "/nowhere", "/v1/models/"}
    before, num_asked = site.fingerprint(), 0
    for path in sorted(paths):
        for method in METHODS:
            for name, headers in STRANGERS.items():
                answer = site.ask(method, path, headers, b'{"model": "talker"}')
                assert answer.status in (401, 403), (method, path, name, answer.status)
                assert answer.error["message"] and answer.headers["x-request-id"].startswith("req_")
                num_asked += 1
    assert num_asked > 1500 and site.fingerprint() == before


def test_who_has_the_token_is_let_through(site: Site) -> None:
    for host in ("127.0.0.1", "localhost", "[::1]", "LOCALHOST"):
        headers = {**GOOD, "host": f"{host}:{PORT}"}
        assert site.ask("GET", "/v1/models", headers).status == 200
    for extra in (
        {"origin": f"http://localhost:{PORT}"},
        {"sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
    ):
        assert site.ask("GET", "/v1/models", GOOD | extra).status == 200
    assert site.ask("GET", "/v1/models", {**GOOD, "authorization": f"bearer  {TOKEN}"}).status == 200


def test_no_answer_invites_other_pages(site: Site) -> None:
    answer = site.ask("OPTIONS", "/v1/models", {**GOOD, "origin": f"http://localhost:{PORT}"})
    assert answer.status == 405
    for one in (answer, site.ask("GET", "/v1/models")):
        assert not [name for name in one.headers if name.startswith("access-control")]
        assert one.headers["cache-control"] == "no-store"


def test_pages_of_documentation_are_off(site: Site) -> None:
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert site.ask("GET", path).status == 404


def test_no_application_begins_with_a_route_for_nobody(site: Site) -> None:
    refuse_undecided(site.app)

    def stray() -> None: ...

    site.app.get("/v1/stray")(stray)
    with pytest.raises(AssertionError, match="/v1/stray"):
        refuse_undecided(site.app)


def test_a_route_for_nobody_within_a_router_is_found(site: Site) -> None:
    from fastapi import APIRouter

    inner, outer = APIRouter(), APIRouter()
    inner.get("/v1/hidden")(lambda: None)
    outer.include_router(inner)
    site.app.include_router(outer)
    with pytest.raises(AssertionError, match="/v1/hidden"):
        refuse_undecided(site.app)


def test_websockets_are_refused(site: Site) -> None:
    import asyncio

    sent: list[dict[str, object]] = []

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    asyncio.run(site.guard({"type": "websocket", "path": "/v1/models", "headers": []}, None, send))  # type: ignore[arg-type]
    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_what_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    site = Site(tmp_path / "serve", dataclasses.replace(WIDE, body_bytes=1000, upload_bytes=5000))
    told = {**GOOD, "content-type": "application/json", "content-length": "1001"}
    assert site.ask("POST", "/v1/embeddings", told, b"{}").status == 413
    untold = {**GOOD, "content-type": "application/json"}
    answer = site.ask("POST", "/v1/embeddings", untold, [b"x" * 600, b"x" * 600])
    assert (answer.status, answer.error["code"]) == (413, "request_too_large")
    assert site.upload("a.jsonl", b"x" * 4000).status == 200
    before = site.fingerprint()
    assert site.upload("a.jsonl", b"x" * 6000).status == 413
    assert site.upload("a.jsonl", b"x" * 200_000).status == 413
    assert site.fingerprint() == before
    for wrong in ("-1", "x", "1e3", ""):
        assert site.ask("POST", "/v1/embeddings", {**told, "content-length": wrong}).status == 413


def test_too_many_requests_are_told_when_to_come_again(tmp_path: Path) -> None:
    site = Site(tmp_path / "serve", Limits(requests_per_minute=1, burst=3, refusals_per_minute=2))
    assert [site.ask("GET", "/v1/models").status for _ in range(4)] == [200, 200, 200, 429]
    answer = site.ask("GET", "/v1/models")
    assert answer.error["code"] == "rate_limit_exceeded" and int(answer.headers["retry-after"]) >= 1
    strangers = [site.ask("GET", "/v1/models", STRANGERS["wrong token"]).status for _ in range(4)]
    assert strangers == [401, 401, 429, 429]


def test_a_bucket_fills_again() -> None:
    now = [0.0]
    bucket = Bucket(2.0, 2, lambda: now[0])
    assert [bucket.take() for _ in range(3)] == [0, 0, 1]
    now[0] = 0.5
    assert [bucket.take(), bucket.take()] == [0, 1]


def test_others_cannot_reach_it_without_a_token_of_ones_own() -> None:
    for host in ("0.0.0.0", "::", "192.168.1.5", "example.org", ""):
        with pytest.raises(UsageError, match="no token was named"):
            surroundings_of(host=host)
        assert surroundings_of(host=host, token=TOKEN).token == TOKEN
    one, other = surroundings_of(), surroundings_of()
    assert one.is_token_generated and len(one.token) >= 43 and one.token != other.token
    for weak in ("", "short", "fifteen-letters", "with a\nline-break-in-it", "à-token-of-letters"):
        with pytest.raises(UsageError):
            surroundings_of(token=weak)


def test_a_name_that_was_allowed_is_believed(tmp_path: Path) -> None:
    site = Site(tmp_path / "serve", allowed_hosts=("lab.example",))
    assert site.ask("GET", "/v1/models", {**GOOD, "host": f"lab.example:{PORT}"}).status == 200
    assert site.ask("GET", "/v1/models", {**GOOD, "host": f"other.example:{PORT}"}).status == 403


def test_headers_that_decide_are_there_once(site: Site) -> None:
    import asyncio

    sent: list[dict[str, object]] = []

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    headers = [
        (b"host", GOOD["host"].encode()),
        (b"host", b"evil.com"),
        (b"authorization", GOOD["authorization"].encode()),
    ]
    scope = {"type": "http", "method": "GET", "path": "/v1/models", "headers": headers}
    asyncio.run(site.guard(scope, None, send))  # type: ignore[arg-type]
    assert sent[0]["status"] == 403


def test_the_token_is_compared_in_constant_time() -> None:
    from sintonia.serve import guard

    assert "hmac.compare_digest" in inspect.getsource(guard.Guard._check_token)


def test_what_breaks_becomes_an_answer_without_a_trace(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a secret text")

    monkeypatch.setattr(type(site.state.offers), "all", broken)
    answer = site.ask("GET", "/v1/models")
    assert answer.status == 500 and answer.error["code"] == "internal_error"
    assert b"secret" not in answer.body and b"Traceback" not in answer.body


def test_state_is_for_its_owner_alone(site: Site) -> None:
    assert site.upload("a.jsonl", b"{}\n").status == 200
    for path in (site.home, *site.home.rglob("*")):
        wanted = 0o700 if path.is_dir() else 0o600
        assert path.stat().st_mode & 0o777 & ~wanted == 0, path
