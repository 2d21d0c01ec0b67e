"""A kill for want of memory is told from a plain one, and what is tried next stays within its bounds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sintonia.errors import RunFailed, StorageError
from sintonia.resources.outofmemory import (
    FILE,
    MOST_TRIES,
    OutOfMemoryWatch,
    halved,
    kernel_counts,
    killed_in_words,
    shortfall_in_words,
    smaller_or_refuse,
)
from tests.unit.resources.kernel import GIB, add_group, add_old_group, make_kernel


def _watch(root: Path, turn: Path) -> OutOfMemoryWatch:
    turn.mkdir(exist_ok=True)
    return OutOfMemoryWatch(turn, root)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    return make_kernel(tmp_path / "root")


@pytest.fixture
def turn(tmp_path: Path) -> Path:
    return tmp_path / "turn"


def test_after_an_orderly_end_nothing_is_known(machine: Path, turn: Path) -> None:
    watch = _watch(machine, turn)
    watch.write(2048)
    watch.remove()
    make_kernel(machine, machine_kills=4)
    assert watch.read() is None and not watch.was_killed_for_memory()
    watch.remove()


def test_a_kill_that_the_kernel_counted_is_one_for_memory(machine: Path, turn: Path) -> None:
    _watch(machine, turn).write(2048)
    make_kernel(machine, machine_kills=4)
    watch = _watch(machine, turn)
    assert watch.was_killed_for_memory()
    assert (watch.read().micro_tokens, watch.read().pid) == (2048, os.getpid())


def test_a_plain_kill_is_not(machine: Path, turn: Path) -> None:
    _watch(machine, turn).write(2048)
    assert not _watch(machine, turn).was_killed_for_memory()


def test_a_checkpoint_forgets_what_was_killed_before_it(machine: Path, turn: Path) -> None:
    watch = _watch(machine, turn)
    watch.write(2048)
    make_kernel(machine, machine_kills=4)
    watch.write(2048)
    assert not watch.was_killed_for_memory()


def test_after_a_restart_of_the_machine_nothing_is_known(machine: Path, turn: Path) -> None:
    _watch(machine, turn).write(2048)
    make_kernel(machine, boot="boot-2", machine_kills=9)
    assert not _watch(machine, turn).was_killed_for_memory()


@pytest.mark.parametrize("version", [1, 2])
def test_of_a_group_only_its_own_kills_count(machine: Path, turn: Path, version: int) -> None:
    add = add_group if version == 2 else add_old_group
    add(machine, "/job", limit=GIB, used=0, kills=1)
    _watch(machine, turn).write(2048)
    make_kernel(machine, machine_kills=7)
    assert not _watch(machine, turn).was_killed_for_memory()
    add(machine, "/job", limit=GIB, used=0, kills=2)
    assert _watch(machine, turn).was_killed_for_memory()


def test_a_group_made_anew_is_not_compared_with_the_old_one(machine: Path, turn: Path) -> None:
    add_group(machine, "/job", limit=GIB, used=0, kills=0)
    _watch(machine, turn).write(2048)
    make_kernel(machine, machine_kills=4)
    add_group(machine, "/other", limit=GIB, used=0, kills=0)
    assert _watch(machine, turn).was_killed_for_memory()


def test_where_the_kernel_counts_nothing_nothing_is_claimed(turn: Path, tmp_path: Path) -> None:
    machine = make_kernel(tmp_path / "old", machine_kills=None)
    _watch(machine, turn).write(2048)
    assert not _watch(machine, turn).was_killed_for_memory()


@pytest.mark.parametrize("content", [b"", b"{", b'{"schema": 1}', b"\xff", b'{"schema": 99}'])
def test_a_damaged_note_is_no_kill_for_memory(machine: Path, turn: Path, content: bytes) -> None:
    watch = _watch(machine, turn)
    (turn / FILE).write_bytes(content)
    assert not watch.was_killed_for_memory()


def test_a_folder_that_cannot_be_written_is_told(machine: Path, turn: Path) -> None:
    turn.write_text("a file")
    with pytest.raises(StorageError):
        OutOfMemoryWatch(turn, machine).write(2048)


def test_a_real_kill_of_this_machine_is_no_kill_for_memory(turn: Path) -> None:
    turn.mkdir()
    code = (
        "import sys, time, pathlib\n"
        "from sintonia.resources.outofmemory import OutOfMemoryWatch\n"
        "OutOfMemoryWatch(pathlib.Path(sys.argv[1])).write(512)\n"
        "print('written', flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(turn)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "written\n"
        process.kill()
        assert process.wait() == -signal.SIGKILL
    watch = OutOfMemoryWatch(turn)
    assert watch.read().micro_tokens == 512
    assert watch.read().counts.boot == kernel_counts().boot
    assert not watch.was_killed_for_memory()


@pytest.mark.parametrize(
    ("micro_tokens", "longest", "smaller"), [(2048, 100, 1024), (2048, 1500, 1500), (2048, 2048, 2048), (300, 900, 300)]
)
def test_a_micro_batch_is_halved_down_to_the_longest_example(micro_tokens: int, longest: int, smaller: int) -> None:
    assert halved(micro_tokens, longest) == smaller


def test_halving_goes_on_until_the_longest_example_is_alone_and_then_refuses_in_one_line() -> None:
    micro_tokens, sizes = 2048, []
    with pytest.raises(RunFailed) as refused:
        for tries in range(1, 20):
            micro_tokens = smaller_or_refuse(micro_tokens, 300, tries, shortfall_in_words(3 * GIB, GIB))
            sizes.append(micro_tokens)
    assert sizes == [1024, 512, 300]
    assert "one example at a time (needs about 3.0 GiB, 1.0 GiB are free)" in str(refused.value)
    assert "training.max_tokens" in refused.value.hint and "\n" not in str(refused.value)


def test_at_most_eight_tries_are_made() -> None:
    micro_tokens, num_tries = 2**20, 0
    with pytest.raises(RunFailed, match="8 tries"):
        for num_tries in range(1, 20):
            micro_tokens = smaller_or_refuse(micro_tokens, 1, num_tries, "")
    assert (num_tries, micro_tokens) == (MOST_TRIES + 1, 2**20 // 2**MOST_TRIES)


def test_the_line_of_the_resume_says_both_sizes_or_that_nothing_smaller_is_left() -> None:
    assert "at most 1024 tokens instead of 2048" in killed_in_words(2048, 1024)
    assert "cannot be smaller" in killed_in_words(300, 300)
