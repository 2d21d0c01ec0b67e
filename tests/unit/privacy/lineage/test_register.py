"""The register: runs, their sets, which sets hold a row, and rows taken out."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sintonia.files import write_json
from sintonia.privacy.lineage import Entry, Leaves, Register, RowSet, leaves_of, merkle_root


def _leaves(count: int, seed: int) -> Leaves:
    return leaves_of(*np.random.default_rng(seed).integers(0, 2**64, (2, count), dtype=np.uint64))


def _entry(name: str) -> Entry:
    return Entry(id=name, path=f"/runs/{name}", files=("/data.csv",), sets=())


def test_runs_on_the_same_rows_share_their_sets() -> None:
    register, train, test = Register(), _leaves(100, 0), _leaves(30, 1)
    for name in ("a", "b"):
        register.put(_entry(name), {"train": train, "test": test})
    assert [one.id for one in register.entries()] == ["a", "b"]
    assert len(list(register.folder.glob("sets/*.bin"))) == 2
    assert register.holding(train[0, 3:5]) == {merkle_root(train): 2}
    assert register.holding(np.array([1, 2], dtype=np.uint64)) == {}


def test_a_second_look_joins_the_first() -> None:
    register = Register()
    register.put(_entry("a"), {"train": _leaves(100, 0)})
    entry = register.put(_entry("a"), {"evaluations/001": _leaves(10, 1)})
    assert [one.name for one in entry.sets] == ["train", "evaluations/001"]
    assert register.entries()[0] == entry


def test_rows_are_taken_out_of_every_set_and_nothing_of_them_stays(private_home: Path) -> None:
    register, train = Register(), _leaves(100, 0)
    register.put(_entry("a"), {"train": train})
    register.put(_entry("b"), {"train": _leaves(50, 1)})
    gone = train[0, [0, 50, 99]]
    for _ in range(2):  # done twice it is done once
        register.take_out(gone, {"a": "certificate"})
        first, second = register.entries()
        assert first.sets[0].count == 97 and first.erased == ("certificate",)
        assert second.sets[0].count == 50 and second.erased == ()
        assert first.sets[0].root == merkle_root(train[:, ~np.isin(train[0], gone)])
        assert register.holding(gone) == {}
    held = b"".join(path.read_bytes() for path in private_home.rglob("*") if path.is_file())
    assert not any(key.tobytes() in held for key in gone.astype("<u8"))


def test_what_stands_for_a_text_needs_the_key(tmp_path: Path) -> None:
    register, other = Register(), Register(tmp_path)
    assert register.keyed("row", "yes") == register.keyed("row", "yes") != register.keyed("row", "no")
    assert register.keyed("row", "yes") != other.keyed("row", "yes")
    assert (register.folder / "key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("runs", "rows"), [(40, 20_000), pytest.param(1000, 1_000_000, marks=pytest.mark.slow)])
def test_the_runs_that_saw_a_row_are_found_within_a_second(tmp_path: Path, runs: int, rows: int) -> None:
    """G1: 1,000 runs of 1M rows, each with sets of its own (16 GB: here 20 files have many names)."""
    register = Register(tmp_path)
    different, roots = [_leaves(rows, seed) for seed in range(20)], list[str]()
    for number in range(runs):
        leaves = different[number % len(different)]
        if number < len(different):
            roots.append(register.put(_entry(f"{number:04d}"), {"train": leaves}).sets[0].root)
            continue
        own, folder = f"{number:064x}", register.folder / "sets"
        (folder / f"{own}.bin").hardlink_to(folder / f"{roots[number % len(different)]}.bin")
        seen = (RowSet(name="train", count=rows, root=own),)
        write_json(register.folder / "runs" / f"{number:04d}.json", replace(_entry(f"{number:04d}"), sets=seen))
    began = time.monotonic()
    entries = register.entries()
    holding = register.holding(different[7][0, 1234:1237])
    found = [one.id for one in entries if one.sets[0].root in holding]
    seconds = time.monotonic() - began
    print(f"{runs:,} runs of {rows:,} rows: {1000 * seconds:.0f} ms")
    assert found == [f"{number:04d}" for number in range(7, runs, 20)]
    assert set(holding.values()) == {3}
    assert seconds < (1.0 if rows == 1_000_000 else 30.0)
