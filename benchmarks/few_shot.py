"""Does contrastive tuning with few examples do as well as SetFit, and in no more time?

    python -m benchmarks.few_shot --out CELLS.jsonl [--sets sst5 trec] [--draws 10] [--examples 8] [--json]

Eight examples a class are drawn again and again; both tune the same MiniLM on the same draw, one after the other, on
one thread, and answer the same texts. Ours are the trainings of the product with its own settings (`--subjects` names
other methods too), all steps, without a validation set, as the model that is shipped is trained. The peer is
`benchmarks/setfit_peer.py`. One line a cell is appended to `--out`: what is there is not computed again. Seconds are
those of the processor, from the files of the base to a fitted model, so that they mean the same on a machine that is
shared; importing the libraries is left out.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.setfit_peer import Draw, has_setfit, setfit
from sintonia.choose import choose
from sintonia.methods import METHODS
from sintonia.models.forward import compute_logits
from sintonia.models.open import open_candidate
from sintonia.models.tokens import tokenize
from sintonia.records import Example, ExampleSet, Part, Place, Prepared, SealedTest
from sintonia.resolve import resolve
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe
from sintonia.train import Job, train
from sintonia.train.batches import num_batches

DATA = Path(os.environ.get("SINTONIA_BENCH_DATA", Path(__file__).parents[2] / "shared" / "data"))
SETS: dict[str, tuple[str, str]] = {
    "sst5": ("sst5/train.jsonl", "sst5/dev.jsonl"),
    "tweeteval_emotion": ("tweeteval_emotion/train.jsonl", "tweeteval_emotion/test.jsonl"),
    "trec": ("trec/train.jsonl", ""),
    "banking77": ("banking77/train.jsonl", ""),
    "snips": ("snips/train.jsonl", "snips/test.jsonl"),
    "sms_spam": ("sms_spam/all.jsonl", ""),
    "sentiment_it": ("sentiment_it/train.jsonl", "sentiment_it/val.jsonl"),
}
"""Where examples are drawn and where texts are answered; the same file where there is but one. The first three are the
bar; the settings of the method were chosen on others."""
OURS, PEER, BASE = "contrastive", "setfit", "minilm"
MOST_ANSWERED = 1000
LARGEST_LOSS = 0.01
"""How much worse than the peer, on average over the draws, still passes."""
_HEAD_STRENGTH = 10.0
"""Of the probe that the heads of other methods start from: no validation set is there to choose it."""


def make_draw(name: str, number: int, num_examples: int) -> Draw:
    """So many examples of each label, and up to a thousand other texts; the same at each call."""
    chance, taken = random.Random(f"{name} {number}"), set[str]()
    source, other = ([json.loads(line) for line in (DATA / file).open(encoding="utf-8")] if file else []
                     for file in SETS[name])  # fmt: skip
    labels = sorted({row["label"] for row in source})
    chance.shuffle(source)
    by_label: dict[str, list[str]] = {label: [] for label in labels}
    for row in source:
        if len(by_label[row["label"]]) < num_examples and row["text"] not in taken:
            by_label[row["label"]].append(row["text"])
            taken.add(row["text"])
    pool = [row for row in other or source if row["text"] not in taken and row["label"] in by_label]
    asked = chance.sample(pool, min(MOST_ANSWERED, len(pool)))
    pairs = [(text, labels.index(label)) for label, texts in by_label.items() for text in texts]
    chance.shuffle(pairs)
    return Draw(
        set=name,
        number=number,
        texts=[text for text, _ in pairs],
        goal=[target for _, target in pairs],
        asked=[row["text"] for row in asked],
        wanted=[labels.index(row["label"]) for row in asked],
    )


def ours(draw: Draw, method: str) -> tuple[float, float]:
    """Accuracy and seconds of a method of the product."""
    labels = tuple(f"{k:03d}" for k in range(max(draw.goal) + 1))
    import sintonia.train.learners.contrastive  # noqa: F401  # not in the time that is told

    with tempfile.TemporaryDirectory() as folder:
        job = _job(draw, method, labels, Path(folder) / "run")
        began = time.process_time()
        for _ in train(job):
            pass
        seconds = time.process_time() - began
        saved = open_candidate(job.run.file(job.file("model")))
    logits = compute_logits(saved.model, tokenize(saved.tokenizer, draw.asked, saved.max_tokens).ids)
    return float((logits.argmax(axis=1) == np.array(draw.wanted)).mean()), seconds


def _job(draw: Draw, method: str, labels: tuple[str, ...], folder: Path) -> Job:
    """A training of all steps, with the settings that the product fills in."""
    examples = tuple(
        Example(id=str(k), input=text, target=labels[target], group=str(k), place=Place(file="draw", line=k + 1))
        for k, (text, target) in enumerate(zip(draw.texts, draw.goal, strict=True))
    )
    asked = Recipe(data=DataSettings(path="draw"), task="classify", base=BASE, method=method, seed=draw.number)  # type: ignore[arg-type]
    nothing = ExampleSet(path="", count=len(examples), sha256="")
    prepared = Prepared(
        data_id="",
        task="classify",
        form="text and label",
        labels=labels,
        columns={},
        primary_metric="accuracy",
        notes=(),
        parts=(Part(name="000", train=nothing, validation=nothing, test=SealedTest(count=0, sha256="")),),
        findings=(),
        rows_in=len(examples),
        rows_used=len(examples),
        rows_set_aside=0,
        label_counts={label: draw.goal.count(k) for k, label in enumerate(labels)},
    )
    base = choose(asked, "classify")
    recipe, _ = resolve(asked, base, prepared)
    per_epoch = num_batches(len(examples), int(recipe.training.batch_examples))
    return Job(
        run=RunFolder.create(folder, recipe),
        recipe=recipe,
        base=base,
        labels=labels,
        primary_metric="accuracy",
        train=examples,
        validation=(),
        turn=1,
        part="000",
        until=math.ceil(float(recipe.training.epochs) * per_epoch),
        head_strength=None if METHODS[method].has_fitted_head else _HEAD_STRENGTH,
    )


def compute(path: Path, draws: Sequence[tuple[str, int]], num_examples: int, subjects: Sequence[str]) -> None:
    """Appends every cell that is not there yet; who begins changes from draw to draw."""
    done = {(one["set"], one["draw"], one["examples"], one["subject"]) for one in read_cells(path)}
    for name, number in draws:
        missing = [one for one in subjects if (name, number, num_examples, one) not in done]
        draw = make_draw(name, number, num_examples) if missing else None
        for subject in missing if number % 2 else missing[::-1]:
            assert draw is not None
            accuracy, seconds = setfit(draw) if subject == PEER else ours(draw, subject)
            cell = {"set": name, "draw": number, "examples": num_examples, "subject": subject, "accuracy": accuracy,
                    "seconds": round(seconds, 2), "asked": len(draw.asked)}  # fmt: skip
            if subject == PEER:
                cell["peer"] = "setfit" if has_setfit() else "its recipe"
            with path.open("a", encoding="utf-8") as file:
                file.write("\n" * _is_broken(path) + json.dumps(cell) + "\n")
            print(json.dumps(cell), file=sys.stderr, flush=True)


def _is_broken(path: Path) -> bool:
    """Whether the last line was not written to its end."""
    return path.is_file() and not (path.read_bytes() or b"\n").endswith(b"\n")


def read_cells(path: Path) -> list[dict[str, Any]]:
    """The lines that were written whole."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def summary(cells: Sequence[dict[str, Any]], num_examples: int) -> dict[str, Any]:
    """Of each set, by subject, accuracy and seconds; and the paired difference to the peer with its standard error.

    It passes where the mean difference is no loss of more than a point, in no more time.
    """
    told: dict[str, Any] = {}
    for name in dict.fromkeys(one["set"] for one in cells):
        rows = [one for one in cells if one["set"] == name and one["examples"] == num_examples]
        by = {subject: {one["draw"]: one for one in rows if one["subject"] == subject}
              for subject in dict.fromkeys(one["subject"] for one in rows)}  # fmt: skip
        told[name] = {subject: _told(list(found.values())) for subject, found in by.items()}
        for subject in by.keys() - {PEER}:
            both = sorted(by[subject].keys() & by.get(PEER, {}).keys())
            if both:
                pairs = [(by[subject][k], by[PEER][k]) for k in both]
                told[name][subject] |= _against(pairs)
    return told


def _told(cells: list[dict[str, Any]]) -> dict[str, float]:
    scores = [one["accuracy"] for one in cells]
    spread = statistics.stdev(scores) if len(scores) > 1 else math.nan
    seconds = statistics.median(one["seconds"] for one in cells)
    return {"draws": len(cells), "accuracy": statistics.mean(scores), "spread": spread, "seconds": seconds}


def _against(pairs: list[tuple[dict[str, Any], dict[str, Any]]]) -> dict[str, Any]:
    gains = [one["accuracy"] - peer["accuracy"] for one, peer in pairs]
    error = statistics.stdev(gains) / math.sqrt(len(gains)) if len(gains) > 1 else math.nan
    time_ratio = statistics.median(one["seconds"] / peer["seconds"] for one, peer in pairs)
    is_good = statistics.mean(gains) >= -LARGEST_LOSS and time_ratio <= 1
    return {
        "paired_draws": len(gains),
        "gain": statistics.mean(gains),
        "gain_standard_error": error,
        "time_ratio": time_ratio,
        "passes": is_good,
    }


def _table(told: dict[str, Any]) -> str:
    """The summary for people."""
    lines = [f"{'':20}{'':14}{'draws':>6}{'accuracy':>10}{'+-':>6}{'seconds':>9}{'gain':>8}{'error':>7}{'time':>7}"]
    for name, subjects in told.items():
        for subject, one in subjects.items():
            line = f"{name:20}{subject:14}{one['draws']:6}{100 * one['accuracy']:10.1f}{100 * one['spread']:6.1f}"
            line += f"{one['seconds']:9.1f}"
            if "gain" in one:
                line += f"{100 * one['gain']:+8.1f}{100 * one['gain_standard_error']:7.1f}{one['time_ratio']:7.2f}"
                line += "  passes" if one["passes"] else "  FAILS"
            lines.append(line)
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Computes what is missing and says what is there; exit code 1 where the bar is missed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.few_shot",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, required=True, help="JSONL of cells: added to, and read again")
    parser.add_argument("--sets", nargs="+", default=list(SETS)[:3], choices=list(SETS))
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--examples", type=int, default=8, help="of each class")
    parser.add_argument("--subjects", nargs="+", default=[OURS, PEER], help=f"methods, and `{PEER}`")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    if not DATA.is_dir():
        print(f"skipped: no data in {DATA}", file=sys.stderr)
        return 0
    torch.set_num_threads(1)
    draws = [(name, number) for number in range(asked.draws) for name in asked.sets]
    compute(asked.out, draws, asked.examples, asked.subjects)
    told = summary(read_cells(asked.out), asked.examples)
    print(json.dumps(told, indent=1) if asked.json else _table(told))
    return 0 if all(one[OURS].get("passes", True) for one in told.values() if OURS in one) else 1


if __name__ == "__main__":
    raise SystemExit(main())
