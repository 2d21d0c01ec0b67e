"""What a process of a search does: it opens the base once and trains what it is told to, one after the other.

Its results are its answers: it writes no file of the search. It ends with the process that began it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from sintonia.adjust.searching import Rung
from sintonia.corridor.beginning import metrics_of_run
from sintonia.corridor.searching.trials import Bench, first_job
from sintonia.corridor.walk import Progress, Walk
from sintonia.errors import Interrupted
from sintonia.files import from_json, to_json
from sintonia.records import Configuration, Prepared
from sintonia.resources.spawned import Orders
from sintonia.runs import RunFolder


def follow_orders() -> None:
    """Of the run, the part, the own folder and the number of threads that `sys.argv` names."""
    orders = Orders()
    path, part, folder, num_threads = sys.argv[1:]
    run = RunFolder.open(path)

    def listen(progress: Progress) -> None:
        if orders.is_over:
            raise Interrupted("the search has ended", signal_number=15)
        orders.answer({"message": progress.message, "event": to_json(progress.event)})

    try:
        with metrics_of_run(run):
            bench = _bench(Walk(run, listen), part, Path(folder), int(num_threads))
            for order in orders:
                configuration = from_json(Configuration, order["configuration"])
                orders.answer({"trial": to_json(bench.take(from_json(Rung, order["rung"]), configuration))})
    except Interrupted:
        return


def _bench(walk: Walk, part: str, folder: Path, num_threads: int) -> Bench:
    import torch

    torch.set_num_threads(num_threads)
    prepared = walk.run.read("prepared.json", Prepared)
    if prepared is None:
        raise AssertionError("a search was begun without data")
    return Bench(walk, first_job(walk.run, next(one for one in prepared.parts if one.name == part)), folder)
