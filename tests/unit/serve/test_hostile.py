"""Ten thousand hostile paths and names: none leaves the folder of the state, none breaks the server."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from tests.unit.serve.asgi import GOOD, Site

COUNT = 10_000
CANARY = "what nobody may read"
_PARTS = [
    "..", "../", "..\\", "%2e%2e", "%2e%2e%2f", "..%2f", "%252e%252e%252f", "....//", "..;/", "/", "//", "\\",
    "\\\\?\\",
    "C:\\", "file://", "~", ".", "./", "\x00", "%00", "\n", "\r\n", "%0d%0a", "etc/passwd", "canary.txt", "serve.db",
    "serve_evil", ".lock", "log.txt", "CON", "NUL.", "a" * 300, "file-", "ftjob-", "ft:", ":ckpt-", "\u202e", "é",
    "\uff45", "\ud800", "'", '"', ";", "' OR 1=1 --", "${HOME}", "{file_id}", "$(id)", "`id`", "|id", "<script>", "-rf",
    "*", "?", "[a-z]",
]  # fmt: skip


def hostile(count: int, seed: int) -> list[str]:
    generator = random.Random(seed)
    return ["".join(generator.choices(_PARTS, k=generator.randint(1, 6))) for _ in range(count)]


@pytest.fixture
def baited(tmp_path: Path) -> Site:
    """A site with bait around it: beside, above, and under names that begin alike."""
    site = Site(tmp_path / "serve")
    for path in (tmp_path / "canary.txt", tmp_path / "serve_evil" / "canary.txt", site.home / "files" / "canary.txt"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(CANARY, encoding="utf-8")
    (site.home / "files" / "link.bin").symlink_to(tmp_path / "canary.txt")
    return site


def test_paths_lead_nowhere(baited: Site) -> None:
    shapes = ["/v1/files/{}", "/v1/files/{}/content", "/v1/fine_tuning/jobs/{}", "/v1/fine_tuning/jobs/{}/events",
              "/v1/fine_tuning/jobs/{}/checkpoints", "/v1/models/{}", "/v1/{}", "/{}", "/v1/files?after={}",
              "/v1/fine_tuning/jobs?metadata[{}]=x"]  # fmt: skip
    before, names = baited.fingerprint(), hostile(COUNT // 2, 1)
    for number, name in enumerate(names):
        method = ("GET", "GET", "DELETE")[number % 3]
        answer = baited.ask(method, shapes[number % len(shapes)].format(name))
        assert answer.status in (200, 400, 404, 405), (name, answer.status)
        if answer.status == 200:
            assert answer.json["object"] == "list", name
        assert CANARY.encode() not in answer.body and b"Traceback" not in answer.body
        assert str(baited.home).encode() not in answer.body
    assert baited.fingerprint() == before


def test_names_in_bodies_lead_nowhere(baited: Site) -> None:
    before = baited.fingerprint()
    shapes = [
        ("/v1/fine_tuning/jobs", {"model": "{}", "training_file": "{}"}),
        ("/v1/fine_tuning/jobs", {"model": "minilm", "training_file": "{}", "suffix": "{}"}),
        ("/v1/embeddings", {"model": "{}", "input": "{}"}),
        ("/v1/classifications", {"model": "{}", "input": ["{}"]}),
        ("/v1/chat/completions", {"model": "{}", "messages": [{"role": "user", "content": "{}"}]}),
    ]
    for number, name in enumerate(hostile(3 * COUNT // 10, 2)):
        path, body = shapes[number % len(shapes)]
        answer = baited.ask_json("POST", path, json.dumps(body).replace('"{}"', json.dumps(name)).encode())
        assert answer.status in (400, 404), (name, answer.status, answer.body)
        assert answer.error["message"] and CANARY.encode() not in answer.body
    assert baited.fingerprint() == before


def test_names_of_uploads_are_data(baited: Site) -> None:
    roots = {path for path in baited.home.parent.rglob("*") if baited.home / "files" not in path.parents}
    for number, name in enumerate(hostile(COUNT // 20, 3)):
        answer = baited.upload(f"{name}.jsonl", b"{}\n")
        assert answer.status in (200, 400), (name, answer.body)
        if answer.status == 200:
            shown = answer.json["filename"]
            assert "/" not in shown and "\\" not in shown and shown.isprintable() and len(shown) <= 255
            if number % 50 == 0:
                again = baited.ask("GET", f"/v1/files/{answer.json['id']}/content", GOOD)
                assert again.body == b"{}\n"
    now = {path for path in baited.home.parent.rglob("*") if baited.home / "files" not in path.parents}
    assert now == roots
    ours = ("file-", "canary", "link")
    assert [path for path in (baited.home / "files").iterdir() if not path.name.startswith(ours)] == []
