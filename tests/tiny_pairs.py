"""Made-up examples of the task `embed` for tests: texts that share two words belong together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from sintonia.choose import choose
from sintonia.records import Example, Place
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, LoraSettings, Recipe, TrainingSettings
from sintonia.train import Job
from tests.tiny import FILLER, TOPICS

WORDS = [word for words in TOPICS.values() for word in words]


def make_pair_rows(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Rows `anchor`, `positive`: two words of any topic, each time among other filler; no two anchors share both."""
    generator, rows, seen = np.random.default_rng(seed), [], set()
    while len(rows) < count:
        words = tuple(sorted(generator.choice(WORDS, 2, replace=False).tolist()))
        if words in seen:
            continue
        seen.add(words)
        rows.append({"anchor": _around(words, generator), "positive": _around(words, generator)})
    return rows


def make_scored_rows(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Rows `text1`, `text2`, `score`: the score is 2.5 for each word that two texts share."""
    generator, rows = np.random.default_rng(seed), []
    for _ in range(count):
        first, shared = generator.choice(WORDS, 2, replace=False).tolist(), int(generator.integers(3))
        others = [word for word in generator.permutation(WORDS).tolist() if word not in first]
        second = [*first[:shared], *others[: 2 - shared]]
        texts = _around(tuple(first), generator), _around(tuple(second), generator)
        rows.append({"text1": texts[0], "text2": texts[1], "score": 2.5 * shared + float(generator.uniform(0, 0.1))})
    return rows


def _around(words: tuple[str, ...], generator: np.random.Generator) -> str:
    return " ".join(generator.permutation([*words, *generator.choice(FILLER, 2).tolist()]).tolist())


def anchored(
    anchor: str, positives: list[str], negatives: list[str] | None = None, *, name: str = "", line: int = 1
) -> Example:
    """One example of texts that belong together."""
    return Example(
        id=name or f"{anchor}-{line}",
        input=anchor,
        target="\n".join(positives),
        group=str(line),
        place=Place(file="rows", line=line),
        content={"anchor": anchor, "positives": positives, "negatives": negatives or []},
    )


def scored(first: str, second: str, score: float, line: int = 1) -> Example:
    """One example of two texts with a score."""
    return Example(
        id=f"pair-{line}",
        input=f"{first}\n{second}",
        target=repr(score),
        group=str(line),
        place=Place(file="rows", line=line),
        content={"texts": [first, second], "score": score},
    )


def make_anchored(count: int, seed: int = 0) -> tuple[Example, ...]:
    """Examples of `make_pair_rows`."""
    rows = make_pair_rows(count, seed)
    return tuple(anchored(one["anchor"], [one["positive"]], line=k + 1) for k, one in enumerate(rows))


def make_scored(count: int, seed: int = 0) -> tuple[Example, ...]:
    """Examples of `make_scored_rows`."""
    rows = make_scored_rows(count, seed)
    return tuple(scored(one["text1"], one["text2"], one["score"], k + 1) for k, one in enumerate(rows))


def make_embed_job(folder: Path, base: Path, *, is_scored: bool = False, method: str = "full", **training: Any) -> Job:
    """A job on 96 training and 40 validation examples."""
    settings = TrainingSettings(
        **{
            "epochs": 3.0,
            "learning_rate": 2e-3,
            "batch_examples": 16,
            "micro_tokens": 4096,
            "precision": "fp32",
            "evaluations": 3,
            "checkpoint_steps": 6,
            "max_tokens": 32,
            "dropout": 0.1,
            "weight_decay": 0.01,
            "frozen_layers": 0,
            **training,
        }
    )
    recipe = Recipe(
        data=DataSettings(path="rows"),
        base=f"file:{base}",
        task="embed",
        method=method,
        training=settings,
        lora=LoraSettings(rank=4),
    )
    make = make_scored if is_scored else make_anchored
    return Job(
        run=RunFolder.create(folder, recipe),
        recipe=recipe,
        base=choose(recipe, "embed"),
        labels=(),
        primary_metric="spearman" if is_scored else "ndcg_at_10",
        train=make(96, 1),
        validation=make(40, 2),
        turn=1,
        part="000",
    )
