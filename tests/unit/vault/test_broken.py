"""Vaults that were broken off, emptied, or given links: what is said of them, and what of others is left alone."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sintonia import vault
from sintonia.errors import StorageError, UsageError
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, PrivacySettings, Recipe
from sintonia.vault import keys
from sintonia.vault.contents import Listing
from sintonia.vault.opened import OpenVault
from tests.unit.cli.conftest import Call, call

__all__ = ["call"]
PLAIN = Recipe(data=DataSettings(path="a.csv"))
VAULTED = Recipe(data=DataSettings(path="a.csv"), privacy=PrivacySettings(vault=True))
KEY = os.urandom(32)
pytestmark = pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no folder in memory")


@pytest.fixture(autouse=True)
def _opening(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(keys.VARIABLE, "correct horse")
    monkeypatch.setattr(keys, "_in_this_process", [])
    # Argon2id itself is tested elsewhere, and would take seconds here.
    monkeypatch.setattr(keys, "_derived", lambda words, salt: hashlib.sha256(words.encode() + salt).digest())
    yield
    vault.drop_all()
    vault._open.clear()


def vaulted(path: Path) -> Path:
    Path("a.csv").touch()
    RunFolder.create(path, VAULTED).close()
    return path


def begun(place: Path) -> OpenVault:
    """A vault with one file in it."""
    place.mkdir()
    made = OpenVault(place, KEY)
    made.begin()
    (made.tree / "a").write_bytes(b"1")
    made.carry()
    return made


def linked(place: Path) -> tuple[OpenVault, Path]:
    """A vault whose files are a link to a folder of somebody else, and a file in there with a name like ours."""
    made, victim = begun(place), place.with_name("victim")
    (place / "files").rename(victim)
    (place / "files").symlink_to(victim)
    foreign = victim / ("0" * 32)
    foreign.write_text("x")
    return made, foreign


def test_vaults_that_are_broken_keep_no_other_run_from_being_listed(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    RunFolder.create(Path("runs/plain"), PLAIN)
    vaulted(Path("runs/whole"))
    empty, damaged = vaulted(Path("runs/empty")), vaulted(Path("runs/damaged"))
    (empty / "list").unlink()
    for one in (empty / "files").iterdir():
        one.unlink()
    (empty / "files").rmdir()
    (damaged / "vault.json").write_text("{")
    Path("runs/fresh").mkdir()
    keys.new_key(Path("runs/fresh"), keys.PASSPHRASE)  # and there it was killed
    (vaulted(Path("runs/headless")) / "list").unlink()
    monkeypatch.setenv(keys.VARIABLE, "another horse")
    keys._in_this_process.clear()
    vaulted(Path("runs/other"))
    monkeypatch.setenv(keys.VARIABLE, "correct horse")
    keys._in_this_process.clear()
    outcome = call("runs", "--json")
    assert outcome.exit_code == 0, outcome.err
    rows = {Path(row["run"]).name: row for row in json.loads(outcome.out)}
    assert {name: row["state"] for name, row in rows.items()} == {
        "damaged": "damaged",
        "empty": "damaged",
        "fresh": "unreadable",
        "headless": "damaged",
        "other": "damaged",
        "plain": "stopped",
        "whole": "stopped",
    }
    assert "an older state of it was put back" in rows["empty"]["outcome"]
    assert rows["fresh"]["outcome"].endswith("is empty: it was killed when it began, or its files were taken away")
    assert "the passphrase is wrong" in rows["other"]["outcome"]
    tree = call("runs", "--tree")
    assert tree.exit_code == 0 and tree.out.count("is empty: it was killed") == 2 and "no turn has ended" in tree.out
    assert call("runs", "--expire").exit_code == 0


def test_a_vault_that_was_just_begun_is_told_as_empty_and_may_be_begun_again(call: Call) -> None:
    place = Path("run")
    place.mkdir()
    keys.new_key(place, keys.PASSPHRASE)  # and there it was killed
    outcome = call("report", "run")
    told = " ".join(outcome.err.split())
    assert outcome.exit_code == 2 and "run` is empty: it was killed when it began, or its files were taken" in told
    assert "not a run folder" not in told
    vault.close_all()
    vaulted(place)
    assert RunFolder.open(place).recipe() == VAULTED


def test_nothing_is_removed_through_a_link(tmp_path: Path) -> None:
    made, foreign = linked(tmp_path / "run")
    (made.tree / "b").write_bytes(b"2")
    for attempt in (made.open, made.carry, made.tidy):
        with pytest.raises(StorageError, match=r"`.*/run/files` of the vault is a link to another place"):
            attempt()
    assert foreign.exists()
    made._contents.tidy(Listing(9, {}))  # as where it was put there a moment ago
    assert foreign.exists() and len(list(foreign.parent.iterdir())) == 2


def test_what_bears_no_name_of_ours_stays(tmp_path: Path) -> None:
    made = begun(tmp_path / "run")
    ours, *others = (tmp_path / "run/files" / name for name in ("0" * 32, "precious.txt", "A" * 32, "0" * 33))
    for one in (ours, *others):
        one.write_text("x")
    made.tidy()
    assert not ours.exists() and all(one.exists() for one in others)


def test_a_list_that_is_gone_is_told_as_such(tmp_path: Path) -> None:
    made = begun(tmp_path / "run")
    made.drop()
    (tmp_path / "run/list").unlink()
    with pytest.raises(StorageError, match="run/list` of the vault is gone") as caught:
        OpenVault(tmp_path / "run", KEY).open()
    assert "free space" not in str(caught.value.hint) and "restore it from a copy" in str(caught.value.hint)


def test_a_folder_with_what_a_killed_beginning_left_may_be_begun(tmp_path: Path) -> None:
    place = tmp_path / "run"
    place.mkdir()
    (place / f".vault.json.{'0' * 32}.tmp").write_text("{")
    vault.begin(place, "passphrase", 0)
    assert {path.name for path in place.iterdir()} == {"vault.json", "list"}
    (tmp_path / "own").mkdir()
    (tmp_path / "own/.vault.json.mine.tmp").write_text("{")
    with pytest.raises(UsageError, match="in the clear"):
        vault.begin(tmp_path / "own", "passphrase", 0)
    assert (tmp_path / "own/.vault.json.mine.tmp").exists()


@pytest.mark.skipif(resource.getrlimit(resource.RLIMIT_CORE)[1] == 0, reason="nothing is dumped here")
def test_no_core_is_dumped_nor_piped(tmp_path: Path) -> None:
    """A limit of 1 is what Linux looks for before it pipes a dump to a program; processes that are begun have it."""
    code = (
        "import resource, subprocess, sys\nfrom sintonia.vault import memory\n"
        "hard = resource.getrlimit(resource.RLIMIT_CORE)[1]\nresource.setrlimit(resource.RLIMIT_CORE, (hard, hard))\n"
        "memory.private_folder()\nprint(resource.getrlimit(resource.RLIMIT_CORE) == (1, hard), flush=True)\n"
        "crash = 'import resource, os; print(resource.getrlimit(resource.RLIMIT_CORE)[0], flush=True); os.abort()'\n"
        "process = subprocess.Popen([sys.executable, '-c', crash])\n"
        "import os\nprint(os.WCOREDUMP(os.waitpid(process.pid, 0)[1]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.split() == ["True", "1", "False"]
    assert list(tmp_path.iterdir()) == []
