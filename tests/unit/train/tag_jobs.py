"""Jobs for the tests of tagging: made-up texts whose words of a topic are spans, or whose every word has a tag."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from sintonia.records import Example, Place
from sintonia.tasks import tag
from sintonia.train import Job
from tests.tiny import FILLER, TOPICS
from tests.unit.train.jobs import make_job

LABELS = ("food", "weather")


def make_tagged(count: int, seed: int = 0, *, one_each: bool = False) -> tuple[Example, ...]:
    """Texts of words: runs of one or two words of a topic are spans; with `one_each` every word has its kind."""
    generator = np.random.default_rng(seed)
    return tuple(_tagged(generator, f"{seed}-{k}", one_each=one_each) for k in range(count))


def _tagged(generator: np.random.Generator, name: str, *, one_each: bool) -> Example:
    words: list[str] = []
    runs: list[tuple[int, int, str]] = []
    for _ in range(int(generator.integers(2, 5))):
        words += generator.choice(FILLER, int(generator.integers(1, 3))).tolist()
        label = LABELS[int(generator.integers(2))]
        length = int(generator.integers(1, 3))
        runs.append((len(words), len(words) + length, label))
        words += generator.choice(TOPICS[label], length).tolist()
    places, position = [], 0
    for word in words:
        places.append([position, position + len(word)])
        position += len(word) + 1
    spans = [{"start": places[a][0], "end": places[b - 1][1], "label": label} for a, b, label in runs]
    if one_each:
        topic = {k: label for a, b, label in runs for k in range(a, b)}
        spans = [{"start": a, "end": b, "label": topic.get(k, "filler")} for k, (a, b) in enumerate(places)]
    return example_of(" ".join(words), spans, name, tokens=places)


def example_of(
    text: str, spans: list[dict[str, Any]], name: str = "a", tokens: list[list[int]] | None = None
) -> Example:
    """One example with these spans."""
    content = tag.whole_content({"text": text} if tokens is None else {"text": text, "tokens": tokens}, spans)
    target = tag.spans_in_words([(one["start"], one["end"], one["label"]) for one in spans])
    place = Place(file="rows", line=1)
    return Example(id=name, input=text, target=target, group=name, place=place, content=content)


def make_tag_job(folder: Path, base: Path, method: str = "full", *, one_each: bool = False, **training: Any) -> Job:
    """A job on 96 training and 40 validation examples."""
    job = make_job(folder, base, method, **training)
    return dataclasses.replace(
        job,
        recipe=dataclasses.replace(job.recipe, task="tag"),
        labels=(),
        primary_metric="token_accuracy" if one_each else "span_f1",
        train=make_tagged(96, 1, one_each=one_each),
        validation=make_tagged(40, 2, one_each=one_each),
    )
