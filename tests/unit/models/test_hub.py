"""`hf:` against a server on this machine that speaks the hub's HTTP; the real hub is not asked by any test."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sintonia.errors import StorageError, UsageError
from sintonia.files import sha256_file
from sintonia.models.adapter_files import AdapterOrigin, save_adapters
from sintonia.models.adapters import AdapterPlan, attach_adapters
from sintonia.models.catalog import Entry, find_entry
from sintonia.models.loading import load_causal
from sintonia.models.sources import fetch, hub, locate, pin
from tests.hub import COMMIT, LATER, Hub, running_hub
from tests.tiny import make_tiny_language_model


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    folder = make_tiny_language_model(tmp_path / "repository")
    (folder / "pytorch_model.bin").write_bytes(b"a pickle")
    (folder / "modeling_evil.py").write_text("raise SystemExit")
    (folder / "onnx").mkdir()
    (folder / "onnx" / "config.json").write_text("{}")
    with running_hub(folder) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.address)
        yield running


def test_a_base_without_a_revision_is_pinned_at_its_first_use(server: Hub, private_home: Path):
    entry = find_entry("hf:acme/tiny")
    files = locate(entry)
    assert files.model.name == COMMIT
    assert pin(entry, files) == f"hf:acme/tiny@{COMMIT}"
    pinned = json.loads((private_home / "models.lock").read_text())
    assert pinned["schema"] == 1 and list(pinned["models"]) == ["hf:acme/tiny"]
    weights = pinned["models"]["hf:acme/tiny"]["files"]["model.safetensors"]
    path = files.model / "model.safetensors"
    assert weights == {"sha256": sha256_file(path), "size": path.stat().st_size}
    server.main = LATER
    server.asked.clear()
    assert locate(find_entry(pin(entry, files))) == files
    assert locate(entry) == files and server.asked == []  # what is pinned needs no network
    assert locate(find_entry("hf:acme/tiny@main")).model.name == LATER  # a branch is asked for as it is now
    (private_home / "models.lock").unlink()
    assert locate(entry).model.name == LATER


def test_a_model_of_the_hub_is_compared_with_the_hashes_of_its_entry(server: Hub, private_home: Path):
    right = sha256_file(server.folder / "model.safetensors")
    reference, home = f"hf:acme/tiny@{COMMIT}", private_home / "models"
    wrong = Entry(reference=reference, revision=COMMIT, sha256={"model.safetensors": "0" * 64})
    for _ in range(2):
        with pytest.raises(StorageError, match=r"model.safetensors` of the base has the wrong hash"):
            fetch(wrong)
        assert not list(home.rglob("*.safetensors")) and not (private_home / "models.lock").exists()
    known = Entry(reference=reference, revision=COMMIT, sha256={"model.safetensors": right})
    assert fetch(known).name == COMMIT
    with pytest.raises(StorageError, match="wrong hash"):  # it is here by now, and compared all the same
        fetch(wrong)
    assert fetch(known).name == COMMIT


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


def test_the_library_is_offline_again_afterwards(server: Hub, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)  # whatever was imported first in this process
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
    assert fetch(find_entry("hf:acme/tiny")).name == COMMIT
    with pytest.raises(UsageError) as caught:
        fetch(find_entry("hf:acme/tiny@main"))
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
