"""Malformed bodies, drawn from the schema of the application by schemathesis and bent: no server error, no trace.

How many is set by SINTONIA_SERVE_BODIES; the slow tier takes 5,000.
"""

from __future__ import annotations

import json
import os
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from tests.serving import write_catalog
from tests.unit.serve.asgi import GOOD, Site

FEW = 12
MANY = int(os.environ.get("SINTONIA_SERVE_BODIES", "5000"))
STRANGE: list[Any] = [
    None, True, -1, 0, 10**400, 1e308, float("nan"), float("inf"), "", "\ud800", "\x00", "a" * 5000, [], [[]], {},
    {"": ""},    {"$ref": "#"}, "\u202e", -(2**63) - 1, {"role": "user"}, [None],
]  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path, tiny_language_model: Path) -> Site:
    home = tmp_path_factory.mktemp("bodies")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SINTONIA_HOME", str(home))
        write_catalog(home, encoder=tiny_base, talker=tiny_language_model)
        found = Site(home / "serve")
        assert {one.id for one in found.state.offers.all()} == {"encoder", "talker"}
    found.state.offers._bases = (float("inf"), found.state.offers._bases[1])  # the home of each test is another
    return found


def _answers(site: Site, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
    answer = site.ask(method, path, GOOD | headers, body)
    assert answer.status < 500, (method, path, body[:2000], answer.body)
    assert b"Traceback" not in answer.body and str(site.home).encode() not in answer.body
    if answer.status >= 400:
        assert answer.error["message"]


def _try_schema(site: Site, count: int) -> int:
    schema = schemathesis.openapi.from_dict(site.app.openapi())
    num_tried = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

            @settings(max_examples=count, database=None, deadline=None, derandomize=True, phases=[Phase.generate],
                      suppress_health_check=list(HealthCheck))  # fmt: skip
            @given(case=operation.as_strategy(generation_mode=mode))
            def attempt(case: Any) -> None:
                nonlocal num_tried
                sent = case.as_transport_kwargs(base_url="http://127.0.0.1:8000")
                body = sent.get("json", sent.get("data", b""))
                raw = body if isinstance(body, bytes) else json.dumps(body, default=str).encode()
                _answers(site, case.method.upper(), case.formatted_path, {"content-type": "application/json"}, raw)
                num_tried += 1

            with suppress(Unsatisfiable):  # nothing can be wrong with a request that has no parts
                attempt()
    return num_tried


def _try_bent(site: Site, count: int, seed: int) -> None:
    """Good bodies with one thing in them that is strange."""
    generator = random.Random(seed)
    good: list[tuple[str, dict[str, Any]]] = [
        ("/v1/fine_tuning/jobs", {"model": "talker", "training_file": "file-x", "metadata": {"a": "b"}, "seed": 1,
                                  "method": {"type": "dpo", "dpo": {"hyperparameters": {"beta": 0.1}}},
                                  "sintonia": {"training": {"epochs": 1}, "lora": {"rank": 2}}}),
        ("/v1/chat/completions", {"model": "talker", "messages": [{"role": "user", "content": "a"}], "max_tokens": 1,
                                  "stop": ["x"], "temperature": 0.5, "top_p": 0.9, "n": 1, "seed": 3, "stream": False,
                                  "tools": [{"type": "function", "function": {"name": "f"}}]}),
        ("/v1/embeddings", {"model": "encoder", "input": ["a"], "encoding_format": "float", "dimensions": 4}),
        ("/v1/classifications", {"model": "encoder", "input": ["a"]}),
    ]  # fmt: skip
    for _ in range(count):
        path, body = generator.choice(good)
        bent = _bent(json.loads(json.dumps(body)), generator)
        _answers(site, "POST", path, {"content-type": "application/json"}, json.dumps(bent).encode())


def _bent(body: Any, generator: random.Random) -> Any:
    """The same with a strange value, a strange key, or nothing, somewhere."""
    if not isinstance(body, dict | list) or not body or generator.random() < 0.2:
        return generator.choice(STRANGE)
    keys = list(body) if isinstance(body, dict) else list(range(len(body)))
    key = generator.choice(keys)
    if generator.random() < 0.15 and isinstance(body, dict):
        del body[key]
        return body
    if generator.random() < 0.15 and isinstance(body, dict):
        name = generator.choice(["", "\ud800", "__proto__", "metadata[x]", "sintonia", "data.path"])
        body[name] = generator.choice(STRANGE)
        return body
    body[key] = _bent(body[key], generator)
    return body


RAW = [b"", b"{", b"[" * 100_000, b'{"a":' * 50_000, b"\xff\xfe", b"null", b"1" * 5000, b'"\\ud800"', b"[]"]


@pytest.mark.parametrize("path", ["fine_tuning/jobs", "chat/completions", "embeddings", "classifications", "files"])
def test_bodies_that_are_no_json_are_refused(site: Site, path: str) -> None:
    for body in RAW:
        for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
            _answers(site, "POST", f"/v1/{path}", {"content-type": kind} if kind else {}, body)


def test_malformed_requests_are_no_server_errors(site: Site) -> None:
    assert _try_schema(site, FEW) > 100
    _try_bent(site, 300, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_thousands_of_malformed_requests_are_no_server_errors(site: Site) -> None:
    assert _try_schema(site, MANY // 60) >= MANY // 4
    _try_bent(site, MANY, seed=2)
