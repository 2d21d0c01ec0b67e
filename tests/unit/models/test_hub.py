"""`hf:` against a server on this machine that speaks the hub's HTTP; the real hub is not asked by any test."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sintonia.errors import UsageError
from sintonia.models.adapter_files import AdapterOrigin, save_adapters
from sintonia.models.adapters import AdapterPlan, attach_adapters
from sintonia.models.catalog import Entry, find_entry
from sintonia.models.loading import load_causal
from sintonia.models.sources import fetch, hub, locate, pin
from tests.tiny import make_tiny_language_model

COMMIT, LATER = "a" * 40, "b" * 40


class Hub(ThreadingHTTPServer):
    """One repository `acme/tiny` with these files at both commits, and a closed one `acme/closed`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.folder, self.main, self.asked, self.breaks = folder, COMMIT, [], 0

    def files(self) -> list[str]:
        return sorted(path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file())


class Answers(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.server.asked.append((self.command, path, self.headers.get("Authorization")))
        if "acme/closed" in path:
            return self.reply(403, b"{}", {"X-Error-Code": "GatedRepo"})
        if path.startswith("/api/models/acme/tiny/revision/"):
            revision = path.rpartition("/")[2]
            known = {"main": self.server.main, COMMIT: COMMIT, LATER: LATER}
            if revision not in known:
                return self.reply(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
            siblings = [{"rfilename": name} for name in self.server.files()]
            body = {"_id": "1", "id": "acme/tiny", "modelId": "acme/tiny", "sha": known[revision], "siblings": siblings}
            return self.reply(200, json.dumps(body).encode())
        if path.startswith("/api/models/acme/tiny/tree/"):
            entries = [{"type": "file", "path": name, **self.facts(name)} for name in self.server.files()]
            return self.reply(200, json.dumps(entries).encode())
        if path.startswith((f"/acme/tiny/resolve/{COMMIT}/", f"/acme/tiny/resolve/{LATER}/")):
            return self.send_file(*path.removeprefix("/acme/tiny/resolve/").split("/", 1))
        return self.reply(404, b"{}", {"X-Error-Code": "RepoNotFound"})

    def facts(self, name: str) -> dict[str, object]:
        content = (self.server.folder / name).read_bytes()
        return {"oid": hashlib.sha1(content).hexdigest(), "size": len(content)}

    def send_file(self, commit: str, name: str) -> None:
        if self.server.breaks and name.endswith(".safetensors") and self.command == "GET":
            self.server.breaks -= 1
            return self.reply(500, b"")
        facts = self.facts(name)
        headers = {"ETag": f'"{facts["oid"]}"', "X-Repo-Commit": commit}
        return self.reply(200, (self.server.folder / name).read_bytes(), headers)

    def reply(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    folder = make_tiny_language_model(tmp_path / "repository")
    (folder / "pytorch_model.bin").write_bytes(b"a pickle")
    (folder / "modeling_evil.py").write_text("raise SystemExit")
    (folder / "onnx").mkdir()
    (folder / "onnx" / "config.json").write_text("{}")
    running = Hub(folder)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{running.server_port}")
    yield running
    running.shutdown()
    running.server_close()


def test_a_branch_is_pinned_to_its_commit_and_fetched_once(server: Hub):
    entry = find_entry("hf:acme/tiny")
    files = locate(entry)
    assert files.model.name == COMMIT
    assert pin(entry, files) == f"hf:acme/tiny@{COMMIT}"
    server.main = LATER
    server.asked.clear()
    again = locate(find_entry(pin(entry, files)))
    assert again == files and server.asked == []  # a pinned base needs no network
    assert locate(entry).model.name == LATER


def test_an_adapter_names_its_model_as_the_hub_does_and_finds_it_again(server: Hub, tmp_path: Path):
    files = locate(find_entry("hf:acme/tiny"))
    causal = load_causal(files.model)
    attach_adapters(causal, AdapterPlan(rank=2, alpha=4), seed=0)
    save_adapters(causal, tmp_path / "adapter", AdapterOrigin(model=files.model))
    saved = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert (saved["base_model_name_or_path"], saved["revision"]) == ("acme/tiny", COMMIT)
    shutil.copy(files.model / "tokenizer.json", tmp_path / "adapter")
    assert locate(find_entry(f"file:{tmp_path / 'adapter'}")).model == files.model
    elsewhere = tmp_path / "hf-acme--tiny" / COMMIT  # a folder that only looks like it
    save_adapters(causal, tmp_path / "other", AdapterOrigin(model=elsewhere))
    saved = json.loads((tmp_path / "other" / "adapter_config.json").read_text())
    assert saved["base_model_name_or_path"] == str(elsewhere) and "revision" not in saved


def test_only_model_files_are_taken_and_no_token_is_sent(server: Hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "secret")
    folder = fetch(find_entry("hf:acme/tiny@main"))
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= names
    assert not {name for name in names if name.endswith((".bin", ".py")) or "/" in name or name.startswith(".")}
    wanted = {path for _, path, _ in server.asked}
    assert not any("evil" in path or ".bin" in path or "onnx" in path for path in wanted)
    assert {token for _, _, token in server.asked} == {None}


def test_the_library_is_offline_again_afterwards(server: Hub):
    from huggingface_hub import constants

    assert constants.HF_HUB_OFFLINE is True
    fetch(find_entry("hf:acme/tiny"))
    assert constants.HF_HUB_OFFLINE is True


def test_a_download_that_broke_leaves_no_base_and_is_taken_up_again(server: Hub, private_home: Path):
    server.breaks = 99
    with pytest.raises(UsageError, match="cannot get `acme/tiny`"):
        fetch(find_entry("hf:acme/tiny"))
    assert not (private_home / "models" / "hf-acme--tiny" / COMMIT).exists()
    server.breaks = 0
    server.asked.clear()
    folder = fetch(find_entry("hf:acme/tiny"))
    assert (folder / "model.safetensors").is_file()
    assert [path for command, path, _ in server.asked if command == "GET" and path.endswith("tokenizer.json")] == []


def test_without_a_hub_the_error_names_the_cache_and_what_is_there(server: Hub, private_home: Path, monkeypatch):
    fetch(find_entry("hf:acme/tiny"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UsageError) as caught:
        fetch(find_entry("hf:acme/tiny"))
    assert str(private_home / "models" / "hf-acme--tiny") in str(caught.value)
    assert f"hf:acme/tiny@{COMMIT}" in caught.value.hint
    with pytest.raises(UsageError) as caught:
        fetch(find_entry("hf:acme/other"))
    assert "file:FOLDER" in caught.value.hint


def test_who_asked_to_stay_offline_is_not_taken_online(server: Hub, monkeypatch):
    monkeypatch.setenv("SINTONIA_OFFLINE", "1")
    with pytest.raises(UsageError, match="SINTONIA_OFFLINE"):
        fetch(find_entry("hf:acme/tiny"))
    assert server.asked == []
    monkeypatch.setenv("SINTONIA_OFFLINE", "0")
    assert fetch(find_entry("hf:acme/tiny"))


@pytest.mark.parametrize(
    "reference, words",
    [("hf:acme/nothing", "has no"), ("hf:acme/tiny@other", "has no"), ("hf:acme/closed", "only to accounts")],
)
def test_what_the_hub_does_not_have_is_one_clear_error(server: Hub, reference: str, words: str):
    with pytest.raises(UsageError, match=words):
        fetch(find_entry(reference))


@pytest.mark.parametrize("reference", ["hf:../../etc/passwd", "hf:acme", "hf:acme/tiny@..", "hf:a/b/c", "hf:/x/y"])
def test_a_name_that_is_none_is_refused_before_anything_is_asked(server: Hub, reference: str):
    with pytest.raises(UsageError):
        fetch(Entry(reference=reference))
    assert [path for _, path, _ in server.asked if ".." in path] == []


def test_a_repository_with_code_in_its_settings_is_refused_and_not_kept(server: Hub, private_home: Path):
    path = server.folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"auto_map": {"AutoModel": "modeling_evil.Model"}}))
    with pytest.raises(UsageError, match="auto_map"):
        fetch(find_entry("hf:acme/tiny"))
    assert not list((private_home / "models").rglob("config.json"))


def test_the_names_taken_hold_no_pattern_that_could_bring_code():
    assert not [name for name in hub._TAKEN if name.endswith((".py", ".bin", ".pt", ".pkl", "*"))]
