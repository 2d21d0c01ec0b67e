"""What differential privacy costs: quality against epsilon, time, memory, and what the model still remembers.

    python -m benchmarks.privacy [--sets sst2,banking77] [--methods head,lora] [--epsilons 1,3,8,none]
                                 [--seeds 0] [--rows 0] [--epochs 0] [--work FOLDER] [--print]

Each cell is a whole `sintonia tune` of MiniLM in a process of its own, with every setting as the product fills it (so a
private cell has larger batches, more epochs and a random head), on a copy of the data with a ledger of its own. A cell
that is finished is kept in FOLDER and not run again; `--print` computes nothing. Told are accuracy on the sealed test,
the seconds and the memory of the training with their ratios to the cell without privacy, the epsilon that the
accountant gives, and the area under the curve of the membership test (`turns/001/memorisation.json`), where it was
measured. The test set is the same in all cells of a set: 25 % of its rows, by the split of the product.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from sintonia.files import home_folder, read_json, write_json

DATA = Path(os.environ.get("SINTONIA_BENCH_DATA", Path(__file__).parents[2] / "shared" / "data"))
NONE = "none"
FILES = {"sst2": "sst2/train.jsonl", "banking77": "banking77/train.jsonl"}
SETTINGS = ("evaluation.primary_metric=accuracy",)
HEADER = "| set | method | epsilon | accuracy | gap | training | time | memory | membership AUC |"
Cell = tuple[str, str, str, int]
"""Set, method, epsilon as it was asked for, seed."""


def name_of(cell: Cell, num_rows: int) -> str:
    """The name of its folder.

    >>> name_of(("sst2", "head", "8", 0), 0)
    'sst2-head-8-0'
    """
    return "-".join(map(str, cell)) + (f"-{num_rows}" if num_rows else "")


def run_cell(work: Path, cell: Cell, num_rows: int, epochs: float) -> dict[str, Any]:
    """Numbers of one cell, from its file if it was run before.

    Raises:
        RuntimeError: the command failed; its words are in `log.txt` of the folder.
    """
    folder = work / name_of(cell, num_rows)
    kept = read_json(folder / "cell.json")
    if kept is not None:
        return kept
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    data, run = _copied(folder, cell[0], num_rows), folder / "run"
    began = time.monotonic()
    with (folder / "log.txt").open("w", encoding="utf-8") as log:
        done = subprocess.run(
            _command(data, run, cell, epochs), env=_surroundings(folder), stdout=log, stderr=log, check=False
        )
    if done.returncode:
        raise RuntimeError(f"{name_of(cell, num_rows)} failed, see {folder / 'log.txt'}")
    found = {**read_run(run), "whole_seconds": time.monotonic() - began}
    write_json(folder / "cell.json", found)
    shutil.rmtree(run)
    return found


def read_run(run: Path) -> dict[str, Any]:
    """What a finished run says of itself."""
    verdict, turn = read_json(run / "verdict.json"), read_json(run / "turns/001/turn.json")
    promised = read_json(run / "turns/001/privacy.json")
    remembered = read_json(run / "turns/001/memorisation.json") or {}
    if verdict is None or turn is None:
        raise RuntimeError(f"`{run}` is not finished")
    return {
        "accuracy": verdict["primary"]["tuned"]["value"],
        "examples": verdict["primary"]["examples"],
        "validation": turn["validation_metric"],
        "seconds": turn["resources"]["seconds"],
        "bytes": turn["resources"]["peak_memory_bytes"],
        "epsilon": promised["spent"]["epsilon"] if promised else None,
        "steps": promised["spent"]["steps"] if promised else turn["candidate"]["last_step"],
        "auc": (remembered.get("auc") or {}).get("value"),
    }


def rows(found: dict[Cell, dict[str, Any]]) -> Iterator[str]:
    """Lines of a table: means over the seeds, each set and method with its cell without privacy first."""
    groups = dict.fromkeys(cell[:3] for cell in found)
    for group in groups:
        cells = [one for cell, one in found.items() if cell[:3] == group]
        plain = [one for cell, one in found.items() if cell[:3] == (*group[:2], NONE)]
        mean, accuracies = _means(cells), [one["accuracy"] for one in cells]
        spread = f" ({min(accuracies):.3f} to {max(accuracies):.3f})" if len(cells) > 1 else ""
        against = _means(plain) if plain else {}
        gap, slower, larger = "", "", ""
        if against and group[2] != NONE:
            gap = f"{100 * (mean['accuracy'] - against['accuracy']):+.1f}"
            slower, larger = (f"x{mean[name] / against[name]:.2f}" for name in ("seconds", "bytes"))
        auc = "" if mean["auc"] is None else f"{mean['auc']:.3f}"
        yield (
            f"| {group[0]} | {group[1]} | {group[2]} | {mean['accuracy']:.3f}{spread} | {gap} "
            f"| {mean['seconds']:.0f} s | {slower} | {larger} | {auc} |"
        )


def _means(cells: Sequence[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in ("accuracy", "seconds", "bytes", "auc"):
        values = [one[name] for one in cells if one[name] is not None]
        found[name] = statistics.fmean(values) if values else None
    return found


def _copied(folder: Path, name: str, num_rows: int) -> Path:
    target = folder / f"{name}.jsonl"
    lines = (DATA / FILES[name]).read_text(encoding="utf-8").splitlines(keepends=True)
    target.write_text("".join(lines[: num_rows or len(lines)]), encoding="utf-8")
    return target


def _command(data: Path, run: Path, cell: Cell, epochs: float) -> list[str]:
    _, method, epsilon, seed = cell
    asked = [*SETTINGS, *([f"training.epochs={epochs:g}"] if epochs else [])]
    if epsilon != NONE:
        asked.append(f"privacy.dp.epsilon={epsilon}")
    options = ["--base", "minilm", "--method", method, "--task", "classify", "--seed", str(seed), "--out", str(run)]
    return [sys.executable, "-m", "sintonia", "tune", str(data), *asked, *options, "--offline"]


def _surroundings(folder: Path) -> dict[str, str]:
    """A home of its own, where no other cell was noted, with the bases that are on this machine."""
    home = folder / "home"
    home.mkdir()
    (home / "models").symlink_to(home_folder() / "models")
    return {**os.environ, "SINTONIA_HOME": str(home)}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.privacy", description=__doc__.split("\n")[0])
    parser.add_argument("--sets", default=",".join(FILES))
    parser.add_argument("--methods", default="head,lora")
    parser.add_argument("--epsilons", default=f"{NONE},8,3,1")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--rows", type=int, default=0)
    parser.add_argument("--epochs", type=float, default=0.0)
    parser.add_argument("--work", type=Path, default=Path("runs/privacy"))
    parser.add_argument("--print", action="store_true", dest="is_printing")
    asked = parser.parse_args(arguments)
    if not DATA.is_dir() and not asked.is_printing:
        print(f"no data: `{DATA}` is not there (SINTONIA_BENCH_DATA names another folder)")
        return 0
    found: dict[Cell, dict[str, Any]] = {}
    parts = (one.split(",") for one in (asked.sets, asked.methods, asked.epsilons, asked.seeds))
    for name, method, epsilon, seed in product(*parts):
        cell: Cell = (name, method, epsilon, int(seed))
        kept = read_json(asked.work.absolute() / name_of(cell, asked.rows) / "cell.json")
        if kept is None and asked.is_printing:
            continue
        found[cell] = run_cell(asked.work.absolute(), cell, asked.rows, asked.epochs)
        print(name_of(cell, asked.rows), json.dumps(found[cell]), flush=True)
    print(HEADER, "|---|---|---|---|---|---|---|---|---|", *rows(found), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
