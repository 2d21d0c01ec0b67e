"""How often is the verdict right when the true gain is known?

    python -m benchmarks.verdict_power [--data FILE] [--simulated 500] [--examples 200 500 1000] [--json]

Real answers of a real classifier (TF-IDF and logistic regression, learned on a part of the rows) to real texts that it
has not seen are the base. The tuned model is made of them: whole groups of near-copies are fixed (the target) or broken
(the label that the base itself finds next likeliest) at random, so that the true gain is 0, 0.5, 1 and 2 times the
minimum detectable effect. Each simulated test is a fresh draw of groups and of changes, judged by the rule of the
product. Beside each share stands what the theory of the test promises for it.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import math
import os
import platform
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from sintonia.evaluate.answers import Answers
from sintonia.evaluate.compare import Rule, compare
from sintonia.metrics import METRICS
from sintonia.statistics import level_of_opening, minimum_detectable_effect

FOLDER = Path(os.environ.get("SINTONIA_BENCH_DATA", Path(__file__).parents[2] / "shared" / "data"))
DEFAULT_DATA = FOLDER / "banking77" / "train.jsonl"
OUTCOMES = ("better", "worse", "equivalent", "inconclusive")
TIMES = (0.0, 0.5, 1.0, 2.0)
MARGIN = 0.01
_LARGEST_GROUP = 20
_LEAST_BROKEN = 0.02
_ACCURACY = METRICS["accuracy"]


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Examples to draw tests from, with what the base answers and the label that it finds next likeliest."""

    targets: np.ndarray
    base: np.ndarray
    next_best: np.ndarray
    groups: np.ndarray
    """From 0 without gaps; near-copies have the same."""

    @property
    def accuracy(self) -> float:
        return float((self.targets == self.base).mean())

    def inflation(self, num_fixed: float, num_broken: float) -> float:
        """Variance of a change of whole groups over that of as many changes of single examples."""
        is_right = self.targets == self.base
        right, wrong = (np.bincount(self.groups, part) for part in (is_right, ~is_right))
        together = num_fixed * (wrong**2).sum() / wrong.sum() + num_broken * (right**2).sum() / right.sum()
        return float(together / (num_fixed + num_broken))


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One line of the table: a size of the test and a true gain."""

    num_examples: int
    times: float
    disagreement: float
    """Share of the examples that only one of the two answers rightly."""
    gain: float
    spread: float
    """Standard error of the difference, groups counted."""
    draws: int

    @property
    def shares(self) -> tuple[float, float]:
        """Shares of all examples that are fixed and that are broken."""
        return (self.disagreement + self.gain) / 2, (self.disagreement - self.gain) / 2


def read_pool(path: Path, num_taught: int, seed: int = 0) -> Pool:
    """The base learns on about `num_taught` rows, whole groups of them, and answers the others."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    from sintonia.prepare.near import clusters, near_pairs

    with path.open(encoding="utf-8") as stream:
        rows = list({row["text"]: row for row in map(json.loads, stream)}.values())
    texts, targets = [row["text"] for row in rows], np.array([row["label"] for row in rows])
    groups = np.unique(clusters(len(rows), near_pairs(texts), _LARGEST_GROUP), return_inverse=True)[1]
    order = np.random.default_rng(seed).permutation(groups.max() + 1)
    taught_groups = order[np.cumsum(np.bincount(groups)[order]) <= num_taught]
    is_taught = np.isin(groups, taught_groups)
    features = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True).fit_transform(texts)
    model = LogisticRegression(C=10.0, max_iter=300).fit(features[is_taught], targets[is_taught])
    likeliest = np.argsort(-model.predict_proba(features[~is_taught]), axis=1)
    first, second = model.classes_[likeliest[:, 0]], model.classes_[likeliest[:, 1]]
    return Pool(
        targets=targets[~is_taught],
        base=first,
        next_best=second,
        groups=np.unique(groups[~is_taught], return_inverse=True)[1],
    )


def planned(pool: Pool, num_examples: int, times: float, disagreement: float, draws: int) -> Plan:
    """The gain in points of accuracy: so many times the effect that a test of this size can detect."""
    even = disagreement * pool.inflation(0.5, 0.5)
    gain = times * minimum_detectable_effect(even, num_examples, level_of_opening(1))
    disagreement = max(disagreement, gain + _LEAST_BROKEN)  # so large a gain takes more changes
    together = disagreement * pool.inflation((disagreement + gain) / 2, (disagreement - gain) / 2)
    return Plan(
        num_examples=num_examples,
        times=times,
        disagreement=disagreement,
        gain=gain,
        spread=math.sqrt(max(together - gain**2, 0.0) / num_examples),
        draws=draws,
    )


def is_possible(pool: Pool, plan: Plan) -> bool:
    """Whether so many answers can be fixed and broken at all."""
    fixed, broken = plan.shares
    return fixed <= 1 - pool.accuracy and broken <= pool.accuracy


def draw_test(pool: Pool, plan: Plan, rng: np.random.Generator) -> Answers:
    """Whole groups until there are enough examples, and a tuned model whose groups are fixed or broken at random."""
    sizes = np.bincount(pool.groups)
    order = rng.permutation(len(sizes))
    enough = int(np.searchsorted(np.cumsum(sizes[order]), plan.num_examples)) + 1
    kept = np.flatnonzero(np.isin(pool.groups, order[:enough]))
    fixed, broken = plan.shares
    drawn = rng.random(len(sizes))[pool.groups[kept]]
    targets, base = pool.targets[kept], pool.base[kept]
    is_right = targets == base
    is_changed = drawn < np.where(is_right, broken / pool.accuracy, fixed / (1 - pool.accuracy))
    tuned = np.where(is_changed, np.where(is_right, pool.next_best[kept], targets), base)
    return Answers(
        targets=tuple(targets.tolist()),
        base=tuple(base.tolist()),
        tuned=tuple(tuned.tolist()),
        groups=tuple(pool.groups[kept].astype(str).tolist()),
    )


def simulate(pool: Pool, plan: Plan, num_simulated: int, seed: int = 0) -> dict[str, Any]:
    """The share of each verdict over so many simulated tests, beside the nominal one."""
    rng = np.random.default_rng([seed, plan.num_examples, round(10 * plan.times)])
    level = level_of_opening(1)
    counts: Counter[str] = Counter()
    gains, detectable, covered = [], [], 0
    for _ in range(num_simulated):
        found = compare(_ACCURACY, draw_test(pool, plan, rng), Rule(level=level, margin=MARGIN, draws=plan.draws))
        counts[found.outcome] += 1
        difference = found.comparison.difference
        gains.append(difference.value)
        detectable.append(found.comparison.minimum_detectable_effect)
        covered += difference.low <= plan.gain <= difference.high
    return {
        "examples": plan.num_examples,
        "times": plan.times,
        "disagreement": plan.disagreement,
        "true_gain": plan.gain,
        "mean_gain": float(np.mean(gains)),
        "mean_detectable": float(np.mean(detectable)),
        "covered": covered / num_simulated,
        "measured": {name: counts[name] / num_simulated for name in OUTCOMES},
        "nominal": nominal(plan, level),
    }


def nominal(plan: Plan, level: float) -> dict[str, float]:
    """What a normal difference with this gain and spread gives under the rule of science.md 1.2."""
    # The test takes the spread that there would be without a difference.
    null = math.hypot(plan.spread, plan.gain / math.sqrt(plan.num_examples))
    reject, room = float(ndtri(1 - level / 2)) * null, MARGIN - float(ndtri(0.95)) * plan.spread
    better = float(ndtr((plan.gain - reject) / plan.spread))
    worse = float(ndtr((-plan.gain - reject) / plan.spread))
    inside = ndtr((room - plan.gain) / plan.spread) - ndtr((-room - plan.gain) / plan.spread) if room > 0 else 0.0
    equivalent = min(float(inside), 1 - better - worse)
    return dict(zip(OUTCOMES, (better, worse, equivalent, 1 - better - worse - equivalent), strict=True))


def hardware() -> dict[str, Any]:
    """The machine and the versions."""
    found = Path("/proc/cpuinfo")
    lines = found.read_text(encoding="utf-8").splitlines() if found.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    return {
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in ("numpy", "scipy", "scikit-learn")},
    }


def _table(lines: list[dict[str, Any]]) -> str:
    names = "".join(f"{name:>16}" for name in OUTCOMES)
    shown = [f"{'examples':>8} {'x MDE':>6} {'differ':>6} {'gain':>7} {'seen':>7} {'covered':>8}{names}   (nominal)"]
    for one in lines:
        cells = "".join(f"{one['measured'][name]:>8.3f} ({one['nominal'][name]:5.3f})"[:16] for name in OUTCOMES)
        gains = f"{100 * one['true_gain']:>6.2f}p {100 * one['mean_gain']:>6.2f}p {one['covered']:>8.3f}"
        shown.append(f"{one['examples']:>8,} {one['times']:>6} {one['disagreement']:>6.2f} {gains}{cells}")
    return "\n".join(shown)


def _words(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.verdict_power",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA, help="a JSONL of `text` and `label`")
    parser.add_argument("--taught", type=int, default=1500, help="rows that the base learns on")
    parser.add_argument("--examples", type=int, nargs="+", default=[200, 500, 1000], help="sizes of the test")
    parser.add_argument("--disagreement", type=float, default=0.2, help="share that only one of the two has right")
    parser.add_argument("--simulated", type=int, default=500, help="tests for each gain and size")
    parser.add_argument("--draws", type=int, default=1000, help="draws of each bootstrap; the product takes 10,000")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Runs the benchmark; without the data it says so and ends well."""
    asked = _words(arguments)
    if not asked.data.is_file():
        print(f"skipped: there is no `{asked.data}`: give --data or set SINTONIA_BENCH_DATA", file=sys.stderr)
        return 0
    began = time.monotonic()
    pool = read_pool(asked.data, asked.taught, asked.seed)
    plans = [
        planned(pool, count, times, asked.disagreement, asked.draws) for count in asked.examples for times in TIMES
    ]
    lines = []
    for plan in plans:
        if is_possible(pool, plan):
            lines.append(simulate(pool, plan, asked.simulated, asked.seed))
        else:
            shown = f"{plan.times} times the detectable effect of {plan.num_examples} examples"
            print(f"left out: {shown} is more than the base leaves to fix", file=sys.stderr)
    command = " ".join(["python -m benchmarks.verdict_power", *(sys.argv[1:] if arguments is None else arguments)])
    heading = {
        "command": command,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "hardware": hardware(),
        "data": str(asked.data),
        "pool": len(pool.targets),
        "groups": len(set(pool.groups.tolist())),
        "base_accuracy": pool.accuracy,
        "disagreement": asked.disagreement,
        "level": level_of_opening(1),
        "simulated": asked.simulated,
        "seconds": round(time.monotonic() - began, 1),
    }
    if asked.json:
        print(json.dumps(heading | {"lines": lines}, indent=1))
    else:
        told = "\n".join(f"{name}: {value}" for name, value in heading.items() if name != "command")
        print(f"{command}\n{told}\n{_table(lines)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
