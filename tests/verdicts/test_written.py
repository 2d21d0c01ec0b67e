"""Verdicts on what language models write, through the public interface: what is compared, refused and told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sintonia import pipeline
from sintonia.errors import UsageError
from sintonia.metrics.own import EXAMPLE
from sintonia.recipe import make_recipe, override
from sintonia.runs import RunFolder
from tests.tiny import make_conversations, make_rows, write_rows

READ = {"normalised_match", "token_f1", "rouge_l", "chrf"}
OWN = """NAME = "first_word"
BLIND_TO = "Everything after the first word of an answer."
HIGHER_IS_BETTER = True
RANGE = (0.0, 1.0)

def score(target, prediction):
    return float(target.split()[:1] == prediction.split()[:1])
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_language_model: Path) -> Path:
    """A file of 330 conversations."""
    place = tmp_path_factory.mktemp("written")
    write_rows(place / "rows.jsonl", make_conversations(330))
    (place / "own.py").write_text(OWN, encoding="utf-8")
    return place


def tune(folder: Path, base: Path, name: str, *asked: str) -> tuple[RunFolder, dict[str, Any]]:
    body: dict[str, Any] = {
        "data": {"path": str(folder / "rows.jsonl")},
        "base": f"file:{base}",
        "task": "chat",
        "training": {"epochs": 5, "learning_rate": 1e-2, "evaluations": 2},
    }
    for one in asked:
        override(body, one)
    run = pipeline.start(make_recipe(body), folder / name)
    pipeline.improve(run)
    return run, json.loads(run.file("verdict.json").read_text(encoding="utf-8"))


def answers(run: RunFolder) -> list[dict[str, Any]]:
    lines = run.file("turns/001/predictions/test.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines[1:]]


def origins(run: RunFolder) -> dict[str, Any]:
    import yaml

    body = yaml.safe_load(run.file("resolved.yaml").read_text(encoding="utf-8"))
    return {one["setting"]: one for one in body["settings"]}


def test_beside_bits_per_byte_what_both_write_is_compared(folder: Path, tiny_language_model: Path) -> None:
    run, verdict = tune(folder, tiny_language_model, "plain")
    assert verdict["primary"]["metric"] == "bits_per_byte"
    secondary = {one["metric"]: one for one in verdict["secondary"]}
    assert set(secondary) == {"exact_match", *READ}
    assert secondary["token_f1"]["examples"] == verdict["primary"]["examples"]  # fewer than 200: all of them
    assert secondary["token_f1"]["tuned"]["value"] > secondary["token_f1"]["base"]["value"]
    assert "What both write by themselves to all of them is compared beside this." in verdict["sentence"]
    told = origins(run)["evaluation.new_tokens"]
    assert told["value"] == 19 and told["origin"] == "the longest training answer and a tenth more"
    rows = answers(run)
    assert all(isinstance(row["base"], str) and isinstance(row["tuned"], str) for row in rows)
    assert all({"nats", "bytes", "exact"} == set(row["tuned_weighed"]) for row in rows)
    matched = sum(row["tuned"] == row["target"] for row in rows) / len(rows)
    assert secondary["normalised_match"]["tuned"]["value"] == pytest.approx(matched)
    page = run.file("report.html").read_text(encoding="utf-8")
    assert "nobody asked it to write" not in page and "token F1" in page


def test_the_verdict_can_be_about_what_is_written(folder: Path, tiny_language_model: Path) -> None:
    own = folder / "own.py"
    asked = ("evaluation.primary_metric=token_f1", "evaluation.format=regex:[a-z ]+", f"evaluation.metrics_file={own}")
    run, verdict = tune(folder, tiny_language_model, "texts", *asked)
    assert verdict["primary"]["metric"] == "token_f1"
    assert {one["metric"] for one in verdict["secondary"]} == {
        *(READ - {"token_f1"}),
        "bits_per_byte",
        "exact_match",
        "format_validity",
        "first_word",
    }
    names = [one["name"] for one in verdict["rungs"]]
    assert names == [
        "zero-shot",
        "few-shot",
        "zero-shot among known answers",
        "most common answer",
        "answer of the nearest prompt",
    ]
    assert verdict["worth_tuning"]["best_rung"] == "answer of the nearest prompt"
    assert verdict["base"] == "zero-shot among known answers"  # a random base writes no letters, but it can choose
    unread = [one["message"] for one in verdict["causes"] if one["code"] == "E314"]
    assert all("0.0% of the answers of the base" in one for one in unread) and not verdict["invalid_reasons"]
    (turn,) = pipeline.finished_turns(run)
    assert turn.primary_metric == "token_f1" and 0 < turn.validation_metric <= 1
    own.write_text("raise SystemExit('run')", encoding="utf-8")
    try:
        _report_runs_no_code(run)
        with pytest.raises(UsageError, match=r"own\.py:1"):
            pipeline.improve(run)
        own.write_text(OWN + "\n# changed\n", encoding="utf-8")
        with pytest.raises(UsageError, match=r"`own\.py` was changed since this run began"):
            pipeline.improve(run)
    finally:
        own.write_text(OWN, encoding="utf-8")
    assert pipeline.improve(run).primary.metric == "token_f1"


def _report_runs_no_code(run: RunFolder) -> None:
    from sintonia.report import write_card, write_report

    text = write_report(run).read_text(encoding="utf-8")
    assert "Everything after the first word of an answer." in text
    assert "token F1" in write_card(run).read_text(encoding="utf-8")
    assert isinstance(pipeline.propose(run).changes, tuple)


def test_nothing_is_written_when_nobody_asks(folder: Path, tiny_language_model: Path) -> None:
    run, verdict = tune(folder, tiny_language_model, "none", "evaluation.decoding=none", "training.epochs=1")
    assert {one["metric"] for one in verdict["secondary"]} == {"exact_match"}
    assert "the model was not asked to write any" in verdict["sentence"]
    assert not list(run.file("turns/001/scorecards").glob("written-*"))
    assert all(isinstance(row["tuned"], dict) for row in answers(run))
    assert "evaluation.new_tokens" not in origins(run)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (["evaluation.decoding=none", "evaluation.new_tokens=9"], "`evaluation.new_tokens` has no effect"),
        (["evaluation.decoding=none", "evaluation.format=json"], "`evaluation.format` has no effect"),
        (["evaluation.decoding=none", "evaluation.primary_metric=chrf"], "`chrf` reads what is written"),
        (["evaluation.primary_metric=accuracy"], "which the task `chat` does not have"),
        (["evaluation.primary_metric=token_f2"], "there is no metric `token_f2`"),
        (["evaluation.format=xml"], "there is no format `xml`"),
        (["evaluation.judge=nobody"], r"unknown base `nobody`"),
        (["evaluation.metrics_file=nowhere.py"], r"`.*nowhere\.py` cannot be read"),
        (["evaluation.new_tokens=0"], "evaluation.new_tokens"),
        (["task=classify", "base=auto", "evaluation.decoding=none"], "has no effect for the task classify"),
        (["task=classify", "base=auto", "evaluation.format=json"], "has no effect for the task classify"),
        (["task=classify", "base=auto", "evaluation.primary_metric=chrf"], "which the task `classify` does not have"),
    ],
)
def test_what_would_have_no_effect_is_refused_before_there_is_a_run(
    folder: Path, tiny_language_model: Path, asked: list[str], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        tune(folder, tiny_language_model, "refused", *asked)
    assert not (folder / "refused").exists()


def test_a_metric_that_fails_on_a_training_target_is_refused_before_any_training(
    folder: Path, tiny_language_model: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own.py"
    own.write_text(EXAMPLE.replace("    return", "    raise KeyError(target)\n    return", 1), encoding="utf-8")
    with pytest.raises(UsageError, match="own code raised KeyError"):
        tune(folder, tiny_language_model, "refused", f"evaluation.metrics_file={own}")
    assert not (folder / "refused").exists()


def test_a_judge_that_cannot_write_is_refused(folder: Path, tiny_language_model: Path, tiny_base: Path) -> None:
    with pytest.raises(UsageError, match="cannot write"):
        tune(folder, tiny_language_model, "refused", f"evaluation.judge=file:{tiny_base}")
    assert not (folder / "refused").exists()


def test_plain_text_cannot_be_judged_by_what_is_written(tmp_path: Path, tiny_language_model: Path) -> None:
    write_rows(tmp_path / "rows.jsonl", [{"text": row["text"]} for row in make_rows(330)])
    with pytest.raises(UsageError, match="no training example has a prompt to answer"):
        tune(tmp_path, tiny_language_model, "run", "evaluation.primary_metric=chrf")
