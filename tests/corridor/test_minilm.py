"""One real run: the embedded base on real smart-home commands, from the command line to the saved model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sintonia.prepare import write_smart_home
from sintonia.records import Verdict


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of `sintonia tune` on a few hundred commands; their templates stay together."""
    folder = tmp_path_factory.mktemp("minilm")
    write_smart_home(folder / "commands.jsonl", per_template=1)
    words = ["tune", "commands.jsonl", "--columns", "input=text,target=intent", "--out", "run", "--json"]
    words += ["data.group=template", "training.epochs=1"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SINTONIA_HOME", str(folder / "home"))
        done = subprocess.run(
            [sys.executable, "-m", "sintonia", *words], cwd=folder, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout)["outcome"] == "better"
    return folder / "run"


def test_the_verdict_is_valid_against_its_schema(finished: Path):
    import jsonschema
    from pydantic import TypeAdapter

    body = json.loads((finished / "verdict.json").read_text())
    assert body.pop("schema") == 1
    jsonschema.validate(body, TypeAdapter(Verdict).json_schema())
    assert body["primary"]["difference"]["low"] > 0.2
    assert body["test_openings"] == 1 and body["level"] == pytest.approx(0.0304, abs=1e-4)


def test_the_model_loads_without_our_code_and_answers_the_same(finished: Path):
    from sentence_transformers import SentenceTransformer

    rows = [json.loads(line) for line in (finished / "turns/001/predictions/test.jsonl").read_text().splitlines()[1:]]
    labels = json.loads((finished / "model/sintonia.json").read_text())["labels"]
    logits = SentenceTransformer(str(finished / "model"), device="cpu").encode([row["input"] for row in rows])
    answers = [labels[int(k)] for k in np.asarray(logits).argmax(axis=1)]
    assert answers == [row["tuned"] for row in rows]


def test_the_encoder_was_really_trained(finished: Path):
    from safetensors.torch import load_file

    from sintonia.models.catalog import find_entry
    from sintonia.models.sources import fetch

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SINTONIA_HOME", str(finished.parent / "home"))
        before = load_file(fetch(find_entry("minilm")) / "model.safetensors")
    after = load_file(finished / "model" / "model.safetensors")
    moved = [name for name in before if name in after and not np.array_equal(before[name], after[name])]
    assert len([name for name in moved if "encoder.layer" in name]) > 90
    used = [row for row, was in zip(after[_WORDS], before[_WORDS], strict=True) if not np.array_equal(row, was)]
    assert len(used) > 300


_WORDS = "embeddings.word_embeddings.weight"
