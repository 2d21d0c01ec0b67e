"""A causal language model goes through the whole corridor of a task with a head, when somebody asks for it by name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from transformers import pipeline

from sintonia.errors import UsageError
from sintonia.evaluate.predict import predict_texts
from sintonia.models.scaling import write_scaled
from sintonia.pipeline import Progress, improve, start
from sintonia.recipe import make_recipe
from sintonia.records import Details, Turn, Verdict
from sintonia.runs import RunFolder
from tests.tiny import make_rows, make_tiny_language_model, write_rows

TRAINING = {"epochs": 6, "learning_rate": 1e-2, "evaluations": 2}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, Verdict, list[Progress]]:
    folder = tmp_path_factory.mktemp("decoder")
    base = make_tiny_language_model(folder / "base", initializer_range=0.4)
    data = write_rows(folder / "rows.jsonl", make_rows(400))
    asked = {"data": {"path": str(data)}, "base": f"file:{base}", "method": "lora", "training": TRAINING}
    run, seen = start(make_recipe(asked), folder / "run"), list[Progress]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SINTONIA_HOME", str(folder / "home"))
        verdict = improve(run, seen.append)
    return run, verdict, seen


def test_it_is_learned_and_judged_by_the_ladder_of_the_task(
    finished: tuple[RunFolder, Verdict, list[Progress]],
) -> None:
    run, verdict, _ = finished
    assert verdict.outcome != "invalid" and verdict.test_openings == 1
    names = {rung.name for rung in verdict.rungs}
    assert {"zero-shot by label names", "nearest neighbours", "nearest centroid", "linear probe", "TF-IDF"} <= names
    turn = run.read("turns/001/turn.json", Turn)
    assert turn is not None
    found = {one.setting: one for one in turn.resolved}
    assert found["task"].value == "classify" and found["training.dropout"].value == 0.0


def test_what_it_forgot_is_measured_as_of_an_encoder(finished: tuple[RunFolder, Verdict, list[Progress]]) -> None:
    details = finished[0].read("turns/001/details.json", Details)
    assert details is not None and details.forgetting is not None
    assert details.forgetting.kind == "encoder" and details.forgetting.base is not None


def test_transformers_answers_as_we_do(finished: tuple[RunFolder, Verdict, list[Progress]]) -> None:
    folder = finished[0].file("model")
    texts = [row["text"] for row in make_rows(40, seed=7)]
    labels, probabilities = predict_texts(folder, texts)
    ours = [labels[k] for k in probabilities.argmax(axis=1)]
    theirs = [one["label"] for one in pipeline("text-classification", model=str(folder))(texts)]
    assert theirs == ours and len(set(ours)) > 2
    assert 'pipeline("text-classification"' in finished[0].file("report.html").read_text(encoding="utf-8")


def test_a_part_of_the_way_is_saved_in_the_same_form(
    finished: tuple[RunFolder, Verdict, list[Progress]], tmp_path: Path
) -> None:
    from sintonia.evaluate import LADDERS
    from sintonia.records import Base

    run = finished[0]
    base, turn = run.read("base.json", Base), run.read("turns/001/turn.json", Turn)
    texts = [row["text"] for row in make_rows(20, seed=8)]
    assert base is not None and turn is not None and base.kind == "language"
    opened = LADDERS["classify"].open_base(base, turn.recipe, base.max_tokens)
    write_scaled(run.file("model"), tmp_path / "whole", 1.0, opened)
    write_scaled(run.file("model"), tmp_path / "none", 0.0, opened)
    said = [predict_texts(folder, texts)[1] for folder in (run.file("model"), tmp_path / "whole", tmp_path / "none")]
    settings = [json.loads((one / "config.json").read_text()) for one in (run.file("model"), tmp_path / "whole")]
    assert settings[0] == settings[1]
    assert (said[0].argmax(axis=1) == said[1].argmax(axis=1)).all()
    assert not np.allclose(said[1], said[2], atol=1e-2)


def test_a_method_that_compares_texts_is_refused(tmp_path: Path, tiny_language_model: Path) -> None:
    data = write_rows(tmp_path / "rows.jsonl", make_rows(100))
    asked = {"data": {"path": str(data)}, "base": f"file:{tiny_language_model}", "method": "contrastive"}
    asked["task"] = "classify"
    with pytest.raises(UsageError, match="needs an encoder") as caught:
        start(make_recipe(asked), tmp_path / "run")
    assert "--method lora" in caught.value.hint
