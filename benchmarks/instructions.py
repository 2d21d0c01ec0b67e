"""Rows of prompt and completion from the files that the benchmarks of language models read. No model lives here."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

DATA_FOLDER = Path(os.environ.get("SINTONIA_BENCH_FOLDER", Path(__file__).parents[2] / "shared" / "data"))
Rows = list[dict[str, Any]]


def read_rows(asked: str, num_rows: int, is_chat: bool = False) -> tuple[Rows, Rows]:
    """A random choice of rows of `prompt` and `completion`, the same at each call, and the rows left over.

    Texts as they are, or as conversations of two messages.
    """
    with find_file(asked).open(encoding="utf-8") as file:
        everything = [_pair(json.loads(line)) for line in file if line.strip()]
    random.Random(0).shuffle(everything)
    if is_chat:
        everything = [
            {
                "prompt": [{"role": "user", "content": row["prompt"].strip()}],
                "completion": [{"role": "assistant", "content": row["completion"]}],
            }
            for row in everything
        ]
    return everything[:num_rows], everything[num_rows:]


def find_file(asked: str) -> Path:
    """The file of a known name, or the path that was given."""
    known = {"instructions_tiny": "instructions_tiny/sft_train.jsonl", "spider_dev": "spider_dev/train.jsonl"}
    return DATA_FOLDER / known[asked] if asked in known else Path(asked)


def _pair(row: dict[str, str]) -> dict[str, str]:
    if "sql" in row:
        return {"prompt": f"{row['schema']}\n\n{row['question']}\n", "completion": row["sql"]}
    if "output" in row:
        asked = "\n\n".join(part for part in (row["instruction"], row.get("input", "")) if part)
        return {"prompt": f"{asked}\n", "completion": row["output"]}
    return {"prompt": row["prompt"], "completion": row["completion"]}
