"""The command. What it does stands in the files beside it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import benchmarks.advice as story
from benchmarks.advice.cells import measure_missing, read_cells
from benchmarks.advice.experience import experience_of
from benchmarks.advice.marks import tables
from benchmarks.advice.regimes import EXPERIMENTS, planned_cells
from benchmarks.advice.rows import FOLDER, missing_sets


def main(arguments: list[str] | None = None) -> int:
    """Fills the cells that are missing, or prints what those that are there come to."""
    asked = _words(arguments)
    if asked.table or asked.experience:
        known = read_cells(asked.table or asked.experience)
        print(tables(known) if asked.table else experience_of(known))
        return 0
    plan = planned_cells(asked.models.split(","), asked.experiments.split(","), asked.seeds)
    missing = missing_sets(plan)
    if missing:
        print(f"skipped: {', '.join(missing)} not in `{FOLDER}`: set SINTONIA_BENCH_DATA", file=sys.stderr)
        return 0
    measure_missing(plan, asked.out, asked.minutes, asked.keep)
    return 0


def _words(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.advice", description=story.__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--models", default="M,L", help="M is minilm, all weights; L is smollm2, adapters")
    parser.add_argument("--experiments", default=",".join(EXPERIMENTS))
    parser.add_argument("--seeds", type=int, default=2, help="of each set; round by round")
    parser.add_argument("--minutes", type=float, default=60.0, help="no cell is begun after so many")
    parser.add_argument("--out", type=Path, default=Path("build/advice.jsonl"), help="where the cells are kept")
    parser.add_argument("--keep", type=Path, help="a folder for the curves and the records of each cell")
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--table", type=Path, metavar="CELLS", help="print the tables of these cells, as Markdown")
    shown.add_argument("--experience", type=Path, metavar="CELLS", help="print what each remedy gave, as TOML")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
