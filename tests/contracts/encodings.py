"""What a task makes of its data before the first step, as one hash, so that two processes can be compared.

`python -m tests.contracts.encodings ENCODER LANGUAGE_MODEL` prints that of every task as JSON.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from sintonia.tasks import TASKS, has_head
from sintonia.train.learners import make_learner
from tests.nouns_of_tasks import TINY, TinyData, make_tiny_job


def encoded(data: TinyData, base: Path, folder: Path, changed: int | None = None) -> str:
    """The examples, their targets as the loss takes them, and the tokens that are read; `changed` is left out."""
    job = make_tiny_job(folder, base, data, head_start="random")
    train = tuple(one for k, one in enumerate(job.train) if k != changed)
    task, digest = TASKS[data.task], hashlib.sha256()
    digest.update(repr((train, job.validation, job.labels)).encode())
    digest.update(make_learner(job).tokens_id.encode())
    if has_head(task):
        fitted = task.fit(train, job.labels)
        digest.update(json.dumps(fitted).encode())
        for array in task.encode(train, job.labels, fitted):
            digest.update(np.asarray(array).tobytes())
    return digest.hexdigest()


def all_encoded(bases: dict[str, Path], folder: Path) -> dict[str, str]:
    """By the name of the data."""
    every = [data for task in TASKS for data in TINY.get(task, ())]
    return {one.name: encoded(one, bases[TASKS[one.task].BASE], folder / str(k)) for k, one in enumerate(every)}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        print(json.dumps(all_encoded({"encoder": Path(sys.argv[1]), "language": Path(sys.argv[2])}, Path(place))))
