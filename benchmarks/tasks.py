"""What does fine-tuning give on every shared set, task by task, against what is honest to compare it with?

    python -m benchmarks.tasks --out CELLS.jsonl [--work FOLDER] [--only NAME ...] [--table] [--json]

Each row is one `sintonia tune` with the product's own settings, on rows that are drawn by a fixed seed where the set is
large, and written in a form that people bring. What stands in the row is the verdict of that run on its sealed test,
opened once. One line a run is appended to `--out`: what is there is not run again, and a run that was stopped is
resumed. `--table` prints the table and runs nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sintonia.metrics import METRICS

DATA = Path(os.environ.get("SINTONIA_BENCH_DATA", Path(__file__).parents[2] / "shared" / "data"))
Json = dict[str, Any]
MOST_CHARACTERS = 700
"""Of texts that a language model reads whole: more would take hours on a processor."""


@dataclass(frozen=True)
class Row:
    """One set, one task."""

    files: tuple[str, ...]
    most: int
    """Rows that are drawn; 0 takes all."""
    options: tuple[str, ...] = ()
    written: Callable[[Json], Json | None] = lambda row: row
    """A row as a person would bring it; None leaves it out."""


def _only(*names: str) -> Callable[[Json], Json]:
    return lambda row: {name: row[name] for name in names}


def _same_or_not(row: Json) -> Json | None:
    """Pairs of stsb that most people would call the same, or not the same."""
    if 2.0 < row["score"] < 4.0:
        return None
    return {"text1": row["text1"], "text2": row["text2"], "label": "same" if row["score"] >= 4.0 else "different"}


def _api_call(row: Json) -> Json | None:
    asked = re.search(r"Instruction['\"]?:\s*(.+?)(?:, 'Output'|\n?###Output)", row["code"], re.DOTALL)
    return {"prompt": asked[1].strip(), "completion": row["api_call"]} if asked else None


def _question_of_text(row: Json) -> Json:
    return {"prompt": f"{row['context']}\n\nDomanda: {row['question']}", "completion": row["answers"][0]}


def _passage(row: Json) -> Json:
    return {"anchor": row["question"], "positive": row["context"], "title": row["title"]}


def _kinds(row: Json) -> Json:
    return {"text": row["text"], "labels": sorted({span["label"] for span in row["spans"]})}


def _instruction(row: Json) -> Json:
    asked = f"{row['instruction']}\n\n{row['input']}".strip()
    return {"prompt": asked, "completion": row["output"]}


def _short(row: Json) -> Json | None:
    """Texts that a small model can read on a processor."""
    if len(row["context"]) > MOST_CHARACTERS:
        return None
    return _question_of_text(row) | {"title": row["title"]}


def _answer_in_sentence(row: Json) -> Json | None:
    """A question and the sentence that answers it as one text, with the answer as its span."""
    start, answer, context = row["answer_starts"][0], row["answers"][0], row["context"]
    if context[start : start + len(answer)] != answer:
        return None
    begin = max(context.rfind(". ", 0, start) + 2, 0) if ". " in context[:start] else 0
    end = context.find(". ", start + len(answer))
    sentence = context[begin : None if end < 0 else end + 1]
    text = f"{row['question']} {sentence}"
    if len(text) > MOST_CHARACTERS:
        return None
    first = len(row["question"]) + 1 + start - begin
    return {
        "title": row["title"],
        "text": text,
        "spans": [{"start": first, "end": first + len(answer), "label": "answer"}],
    }


LABELLED = _only("text", "label")
ROWS: dict[str, Row] = {
    "banking77": Row(("banking77/train.jsonl",), 4000, written=LABELLED),
    "trec": Row(("trec/train.jsonl",), 3000, written=LABELLED),
    "sst2": Row(("sst2/train.jsonl",), 3000, written=LABELLED),
    "sst5": Row(("sst5/train.jsonl",), 3000, written=LABELLED),
    "sms_spam": Row(("sms_spam/all.jsonl",), 3000, written=LABELLED),
    "tweeteval_emotion": Row(("tweeteval_emotion/train.jsonl",), 3000, written=LABELLED),
    "sentiment_it": Row(("sentiment_it/train.jsonl", "sentiment_it/val.jsonl"), 0, written=LABELLED),
    "snips_intents": Row(("snips/train.jsonl",), 3000, written=LABELLED),
    "stsb_same": Row(("stsb/en_train.jsonl",), 3000, written=_same_or_not),
    "presidio_kinds": Row(("presidio_synth/synth_dataset_v2.jsonl",), 0, ("--task", "multilabel"), _kinds),
    "snips_slots": Row(("snips/train.jsonl",), 2000, ("--task", "tag"), _only("text", "spans")),
    "wnut17": Row(("wnut17/train.jsonl",), 2000, ("--task", "tag")),
    "ud_it": Row(("ud_it/twittiro_train.jsonl", "ud_it/twittiro_dev.jsonl"), 0, ("--task", "tag")),
    "squad_it_tag": Row(("squad_it/train.jsonl",), 1500, ("--task", "tag", "data.group=title"), _answer_in_sentence),
    "stsb_scores": Row(("stsb/en_train.jsonl",), 3000, ("--task", "regress"), _only("text1", "text2", "score")),
    "stsb_embed": Row(("stsb/en_train.jsonl",), 3000, ("--task", "embed"), _only("text1", "text2", "score")),
    "squad_it_passages": Row(
        ("squad_it/train.jsonl",), 1200, ("--task", "embed", "data.group=title", "training.max_tokens=128"), _passage
    ),
    "spider_dev": Row(("spider_dev/train.jsonl",), 400),
    "apibench": Row(("apibench_torchhub/train.jsonl",), 400, written=_api_call),
    "instructions_tiny": Row(("instructions_tiny/sft_train.jsonl",), 500, written=_instruction),
    "squad_it_chat": Row(("squad_it/train.jsonl",), 350, ("data.group=title",), _short),
    "instructions_tiny_pref": Row(("instructions_tiny/pref_train.jsonl",), 500, ("--task", "prefer")),
    "persona_pref": Row(
        ("persona_pref/openness.jsonl",), 500, ("--task", "prefer"), _only("prompt", "chosen", "rejected")
    ),
}
"""Every shared set with examples of a task of ours; banking77_oos has a benchmark of its own (`out_of_scope`)."""


def rows_of(row: Row) -> list[Json]:
    """The rows of a set as they are brought; the same at each call."""
    read = [json.loads(line) for name in row.files for line in (DATA / name).open(encoding="utf-8")]
    random.Random(0).shuffle(read)
    found = [written for one in read if (written := row.written(one)) is not None]
    return found[: row.most or None]


def _write(path: Path, rows: Iterable[Json]) -> None:
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in rows), encoding="utf-8")


def take(name: str, work: Path) -> Json:
    """Runs one row, or resumes it, and reads its verdict.

    Raises:
        RuntimeError: the run was refused, or broke.
    """
    folder, row = work / name, ROWS[name]
    folder.mkdir(parents=True, exist_ok=True)
    run = folder / "run"
    if not (run / "recipe.yaml").exists():
        _write(folder / "rows.jsonl", rows_of(row))
    product = (sys.executable, "-m", "sintonia")
    asked = ("tune", str(folder / "rows.jsonl"), *row.options, "--out", str(run), "--yes")
    if (run / "recipe.yaml").exists():
        asked = ("resume", str(run), "--yes")
    ended = subprocess.run((*product, *asked), capture_output=True, text=True, check=False)
    if not (run / "verdict.json").exists():
        raise RuntimeError(f"{name}: {ended.stderr.strip()[-1500:]}")
    return read_run(name, run)


def read_run(name: str, run: Path) -> Json:
    """What the table says of a finished run."""
    verdict = json.loads((run / "verdict.json").read_text(encoding="utf-8"))
    spent = json.loads((run / "resources.json").read_text(encoding="utf-8"))
    prepared = json.loads((run / "prepared.json").read_text(encoding="utf-8"))
    base = json.loads((run / "base.json").read_text(encoding="utf-8"))
    primary, better = verdict["primary"], METRICS[verdict["primary"]["metric"]]
    fitted = [one for one in verdict["rungs"] if one["needs_training"]]
    best = max(fitted, key=lambda one: better.goodness(one["score"]), default=None)
    return {
        "name": name,
        "task": prepared["task"],
        "base_model": base["reference"],
        "rows": prepared["rows_used"],
        "tested": primary["examples"],
        "metric": primary["metric"],
        "base": verdict["base"],
        "base_score": primary["base"]["value"],
        "quick": best and best["name"],
        "quick_score": best and best["score"],
        "tuned": [primary["tuned"][key] for key in ("value", "low", "high")],
        "difference": [primary["difference"][key] for key in ("value", "low", "high")],
        "outcome": verdict["outcome"],
        "worth": verdict["worth_tuning"] and verdict["worth_tuning"]["outcome"],
        "seconds": spent["measured"]["seconds"],
        "rungs": {one["name"]: one["score"] for one in verdict["rungs"]},
    }


def table_of(cells: Iterable[Json]) -> str:
    """The table, in the order of ROWS."""
    known = {one["name"]: one for one in cells}
    lines = [
        "| set | task, rows | metric, tested | base of the verdict | best quick baseline | tuned (95 %) "
        "| verdict, and against the baseline | min |",
        "|---|---|---|---|---|---|---|---:|",
    ]
    for name in (one for one in ROWS if one in known):
        cell = known[name]
        tuned, low, high = (f"{value:.3f}" for value in cell["tuned"])
        quick = f"{cell['quick']} {cell['quick_score']:.3f}" if cell["quick"] else "none"
        lines.append(
            f"| {name} | {cell['task']}, {cell['rows']:,} | {cell['metric']}, {cell['tested']:,} | "
            f"{cell['base']} {cell['base_score']:.3f} | {quick} | **{tuned}** ({low} to {high}) | "
            f"{cell['outcome']}, {cell['worth'] or 'no baseline'} | {cell['seconds'] / 60:.0f} |"
        )
    return "\n".join(lines)


def command_of(name: str) -> str:
    """What repeats a row."""
    return f"python -m benchmarks.tasks --out CELLS.jsonl --only {name}   # sintonia tune rows.jsonl " + shlex.join(
        ROWS[name].options
    )


def _cells(path: Path) -> list[Json]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def main() -> int:
    """Runs what is not there yet."""
    parser = argparse.ArgumentParser(prog="benchmarks.tasks", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="a JSONL file of what was run")
    parser.add_argument("--work", type=Path, help="where the runs stay (a temporary folder)")
    parser.add_argument("--only", nargs="+", choices=tuple(ROWS), default=tuple(ROWS), metavar="NAME")
    parser.add_argument("--table", action="store_true", help="print what was run, and run nothing")
    parser.add_argument("--json", action="store_true", help="print what was run as JSON")
    asked = parser.parse_args()
    if not DATA.is_dir():
        print(f"no data in {DATA}: set SINTONIA_BENCH_DATA", file=sys.stderr)
        return 2
    broken = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in () if asked.table else asked.only:
            if name in {one["name"] for one in _cells(asked.out)}:
                continue
            print(command_of(name), file=sys.stderr, flush=True)
            try:
                cell = take(name, asked.work or Path(folder))
            except RuntimeError as error:
                print(f"broken: {error}", file=sys.stderr, flush=True)
                broken += 1
                continue
            with asked.out.open("a", encoding="utf-8") as out:
                out.write(json.dumps(cell, ensure_ascii=False) + "\n")
    cells = _cells(asked.out)
    print(json.dumps(cells, ensure_ascii=False) if asked.json else table_of(cells))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
