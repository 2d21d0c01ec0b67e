"""Finished runs with tiny models, ready to be exported: trained in a second, their verdict made up."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from sintonia.files import write_lines
from sintonia.records import ExampleSet, Part, Prepared, SealedTest
from sintonia.runs import RunFolder
from sintonia.train import Job, train
from tests.tiny import make_tiny_language_model
from tests.tiny_pairs import make_embed_job
from tests.unit.report.fixture import _verdict
from tests.unit.train.jobs import make_chat_job, make_job

MERGES = ("i n", "o u", "e r")


def make_base_with_merges(folder: Path, **settings: Any) -> Path:
    """A tiny language model whose tokenizer joins a few letters: llama.cpp takes none that joins nothing."""
    make_tiny_language_model(folder, vocab_size=259 + len(MERGES), **settings)
    path = folder / "tokenizer.json"
    body = json.loads(path.read_text(encoding="utf-8"))
    body["model"]["merges"] = [one.split(" ") for one in MERGES]
    body["model"]["vocab"] |= {one.replace(" ", ""): 259 + k for k, one in enumerate(MERGES)}
    path.write_text(json.dumps(body), encoding="utf-8")
    return folder


def finish(job: Job) -> RunFolder:
    """The run of a job, trained and with all that an export reads."""
    list(train(job))
    run = job.run
    shutil.copytree(run.file(job.file("model")), run.file("model"))
    write_lines(run.file("data/validation.jsonl"), job.validation)
    held = ExampleSet(path="data/validation.jsonl", count=len(job.validation), sha256="0")
    part = Part(name="000", train=held, validation=held, test=SealedTest(count=9, sha256="0"))
    run.write("prepared.json", _prepared(job, part))
    run.write("base.json", job.base)
    run.write("verdict.json", _verdict("better", False))
    run.file("card.md").write_text("---\nlicense: apache-2.0\n---\n\n# A card\n", encoding="utf-8")
    return run


def _prepared(job: Job, part: Part) -> Prepared:
    return Prepared(
        data_id="0",
        task=job.recipe.task,
        form="made up",
        labels=job.labels,
        columns={},
        primary_metric=job.primary_metric,
        notes=(),
        parts=(part,),
        findings=(),
        rows_in=9,
        rows_used=9,
        rows_set_aside=0,
        label_counts={},
    )


@pytest.fixture(scope="session")
def chat_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The base of `chat_run`."""
    return make_base_with_merges(tmp_path_factory.mktemp("bases") / "joining")


@pytest.fixture(scope="session")
def chat_run(tmp_path_factory: pytest.TempPathFactory, chat_base: Path) -> RunFolder:
    """A run that trained an adapter of a language model."""
    return finish(make_chat_job(tmp_path_factory.mktemp("chat") / "run", chat_base))


@pytest.fixture(scope="session")
def classify_run(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> RunFolder:
    """A run that trained an encoder with a head."""
    return finish(make_job(tmp_path_factory.mktemp("classify") / "run", tiny_base))


@pytest.fixture(scope="session")
def embed_run(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> RunFolder:
    """A run that trained an embedding model."""
    return finish(make_embed_job(tmp_path_factory.mktemp("embed") / "run", tiny_base))


@pytest.fixture(scope="session")
def reader_run(tmp_path_factory: pytest.TempPathFactory, chat_base: Path) -> RunFolder:
    """A run that trained a classifier of a language model."""
    return finish(make_job(tmp_path_factory.mktemp("reader") / "run", chat_base, epochs=1.0))
