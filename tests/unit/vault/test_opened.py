"""An open vault: the disk follows the tree at each carrying, and two processes do not lose what the other wrote."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sintonia import vault
from sintonia.errors import StorageError, Unavailable, UsageError
from sintonia.files import append_line, storage_errors, sync_folder, write_atomic, write_json
from sintonia.vault import contents, memory
from sintonia.vault.opened import OpenVault

KEY = os.urandom(32)
pytestmark = pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no folder in memory")


@pytest.fixture(autouse=True)
def _leave_no_memory() -> Iterator[None]:
    yield
    vault.drop_all()
    vault._open.clear()


def begun(place: Path) -> OpenVault:
    place.mkdir()
    made = OpenVault(place, KEY)
    made.begin()
    return made


def opened(place: Path) -> OpenVault:
    made = OpenVault(place, KEY)
    made.open()
    return made


def tree_of(one: OpenVault) -> dict[str, bytes]:
    return {path.relative_to(one.tree).as_posix(): path.read_bytes() for path in one.tree.rglob("*") if path.is_file()}


def test_what_is_carried_comes_back_and_nothing_of_it_can_be_read_on_the_disk(tmp_path: Path) -> None:
    first = begun(tmp_path / "run")
    write_json(first.tree / "turns/001/turn.json", {"secret": "canary"})
    (first.tree / "large.bin").write_bytes(b"canary" * 50_000)
    (first.tree / "empty").touch()
    first.carry()
    before = tree_of(first)
    first.close()
    assert not first.tree.exists()
    on_disk = {path.relative_to(tmp_path / "run").as_posix(): path for path in (tmp_path / "run").rglob("*")}
    assert {name.split("/")[0] for name in on_disk} == {"list", "files", ".carry.lock"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in on_disk.values() if path.is_file())
    assert not any(b"canary" in path.read_bytes() or "turn" in name for name, path in on_disk.items() if path.is_file())
    assert tree_of(opened(tmp_path / "run")) == before


def test_what_is_durable_in_the_tree_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SINTONIA_VAULT_PASSPHRASE", "correct horse")
    place = tmp_path / "run"
    vault.begin(place, "passphrase", 0)
    tree = vault.opened_path(place)
    key = vault._open[0]._contents._key

    def files() -> set[str]:
        return set(contents.Contents(place, key).listing().files)

    write_atomic(tree / "a", b"1")
    assert files() == {"a"}
    append_line(tree / "b", {}, sync=False)
    assert files() == {"a"}, "a plain run would not survive a power cut with it either"
    append_line(tree / "c", {})
    assert files() == {"a", "b", "c"}, "all that came before goes with it"
    (tree / "work").mkdir()
    (tree / "work/d").write_bytes(b"4")
    (tree / "work").rename(tree / "whole")
    sync_folder(tree)
    assert files() == {"a", "b", "c", "whole/d"}


def test_renamed_and_linked_files_are_not_encrypted_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = begun(tmp_path / "run")
    (first.tree / "a").write_bytes(os.urandom(2_000_000))
    first.carry()
    added: list[Path] = []
    original = contents.Contents.add
    monkeypatch.setattr(contents.Contents, "add", lambda self, path: (added.append(path), original(self, path))[1])
    (first.tree / "a").rename(first.tree / "b")
    os.link(first.tree / "b", first.tree / "c")
    first.carry()
    assert added == []
    assert len(list((tmp_path / "run/files").iterdir())) == 1
    second = opened(tmp_path / "run")
    assert set(tree_of(second)) == {"b", "c"}
    assert (second.tree / "b").samefile(second.tree / "c"), "in memory once, too"


def test_a_change_of_the_same_length_in_the_same_moment_is_carried(tmp_path: Path) -> None:
    """As a clock with large steps has it: content is another, size and time are the same."""
    first = begun(tmp_path / "run")
    path, now = first.tree / "base.db", time.time_ns() + 10**10
    for number in range(3):
        with path.open("wb" if number == 0 else "r+b") as stream:
            stream.write(number.to_bytes(8, "big"))
        os.utime(path, ns=(now, now))
        first.carry()
    first.drop()
    assert tree_of(opened(tmp_path / "run")) == {"base.db": (2).to_bytes(8, "big")}


def test_two_processes_lose_nothing_of_each_other(tmp_path: Path) -> None:
    writer = begun(tmp_path / "run")
    (writer.tree / "a").write_bytes(b"1")
    writer.carry()
    reader = opened(tmp_path / "run")
    (writer.tree / "a").write_bytes(b"22")
    (writer.tree / "b").write_bytes(b"3")
    (reader.tree / "report").write_bytes(b"4")
    writer.carry()
    reader.carry()
    (writer.tree / "c").write_bytes(b"5")
    writer.carry()
    assert tree_of(opened(tmp_path / "run")) == {"a": b"22", "b": b"3", "c": b"5", "report": b"4"}
    writer.refresh()
    reader.refresh()
    assert tree_of(writer) == tree_of(reader) == {"a": b"22", "b": b"3", "c": b"5", "report": b"4"}
    (reader.tree / "b").unlink()
    reader.close()
    writer.refresh()
    assert set(tree_of(writer)) == {"a", "c", "report"}


def test_a_disk_that_is_full_leaves_the_state_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = begun(tmp_path / "run")
    (first.tree / "a").write_bytes(b"1")
    first.carry()
    original = os.fsync

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (first.tree / "b").write_bytes(b"2")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left"):
        first.carry()
    monkeypatch.setattr(os, "fsync", original)
    assert len(list((tmp_path / "run/files").iterdir())) == 1
    assert tree_of(opened(tmp_path / "run")) == {"a": b"1"}
    first.carry()
    assert tree_of(opened(tmp_path / "run")) == {"a": b"1", "b": b"2"}


def test_what_a_killed_process_left_on_the_disk_is_tidied_away(tmp_path: Path) -> None:
    first = begun(tmp_path / "run")
    (first.tree / "a").write_bytes(b"1")
    first.carry()
    (tmp_path / "run/files" / ("0" * 32)).write_bytes(b"half of a file")
    first.tidy()
    assert len(list((tmp_path / "run/files").iterdir())) == 1


def test_the_tree_of_a_killed_process_goes_at_the_next_start_and_that_of_a_living_one_stays(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom sintonia.vault import memory\nfolder = memory.private_folder()\n"
        "(folder / 'clear').write_text('canary')\nprint(folder, flush=True)\nsys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        folder = Path(process.stdout.readline().strip())
        memory.sweep()
        assert (folder / "clear").exists()
        assert folder.stat().st_mode & 0o077 == 0
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert (folder / "clear").exists()
        memory.sweep()
        assert not folder.exists()


def test_a_process_that_is_ended_leaves_nothing_in_memory() -> None:
    code = (
        "import signal\nfrom sintonia.vault import memory\nprint(memory.private_folder(), flush=True)\nsignal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        folder = Path(process.stdout.readline().strip())
        assert folder.is_dir()
        process.terminate()
        assert process.wait() == 128 + signal.SIGTERM
        assert not folder.exists()


def test_temporary_files_lie_in_memory_while_there_is_a_vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    folder = vault_folder = memory.private_folder()
    assert tempfile.gettempdir() == str(folder / "temporary") == os.environ["TMPDIR"]
    child = subprocess.run(
        [sys.executable, "-c", "import tempfile; print(tempfile.gettempdir())"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert child.stdout.strip() == str(vault_folder / "temporary")
    memory.remove_private_folder()
    assert os.environ["TMPDIR"] == tempfile.gettempdir() == str(tmp_path)


def test_too_little_memory_is_refused_before_anything_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = begun(tmp_path / "run")
    (first.tree / "a").write_bytes(b"1")
    first.close()
    monkeypatch.setattr(memory, "free_bytes", lambda _: 1 << 20)
    with pytest.raises(StorageError, match=r"needs 16.0 MiB in memory, 1.0 MiB are free"):
        opened(tmp_path / "run")
    monkeypatch.setenv("SINTONIA_VAULT_PASSPHRASE", "correct horse")
    with pytest.raises(StorageError, match=r"a run on these data needs 2\.0 MiB"):
        vault.begin(tmp_path / "new", "passphrase", 2 << 20)
    assert not (tmp_path / "new").exists()


def test_a_system_without_a_folder_in_memory_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "_candidates", lambda: (tmp_path,))
    with pytest.raises(Unavailable, match="no folder in memory"):
        memory.private_folder()


def test_a_vault_is_begun_in_a_new_folder_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SINTONIA_VAULT_PASSPHRASE", "correct horse")
    (tmp_path / "recipe.yaml").write_text("x")
    with pytest.raises(UsageError, match="in the clear"):
        vault.begin(tmp_path, "passphrase", 0)


def test_paths_are_told_as_they_were_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SINTONIA_VAULT_PASSPHRASE", "correct horse")
    place = tmp_path / "run"
    vault.begin(place, "passphrase", 0)
    tree = vault.opened_path(place)
    assert tree != place and vault.given_path(tree / "a/b") == place / "a/b"
    assert vault.in_words(f"cannot use `{tree}/a`") == f"cannot use `{place}/a`"
    assert vault.given_path(tmp_path / "other") == tmp_path / "other"
    vault.close(tree)
    shutil.move(place, tmp_path / "elsewhere")
    assert vault.opened_path(tmp_path / "elsewhere").is_dir(), "a vault may be moved"


def test_swap_that_is_not_encrypted_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "swaps"
    table.write_text("Filename Type Size Used Priority\n/dev/sda2 partition 1 0 -2\n/dev/zram77 partition 1 0 100\n")
    original = Path.read_text
    monkeypatch.setattr(
        Path, "read_text", lambda self, **given: original(table if str(self) == "/proc/swaps" else self, **given)
    )
    assert memory.swap_in_the_clear() == ("/dev/sda2",)


def test_where_memory_is_full_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from sintonia.cli import main

    def fail(_: list[str]) -> int:
        tree = vault.opened_path(tmp_path / "run")
        with storage_errors(tree / "data/train.jsonl"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setenv("SINTONIA_VAULT_PASSPHRASE", "correct horse")
    vault.begin(tmp_path / "run", "passphrase", 0)
    monkeypatch.setattr(main, "_run", fail)
    assert main.main([]) == StorageError.exit_code
    told = capsys.readouterr().err.splitlines()
    assert told[0] == f"error: cannot use `{tmp_path}/run/data/train.jsonl`: No space left on device"
    assert told[-1] == "hint: a run in a vault is worked on in memory: it may be `/dev/shm` that is full"
    assert not any(path.is_dir() for path in Path("/dev/shm").glob(f"sintonia-{os.getuid()}-*/*/run"))
