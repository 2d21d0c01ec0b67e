"""How many examples does the same model need from random weights to do as well as the fine-tuned one (E35)?

    python -m benchmarks.from_scratch [--data FILE] [--sizes 100 300 1000 3000] [--seeds 3] [--minutes 40] [--out CELLS]

MiniLM, pre-trained and with random weights of the same shape, learns the same training examples with the same tokenizer
and the same loop; validation chooses the best weights of both and stops them early, and both answer the same test. The
pre-trained one trains as `tune` would train it. The other one gets four to sixty times the steps, dropout and early
stopping, and the better of several learning rates by validation. Each cell is one JSON line, so that a run that was
ended goes on. The examples of the larger sizes hold those of the smaller ones.

The data-efficiency ratio at n: examples with which the mean learning curve from random weights (log-linear between its
points) reaches the score of the pre-trained model at n, over n. Where it never does, the ratio is a lower bound. The
range is that over all pairs of a seed here and a seed there.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean
from typing import Any

DEFAULT_DATA = Path(__file__).parents[2] / "shared" / "data" / "trec" / "train.jsonl"
FINE_TUNED, FROM_SCRATCH = "fine-tuned", "from scratch"
SCRATCH_RATES = (1e-4, 5e-4)
MAX_TOKENS = 64


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One training, and what it came to on validation and test (shares of right answers)."""

    data: str
    start: str
    size: int
    seed: int
    learning_rate: float
    epochs: int
    batch_examples: int
    best_step: int
    total_steps: int
    stop_reason: str
    validation: float
    test: float
    seconds: float

    @property
    def key(self) -> tuple[str, str, int, int, float]:
        """What tells it from the others."""
        return self.data, self.start, self.size, self.seed, self.learning_rate


@dataclass(frozen=True, kw_only=True)
class Reached:
    """Where a learning curve reaches a score."""

    size: float
    bound: str = ""
    """`at least` where it never does, `at most` where its first point does already."""


Curve = Mapping[int, float]
"""Score by number of training examples."""


def reached(curve: Curve, score: float) -> Reached:
    """Training examples with which a curve reaches a score; its best point so far counts, for it may waver.

    >>> reached({100: 0.5, 1000: 0.7}, 0.6)
    Reached(size=316.2, bound='')
    >>> reached({100: 0.5, 1000: 0.7}, 0.9)
    Reached(size=1000.0, bound='at least')
    """
    before: tuple[int, float] | None = None
    for size in sorted(curve):
        value = curve[size]
        if value >= score:
            if before is None:
                return Reached(size=float(size), bound="at most")
            share = (score - before[1]) / (value - before[1])
            return Reached(size=round(math.exp(math.log(before[0]) + share * math.log(size / before[0])), 1))
        before = (size, max(value, before[1])) if before and value < before[1] else (size, value)
    return Reached(size=float(max(curve)), bound="at least")


def best_rates(cells: Sequence[Cell]) -> list[Cell]:
    """Of the cells that differ in the learning rate only, the one that is best on validation."""
    groups: dict[tuple[Any, ...], list[Cell]] = defaultdict(list)
    for one in cells:
        groups[one.key[:4]].append(one)
    return [max(some, key=lambda one: one.validation) for some in groups.values()]


def ratios(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """For each size of fine-tuning: both scores, the ratio by mean curves, and its range over pairs of seeds."""
    kept, curves = best_rates(cells), defaultdict(lambda: defaultdict(dict))  # type: ignore[var-annotated]
    for one in kept:
        curves[one.start][one.seed][one.size] = one.test
    tuned, scratch = curves[FINE_TUNED], curves[FROM_SCRATCH]
    if not tuned or not scratch:
        return []
    middle = {start: _mean_curve(list(some.values())) for start, some in curves.items()}
    told = []
    for size in sorted(middle[FINE_TUNED]):
        found = reached(middle[FROM_SCRATCH], middle[FINE_TUNED][size])
        pairs = [reached(there, here[size]) for here in tuned.values() if size in here for there in scratch.values()]
        told.append(
            {
                "size": size,
                "fine_tuned": middle[FINE_TUNED][size],
                "from_scratch": middle[FROM_SCRATCH].get(size),
                "ratio": found.size / size,
                "bound": found.bound,
                "lowest": min(one.size for one in pairs) / size,
                "highest": max(one.size for one in pairs) / size,
                "highest_is_bound": any(one.bound == "at least" for one in pairs),
            }
        )
    return told


def _mean_curve(curves: Sequence[Curve]) -> dict[int, float]:
    sizes = set.intersection(*(set(one) for one in curves))
    return {size: mean(one[size] for one in curves) for size in sorted(sizes)}


# ---------------------------------------------------------------- data and trainings


@dataclass(frozen=True, kw_only=True)
class Sets:
    """Rows of text and label; training rows in the order in which they are taken."""

    train: list[tuple[str, str]]
    validation: list[tuple[str, str]]
    test: list[tuple[str, str]]

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels, in order."""
        return tuple(sorted({label for _, label in (*self.train, *self.validation, *self.test)}))


def read_sets(path: Path, num_validation: int = 300, num_test: int = 1000) -> Sets:
    """The same split at each call; a text that occurs again, but for case and spaces, is left out."""
    found: dict[str, tuple[str, str]] = {}
    with path.open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            found.setdefault(" ".join(row["text"].lower().split()), (row["text"], str(row["label"])))
    rows = list(found.values())
    random.Random(0).shuffle(rows)
    watched = num_test + num_validation
    return Sets(test=rows[:num_test], validation=rows[num_test:watched], train=rows[watched:])


def plans(sizes: Sequence[int], num_seeds: int) -> Iterator[tuple[str, int, int, float, int, int]]:
    """(start, size, seed, learning rate, epochs, examples a batch) of each cell, seed by seed."""
    from sintonia.methods import METHODS

    usual = METHODS["full"].learning_rate("encoder", 384)[0]
    for seed in range(num_seeds):
        for size in sizes:
            batch = 32 if size >= 1000 else 16
            yield FINE_TUNED, size, seed, usual, min(max(math.ceil(150 * batch / size), 1), 10), batch
            for rate in SCRATCH_RATES:
                yield FROM_SCRATCH, size, seed, rate, min(max(math.ceil(600 * batch / size), 15), 60), batch


def random_base(folder: Path, seed: int) -> Path:
    """MiniLM's shape and tokenizer with random weights, as transformers initialises them."""
    import torch
    from transformers import AutoConfig, AutoModel

    from sintonia.models.catalog import find_entry
    from sintonia.models.sources import locate

    files = locate(find_entry("minilm"))
    made = folder / f"random-{seed}"
    if not made.exists():
        torch.manual_seed(seed)
        AutoModel.from_config(AutoConfig.from_pretrained(files.model)).save_pretrained(made)
        for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"):
            if (files.tokenizer / name).is_file():
                shutil.copyfile(files.tokenizer / name, made / name)
    return made


def train_cell(sets: Sets, data: str, plan: tuple[str, int, int, float, int, int], folder: Path) -> Cell:
    """One training by the product's own loop, and its score on the test."""
    from sintonia.choose import choose
    from sintonia.models.forward import compute_logits
    from sintonia.models.open import open_candidate
    from sintonia.models.tokens import tokenize
    from sintonia.records import Example, Place
    from sintonia.runs import RunFolder
    from sintonia.settings import DataSettings, Recipe, TrainingSettings
    from sintonia.train import Job, train

    start, size, seed, rate, epochs, batch = plan
    began = time.perf_counter()

    def examples(rows: Sequence[tuple[str, str]]) -> tuple[Example, ...]:
        numbered = enumerate(rows)
        return tuple(
            Example(id=f"{k} {text}", input=text, target=label, group=text, place=Place(file=data, line=k + 1))
            for k, (text, label) in numbered
        )

    recipe = Recipe(
        data=DataSettings(path=data),
        task="classify",
        method="full",
        seed=seed,
        base=f"file:{random_base(folder, seed)}" if start == FROM_SCRATCH else "minilm",
        training=TrainingSettings(
            epochs=float(epochs),
            learning_rate=rate,
            batch_examples=batch,
            micro_tokens=4096,
            weight_decay=0.01,
            dropout=0.1,
            precision="fp32",
            evaluations=8 if start == FINE_TUNED else 15,
            head_start="probe" if start == FINE_TUNED else "random",
            max_tokens=MAX_TOKENS,
            checkpoint_steps=10**9,
            loss_spikes="note",
        ),
    )
    chosen = sets.train[:]
    random.Random(seed).shuffle(chosen)
    with tempfile.TemporaryDirectory(dir=folder) as place:
        run = RunFolder.create(Path(place) / "run", recipe)
        labels = sets.labels
        job = Job(
            run=run,
            recipe=recipe,
            base=choose(recipe, "classify"),
            labels=labels,
            primary_metric="accuracy",
            train=examples(chosen[:size]),
            validation=examples(sets.validation),
            turn=1,
            part="000",
        )
        events = list(train(job))
        tuned = open_candidate(run.file("turns/001/model"))
        ids = tokenize(tuned.tokenizer, [text for text, _ in sets.test], MAX_TOKENS).ids
        answers = compute_logits(tuned.model, ids).argmax(axis=1)
    last, watched = events[-1], [one for one in events if one.kind == "validated"]
    return Cell(
        data=data,
        start=start,
        size=size,
        seed=seed,
        learning_rate=rate,
        epochs=epochs,
        batch_examples=batch,
        best_step=int(last.values["best_step"]),
        total_steps=max(one.step for one in events),
        stop_reason=str(last.values.get("stop_reason", "")),
        validation=float(max(one.values["best_metric"] for one in watched)),
        test=mean(labels[int(k)] == label for k, (_, label) in zip(answers, sets.test, strict=True)),
        seconds=time.perf_counter() - began,
    )


def read_cells(path: Path) -> list[Cell]:
    """The cells that are done; a last line that was cut off is left out."""
    cells = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            cells.append(Cell(**json.loads(line)))
        except ValueError:
            continue
    return cells


def in_words(told: Sequence[dict[str, Any]]) -> str:
    """The table."""
    lines = [f"{'examples':>9}{'fine-tuned':>12}{'from scratch':>14}   ratio (range over pairs of seeds)"]
    for one in told:
        scratch = f"{100 * one['from_scratch']:.1f}" if one["from_scratch"] is not None else "-"
        bound = f"{one['bound']} " if one["bound"] else ""
        more = " or more" if one["highest_is_bound"] else ""
        lines.append(
            f"{one['size']:>9,}{100 * one['fine_tuned']:>12.1f}{scratch:>14}   {bound}{one['ratio']:.1f} x "
            f"({one['lowest']:.1f} to {one['highest']:.1f}{more})"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Runs the cells that are missing, as long as there is time, and prints the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.from_scratch", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA, help="JSONL of text and label")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 300, 1000, 3000])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=40.0, help="no cell is begun after so long")
    parser.add_argument("--out", type=Path, default=Path("from_scratch.jsonl"), help="where the cells are kept")
    parser.add_argument("--json", action="store_true", help="print the result on stdout as JSON")
    asked = parser.parse_args(arguments)
    from benchmarks.operations import hardware

    sets, data, began = read_sets(asked.data), asked.data.parent.name, time.monotonic()
    sizes = [size for size in asked.sizes if size <= len(sets.train)]
    with tempfile.TemporaryDirectory() as folder:
        for plan in plans(sizes, asked.seeds):
            done = {one.key for one in read_cells(asked.out)}
            if (data, *plan[:4]) in done or time.monotonic() - began > 60 * asked.minutes:
                continue
            cell = train_cell(sets, data, plan, Path(folder))
            with asked.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(cell)) + "\n")
            print(f"{cell.start}, {cell.size}: {cell.test:.3f} in {cell.seconds:.0f} s", file=sys.stderr)
    told = ratios([one for one in read_cells(asked.out) if one.data == data])
    print(json.dumps({"data": data, "ratios": told, "hardware": hardware()}) if asked.json else in_words(told))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
