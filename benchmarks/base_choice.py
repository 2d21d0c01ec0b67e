"""Does the ranking of bases, which trains nothing, agree with what fine-tuning each of them would give? (E22)

    python -m benchmarks.base_choice [--work FOLDER] [--sets banking77 trec tweeteval_emotion] [--seeds 1 2]
        [--minutes 40] [--json]

The bases are the embedded minilm with its 6, 5, 4, 3, 2 and 1 lowest layers, made here as model folders. Two more of
them, of random weights, are ranked beside them and do not count: anybody can tell them from a real one. The selector
sees 600 training rows. The truth is the accuracy on 1,000 other rows after fine-tuning all weights with the product's
own defaults, the mean over the seeds. Each cell of the table is one line of `cells.jsonl` in the work folder, so a run
that was interrupted, or whose minutes are over, goes on where it stopped.

Kendall's tau (b, which counts ties) compares the two orders over the bases that count. With six bases the best one is
in the first three by chance in half of all cases. Beside it stands the order by size, which needs no data at all.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ.get("SINTONIA_BENCH_DATA", Path(__file__).parents[2] / "shared" / "data"))
SETS = ("banking77", "trec", "tweeteval_emotion")
"""Many intents; the form of questions; the mood of tweets, unevenly spread."""
LAYERS = (6, 5, 4, 3, 2, 1)
RANDOM = (6, 2)
"""Layers of the bases of random weights."""
NUM_TRAIN, NUM_WATCHED, NUM_JUDGED = 600, 100, 1000
GOAL_TAU, GOAL_FIRST_THREE = 0.5, 0.8


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One measurement: what the selector shows of a base on a set, or what fine-tuning it comes to."""

    kind: str
    data: str
    base: str
    seed: int = 0

    @property
    def key(self) -> tuple[str, str, str, int]:
        """What a line of the file is known by."""
        return self.kind, self.data, self.base, self.seed


def cells(sets: Sequence[str], seeds: Sequence[int]) -> list[Cell]:
    """All of them: scores first, then one seed after the other."""
    counted = [f"minilm-{number}" for number in LAYERS]
    random = [f"random-{number}" for number in RANDOM]
    scores = [Cell(kind="scores", data=data, base=base) for data in sets for base in (*counted, *random)]
    truths = [
        Cell(kind="truth", data=data, base=base, seed=seed) for seed in seeds for data in sets for base in counted
    ]
    return scores + truths


def make_base(name: str, folder: Path) -> Path:
    """The lowest layers of minilm, or as many of random weights, as a model folder."""
    import torch
    from transformers import AutoModel

    from sintonia.models.catalog import find_entry
    from sintonia.models.sources import locate

    if folder.is_dir():
        return folder
    kind, _, number = name.partition("-")
    files = locate(find_entry("minilm"))
    whole = AutoModel.from_pretrained(files.model, local_files_only=True, use_safetensors=True, dtype=torch.float32)
    whole.config.num_hidden_layers = int(number)
    if kind == "random":
        torch.manual_seed(int(number))
        whole = AutoModel.from_config(whole.config)
    else:
        whole.encoder.layer = whole.encoder.layer[: int(number)]
    work = folder.with_name(f".{folder.name}")
    shutil.rmtree(work, ignore_errors=True)
    whole.save_pretrained(work)
    for path in files.tokenizer.glob("*token*"):
        shutil.copy(path, work)
    for extra in ("vocab.txt", "special_tokens_map.json"):
        if (files.tokenizer / extra).is_file():
            shutil.copy(files.tokenizer / extra, work)
    work.rename(folder)
    return folder


def read_rows(data: str) -> list[dict[str, str]]:
    """The rows that are used of a set, each text once, in the order of a hash."""
    with (FOLDER / data / "train.jsonl").open(encoding="utf-8") as stream:
        rows = {row["text"]: row for row in map(json.loads, stream)}
    ordered = sorted(rows.values(), key=lambda row: hashlib.sha256(f"E22 {row['text']}".encode()).hexdigest())
    taught = {row["label"] for row in ordered[:NUM_TRAIN]}
    rest = [row for row in ordered[NUM_TRAIN:] if row["label"] in taught]
    return ordered[:NUM_TRAIN] + rest[: NUM_WATCHED + NUM_JUDGED]


def examples_of(data: str) -> tuple[Any, Any, Any]:
    """Training, watched and judged examples of a set."""
    from sintonia.records import Example, Place

    made = tuple(
        Example(
            id=str(number),
            input=row["text"],
            target=str(row["label"]),
            group=str(number),
            place=Place(file=data, line=number + 1),
        )
        for number, row in enumerate(read_rows(data))
    )
    return made[:NUM_TRAIN], made[NUM_TRAIN : NUM_TRAIN + NUM_WATCHED], made[NUM_TRAIN + NUM_WATCHED :]


def measure(cell: Cell, folder: Path) -> dict[str, Any]:
    """Fills one cell; `folder` holds the base."""
    from sintonia.choose import choose
    from sintonia.settings import DataSettings, Recipe

    recipe = Recipe(data=DataSettings(path="rows"), base=f"file:{folder}", task="classify", seed=cell.seed)
    base = choose(recipe, "classify")
    began = time.monotonic()
    found = _scores(base, cell) if cell.kind == "scores" else _truth(recipe, base, cell)
    return found | {"parameters": base.num_parameters, "seconds": round(time.monotonic() - began, 2)}


def _scores(base: Any, cell: Cell) -> dict[str, Any]:
    from sintonia.choose import draw, look_at_texts
    from sintonia.choose.ranking.drawing import MOST_TEXTS
    from sintonia.models.open import open_base

    shown = look_at_texts(open_base(base, 256), draw(examples_of(cell.data)[0], MOST_TEXTS))
    return {"scores": shown.scores}


def _truth(recipe: Any, base: Any, cell: Cell) -> dict[str, Any]:
    from sintonia.evaluate import score_candidate
    from sintonia.resolve import resolve
    from sintonia.runs import RunFolder
    from sintonia.train import Job, train

    taught, watched, judged = examples_of(cell.data)
    labels = tuple(sorted({one.target for one in taught}))
    settings = dataclasses.replace(recipe.training, evaluations=2, checkpoint_steps=10**9)
    filled, _ = resolve(dataclasses.replace(recipe, training=settings), base, _prepared(labels))
    with tempfile.TemporaryDirectory(prefix="sintonia-e22-") as folder:
        run = RunFolder.create(Path(folder) / "run", recipe)
        run.file("cache").mkdir()
        job = Job(
            run=run,
            recipe=filled,
            base=base,
            labels=labels,
            primary_metric="accuracy",
            train=taught,
            validation=watched,
            turn=1,
            part="1",
        )
        *_, ended = train(job)
        card = score_candidate(run.file(job.file("model")), judged, "validation")
    accuracy = next(one.value for one in card.scores if one.metric == "accuracy")
    return {"accuracy": accuracy, "steps": ended.values["last_step"], "judged": len(judged)}


def _prepared(labels: tuple[str, ...]) -> Any:
    from sintonia.records import ExampleSet, Part, Prepared, SealedTest

    train = ExampleSet(path="", count=NUM_TRAIN, sha256="")
    part = Part(name="1", train=train, validation=train, test=SealedTest(count=0, sha256=""))
    return Prepared(
        data_id="",
        task="classify",
        form="text and label",
        labels=labels,
        columns={},
        primary_metric="accuracy",
        notes=(),
        parts=(part,),
        findings=(),
        rows_in=NUM_TRAIN,
        rows_used=NUM_TRAIN,
        rows_set_aside=0,
        label_counts={},
    )


def read_cells(path: Path) -> dict[tuple[str, str, str, int], dict[str, Any]]:
    """What was measured so far, by cell; an unfinished last line is passed over."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            body = json.loads(line)
        except ValueError:
            continue
        found[body["kind"], body["data"], body["base"], body["seed"]] = body
    return found


def measure_missing(plan: Sequence[Cell], work: Path, minutes: float) -> None:
    """Measures what is missing, one line a cell, and begins no cell after so many minutes."""
    path, began = work / "cells.jsonl", time.monotonic()
    work.mkdir(parents=True, exist_ok=True)
    known = read_cells(path)
    for cell in plan:
        if cell.key in known:
            continue
        if time.monotonic() - began > 60 * minutes:
            print(f"{minutes:g} minutes are over: the same command goes on from here", file=sys.stderr)
            return
        body = dataclasses.asdict(cell) | measure(cell, make_base(cell.base, work / cell.base))
        with path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(body) + "\n")
        shown = body.get("accuracy", body.get("scores"))
        print(f"{cell.data} {cell.base} {cell.kind} seed {cell.seed}: {shown}, {body['seconds']} s", file=sys.stderr)


def compare(known: dict[tuple[str, str, str, int], dict[str, Any]], data: str, seeds: Sequence[int]) -> dict[str, Any]:
    """Selector and truth of one set; nothing where a cell is missing for all seeds."""
    from scipy.stats import kendalltau

    from sintonia.choose.ranking.rank import mean_ranks

    counted = [f"minilm-{number}" for number in LAYERS]
    names = [
        name for name in (*counted, *(f"random-{number}" for number in RANDOM)) if ("scores", data, name, 0) in known
    ]
    done = [seed for seed in seeds if all(("truth", data, name, seed) in known for name in counted)]
    if not done or not set(counted) <= set(names):
        return {}
    scores = {name: known["scores", data, name, 0]["scores"] for name in names}
    means = mean_ranks(scores)
    accuracies = {name: [known["truth", data, name, seed]["accuracy"] for seed in done] for name in counted}
    truth = {name: statistics.mean(values) for name, values in accuracies.items()}
    best = max(counted, key=lambda name: truth[name])
    order = sorted(counted, key=lambda name: (means[name], -scores[name]["probe"]))
    goal = [truth[name] for name in counted]
    by_score = {
        score: float(kendalltau([scores[name][score] for name in counted], goal).statistic) for score in scores[best]
    }
    return {
        "data": data,
        "seeds": done,
        "tau": float(kendalltau([-means[name] for name in counted], goal).statistic),
        "tau_by_score": by_score,
        "tau_by_size": float(kendalltau(LAYERS, goal).statistic),
        "tau_between_seeds": _between(accuracies, done),
        "is_best_in_first_three": best in order[:3],
        "best": best,
        "lost_by_first": truth[best] - truth[order[0]],
        "order_of_all": sorted(names, key=lambda name: means[name]),
        "truth": truth,
        "scores": scores,
    }


def _between(accuracies: dict[str, list[float]], seeds: Sequence[int]) -> float | None:
    """How far two seeds of the truth agree with each other: no selector can be expected to do better."""
    from scipy.stats import kendalltau

    if len(seeds) < 2:
        return None
    pair = [[values[k] for values in accuracies.values()] for k in (0, 1)]
    return float(kendalltau(*pair).statistic)


def summary(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Over the sets: the mean tau, and the share with the best base among the first three; is the mark met?"""
    tau = statistics.mean(one["tau"] for one in found)
    share = statistics.mean(one["is_best_in_first_three"] for one in found)
    return {
        "mean_tau": tau,
        "mean_tau_by_size": statistics.mean(one["tau_by_size"] for one in found),
        "best_in_first_three": share,
        "is_met": tau >= GOAL_TAU and share >= GOAL_FIRST_THREE,
    }


def _table(found: Sequence[dict[str, Any]], total: dict[str, Any]) -> str:
    lines = []
    for one in found:
        lines.append(f"{one['data']} (seeds {', '.join(map(str, one['seeds']))})")
        lines.append(f"  {'base':<10}{'truth':>8}{'h_score':>10}{'log_me':>10}{'probe':>8}")
        for name in one["order_of_all"]:
            truth = f"{one['truth'][name]:.3f}" if name in one["truth"] else "-"
            scores = one["scores"][name]
            values = f"{scores['h_score']:>10.3f}{scores['log_me']:>10.4f}{scores['probe']:>8.3f}"
            lines.append(f"  {name:<10}{truth:>8}{values}")
        taus = ", ".join(f"{name} {value:.2f}" for name, value in one["tau_by_score"].items())
        lines.append(
            f"  tau {one['tau']:.2f} ({taus}; by size {one['tau_by_size']:.2f}; between two seeds of the truth "
            f"{one['tau_between_seeds'] if one['tau_between_seeds'] is None else round(one['tau_between_seeds'], 2)})"
        )
        lines.append(
            f"  the true best, {one['best']}, is {'' if one['is_best_in_first_three'] else 'not '}in the first three; "
            f"the first of the ranking loses {100 * one['lost_by_first']:.1f} points against it"
        )
    lines.append(
        f"mean tau {total['mean_tau']:.2f} (mark {GOAL_TAU}; by size alone {total['mean_tau_by_size']:.2f}), true best "
        f"in the first three {total['best_in_first_three']:.0%} (mark {GOAL_FIRST_THREE:.0%}; by chance 50%): "
        f"{'met' if total['is_met'] else 'missed'}"
    )
    return "\n".join(lines)


def _words(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.base_choice",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--work", type=Path, default=Path("build/base_choice"), help="where bases and cells are kept")
    parser.add_argument("--sets", nargs="+", default=list(SETS), help="folders below the shared data")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--minutes", type=float, default=40.0, help="no cell is begun after so many")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Runs the benchmark; without the data it says so and ends well."""
    asked = _words(arguments)
    missing = [one for one in asked.sets if not (FOLDER / one / "train.jsonl").is_file()]
    if missing:
        print(f"skipped: {', '.join(missing)} not in `{FOLDER}`: set SINTONIA_BENCH_DATA", file=sys.stderr)
        return 0
    measure_missing(cells(asked.sets, asked.seeds), asked.work, asked.minutes)
    known = read_cells(asked.work / "cells.jsonl")
    found = [one for data in asked.sets if (one := compare(known, data, asked.seeds))]
    if not found:
        print("no set is whole yet", file=sys.stderr)
        return 1
    heading = {
        "command": " ".join(["python -m benchmarks.base_choice", *(sys.argv[1:] if arguments is None else arguments)]),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "system": platform.platform(),
        **{name: importlib.metadata.version(name) for name in ("torch", "transformers", "scikit-learn")},
    }
    total = summary(found)
    if asked.json:
        print(json.dumps(heading | total | {"sets": found}, indent=1))
    else:
        print("\n".join(f"{name}: {value}" for name, value in heading.items()))
        print(_table(found, total))
    return 0


if __name__ == "__main__":
    sys.exit(main())
