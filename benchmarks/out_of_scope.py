"""Does a classifier that may refuse one in twenty texts refuse those that belong to none of its labels?

    python -m benchmarks.out_of_scope [--method head] [--rows 0] [--refused 0.05] [--json]

A MiniLM learns 50 intents of Banking77; the texts of the other 27, which `banking77_oos` has, are out of scope. Nothing
of them is seen in training, nor where the product chooses how sure an answer has to be: on validation texts in scope.
Told are the area under the curve of several scores of how sure the model is (in scope against out of scope), and at the
chosen threshold the share of both kinds that is refused and the accuracy on texts in scope. Two sets of texts that
`banking77_oos` calls out of scope are told apart: those whose label was really left out of training, and all.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from sintonia.choose import choose
from sintonia.evaluate.predict import fit_to_validation
from sintonia.methods import METHODS
from sintonia.models.answering import OUT_OF_SCOPE, answer, logits_of
from sintonia.models.open import open_candidate
from sintonia.records import Example, ExampleSet, Part, Place, Prepared, SealedTest
from sintonia.resolve import resolve
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe
from sintonia.statistics.calibration import scaled_probabilities
from sintonia.train import Job, train
from sintonia.train.batches import num_batches

DATA = Path(os.environ.get("SINTONIA_BENCH_DATA", Path(__file__).parents[2] / "shared" / "data"))
NUM_LEFT_OUT = 27
SHARES = (0.7, 0.15)
"""Of the texts in scope, for training and validation; the rest is asked."""


def _rows(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (DATA / name).open(encoding="utf-8")]


def read_texts() -> tuple[list[dict[str, str]], list[str], list[str]]:
    """Rows in scope, texts out of scope whose label was left out, and all texts out of scope."""
    known = {row["text"].strip().casefold(): row["label"] for row in _rows("banking77/train.jsonl")}
    files = ("banking77_oos/id-oos.train.jsonl", "banking77_oos/id-oos.valid.jsonl")
    out = sorted({row["text"].strip().casefold() for name in files for row in _rows(name)})
    counts = Counter(known[text] for text in out if text in known)
    left_out = {label for label, _ in counts.most_common(NUM_LEFT_OUT)}
    rows = [
        {"text": row["text"], "label": row["label"]}
        for row in _rows("banking77/train.jsonl")
        if row["label"] not in left_out and row["text"].strip().casefold() not in set(out)
    ]
    return rows, [text for text in out if known.get(text) in left_out], out


def _examples(rows: Sequence[dict[str, str]], name: str) -> tuple[Example, ...]:
    return tuple(
        Example(
            id=f"{name}{k}",
            input=row["text"],
            target=row["label"],
            group=f"{name}{k}",
            place=Place(file=name, line=k + 1),
        )
        for k, row in enumerate(rows)
    )


def make_job(sets: dict[str, tuple[Example, ...]], method: str, folder: Path) -> Job:
    """A training with the settings that the product fills in."""
    counts = Counter(one.target for one in sets["train"])
    asked = Recipe(data=DataSettings(path="banking77"), task="classify", base="minilm", method=method)  # type: ignore[arg-type]
    nothing = ExampleSet(path="", count=len(sets["train"]), sha256="")
    prepared = Prepared(
        data_id="",
        task="classify",
        form="text and label",
        labels=tuple(sorted(counts)),
        columns={},
        primary_metric="accuracy",
        notes=(),
        parts=(Part(name="000", train=nothing, validation=nothing, test=SealedTest(count=0, sha256="")),),
        findings=(),
        rows_in=nothing.count,
        rows_used=nothing.count,
        rows_set_aside=0,
        label_counts=dict(counts),
    )
    base = choose(asked, "classify")
    recipe, _ = resolve(asked, base, prepared)
    per_epoch = num_batches(nothing.count, int(recipe.training.batch_examples))
    return Job(
        run=RunFolder.create(folder, recipe),
        recipe=recipe,
        base=base,
        labels=prepared.labels,
        primary_metric="accuracy",
        train=sets["train"],
        validation=sets["validation"],
        turn=1,
        part="000",
        until=math.ceil(float(recipe.training.epochs) * per_epoch),
        head_strength=None if METHODS[method].has_fitted_head else 10.0,
    )


def measure(method: str, num_rows: int, refused: float) -> dict[str, Any]:
    """All numbers of one training."""
    rows, of_left_out, out = read_texts()
    random.Random(0).shuffle(rows)
    rows = rows[: num_rows or len(rows)]
    ends = [round(share * len(rows)) for share in (SHARES[0], sum(SHARES))]
    parts = {"train": rows[: ends[0]], "validation": rows[ends[0] : ends[1]], "asked": rows[ends[1] :]}
    sets = {name: _examples(some, name) for name, some in parts.items()}
    with tempfile.TemporaryDirectory() as temporary:
        job = make_job(sets, method, Path(temporary) / "run")
        for _ in train(job):
            pass
        folder = job.run.file(job.file("model"))
        fit_to_validation(folder, sets["validation"], refused)
        candidate = open_candidate(folder)
        texts = {"in scope": [row["text"] for row in parts["asked"]], "left out": of_left_out, "all": out}
        logits = {name: logits_of(candidate, some).astype(np.float64) for name, some in texts.items()}
        answers = {name: [one["prediction"] for one in answer(candidate, some)] for name, some in texts.items()}
    told: dict[str, Any] = {"method": method, "rows": len(rows), "threshold": candidate.least_confidence}
    told["texts"] = {name: len(some) for name, some in texts.items()}
    told["auroc"] = {
        kind: {name: _area(score(logits["in scope"]), score(logits[name])) for name in ("left out", "all")}
        for kind, score in _scores(candidate.temperature.value).items()
    }
    told["refused"] = {name: answers[name].count(OUT_OF_SCOPE) / len(answers[name]) for name in texts}
    right = [answer == row["label"] for answer, row in zip(answers["in scope"], parts["asked"], strict=True)]
    best = np.array(candidate.labels, dtype=object)[logits["in scope"].argmax(axis=1)]
    plain = [answer == row["label"] for answer, row in zip(best, parts["asked"], strict=True)]
    answered = [one != OUT_OF_SCOPE for one in answers["in scope"]]
    told["accuracy"] = {
        "without refusing": float(np.mean(plain)),
        "refusals wrong": float(np.mean(right)),
        "of what is answered": float(np.mean([one for one, is_said in zip(right, answered, strict=True) if is_said])),
    }
    return told


def _scores(temperature: float | None) -> dict[str, Any]:
    """From logits (texts, labels) to how sure the model is."""
    return {
        "tempered probability": lambda logits: scaled_probabilities(logits, temperature).max(axis=1),
        "plain probability": lambda logits: scaled_probabilities(logits, None).max(axis=1),
        "largest logit": lambda logits: logits.max(axis=1),
        "energy": lambda logits: np.logaddexp.reduce(logits, axis=1),
    }


def _area(inside: np.ndarray, outside: np.ndarray) -> float:
    claims = np.concatenate([np.ones(len(inside)), np.zeros(len(outside))])
    return float(roc_auc_score(claims, np.concatenate([inside, outside])))


def main(arguments: list[str] | None = None) -> int:
    """Measures once and says it."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.out_of_scope",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--method", default="head", choices=["head", "full", "lora"])
    parser.add_argument("--rows", type=int, default=0, help="rows in scope at most; 0 is all")
    parser.add_argument("--refused", type=float, default=0.05, help="share of validation that may be refused")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    if not DATA.is_dir():
        print(f"skipped: no data in {DATA}", file=sys.stderr)
        return 0
    torch.set_num_threads(1)
    told = measure(asked.method, asked.rows, asked.refused)
    if asked.json:
        print(json.dumps(told, indent=1))
        return 0
    for kind, areas in told["auroc"].items():
        print(f"AUROC {kind:22} left out {areas['left out']:.3f}   all {areas['all']:.3f}")
    for name, share in told["refused"].items():
        print(f"refused of {told['texts'][name]:5,} {name:9} {share:.3f}")
    for name, value in told["accuracy"].items():
        print(f"accuracy in scope, {name:20} {value:.3f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
