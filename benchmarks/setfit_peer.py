"""The peer of `few_shot.py`: SetFit where it can be imported, else its recipe in sentence-transformers.

Pairs of texts of one label and of two, the loss of their cosines, batches of 16 pairs, 20 of either kind a text,
learning rate 2e-5 with a tenth of warm-up, one epoch, then logistic regression. It measures nothing but its own time.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from sintonia.models.catalog import find_entry
from sintonia.models.sources import fetch


@dataclass(frozen=True, kw_only=True)
class Draw:
    """A few texts with labels (positions), and those that are answered."""

    set: str
    number: int
    texts: list[str]
    goal: list[int]
    asked: list[str]
    wanted: list[int]


def setfit(draw: Draw) -> tuple[float, float]:
    """Accuracy and seconds of SetFit, or of its recipe."""
    folder = str(fetch(find_entry("minilm")))
    tune = _package if has_setfit() else _recipe
    import_module(
        "setfit" if has_setfit() else "sentence_transformers"
    )  # not in the time that is told; `datasets` comes with it

    with tempfile.TemporaryDirectory() as work:
        began = time.process_time()
        answer = tune(draw, folder, work)
        seconds = time.process_time() - began
    return float((np.asarray(answer(draw.asked)) == np.array(draw.wanted)).mean()), seconds


def has_setfit() -> bool:
    """Whether the package itself is there, and not only its recipe."""
    return find_spec("setfit") is not None


def _package(draw: Draw, folder: str, work: str) -> Callable[[Sequence[str]], Any]:
    peer, rows = import_module("setfit"), import_module("datasets").Dataset
    model = peer.SetFitModel.from_pretrained(folder, device="cpu")
    settings = peer.TrainingArguments(
        output_dir=work,
        batch_size=16,
        num_epochs=1,
        num_iterations=20,
        body_learning_rate=2e-5,
        warmup_proportion=0.1,
        seed=draw.number,
        save_strategy="no",
        report_to="none",
        show_progress_bar=False,
    )
    examples = rows.from_dict({"text": draw.texts, "label": draw.goal})
    peer.Trainer(model=model, args=settings, train_dataset=examples).train()
    return lambda texts: model.predict(list(texts), use_labels=False).numpy()


def _recipe(draw: Draw, folder: str, work: str) -> Callable[[Sequence[str]], Any]:
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.sentence_transformer.losses import CosineSimilarityLoss
    from sklearn.linear_model import LogisticRegression

    model = SentenceTransformer(folder, device="cpu")
    settings = SentenceTransformerTrainingArguments(
        output_dir=work,
        num_train_epochs=1,
        per_device_train_batch_size=16,
        learning_rate=2e-5,
        warmup_ratio=0.1,
        seed=draw.number,
        use_cpu=True,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    first, second, alike = zip(*drawn_pairs(draw, 20), strict=True)
    rows = import_module("datasets").Dataset.from_dict({"sentence1": first, "sentence2": second, "label": alike})
    SentenceTransformerTrainer(model=model, args=settings, train_dataset=rows, loss=CosineSimilarityLoss(model)).train()
    head = LogisticRegression().fit(model.encode(draw.texts), draw.goal)
    return lambda texts: head.predict(model.encode(list(texts)))


def drawn_pairs(draw: Draw, num_iterations: int) -> Iterator[tuple[str, str, float]]:
    """For each text so many of its label and so many of another, by chance; 1 where the label is the same."""
    chance, everything = random.Random(draw.number), list(range(len(draw.texts)))
    for _ in range(num_iterations):
        for one in everything:
            for is_alike in (True, False):
                others = [k for k in everything if k != one and (draw.goal[k] == draw.goal[one]) == is_alike]
                yield draw.texts[one], draw.texts[chance.choice(others)], float(is_alike)
