"""Does a learning curve say what twice the examples will do (E23)? Half of the examples are hidden, and predicted.

    python -m benchmarks.curve [--work FOLDER] [--only SET ...] [--fine-tune] [--table] [--json]

Each case has a set, a number N of visible training examples, and a seed: the product measures its curve on these, with
a validation set of the product's size (0.21 N), and tells the error and the gain with 2N. The truth is measured with N
more examples that it never saw, (a) on the very examples that the curve was scored on, each by probes not fitted on its
group, which is what a prediction can be held to, and (b) on other examples. An answer is right by both together, since
neither is enough to tell two points apart. Near-copies stay together. Features of `minilm` are computed once for each
set, each case is one line of `cells.jsonl` in the folder of --work, and a case that is there is not measured again.
With --fine-tune the curve is of real trainings with the product's defaults, and the truth one more training on 2N.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from sintonia.adjust.curve import Draw, Measured
from sintonia.adjust.curve.answering import answer_of, fit_curve
from sintonia.adjust.curve.measured import error_of
from sintonia.corridor.growing.probing import (
    Ground,
    best_strength,
    held_out,
    num_folds,
    probe_counts,
    probe_curve,
    probe_sizes,
)
from sintonia.metrics import METRICS

FOLDER = Path(os.environ.get("SINTONIA_BENCH_DATA", Path(__file__).parents[2] / "shared" / "data"))
SETS = {
    "trec": (("trec/train.jsonl", "label"),),
    "trec_fine": (("trec/train.jsonl", "fine_label"),),
    "sst2": (("sst2/train.jsonl", "label"),),
    "sst5": (("sst5/train.jsonl", "label"),),
    "snips": (("snips/train.jsonl", "label"),),
    "sms_spam": (("sms_spam/all.jsonl", "label"),),
    "sentiment_it": (("sentiment_it/train.jsonl", "label"), ("sentiment_it/val.jsonl", "label")),
    "sentiment_en": (("sentiment_it/en_train.jsonl", "label"), ("sentiment_it/en_val.jsonl", "label")),
    "banking77": (("banking77/train.jsonl", "label"),),
    "emotion": (("tweeteval_emotion/train.jsonl", "label"),),
    "banking77_oos": (("banking77_oos/id-oos.train.jsonl", "label"), ("banking77/train.jsonl", "=in scope")),
}
VISIBLE = (300, 500, 800)
SEEDS = (0, 1)
MACRO = ("sms_spam", "trec", "emotion")
"""Sets that are also told in macro-F1."""
FINE_TUNED = ("trec", "sentiment_it", "sst2")
TRAINED = 320
_TRAINED_VALIDATION = 300
_VALIDATION = 0.21
_HIDDEN = 1.15
_MOST_ROWS = 2_400
_LEAST_TEST = 250
_TEST_DRAWS = 3


@dataclass(frozen=True, kw_only=True)
class Rows:
    """A set as arrays."""

    texts: list[str]
    targets: np.ndarray
    groups: np.ndarray
    labels: tuple[str, ...]
    features: np.ndarray


def read_rows(name: str) -> tuple[list[str], list[str]]:
    """Texts and labels, each text once, in an order of chance; labels of fewer than eight rows are left out."""
    found: dict[str, str] = {}
    for path, column in SETS[name]:
        with (FOLDER / path).open(encoding="utf-8") as stream:
            rows = [json.loads(line) for line in stream]
        kept = np.random.default_rng(7).permutation(len(rows))[:_MOST_ROWS]
        for position in sorted(kept.tolist()):
            row = rows[position]
            found.setdefault(row["text"], column[1:] if column[0] == "=" else row[column])
    texts = list(found)
    order = np.random.default_rng(11).permutation(len(texts))[:_MOST_ROWS]
    texts = [texts[int(k)] for k in order]
    labels = [str(found[one]) for one in texts]
    counts = {label: labels.count(label) for label in set(labels)}
    kept_rows = [k for k, label in enumerate(labels) if counts[label] >= 8]
    return [texts[k] for k in kept_rows], [labels[k] for k in kept_rows]


def load(name: str, work: Path) -> Rows:
    """The set with features and groups, computed once."""
    texts, labels = read_rows(name)
    path = work / f"{name}.npz"
    if not path.is_file():
        from sintonia.prepare.near import clusters, near_pairs

        groups = np.unique(clusters(len(texts), near_pairs(texts), 20), return_inverse=True)[1]
        np.savez(path, features=_features(texts), groups=groups)
    kept = np.load(path)
    names = tuple(sorted(set(labels)))
    targets = np.array([names.index(one) for one in labels])
    return Rows(texts=texts, targets=targets, groups=kept["groups"], labels=names, features=kept["features"])


def _features(texts: list[str]) -> np.ndarray:
    from sintonia.choose import choose
    from sintonia.models.forward import compute_features
    from sintonia.models.open import open_base
    from sintonia.models.tokens import tokenize
    from sintonia.settings import DataSettings, Recipe

    base = choose(Recipe(data=DataSettings(path="none"), base="minilm", task="classify"), "classify")
    opened = open_base(base, base.max_tokens)
    return compute_features(opened.model, tokenize(opened.tokenizer, texts, base.max_tokens).ids)


@dataclass(frozen=True, kw_only=True)
class Case:
    """Positions in the rows of a set: visible training, validation, hidden training, and other rows."""

    visible: np.ndarray
    validation: np.ndarray
    hidden: np.ndarray
    test: np.ndarray


def make_case(rows: Rows, count: int, seed: int) -> Case | None:
    """None where the set is too small; groups stay together, and what they overshoot is cut."""
    order = np.random.default_rng([seed, count]).permutation(int(rows.groups.max()) + 1)
    place = np.empty(len(order), dtype=int)
    place[order] = np.arange(len(order))
    ranked = np.argsort(place[rows.groups], kind="stable")
    ends = np.cumsum([count, round(_VALIDATION * count), round(_HIDDEN * count)])
    if len(ranked) < ends[-1] + _LEAST_TEST:
        return None
    visible, validation, hidden, test = np.split(ranked, ends)
    seen = [set(rows.groups[one].tolist()) for one in (visible, validation, hidden)]
    validation = validation[~np.isin(rows.groups[validation], list(seen[0]))]
    hidden = hidden[~np.isin(rows.groups[hidden], list(seen[0] | seen[1]))]
    test = test[~np.isin(rows.groups[test], list(seen[0] | seen[1] | seen[2]))]
    return Case(visible=visible, validation=validation, hidden=hidden, test=test)


def _ground(rows: Rows, train: np.ndarray, scored: np.ndarray, metric: str) -> Ground:
    places = np.concatenate([train, scored])
    return Ground(
        features=rows.features[places],
        targets=rows.targets[places],
        groups=rows.groups[places],
        num_train=len(train),
        labels=rows.labels,
        metric=metric,
    )


def _error(metric: str, counts: np.ndarray) -> float:
    rule = METRICS[metric]
    return float(error_of(rule, rule.from_counts(counts.sum(axis=0, keepdims=True)))[0])


def truth_on_same(rows: Rows, case: Case, metric: str, seed: int) -> tuple[float, float]:
    """Errors with N and 2N on the examples of the curve: of each draw what may be fitted to, and hidden ones."""
    ground = _ground(rows, case.visible, np.concatenate([case.validation, case.hidden]), metric)
    num, scored_by_curve = len(case.visible), len(case.visible) + len(case.validation)
    hidden, generator = np.arange(scored_by_curve, len(ground.targets)), np.random.default_rng(seed)
    draws, strengths = list[Draw](), dict[int, float]()
    visible = _ground(rows, case.visible, case.validation, metric)
    for kept, scored in islice(held_out(visible, seed), num_folds(visible)):
        more = generator.permutation(hidden)
        counts, sizes = [], []
        for times in (1, 2):
            subset = np.concatenate([kept, more[: times * num - len(kept)]])
            strengths.setdefault(times, best_strength(ground, subset, scored))
            counts.append(probe_counts(ground, subset, scored, strengths[times]))
            sizes.append(len(subset))
        draws.append(Draw(scored=scored, sizes=tuple(sizes), counts=tuple(counts)))
    now, then = Measured(metric=metric, draws=tuple(draws), groups=ground.groups[:scored_by_curve]).errors()[0]
    return float(now), float(then)


def truth_on_others(rows: Rows, case: Case, metric: str, seed: int) -> tuple[float, float]:
    """Errors with N and 2N on other rows; the second is a mean over draws of the hidden ones."""
    train = np.concatenate([case.visible, case.hidden])
    ground = _ground(rows, train, np.concatenate([case.validation, case.test]), metric)
    num, after = len(case.visible), len(train) + len(case.validation)
    validation, test = np.arange(len(train), after), np.arange(after, len(ground.targets))
    now = _of_subset(ground, np.arange(num), validation, test)
    generator = np.random.default_rng(seed)
    then = []
    for _ in range(_TEST_DRAWS):
        more = generator.permutation(np.arange(num, len(train)))[:num]
        then.append(_of_subset(ground, np.concatenate([np.arange(num), more]), validation, test))
    return now, float(np.mean(then))


def _of_subset(ground: Ground, subset: np.ndarray, validation: np.ndarray, test: np.ndarray) -> float:
    strength = best_strength(ground, subset, validation)
    return _error(ground.metric, probe_counts(ground, subset, test, strength))


def measure(rows: Rows, case: Case, metric: str, seed: int) -> dict[str, Any] | None:
    """One cell: what was told, and what came true. None where there are too few examples for a curve."""
    ground = _ground(rows, case.visible, case.validation, metric)
    if not probe_sizes(ground):
        return None
    began = time.monotonic()
    measured = probe_curve(ground, seed)
    fitted = fit_curve(measured, len(case.visible))
    seconds = time.monotonic() - began
    answer, why = answer_of(fitted)
    told, gain = fitted.at(2 * len(case.visible)), fitted.gain()
    same, others = (part(rows, case, metric, seed) for part in (truth_on_same, truth_on_others))
    return {
        "sizes": measured.sizes.tolist(),
        "errors": fitted.errors.tolist(),
        "again": np.round(fitted.again, 5).tolist(),
        "told": [told.value, told.low, told.high],
        "gain": [gain.value, gain.low, gain.high],
        "answer": answer,
        "why": why,
        "same": same,
        "others": others,
        "num_test": len(case.test),
        "seconds": round(seconds, 2),
    }


def true_gain(cell: dict[str, Any]) -> float:
    """What 2N gained, on the examples of the curve and on the others together."""
    sizes = (1 + _VALIDATION) * cell["n"], cell["num_test"]
    gains = [cell[truth][0] - cell[truth][1] for truth in ("same", "others")]
    return float(np.average(gains, weights=sizes))


def summary(cells: list[dict[str, Any]], truth: str = "same") -> dict[str, Any]:
    """The figures of E23 over cells; `truth` is `same` or `others`, and the answers are judged by both together."""
    misses = [one["told"][0] - one[truth][1] for one in cells]
    covered = [one["told"][1] <= one[truth][1] <= one["told"][2] for one in cells]
    gains = [true_gain(one) for one in cells]
    given = [(one["answer"] == "yes") == (gain >= 0.02) for one, gain in zip(cells, gains, strict=True) if _given(one)]
    return {
        "cases": len(cells),
        "mean_error_points": 100 * float(np.mean(np.abs(misses))) if cells else None,
        "bias_points": 100 * float(np.mean(misses)) if cells else None,
        "covered": float(np.mean(covered)) if cells else None,
        "given": len(given) / max(len(cells), 1),
        "right": float(np.mean(given)) if given else None,
        "answers": {word: sum(one["answer"] == word for one in cells) for word in ("yes", "no", "can't tell")},
        "truly_yes": sum(gain >= 0.02 for gain in gains),
    }


def _given(one: dict[str, Any]) -> bool:
    return bool(one["answer"] in ("yes", "no"))


def _told(title: str, found: dict[str, Any]) -> str:
    if not found["cases"]:
        return f"{title:<24} no cases"
    right = "-" if found["right"] is None else f"{found['right']:.0%}"
    answers = found["answers"]
    untold = answers["can't tell"]
    return (
        f"{title:<24}{found['cases']:>4} cases  error {found['mean_error_points']:.2f} points (bias "
        f"{found['bias_points']:+.2f})  band holds {found['covered']:.0%}  answered "
        f"{found['given']:.0%}, right {right}  (yes {answers['yes']}, no {answers['no']}, can't tell {untold}; "
        f"truly yes {found['truly_yes']})"
    )


def table(cells: list[dict[str, Any]]) -> str:
    """One line a set, then all, on the same and on other examples."""
    lines = []
    for kind in sorted({one["kind"] for one in cells}):
        of_kind = [one for one in cells if one["kind"] == kind]
        lines.append(f"{kind}: the truth on the examples of the curve")
        lines += [_told(name, summary([one for one in of_kind if one["set"] == name])) for name in _names(of_kind)]
        lines.append(_told("all", summary(of_kind)))
        lines.append(_told("all, other examples", summary(of_kind, "others")))
    return "\n".join(lines)


def _names(cells: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(one["set"] for one in cells))


def read_cells(path: Path) -> list[dict[str, Any]]:
    """The cells that are there; an unfinished last line is skipped."""
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def run_probes(names: list[str], work: Path) -> None:
    """Measures every case that is not there yet."""
    path = work / "cells.jsonl"
    known = {(one["set"], one["metric"], one["n"], one["seed"]) for one in read_cells(path)}
    for name in names:
        rows = None
        for count in VISIBLE:
            for seed in SEEDS:
                for metric in ("accuracy", *(("macro_f1",) if name in MACRO else ())):
                    if (name, metric, count, seed) in known:
                        continue
                    rows = rows or load(name, work)
                    case = make_case(rows, count, seed)
                    cell = measure(rows, case, metric, seed) if case else None
                    if cell is None:
                        continue
                    body = {"kind": f"probe {metric}", "set": name, "metric": metric, "n": count, "seed": seed, **cell}
                    with path.open("a", encoding="utf-8") as stream:
                        stream.write(f"{json.dumps(body)}\n")
                    print(f"{name} {metric} {count} {seed}: {cell['answer']}, {cell['seconds']} s", file=sys.stderr)


def run_trainings(names: list[str], work: Path) -> None:
    """The curve of real trainings: a run on N rows with its curve, and a run on 2N with the same validation set."""
    path = work / "cells.jsonl"
    known = {(one["set"], one["n"], one["seed"]) for one in read_cells(path) if one["kind"] == "fine-tune accuracy"}
    for name in names:
        for seed in SEEDS:
            case = None if (name, TRAINED, seed) in known else make_case(load(name, work), TRAINED, seed)
            if case is None:
                continue
            cell = _trained(load(name, work), case, work / f"runs/{name}-{seed}")
            body = {"kind": "fine-tune accuracy", "set": name, "metric": "accuracy", "n": TRAINED, "seed": seed, **cell}
            with path.open("a", encoding="utf-8") as stream:
                stream.write(f"{json.dumps(body)}\n")
            print(f"{name} fine-tune {TRAINED} {seed}: {cell['answer']}, {cell['seconds']} s", file=sys.stderr)


def _trained(rows: Rows, case: Case, folder: Path) -> dict[str, Any]:
    from sintonia.corridor.doors import measure_curve

    began = time.monotonic()
    num = len(case.visible)
    validation, test = np.split(case.test, [_TRAINED_VALIDATION])
    run = _run(rows, (case.visible, validation, test[:_TRAINED_VALIDATION]), folder / "visible")
    curve = measure_curve(run, fine_tunes=True)
    double = np.concatenate([case.visible, case.hidden[:num]])
    then = 1 - _validated(_run(rows, (double, validation, test[:_TRAINED_VALIDATION]), folder / "double"))
    places = np.log([point.num_examples for point in curve.band])
    ends = [[getattr(point.error, end) for point in curve.band] for end in ("value", "low", "high")]
    told = [float(np.interp(np.log(2 * curve.num_train), places, values)) for values in ends]
    now, gain = curve.points[-1].error.value, curve.gain
    assert gain is not None
    return {
        "sizes": [one.num_examples for one in curve.points],
        "errors": [one.error.value for one in curve.points],
        "told": told,
        "gain": [gain.value, gain.low, gain.high],
        "answer": curve.answer,
        "why": curve.told[0],
        "same": [now, then],
        "others": [now, then],
        "num_test": len(validation),
        "seconds": round(time.monotonic() - began, 1),
    }


def _run(rows: Rows, sets: tuple[np.ndarray, ...], folder: Path) -> Any:
    """A finished run of the product on these training, validation and test rows; one that is there is gone on with."""
    from sintonia.pipeline import improve, start
    from sintonia.runs import RunFolder
    from sintonia.settings import DataSettings, EvaluationSettings, Recipe

    folder.mkdir(parents=True, exist_ok=True)
    for name, places in zip(("train", "validation", "test"), sets, strict=True):
        lines = [json.dumps({"text": rows.texts[int(k)], "label": rows.labels[rows.targets[int(k)]]}) for k in places]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    train, validation, test = (str(folder / f"{name}.jsonl") for name in ("train", "validation", "test"))
    recipe = Recipe(
        data=DataSettings(path=train, validation=validation, test=test),
        task="classify",
        base="minilm",
        evaluation=EvaluationSettings(primary_metric="accuracy"),
    )
    path = folder / "run"
    run = RunFolder.open(path) if (path / "recipe.yaml").exists() else start(recipe, path)
    improve(run)
    return run


def _validated(run: Any) -> float:
    """Accuracy of the first turn on validation."""
    from sintonia.pipeline import finished_turns

    return float(finished_turns(run)[0].validation_metric)


def main(arguments: list[str] | None = None) -> int:
    """Runs the benchmark; without the data it says so and ends well."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.curve", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=Path("curve-work"), help="where features and cells are kept")
    parser.add_argument("--only", nargs="+", default=list(SETS), choices=list(SETS), help="these sets alone")
    parser.add_argument("--fine-tune", action="store_true", help="curves of real trainings, on three sets")
    parser.add_argument("--table", action="store_true", help="only show what is there")
    parser.add_argument("--json", action="store_true", help="print the summaries as JSON")
    asked = parser.parse_args(arguments)
    if not FOLDER.is_dir():
        print(f"skipped: there is no `{FOLDER}`: set SINTONIA_BENCH_DATA", file=sys.stderr)
        return 0
    asked.work.mkdir(parents=True, exist_ok=True)
    if asked.fine_tune and not asked.table:
        run_trainings([name for name in asked.only if name in FINE_TUNED], asked.work)
    elif not asked.table:
        run_probes(asked.only, asked.work)
    cells = read_cells(asked.work / "cells.jsonl")
    if asked.json:
        kinds = sorted({one["kind"] for one in cells})
        found = {
            kind: {truth: summary([one for one in cells if one["kind"] == kind], truth) for truth in ("same", "others")}
            for kind in kinds
        }
        print(json.dumps(found, indent=1))
    else:
        print(table(cells))
    return 0


if __name__ == "__main__":
    sys.exit(main())
