"""Bombs are refused in five seconds and 512 MiB, in a process that may not take more than 1.5 GiB."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.source_tree import ROOT
from tests.reliability.malformed.bombs import BOMBS, harmless

MAX_SECONDS, MAX_MEBIBYTES = 5.0, 512

_CHILD = """
import gc, json, resource, sys, time
from pathlib import Path

if sys.argv[1].endswith("parquet"):
    import pyarrow.compute, pyarrow.parquet
if sys.argv[1].endswith("xlsx"):
    import openpyxl
from sintonia.errors import SintoniaError
from sintonia.prepare.readers import open_source
from sintonia.prepare.table import look_at

STATUS, PEAK = Path("/proc/self/status"), Path("/proc/self/clear_refs")

def peak_mebibytes():
    # On Linux ru_maxrss begins with what the parent used: it would hide what the child takes.
    if STATUS.exists():
        return int(STATUS.read_text().split("VmHWM:")[1].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2

resource.setrlimit(resource.RLIMIT_AS, (1536 * 2**20, 1536 * 2**20))
for path in map(Path, sys.argv[1:]):
    gc.collect()
    if PEAK.exists():
        PEAK.write_text("5")  # the peak begins anew
    baseline, began, said, where, rows = peak_mebibytes(), time.monotonic(), "", "", 0
    try:
        source = open_source(path)
        for _ in source.read():
            pass
        rows = look_at(source).num_rows
    except SintoniaError as error:
        said, where = str(error), error.where
    print(json.dumps({
        "said": said, "where": where, "rows": rows,
        "seconds": time.monotonic() - began, "mebibytes": peak_mebibytes() - baseline,
    }))
"""


def _read_in_child(*paths: Path) -> list[dict[str, Any]]:
    # The usual allocator of pyarrow begins by reserving 1 GiB of addresses: the limit would count them as memory.
    child = subprocess.run(
        [sys.executable, "-c", _CHILD, *map(str, paths)],
        cwd=ROOT,
        env=os.environ | {"ARROW_DEFAULT_MEMORY_POOL": "system"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert child.returncode == 0, child.stderr[-2000:]
    return [json.loads(line) for line in child.stdout.splitlines()]


@pytest.mark.parametrize("suffix", sorted({Path(name).suffix for name in BOMBS}))
def test_bombs_are_refused_in_time_and_memory(suffix: str, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in BOMBS if name.endswith(suffix)]
    for path in paths:
        BOMBS[path.name](path)
    for path, found in zip(paths, _read_in_child(*paths), strict=True):
        path.unlink()
        assert found["where"].startswith(str(path)), found
        assert "needs more memory" not in found["said"]
        assert "\n" not in found["said"]
        assert len(found["said"]) < 2500
        assert found["seconds"] <= MAX_SECONDS, path.name
        assert found["mebibytes"] <= MAX_MEBIBYTES, path.name


def test_there_are_at_least_fifteen_bombs() -> None:
    assert len(BOMBS) >= 15


def test_the_child_reads_what_is_no_bomb(tmp_path: Path) -> None:
    """The limits of the child refuse nothing by themselves, nor does the way in which the bombs are made."""
    sheet, text = tmp_path / "rows.xlsx", tmp_path / "rows.csv"
    harmless(sheet)
    text.write_bytes(b"text,label\n" + b"x" * 15_000_000 + b",a\n" + b"x,b\n" * 100)
    in_sheet, in_text = _read_in_child(sheet, text)
    assert in_sheet["rows"] == 1
    assert in_text["rows"] == 101
    assert 15 < in_text["mebibytes"] < MAX_MEBIBYTES, "a field of 15 MB must be seen in the measure"
