"""How long does the audit of 10,000, 100,000 and 1,000,000 short rows take, and how much memory?

    python -m benchmarks.audit_scale [--rows 10000 100000 1000000] [--json]

Rows of a made-up vocabulary with the frequencies of words in a language (Zipf's law), four classes, one row in fifty
a near-copy and one in a hundred an exact copy of another; everything that needs no model: reading, exact checks,
near-duplicates, all checks of texts and sets, the split, the sealing. Each size in a process of its own, and once more
without the search for near-duplicates, whose memory has a bar of its own.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from sintonia.prepare.near import NearPairs

SIZES = (10_000, 100_000, 1_000_000)
CLASSES = ("billing", "delivery", "returns", "other")
_SYLLABLES = ("ba", "co", "di", "fer", "gan", "lo", "mi", "nes", "or", "pra", "qui", "ras", "sto", "ta", "vel", "zin")


def write_rows(path: Path, count: int, seed: int = 0) -> None:
    """A CSV of `count` rows of 4 to 20 words."""
    draw = random.Random(seed)
    words = list(dict.fromkeys("".join(draw.choices(_SYLLABLES, k=draw.randint(1, 4))) for _ in range(60_000)))
    frequencies = list(itertools.accumulate(1.0 / (rank + 10) for rank in range(len(words))))
    recent: list[list[str]] = []
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["text", "label"])
        for number in range(count):
            label = draw.choice(CLASSES)
            text = _one_text(draw, words, frequencies, recent, number)
            writer.writerow([" ".join(text), label])
            recent = [*recent[-99:], text]


def _one_text(
    draw: random.Random, words: list[str], frequencies: list[float], recent: list[list[str]], number: int
) -> list[str]:
    if recent and number % 100 == 0:
        return draw.choice(recent)
    fresh = draw.choices(words, cum_weights=frequencies, k=draw.randint(4, 20))
    if not recent or number % 50:
        return fresh
    copy = list(draw.choice(recent))
    copy[draw.randrange(len(copy))] = fresh[0]
    return copy


def audit(path: Path, *, has_near: bool) -> dict[str, Any]:
    """Seconds and peak memory of one audit, in this process."""
    from sintonia.pipeline import check
    from sintonia.prepare.sets import place
    from sintonia.settings import DataSettings, Recipe

    if not has_near:
        place.near_pairs = lambda texts: NearPairs(*(np.array([], dtype=kind) for kind in ("i8", "i8", "f4")))
    began = time.monotonic()
    checked = check(Recipe(data=DataSettings(path=str(path)), accept=("D110",)), has_base=False)
    prepared = checked.prepared
    assert prepared.rows_in == prepared.rows_used + prepared.rows_set_aside
    return {
        "rows": prepared.rows_in,
        "seconds": round(time.monotonic() - began, 1),
        "peak_memory_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        "findings": {one.code: one.count for one in checked.findings},
    }


def measure(sizes: list[int]) -> list[dict[str, Any]]:
    """One line a size, each from a fresh process."""
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            path = Path(folder) / f"{size}.csv"
            write_rows(path, size)
            whole, alone = _apart(path, "--one"), _apart(path, "--without-near")
            file_mib = round(path.stat().st_size / 2**20, 1)
            lines.append({**whole, "file_mib": file_mib, "peak_memory_gib_without_near": alone["peak_memory_gib"]})
            path.unlink()
    return lines


def _apart(path: Path, how: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.audit_scale", how, str(path)]
    environment = {**os.environ, "SINTONIA_HOME": str(path.parent)}
    measured: dict[str, Any] = json.loads(
        subprocess.run(command, env=environment, stdout=-1, text=True, check=True).stdout
    )
    return measured


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--without-near", type=Path, help=argparse.SUPPRESS)
    words = parser.parse_args()
    if words.one or words.without_near:
        print(json.dumps(audit(words.one or words.without_near, has_near=bool(words.one))))
        return
    lines = measure(words.rows)
    if words.json:
        print(json.dumps(lines))
        return
    print(f"{'rows':>10} {'file MiB':>9} {'seconds':>8} {'per 100k':>9} {'peak GiB':>9} {'w/o near':>9}  findings")
    for one in lines:
        found = " ".join(f"{code}:{count:,}" for code, count in one["findings"].items())
        sizes = (
            f"{one['rows']:>10,} {one['file_mib']:>9} {one['seconds']:>8} {1e5 * one['seconds'] / one['rows']:>9.1f}"
        )
        print(f"{sizes} {one['peak_memory_gib']:>9} {one['peak_memory_gib_without_near']:>9}  {found}")
    print(f"\nrepeat: python -m benchmarks.audit_scale --rows {' '.join(map(str, words.rows))}")


if __name__ == "__main__":
    main()
