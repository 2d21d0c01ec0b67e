"""Memory and time of a process and of those it started, from a made-up `/proc` and from real ones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sintonia.resources import meter
from sintonia.resources.energy import EnergyGauge
from sintonia.resources.energy.rapl import Zones
from sintonia.resources.meter import Watch
from sintonia.resources.processes import busy_seconds, load_of

PAGE, TICKS = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")


def plant(
    root: Path, process: int, children: str = "", *, pages: tuple[int, int] = (10, 4), ticks: tuple[int, ...] = (0,) * 4
) -> None:
    """A process with resident and shared pages, and ticks of its own and of its ended children."""
    thread = root / str(process) / "task" / str(process)
    thread.mkdir(parents=True)
    (thread / "children").write_text(children)
    (root / str(process) / "statm").write_text(f"99 {pages[0]} {pages[1]} 1 0 1 0\n")
    fields = " ".join(map(str, ticks))
    (root / str(process) / "stat").write_text(f"{process} (a name) b) S {' 0' * 10} {fields} 20 0 1 0\n")


def test_memory_and_time_are_of_the_whole_tree_and_shared_pages_count_once(tmp_path: Path) -> None:
    plant(tmp_path, 1, "2 3 ", pages=(100, 20), ticks=(100, 50, 25, 25))
    plant(tmp_path, 2, "4 ", pages=(50, 20), ticks=(10, 0, 0, 0))
    plant(tmp_path, 3, pages=(5, 20))
    plant(tmp_path, 4, pages=(30, 10), ticks=(0, 40, 0, 0))
    plant(tmp_path, 5, pages=(10**6, 0), ticks=(10**6, 0, 0, 0))  # of somebody else
    found = load_of(1, tmp_path)
    assert set(found.processes) == {1, 2, 3, 4}
    assert found.memory_bytes == (100 + 30 + 0 + 20) * PAGE
    assert found.core_seconds == pytest.approx(250 / TICKS)


def test_a_process_that_ends_meanwhile_is_left_out(tmp_path: Path) -> None:
    plant(tmp_path, 1, "2 77 ", pages=(100, 20))
    plant(tmp_path, 2, pages=(50, 20))
    assert load_of(1, tmp_path).memory_bytes == 130 * PAGE


def test_idle_time_is_not_busy(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text("cpu  100 20 30 90000 500 5 5 7 0 0\ncpu0 1 1 1 1\n")
    assert busy_seconds(tmp_path) == pytest.approx(160 / TICKS)
    assert busy_seconds(tmp_path / "elsewhere") is None


def watch() -> Watch:
    return Watch(EnergyGauge(Zones(), None, None))


def test_a_child_that_holds_much_counts_towards_the_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter, "LOOK_SECONDS", 0.02)
    seen = watch()
    seen.start()
    before = load_of().memory_bytes
    code = "held = bytearray(2**28); held[::4096] = b'1' * 2**16; print('held', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        seen.look()
        child.communicate(b"\n")
    seen.stop()
    assert before + 2**27 < seen._peak_bytes <= seen.peak_memory_bytes


def test_work_gives_energy_and_a_watch_that_fails_does_not_stop_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = watch()
    seen.start()
    while load_of().core_seconds - seen._first.core_seconds < 3 / TICKS:
        sum(range(10_000))
    energy, why = seen.energy()
    assert energy is not None and energy.low > 0 and why == ""
    seen.stop()
    assert not seen._thread.is_alive()


def test_without_proc_the_system_is_asked_otherwise(tmp_path: Path) -> None:
    found = load_of(root=tmp_path)
    assert os.getpid() in found.processes and found.memory_bytes > 2**20 and found.core_seconds > 0
