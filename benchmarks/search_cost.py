"""What does a search of 27 configurations cost, and is what it finds as good as the best of a whole grid?

    python -m benchmarks.search_cost [--work FOLDER] [--sets SET ...] [--rows N] [--search K] [--processes P]
                                     [--minutes M] [--table] [--json]

On each set the product tunes the last layer of `minilm` for a hundred steps, with `adjusting.search=27`: the first
turn, the search, its winner in full and once more with a second seed. Then each cell of a grid (learning rate a third,
once and three times the usual one, epochs half, once and twice, batches of 8, 16 and 32) is trained in full, with the
best weights chosen on validation as in a turn. The cost is processor time over that of the first turn, so that whatever
else the machine does counts little; the time told is beside it. What was found and the best cell are compared on the
same validation examples, paired; the best of 27 cells flatters itself, which makes the mark harder to reach. Every
training is one line of `cells.jsonl` in the folder of --work, and one that is there is not taken again; a search that
was interrupted goes on.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import os
import random
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(os.environ.get("SINTONIA_BENCH_DATA", Path(__file__).parents[2] / "shared" / "data"))
SETS = ("trec", "sst2")
"""Six kinds of questions; two moods of sentences."""
RATES, EPOCHS, BATCHES = (1 / 3, 1.0, 3.0), (0.5, 1.0, 2.0), (8, 16, 32)
NUM_EPOCHS, FROZEN_LAYERS = 4.0, 5
"""The uppermost layer trains, for a hundred steps: so that a grid of whole trainings takes minutes on one core."""
MOST_TRAININGS = 5.0
_SEED = 11


def main(arguments: list[str] | None = None) -> int:
    """Runs the benchmark; without the data it says so and ends well."""
    asked = _words(arguments)
    missing = [one for one in asked.sets if not (FOLDER / one / "train.jsonl").is_file()]
    if missing:
        print(f"skipped: {', '.join(missing)} not in `{FOLDER}`: set SINTONIA_BENCH_DATA", file=sys.stderr)
        return 0
    asked.work.mkdir(parents=True, exist_ok=True)
    if not asked.table:
        _measure(asked)
    results = [one for name in asked.sets if (one := result_of(read_cells(asked.work), name))]
    if asked.json:
        print(json.dumps({"date": datetime.datetime.now(datetime.UTC).date().isoformat(), "sets": results}))
    else:
        print(table_of(results))
    return 0 if results else 1


def result_of(cells: Sequence[dict[str, Any]], name: str) -> dict[str, Any] | None:
    """One set: what the search cost and found beside the grid; None before both are there."""
    own = [one for one in cells if one["set"] == name]
    searches, grid = [one for one in own if one["kind"] == "search"], [one for one in own if one["kind"] == "grid"]
    if not searches or not grid:
        return None
    search, first = searches[-1], searches[-1]["turns"][0]
    found = max(search["turns"], key=lambda one: np.mean(one["correct"]))
    best = max(grid, key=lambda one: (np.mean(one["correct"]), -np.mean(one["losses"])))
    cpu, seconds = search["cpu"], search["seconds"]
    later = sum(one["cpu"] for one in search["turns"][1:])
    after = {kind: np.asarray(best[kind], float) - np.asarray(found[kind], float) for kind in ("correct", "losses")}
    return {
        "set": name,
        "configurations": search["configurations"],
        "validation": len(found["correct"]),
        "trainings": (cpu + later) / first["cpu"],
        "trainings_by_the_clock": (seconds + sum(one["seconds"] for one in search["turns"][1:])) / first["seconds"],
        "grid_cells": len(grid),
        "grid_trainings": sum(one["cpu"] for one in grid) / first["cpu"],
        "first": float(np.mean(first["correct"])),
        "found": float(np.mean(found["correct"])),
        "found_values": search["values"],
        "best": float(np.mean(best["correct"])),
        "best_values": best["values"],
        "middle": float(np.median([np.mean(one["correct"]) for one in grid])),
        "behind": float(after["correct"].mean()),
        "error": _error(after["correct"]),
        "found_loss": float(np.mean(found["losses"])),
        "best_loss": float(np.mean(best["losses"])),
        "loss_error": _error(after["losses"]),
    }


def table_of(results: Sequence[dict[str, Any]]) -> str:
    """As it stands in RESULTS.md."""
    lines = [
        "| set | validation rows | cost in full trainings (by the clock) | first turn | found | best of the grid | "
        "behind ± standard error | middle of the grid | grid, in full trainings | marks |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in results:
        is_cheap, is_good = one["trainings"] <= MOST_TRAININGS, one["behind"] <= one["error"]
        marks = f"cost {'met' if is_cheap else 'MISSED'}, score {'met' if is_good else 'MISSED'}"
        lines.append(
            f"| {one['set']} | {one['validation']} | {one['trainings']:.1f} ({one['trainings_by_the_clock']:.1f}) "
            f"| {100 * one['first']:.1f} | {100 * one['found']:.1f} | {100 * one['best']:.1f} "
            f"| {100 * one['behind']:+.1f} ± {100 * one['error']:.1f} | {100 * one['middle']:.1f} "
            f"| {one['grid_trainings']:.1f} ({one['grid_cells']} cells) | {marks} |"
        )
    return "\n".join(lines)


def read_cells(work: Path) -> list[dict[str, Any]]:
    """What was measured; a line that was not finished is passed over."""
    path, found = work / "cells.jsonl", []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def _measure(asked: argparse.Namespace) -> None:
    began = time.monotonic()
    for name in asked.sets:
        if not any(one["set"] == name and one["kind"] == "search" for one in read_cells(asked.work)):
            _keep(asked.work, _searched(asked, name))
            print(f"{name}: searched", file=sys.stderr, flush=True)
        for values in _grid():
            known = [one["values"] for one in read_cells(asked.work) if one["set"] == name and one["kind"] == "grid"]
            if list(values) not in known and time.monotonic() - began < 60 * asked.minutes:
                _keep(asked.work, _trained(asked.work / name, name, values))


def _grid() -> Iterator[tuple[float, float, int]]:
    """The middle of it first."""
    cells = list(product(RATES, EPOCHS, BATCHES))
    yield from sorted(cells, key=lambda one: (one != (1.0, 1.0, 16), one))


def _searched(asked: argparse.Namespace, name: str) -> dict[str, Any]:
    """A run of the product with a search, and what it took."""
    from sintonia.corridor.searching import OUTCOME, PLAN
    from sintonia.pipeline import Progress, finished_turns, improve, start
    from sintonia.records import Scorecard, SearchOutcome, SearchPlan
    from sintonia.resources.processes import load_of
    from sintonia.runs import RunFolder

    folder = asked.work / name
    is_resumed = folder.is_dir()
    run = RunFolder(folder) if is_resumed else start(_recipe(asked, name), folder)
    cpu: dict[str, float] = defaultdict(float)
    last, turn = load_of().core_seconds, 0

    def listen(progress: Progress) -> None:
        nonlocal last, turn
        now = load_of().core_seconds  # with the processes of the search, where there are several
        of_turn = progress.stage == "train" and progress.event is not None
        cpu[f"turn {turn}" if of_turn else progress.stage] += now - last
        last = now
        turn += progress.stage == "train" and progress.message.startswith("turn ")

    improve(run, listen)
    plan, outcome = run.read(PLAN, SearchPlan), run.read(OUTCOME, SearchOutcome)
    turns = []
    for one in finished_turns(run):
        card = run.read(f"{run.turn(one.number)}/scorecards/validation.json", Scorecard)
        assert card is not None
        is_right = [a == b for a, b in zip(card.targets, card.predictions, strict=True)]
        spent = {"seconds": one.resources.seconds, "cpu": cpu[f"turn {one.number}"]}
        if is_resumed:  # what the processes before this one computed is known by the clock alone
            spent["cpu"] = spent["seconds"]
        turns.append({"purpose": one.purpose, "correct": is_right, "losses": list(card.losses), **spent})
    assert plan is not None and outcome is not None
    return {
        "kind": "search",
        "set": name,
        "configurations": outcome.num_configurations,
        "values": outcome.winner.values,
        "origin": outcome.winner.origin,
        "optimism": outcome.optimism,
        "cpu": outcome.seconds if is_resumed else cpu["search"],
        "seconds": outcome.clock_seconds,
        "processes": asked.processes,
        "turns": turns,
    }


def _trained(folder: Path, name: str, values: tuple[float, float, int]) -> dict[str, Any]:
    """A cell of the grid, trained in full as a turn is; its model is not kept."""
    import shutil

    from sintonia.adjust.searching import space
    from sintonia.corridor.searching import first_job
    from sintonia.records import Evaluation, Prepared
    from sintonia.runs import RunFolder
    from sintonia.train import train
    from sintonia.train.selection import best_evaluation

    run = RunFolder(folder)
    prepared = run.read("prepared.json", Prepared)
    assert prepared is not None
    job = first_job(run, prepared.parts[0])
    usual, (rate, epochs, batch) = space.values_of(job.recipe), values
    wanted = {name: usual[name] * factor for name, factor in ((space.RATE, rate), (space.EPOCHS, epochs))}
    adapted = space.adapted(job.recipe, {**wanted, space.BATCH: float(batch)})
    training = dataclasses.replace(adapted.training, checkpoint_steps=10**9)
    number = 900 + list(product(RATES, EPOCHS, BATCHES)).index(values)
    job = dataclasses.replace(job, recipe=dataclasses.replace(job.recipe, training=training), turn=number)
    shutil.rmtree(run.file(run.turn(number)), ignore_errors=True)
    cpu, began = time.process_time(), time.monotonic()
    events = train(job)
    total = 0
    for event in events:
        total = int(event.values.get("total_steps", total))
        if event.kind == "finished" or (event.kind == "validated" and event.step >= total > 0):
            break
    events.close()  # type: ignore[attr-defined]
    spent = {"cpu": time.process_time() - cpu, "seconds": time.monotonic() - began}
    best = best_evaluation(run.lines(job.file("evaluations.jsonl"), Evaluation), job.primary_metric)
    shutil.rmtree(run.file(run.turn(number)), ignore_errors=True)
    correct, losses = [bool(one) for one in best.validation_correct], list(best.validation_losses)
    return {"kind": "grid", "set": name, "values": list(values), "correct": correct, "losses": losses, **spent}


def _recipe(asked: argparse.Namespace, name: str) -> Any:
    from sintonia.settings import AdjustingSettings, DataSettings, EvaluationSettings, Recipe, TrainingSettings

    rows = [json.loads(line) for line in (FOLDER / name / "train.jsonl").read_text(encoding="utf-8").splitlines()]
    random.Random(_SEED).shuffle(rows)
    path = asked.work / f"{name}.jsonl"
    lines = [json.dumps({"text": one["text"], "label": one["label"]}) + "\n" for one in rows[: asked.rows]]
    path.write_text("".join(lines), encoding="utf-8")
    return Recipe(
        data=DataSettings(path=str(path)),
        base="minilm",
        training=TrainingSettings(epochs=NUM_EPOCHS, frozen_layers=FROZEN_LAYERS),
        adjusting=AdjustingSettings(search=asked.search, processes=asked.processes),
        evaluation=EvaluationSettings(primary_metric="accuracy"),
    )


def _keep(work: Path, cell: dict[str, Any]) -> None:
    with (work / "cells.jsonl").open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(cell) + "\n")
        stream.flush()
        os.fsync(stream.fileno())


def _error(differences: np.ndarray) -> float:
    return float(differences.std(ddof=1) / np.sqrt(len(differences)))


def _words(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.search_cost",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--work", type=Path, default=Path("build/search_cost"), help="where runs and cells are kept")
    parser.add_argument("--sets", nargs="+", default=list(SETS), help="folders below the shared data")
    parser.add_argument("--rows", type=int, default=600, help="rows of each set")
    parser.add_argument("--search", type=int, default=27, help="configurations")
    parser.add_argument("--processes", type=int, default=1, help="that train configurations beside each other")
    parser.add_argument("--minutes", type=float, default=60.0, help="no cell of the grid is begun after so many")
    parser.add_argument("--table", action="store_true", help="only print what was measured")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
