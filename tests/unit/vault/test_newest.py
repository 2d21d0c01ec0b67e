"""A whole older state of a vault put back: noticed where a newer one was here, and nobody is locked out."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sintonia import vault
from sintonia.errors import StorageError
from sintonia.vault import newest
from sintonia.vault.contents import Contents
from sintonia.vault.newest import Newest
from sintonia.vault.opened import OpenVault

KEY = os.urandom(32)
pytestmark = pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no folder in memory")


@pytest.fixture(autouse=True)
def _leave_no_memory() -> Iterator[None]:
    yield
    vault.drop_all()


@pytest.fixture
def home(private_home: Path) -> Path:
    return private_home / "vaults"


def worked_on(place: Path, *states: str) -> None:
    """As many states of the vault as are named, one behind the other; it is begun where it is not there."""
    made = OpenVault(place, KEY)
    if place.exists():
        made.open()
    else:
        place.mkdir()
        made.begin()
    for state in states:
        (made.tree / "a").write_text(state)
        made.carry()
    made.drop()


def content(place: Path) -> str:
    made = OpenVault(place, KEY)
    made.open()
    text = (made.tree / "a").read_text()
    made.drop()
    return text


def put_back(copy: Path, place: Path) -> None:
    shutil.rmtree(place)
    shutil.copytree(copy, place)


def test_a_whole_older_state_is_refused_with_what_is_known_and_how_to_go_on(tmp_path: Path, home: Path) -> None:
    place, copy = tmp_path / "run", tmp_path / "copy"
    worked_on(place, "old")
    shutil.copytree(place, copy)
    worked_on(place, "new", "newest")
    put_back(copy, place)
    with pytest.raises(StorageError, match="an older state of it was put back") as caught:
        content(place)
    (noted,) = home.iterdir()
    assert str(caught.value.expected).startswith("state 3, which was here at 20")
    assert str(caught.value.expected).endswith("it has state 1") and f"remove `{noted}`" in str(caught.value.hint)
    assert noted.stat().st_mode & 0o077 == 0
    noted.unlink()  # a backup that is meant
    assert content(place) == "old"
    worked_on(place, "later")
    assert content(place) == "later"


def test_all_files_taken_away_are_an_older_state_too(tmp_path: Path) -> None:
    place = tmp_path / "run"
    worked_on(place, "a")
    (place / "list").unlink()
    shutil.rmtree(place / "files")
    with pytest.raises(StorageError, match="an older state"):
        content(place)


def test_one_put_back_under_a_process_that_works_is_refused_at_its_next_carrying(tmp_path: Path) -> None:
    place, copy = tmp_path / "run", tmp_path / "copy"
    worked_on(place, "old")
    shutil.copytree(place, copy)
    worker = OpenVault(place, KEY)
    worker.open()
    (worker.tree / "a").write_text("new")
    worker.carry()
    put_back(copy, place)
    (worker.tree / "b").write_text("more")
    for attempt in (worker.carry, worker.refresh):
        with pytest.raises(StorageError, match="an older state"):
            attempt()


def test_a_kill_between_the_list_and_the_note_locks_nobody_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "run"
    worked_on(place, "a")
    written: list[int] = []
    original = Newest.note

    def killed(self: Newest, number: int) -> None:
        if number > 1:
            written.append(Contents(place, KEY).listing().number)
            raise KeyboardInterrupt
        original(self, number)

    monkeypatch.setattr(Newest, "note", killed)
    with pytest.raises(KeyboardInterrupt):
        worked_on(place, "b")
    assert written == [2], "the state is there before its number is noted: the note is never ahead"
    monkeypatch.undo()
    assert content(place) == "b"
    worked_on(place, "c")
    assert content(place) == "c"


def test_what_another_process_writes_while_the_list_is_read_is_no_older_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "run"
    worked_on(place, "a")
    original, writes = Contents.listing, iter([True])

    def read_slowly(self: Contents) -> object:
        found = original(self)
        if next(writes, False):
            worked_on(place, "b")  # after the list was read here, before it is judged
        return found

    monkeypatch.setattr(Contents, "listing", read_slowly)
    assert Newest(place, KEY).listing().number == 1
    monkeypatch.undo()
    assert content(place) == "b"


def test_elsewhere_nothing_is_known_and_it_is_accepted(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, copy = tmp_path / "run", tmp_path / "copy"
    worked_on(place, "old")
    shutil.copytree(place, copy)
    worked_on(place, "new")
    put_back(copy, place)
    monkeypatch.setenv("SINTONIA_HOME", str(tmp_path / "another machine"))
    assert content(place) == "old"


def test_a_copy_beside_a_vault_is_a_vault_of_its_own_and_one_that_was_moved_takes_its_number_along(
    tmp_path: Path, home: Path
) -> None:
    place, copy, moved = tmp_path / "run", tmp_path / "copy", tmp_path / "moved"
    worked_on(place, "old")
    shutil.copytree(place, copy)
    worked_on(place, "new", "newest")
    assert content(copy) == "old"
    worked_on(copy, "other")
    assert (content(place), content(copy)) == ("newest", "other")
    shutil.copytree(copy, tmp_path / "older")
    shutil.rmtree(copy)
    place.rename(moved)
    put_back(tmp_path / "older", moved)
    with pytest.raises(StorageError, match="an older state"):
        content(moved)
    place.symlink_to(moved)
    with pytest.raises(StorageError, match="an older state"):
        content(place.resolve())


def test_a_vault_that_is_taken_away_leaves_no_note(tmp_path: Path, home: Path) -> None:
    worked_on(tmp_path / "run", "a")
    assert len(list(home.iterdir())) == 1
    made = OpenVault(tmp_path / "run", KEY)
    made.open()
    made.discard()
    assert list(home.iterdir()) == []


def test_a_home_that_cannot_be_written_stops_nothing_and_is_told_once(
    tmp_path: Path, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home.parent.mkdir(exist_ok=True)
    home.write_text("no folder")
    with caplog.at_level(logging.WARNING):
        worked_on(tmp_path / "run", "a", "b")
    assert [one.message.split(" put back")[0] for one in caplog.records] == [f"an older state of `{tmp_path}/run`"]
    home.unlink()
    assert content(tmp_path / "run") == "b"


@pytest.mark.parametrize("body", ["", "{", '{"schema":1}', '{"schema":2,"place":"/a","number":9,"time":""}', None])
def test_a_note_that_cannot_be_read_is_told_and_locks_nobody_out(
    body: str | None, tmp_path: Path, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "run"
    worked_on(place, "a")
    (note,) = home.iterdir()
    worker = OpenVault(place, KEY)
    worker.open()
    note.unlink()
    note.mkdir() if body is None else note.write_text(body)
    (worker.tree / "a").write_text("b")
    with caplog.at_level(logging.WARNING):
        worker.carry()
        worker.drop()
    assert f"`{note}` cannot be read, so an older state of `{place}` would not be noticed" in caplog.messages[0]
    if body is not None:
        assert json.loads(note.read_text())["number"] == 2, "it is written anew"
        note.write_text(body)
    assert content(place) == "b"
    shutil.copytree(place, tmp_path / "copy")
    assert content(tmp_path / "copy") == "b"


def test_an_old_place_that_may_not_be_looked_at_locks_nobody_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, moved = tmp_path / "run", tmp_path / "moved"
    worked_on(place, "a")
    place.rename(moved)
    original = Contents.listing

    def listing(self: Contents) -> object:
        if self.folder == place:
            raise PermissionError(13, "Permission denied", str(place))
        return original(self)

    monkeypatch.setattr(Contents, "listing", listing)
    assert content(moved) == "a"


def test_a_vault_goes_though_its_note_cannot_be_removed(tmp_path: Path, home: Path) -> None:
    place = tmp_path / "run"
    worked_on(place, "a")
    (note,) = home.iterdir()
    note.unlink()
    note.mkdir()  # `unlink` is refused, as in a folder that cannot be written
    made = OpenVault(place, KEY)
    made.open()
    made.discard()
    assert not place.exists()


def test_a_state_that_is_found_is_noted_only_after_it_is_durable(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(Newest, "note", lambda *_: None)  # as of a process that has renamed its list and not yet noted it
        worked_on(place, "a")

    def refused(folder: Path) -> None:
        raise OSError(5, "Input/output error", str(folder))

    with monkeypatch.context() as patch:
        patch.setattr(newest, "sync_folder", refused)
        assert content(place) == "a"
        assert not home.exists() and "would not be noticed" in caplog.text
    assert content(place) == "a" and len(list(home.iterdir())) == 1


def test_a_place_that_a_vault_has_left_still_takes_no_older_state(tmp_path: Path) -> None:
    place, copy, moved = tmp_path / "run", tmp_path / "copy", tmp_path / "moved"
    worked_on(place, "old")
    shutil.copytree(place, copy)
    worked_on(place, "new")
    place.rename(moved)
    assert content(moved) == "new"
    shutil.copytree(copy, place)
    with pytest.raises(StorageError, match="an older state"):
        content(place)
