"""Free memory is what the machine and every control group around the process leave."""

from __future__ import annotations

import mmap
from pathlib import Path

import pytest

from sintonia.resources.memory import free_bytes, held_bytes, memory_groups
from tests.unit.resources.kernel import GIB, add_group, add_old_group, make_kernel


def test_without_groups_it_is_what_the_machine_has(tmp_path: Path) -> None:
    assert free_bytes(make_kernel(tmp_path)) == 8 * GIB
    assert memory_groups(tmp_path) == ()


def test_a_group_leaves_its_limit_less_what_it_holds_but_cached_files_do_not_count(tmp_path: Path) -> None:
    make_kernel(tmp_path)
    add_group(tmp_path, "/job", limit=4 * GIB, used=3 * GIB, cached=2 * GIB)
    assert free_bytes(tmp_path) == 3 * GIB


def test_the_tightest_of_the_groups_around_counts(tmp_path: Path) -> None:
    make_kernel(tmp_path)
    add_group(tmp_path, "/pod", limit=2 * GIB, used=GIB)
    add_group(tmp_path, "/pod/job", limit=None, used=GIB)
    assert [group.folder.name for group in memory_groups(tmp_path)] == ["job", "pod"]
    assert free_bytes(tmp_path) == GIB


def test_a_group_that_is_over_its_limit_leaves_nothing(tmp_path: Path) -> None:
    make_kernel(tmp_path)
    add_group(tmp_path, "/", limit=GIB, used=2 * GIB)
    assert free_bytes(tmp_path) == 0


@pytest.mark.parametrize(("limit", "free"), [(3 * GIB, 2 * GIB + GIB // 2), (9223372036854771712, 8 * GIB)])
def test_groups_of_version_1_in_a_container_are_read_too(tmp_path: Path, limit: int, free: int) -> None:
    make_kernel(tmp_path)
    add_old_group(tmp_path, "/docker/0123", limit=limit, used=GIB, cached=GIB // 2)
    assert [group.version for group in memory_groups(tmp_path)] == [1]
    assert free_bytes(tmp_path) == free


def test_garbage_in_the_files_is_no_limit(tmp_path: Path) -> None:
    make_kernel(tmp_path)
    folder = add_group(tmp_path, "/job", limit=GIB, used=0)
    (folder / "memory.max").write_bytes(b"\xff\xfe")
    assert free_bytes(tmp_path) == 8 * GIB


def test_this_very_machine_has_free_memory() -> None:
    assert 2**20 < free_bytes() < 2**50


def test_what_this_process_holds_grows_with_what_it_takes() -> None:
    before, size = held_bytes(), 2**28
    with mmap.mmap(-1, size) as taken:  # fresh pages: freed ones may still be held
        taken.write(b"x" * size)
        assert held_bytes() - before > 0.9 * size
