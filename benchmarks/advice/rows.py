"""Rows of the shared sets, drawn by seed and written for a run: training, validation, and a test that stays sealed."""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.advice.regimes import SIZES, Cell

FOLDER = Path(os.environ.get("SINTONIA_BENCH_DATA", Path(__file__).parents[3] / "shared" / "data"))
LONGEST = 320
"""Letters of a conversation, prompt and answer: what is longer costs more than it tells here."""
Row = dict[str, str]
_INSTRUCTION = re.compile(r"'Instruction': (.*?), 'Output'", re.DOTALL)


def _labelled(row: dict) -> Row:
    return {"text": row["text"], "label": str(row["label"])}


def _instructed(row: dict) -> Row:
    asked = "\n\n".join(part for part in (row["instruction"], row.get("input", "")) if part)
    return {"prompt": asked, "completion": row["output"]}


def _called(row: dict) -> Row:
    found = _INSTRUCTION.search(str(row["code"]))
    return {"prompt": found[1].strip("'\" ") if found else "", "completion": row["api_call"]}


def _seeded(row: dict) -> Row:
    return _instructed({"instruction": row["instruction"], **row["instances"][0]})


def _queried(row: dict) -> Row:
    return {"prompt": f"{row['schema']}\n\n{row['question']}", "completion": row["sql"]}


def _named(row: dict) -> Row:
    return {"prompt": f"{row['text'].strip()}\nWhat is asked for?", "completion": str(row["label"])}


_FILES: dict[str, tuple[tuple[str, ...], Callable[[dict], Row]]] = {
    "trec": (("trec/train.jsonl",), _labelled),
    "sst2": (("sst2/train.jsonl",), _labelled),
    "snips": (("snips/train.jsonl",), _labelled),
    "sms_spam": (("sms_spam/all.jsonl",), _labelled),
    "sentiment_it": (("sentiment_it/train.jsonl",), _labelled),
    "sst5": (("sst5/train.jsonl",), _labelled),
    "instructions_tiny": (("instructions_tiny/sft_train.jsonl",), _instructed),
    "apibench_torchhub": (("apibench_torchhub/train.jsonl",), _called),
    "self_instruct": (("self_instruct/seed_tasks.jsonl", "self_instruct/user_oriented.jsonl"), _seeded),
    "spider_dev": (("spider_dev/train.jsonl",), _queried),
    "snips_answers": (("snips/train.jsonl",), _named),
}


def missing_sets(cells: Sequence[Cell]) -> list[str]:
    """Sets of these cells whose files are not there."""
    names = sorted({one.data for one in cells})
    return [name for name in names if not all((FOLDER / path).is_file() for path in _FILES[name][0])]


def write_rows(cell: Cell, folder: Path) -> dict[str, Path]:
    """The files `train`, `validation` and `test` of a cell, below a folder.

    Raises:
        ValueError: the set has too few rows.
    """
    size = SIZES[cell.model][cell.experiment]
    drawn = draw(cell, {"train": size.train, "validation": size.validation, "test": size.test})
    paths = {name: folder / f"{name}.jsonl" for name in drawn}
    for name, rows in drawn.items():
        paths[name].write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return paths


def draw(cell: Cell, counts: dict[str, int]) -> dict[str, list[Row]]:
    """Rows of each set, in an order that the seed decides; a class that is never taught is not asked for.

    Raises:
        ValueError: there are too few.
    """
    rows = list(_unique(cell.data))
    random.Random(f"advice {cell.data} {cell.seed}").shuffle(rows)
    train, rest = rows[: counts["train"]], rows[counts["train"] :]
    taught = {row.get("label") for row in train}
    rest = [row for row in rest if row.get("label") in taught]
    ends = counts["validation"], counts["validation"] + counts["test"]
    if len(rest) < ends[1]:
        raise ValueError(f"{cell.data} has too few rows: {len(rows)}")
    return {"train": train, "validation": rest[: ends[0]], "test": rest[ends[0] : ends[1]]}


def _unique(data: str) -> Iterator[Row]:
    """Each text once, whatever its case and spaces; a conversation only when it is short."""
    files, read, seen = *_FILES[data], set()
    for row in (read(json.loads(line)) for path in files for line in _lines(FOLDER / path)):
        text = row.get("text", row.get("prompt", ""))
        key = " ".join(text.lower().split())
        if key and key not in seen and row.get("completion", "-").strip() and _is_short(row):
            seen.add(key)
            yield row


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _is_short(row: Row) -> bool:
    return "text" in row or len(row["prompt"]) + len(row["completion"]) <= LONGEST
