"""At equal numbers of labels: how good is a model whose texts were picked, beside one whose texts came by chance? (E34)

    python -m benchmarks.labels [--work FOLDER] [--sets banking20 trec snips tweeteval_emotion] [--seeds 10]
        [--batch 0] [--minutes 20] [--table] [--json]

Each seed draws its own rows: at most 3,000 that wait for a label, 1,000 others that judge; of banking77 also 20 of its
77 intents. All arms begin with the same labels, five a class by chance, and take six batches. What picks is the
product's own `pick`; the model is the product's linear probe on features of minilm, computed once. The arms:

    random          texts by chance
    margin          the smallest margins alone, no groups and nothing by chance
    product         what `sintonia label` does: 85 % of the smallest margins apart from one another, 15 % by chance
    product-cold    the beginning as well: the first labels on texts that stand for many (`pick_spread`), equally many

A batch is 20 texts, or a tenth of what is labelled when that is more (the default of `sintonia label`); --batch says
otherwise. Each arm of a seed is one line of `cells.jsonl` in the work folder, so what was interrupted goes on; --table
only prints what is there. Intervals are of the mean of paired differences over seeds (t, 95 %). "Saved" is the share of
labels that chance needs more to be as good.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(os.environ.get("SINTONIA_BENCH_DATA", Path(__file__).parents[2] / "shared" / "data"))
SETS = ("banking20", "trec", "snips", "tweeteval_emotion")
"""Intents of a bank, 20 of 77 by seed; the form of questions; what is asked of an assistant; the mood of tweets."""
FOLDERS = {"banking20": "banking77"}
NUM_INTENTS = {"banking20": 20}
ARMS = ("random", "margin", "product", "product-cold")
ROUNDS, OF_A_CLASS = 6, 5
NUM_POOL, NUM_JUDGED = 3_000, 1_000
MOST_ROWS = 6_000
"""Of a set, by the hash of their texts: features of all would take minutes."""
STRENGTH = 10.0
GOAL_POINTS = 2.0
ENOUGH_OF_RANDOM = 2.0
"""So many times the labels of the others are given to chance in the end, to see when it is as good."""


@dataclasses.dataclass(frozen=True, slots=True)
class Drawn:
    """The rows of one seed: features (texts, hidden) and targets (texts,) of the pool and of those that judge."""

    pool: np.ndarray
    targets: np.ndarray
    judged: np.ndarray
    answers: np.ndarray
    num_labels: int


def read_set(name: str) -> tuple[list[str], list[str]]:
    """The texts of a set, each once by the product's key, and their labels."""
    from sintonia.prepare import text_key

    with (FOLDER / FOLDERS.get(name, name) / "train.jsonl").open(encoding="utf-8") as stream:
        rows = {text_key(row["text"]): row for row in map(json.loads, stream) if row["text"].strip()}
    kept = list(rows.values()) if name in NUM_INTENTS else [rows[key] for key in sorted(rows)[:MOST_ROWS]]
    return [row["text"] for row in kept], [str(row["label"]) for row in kept]


def features_of(name: str, texts: Sequence[str], work: Path) -> np.ndarray:
    """Features of the frozen minilm, computed once a work folder."""
    path = work / f"{name}.npy"
    if path.is_file():
        return np.asarray(np.load(path, allow_pickle=False))
    from sintonia.choose import choose
    from sintonia.models.forward import compute_features
    from sintonia.models.open import open_base
    from sintonia.models.tokens import tokenize
    from sintonia.recipe import check_values, make_recipe

    recipe = check_values(make_recipe({"task": "classify", "base": "minilm", "data": {"path": str(FOLDER)}}))
    opened = open_base(base := choose(recipe, "classify"), min(base.max_tokens, 128))
    features = compute_features(opened.model, tokenize(opened.tokenizer, texts, opened.max_tokens).ids)
    np.save(path, features, allow_pickle=False)
    return features


def draw(name: str, features: np.ndarray, labels: Sequence[str], seed: int) -> Drawn:
    """Other intents, and other rows on either side, for each seed."""
    generator = np.random.default_rng([seed, 34])
    names, targets = np.unique(labels, return_inverse=True)
    kept = np.arange(len(names))
    if name in NUM_INTENTS:
        kept = np.sort(generator.permutation(len(names))[: NUM_INTENTS[name]])
    rows = generator.permutation(np.flatnonzero(np.isin(targets, kept)))
    targets = np.searchsorted(kept, targets)
    num_judged = min(NUM_JUDGED, len(rows) // 3)
    judged, pool = rows[:num_judged], rows[num_judged : num_judged + NUM_POOL]
    return Drawn(features[pool], targets[pool], features[judged], targets[judged], len(kept))


def first_labels(drawn: Drawn, seed: int) -> np.ndarray:
    """Five texts of each class by chance; of a class that has fewer, all of them."""
    generator = np.random.default_rng([seed, 35])
    order = generator.permutation(len(drawn.targets))
    return np.concatenate([order[drawn.targets[order] == one][:OF_A_CLASS] for one in range(drawn.num_labels)])


def logits_of(drawn: Drawn, known: np.ndarray, features: np.ndarray) -> np.ndarray:
    """What the product's probe, fitted to the labelled texts, says."""
    from sintonia.models.probe import fit_probe

    probe = fit_probe(drawn.pool[known], drawn.targets[known], drawn.num_labels, STRENGTH)
    return probe.logits(features)


def next_texts(arm: str, drawn: Drawn, known: np.ndarray, wanted: int, seed: int) -> np.ndarray:
    """Positions in the pool of the texts that an arm has labelled next."""
    from scipy.special import softmax

    from sintonia.adjust import pick, shortlist
    from sintonia.adjust.label_next import margins
    from sintonia.records import Batch

    free = np.setdiff1d(np.arange(len(drawn.targets)), known)
    if arm == "random":
        return np.random.default_rng([seed, len(known)]).permutation(free)[:wanted]
    probabilities = softmax(logits_of(drawn, known, drawn.pool[free]), axis=1)
    if arm == "margin":
        return free[np.argsort(margins(probabilities), kind="stable")[:wanted]]
    batch = Batch(num_wanted=wanted, seed=1_000 * seed + len(known))
    near = drawn.pool[free][shortlist(probabilities, batch)]
    return free[[one.position for one in pick(probabilities, near, batch)]]


def measure(arm: str, drawn: Drawn, seed: int, batch: int) -> list[tuple[int, float]]:
    """Labels given and accuracy on the judging rows, at the beginning and after each batch."""
    known = first_labels(drawn, seed)
    if arm == "product-cold":
        from sintonia.adjust import pick_spread
        from sintonia.records import Batch

        wanted = Batch(num_wanted=len(known), seed=seed)
        known = np.array([one.position for one in pick_spread(drawn.pool, drawn.pool[:0], wanted)])
    curve = [(len(known), accuracy(drawn, known))]
    for _ in range(ROUNDS):
        wanted_texts = batch or max(20, round(0.1 * len(known)))
        known = np.concatenate([known, next_texts(arm, drawn, known, wanted_texts, seed)])
        curve.append((len(known), accuracy(drawn, known)))
    step, most = max(10, len(known) // 10), min(len(drawn.targets), round(ENOUGH_OF_RANDOM * len(known)))
    while arm == "random" and len(known) + step <= most:
        known = np.concatenate([known, next_texts(arm, drawn, known, step, seed)])
        curve.append((len(known), accuracy(drawn, known)))
    return curve


def accuracy(drawn: Drawn, known: np.ndarray) -> float:
    """Share of the judging rows that the probe answers rightly."""
    return float((logits_of(drawn, known, drawn.judged).argmax(axis=1) == drawn.answers).mean())


def fill(work: Path, sets: Sequence[str], num_seeds: int, batch: int, minutes: float) -> None:
    """Measures what is not in `cells.jsonl` yet, seed by seed, while minutes are left."""
    ends = time.monotonic() + 60 * minutes
    done = {(one["data"], one["arm"], one["seed"], one["batch"]) for one in read_cells(work)}
    for name in sets:
        open_cells = [(seed, arm) for seed in range(num_seeds) for arm in ARMS if (name, arm, seed, batch) not in done]
        if not open_cells:
            continue
        texts, labels = read_set(name)
        features = features_of(name, texts, work)
        for seed, arm in open_cells:
            if time.monotonic() > ends:
                print("the minutes are over: the same command goes on", file=sys.stderr)
                return
            curve = measure(arm, draw(name, features, labels, seed), seed, batch)
            cell = {"data": name, "arm": arm, "seed": seed, "batch": batch, "curve": curve}
            with (work / "cells.jsonl").open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(cell) + "\n")
            print(f"{name} seed {seed} {arm}: {curve[ROUNDS][0]} labels, {curve[ROUNDS][1]:.3f}", file=sys.stderr)


def read_cells(work: Path) -> list[dict[str, Any]]:
    """The lines of the work folder; one that was cut short is left out."""
    path = work / "cells.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.is_file() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def interval(differences: Sequence[float]) -> tuple[float, float, float]:
    """The mean of paired differences and its 95 % interval."""
    from scipy.stats import t

    values = np.asarray(differences)
    spread = values.std(ddof=1) / math.sqrt(len(values)) if len(values) > 1 else math.inf
    half = float(t.ppf(0.975, max(len(values) - 1, 1))) * spread
    return float(values.mean()), float(values.mean() - half), float(values.mean() + half)


def summary(cells: Sequence[dict[str, Any]], batch: int) -> list[dict[str, Any]]:
    """One row a set: accuracies after the last batch, the differences from chance, and how many labels chance needs."""
    curves: dict[str, dict[str, dict[int, list[list[float]]]]] = defaultdict(lambda: defaultdict(dict))
    for one in cells:
        if one["batch"] == batch:
            curves[one["data"]][one["arm"]][one["seed"]] = one["curve"]
    rows = []
    for name, arms in curves.items():
        seeds = sorted(set.intersection(*({*arms.get(arm, {})} for arm in ARMS)))
        if not seeds:
            continue
        last = {arm: [arms[arm][seed][ROUNDS][1] for seed in seeds] for arm in ARMS}
        row: dict[str, Any] = {"data": name, "seeds": len(seeds), "labels": arms["random"][seeds[0]][ROUNDS][0]}
        row |= {arm: float(np.mean(values)) for arm, values in last.items()}
        pairs = (("product", "random"), ("product", "margin"), ("product-cold", "random"))
        for better, other in pairs:
            gains = [100 * (a - b) for a, b in zip(last[better], last[other], strict=True)]
            row[f"{better} - {other}"] = interval(gains)
        rounds = range(1, ROUNDS + 1)
        through = [
            float(100 * np.mean([arms["product"][seed][k][1] - arms["random"][seed][k][1] for k in rounds]))
            for seed in seeds
        ]
        row["mean over rounds"] = interval(through)
        row["labels saved"] = labels_saved(arms, seeds)
        rows.append(row)
    return rows


def labels_saved(arms: dict[str, dict[int, list[list[float]]]], seeds: Sequence[int]) -> float | None:
    """The share of labels that chance needs more than the product does: where the mean curve of chance gets as high.

    None where it does not within twice the labels.
    """
    goal = float(np.mean([arms["product"][seed][ROUNDS][1] for seed in seeds]))
    length = min(len(arms["random"][seed]) for seed in seeds)
    mean = np.mean([[point[1] for point in arms["random"][seed][:length]] for seed in seeds], axis=0)
    counts = [point[0] for point in arms["random"][seeds[0]][:length]]
    reached = [count for count, value in zip(counts, mean, strict=True) if value >= goal]
    return 1 - arms["product"][seeds[0]][ROUNDS][0] / reached[0] if reached else None


def show(rows: Sequence[dict[str, Any]]) -> None:
    """The table, and whether E34 is met."""
    named = "product - random | product - margin | cold - random"
    print(f"| set | seeds | labels | random | margin | product | cold | {named} | saved |")
    print("|---|" + "---:|" * 10)
    for row in rows:
        told = [f"{row[arm]:.3f}" for arm in ARMS]
        pairs = [row[name] for name in ("product - random", "product - margin", "product-cold - random")]
        differences = [f"{mean:+.1f} ({low:+.1f} to {high:+.1f})" for mean, low, high in pairs]
        saved = "not reached" if row["labels saved"] is None else f"{row['labels saved']:.0%}"
        print(f"| {' | '.join([row['data'], str(row['seeds']), str(row['labels']), *told, *differences, saved])} |")
    for row in rows:
        if row["data"] == "banking20":
            mean, low, _ = row["product - random"]
            met = "met" if mean >= GOAL_POINTS and low > 0 else "missed"
            print(f"E34 on {row['data']}: {mean:+.1f} points at {row['labels']} labels (goal +{GOAL_POINTS}): {met}")


def main() -> None:
    """Measures, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "sintonia-labels")
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--batch", type=int, default=0, help="texts a batch; 0: 20, or a tenth of what is labelled")
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--table", action="store_true", help="only print what is there")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    asked = parser.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    if not asked.table:
        fill(asked.work, asked.sets, asked.seeds, asked.batch, asked.minutes)
    rows = summary(read_cells(asked.work), asked.batch)
    print(json.dumps(rows, indent=1)) if asked.json else show(rows)


if __name__ == "__main__":
    main()
