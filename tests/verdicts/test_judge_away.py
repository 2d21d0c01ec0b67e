"""A judge behind an endpoint that is not there: told before anything is trained, and later without losing a verdict."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sintonia.errors import Unavailable
from tests.planted_judges import Reply, always_first, playing
from tests.tiny import make_conversations, write_rows
from tests.verdicts.test_written import tune

DOWN: Reply = (500, {}, b"{}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 330 conversations."""
    place = tmp_path_factory.mktemp("judged")
    write_rows(place / "rows.jsonl", make_conversations(330))
    return place


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause before an endpoint is asked again."""
    monkeypatch.setattr("sintonia.models.endpoint.client._LONGEST_PAUSE_SECONDS", 0.01)


@pytest.mark.parametrize("status", [None, 500, 401, 404])
def test_a_judge_that_does_not_answer_is_refused_before_there_is_a_run(
    folder: Path, tiny_language_model: Path, status: int | None
) -> None:
    with playing(lambda *_: (status or 500, {}, b"{}")) as server:
        judge = server.named() if status else "http://127.0.0.1:9/v1#m"
        with pytest.raises(Unavailable, match="the judge does not answer") as refused:
            tune(folder, tiny_language_model, "refused", f"evaluation.judge={judge}")
    assert refused.value.where == "evaluation.judge" and "leave the judge out" in refused.value.hint
    assert not (folder / "refused").exists()


def test_a_judge_that_goes_away_is_told_and_the_verdict_stays(folder: Path, tiny_language_model: Path) -> None:
    _, alone = tune(folder, tiny_language_model, "alone", "training.epochs=1")
    with playing(lambda number, question: always_first(question) if not number else DOWN) as server:
        run, verdict = tune(
            folder, tiny_language_model, "asked", "training.epochs=1", f"evaluation.judge={server.named()}"
        )
        first, second = (one["messages"][0]["content"] for one in server.requests[:2])
    (told,) = [one for one in verdict["causes"] if one["code"] == "E317"]
    assert "could not be asked" in told["message"] and "500" in told["message"]
    assert (verdict["outcome"], verdict["primary"]["tuned"]) == (alone["outcome"], alone["primary"]["tuned"])
    assert run.file("report.html").exists()
    texts = [text for row in make_conversations(330) for text in row.values()]
    assert not [text for text in texts if text in first], "what is tried first holds no text of the data"
    assert [text for text in texts if text in second]


def test_without_the_network_at_the_end_the_verdict_stays(
    folder: Path, tiny_language_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A resumed run may be in other surroundings than the one that was begun."""
    from sintonia import pipeline
    from sintonia.recipe import make_recipe

    asked = {
        "data": {"path": str(folder / "rows.jsonl")},
        "base": f"file:{tiny_language_model}",
        "task": "chat",
        "training": {"epochs": 1, "evaluations": 1},
        "evaluation": {"judge": "https://judge.invalid/v1#m"},
    }
    monkeypatch.setattr("sintonia.evaluate.pairwise.judges.complete", lambda *_: "tie")
    run = pipeline.start(make_recipe(asked), folder / "offline")
    monkeypatch.setenv("SINTONIA_OFFLINE", "1")
    assert pipeline.improve(run).outcome
    causes = json.loads(run.file("verdict.json").read_text(encoding="utf-8"))["causes"]
    (told,) = [one for one in causes if one["code"] == "E317"]
    assert "SINTONIA_OFFLINE is set" in told["message"]
