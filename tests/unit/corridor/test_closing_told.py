"""What could not be done at the closing is told: nothing written, languages not looked at, rungs that parts lack."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sintonia.corridor.closing.behind import _why_no_remedy
from sintonia.corridor.closing.bench import make_benches
from sintonia.corridor.closing.judging import _missing, judge_all, pick
from sintonia.corridor.closing.writing import Written
from sintonia.corridor.hindsight import flattery_in_words
from sintonia.errors import RunFailed
from sintonia.evaluate import Side, Sizes, fit_to_validation, partly_had, pool_rungs
from sintonia.evaluate.score import plain_scorecard
from sintonia.evaluate.written.writing import Said
from sintonia.records import Example, Finding, Place, Rung, Scorecard
from sintonia.settings import EvaluationSettings
from sintonia.tasks import TASKS
from tests.unit.corridor.test_judging_chat import circumstances, part_of, prepared_of, save_tuned, turn_of
from tests.unit.train.jobs import make_chat_examples, make_chat_job

EMPTY = Scorecard(subject="", split="test", scores=(), ids=(), targets=(), predictions=())


def findings_of(tmp_path: Path, base: Path, **asked: Any) -> dict[str, list[Finding]]:
    """Those of a verdict on conversations to which nobody wrote."""
    job = make_chat_job(tmp_path / "run", base)
    evaluation = dataclasses.replace(job.recipe.evaluation, **asked)
    job = dataclasses.replace(job, recipe=dataclasses.replace(job.recipe, evaluation=evaluation))
    prepared, turn = prepared_of(part_of(job.run, "all", 10)), turn_of(job, 1, "all")
    save_tuned(job, turn, make_chat_examples(4, 10))
    benches = make_benches(job.run, job.base, prepared, (turn,))
    verdict = judge_all(benches, prepared, (make_chat_examples(60, 20),), circumstances(turn))
    found: dict[str, list[Finding]] = {}
    for one in verdict.causes:
        found.setdefault(one.code, []).append(one)
    return found


def test_a_judge_and_a_format_that_had_nothing_to_read_are_told(
    tmp_path: Path, tiny_language_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sintonia.corridor.closing.behind.MOST_DETECTED", 59)
    found = findings_of(tmp_path, tiny_language_model, judge="http://localhost:9/v1#judge", format="json")
    (unasked,), (unread,), (unheard,) = found["E317"], found["E319"], found["E320"]
    assert "could not be asked: nothing was written" in unasked.message
    assert "nothing was written" in unread.message and "format" in unread.message
    assert "languages were not looked at: 60" in unheard.message


def test_where_nothing_of_it_was_asked_nothing_is_told(tmp_path: Path, tiny_language_model: Path) -> None:
    assert not {"E317", "E319", "E320"} & set(findings_of(tmp_path, tiny_language_model))


def test_a_base_that_did_not_write_is_told() -> None:
    said = (Said(text="a"),)
    rung = Rung(name="zero-shot", score=0.0, needs_training=False, description="")
    side = Side(tuned=EMPTY, rungs=((rung, EMPTY),), groups=())
    sizes = Sizes(num_examples=1, num_written=1, num_without_prompt=0)
    written = Written(side=side, texts={"tuned": said, "zero-shot": said}, sizes=sizes, new_tokens=4)
    (found,) = written.remarks("few-shot", EvaluationSettings(), "bits_per_byte")
    assert found.code == "E319" and "`few-shot`) did not write" in found.message
    assert written.remarks("zero-shot", EvaluationSettings(), "bits_per_byte") == ()


def test_without_a_fitted_rung_the_best_of_the_others_is_taken() -> None:
    rungs = tuple(
        (Rung(name=name, score=score, needs_training=False, description=""), EMPTY)
        for name, score in (("zero-shot", 0.2), ("few-shot", 0.4))
    )
    assert pick(rungs, "accuracy", needs_training=True).name == "few-shot"


def rungs_of(part: tuple[Example, ...], *names: str) -> tuple[tuple[Rung, Scorecard], ...]:
    return tuple(
        (
            Rung(name=name, score=0.0, needs_training=False, description=""),
            plain_scorecard(name, "test", part, [one.target if name == "a" else "" for one in part]),
        )
        for name in names
    )


def test_rungs_that_a_part_lacks_are_left_out_by_name() -> None:
    place = Place(file="x", line=1)
    rows = tuple(Example(id=f"{k}", input="", target="yes", group=f"{k}", place=place) for k in range(20))
    parts = [rungs_of(rows[:10], "b", "few", "a"), rungs_of(rows[10:], "a", "b")]
    pooled = pool_rungs(parts, rows, "accuracy")
    assert [(rung.name, rung.score, card.subject) for rung, card in pooled] == [("b", 0.0, "b"), ("a", 1.0, "a")]
    assert all(card.ids == tuple(one.id for one in rows) for _, card in pooled)
    assert partly_had([["b", "few", "a"], ["a", "b"]]) == ("few",)
    assert partly_had([["a", "b"], ["b", "a"]]) == ()


def test_parts_of_which_one_had_no_room_for_answered_examples_are_judged(
    tmp_path: Path, tiny_language_model: Path
) -> None:
    job = make_chat_job(tmp_path / "run", tiny_language_model)
    prepared = prepared_of(part_of(job.run, "0-0", 10), part_of(job.run, "1-0", 11))
    turns = (turn_of(job, 1, "0-0"), turn_of(job, 2, "1-0"))
    for turn in turns:
        save_tuned(job, turn, make_chat_examples(4, 10))
    benches = make_benches(job.run, job.base, prepared, turns)
    benches[1].baselines = tuple(one for one in benches[1].baselines if one.name != "few-shot")
    both = make_chat_examples(60, 20)
    known = circumstances(dataclasses.replace(turns[0], number=3))
    verdict = judge_all(benches, prepared, (both, both), known)
    assert [one.name for one in verdict.rungs] == ["zero-shot", "token frequencies"]
    (told,) = [one for one in verdict.causes if one.code == "E308"]
    assert "`few-shot`" in told.message and "2 parts" in told.message


@pytest.mark.parametrize("has_fitted", [True, False])
def test_that_nothing_fitted_could_answer_is_told(has_fitted: bool) -> None:
    kept = SimpleNamespace(baselines=(SimpleNamespace(name="zero-shot"),), notes=())
    rung = Rung(name="zero-shot", score=0.5, needs_training=False, description="")
    rungs = [(rung, EMPTY), *([(dataclasses.replace(rung, needs_training=True), EMPTY)] if has_fitted else [])]
    seen: Any = SimpleNamespace(benches=(kept,), judged=SimpleNamespace(rungs=rungs))
    found = _missing(seen)
    assert [one.code for one in found] == ([] if has_fitted else ["E308"])
    assert all("against its base alone" in one.message for one in found)


def test_why_there_is_no_way_back_is_told_of_parts_only() -> None:
    seen: Any = SimpleNamespace(benches=(1, 2))
    assert "all rows" in _why_no_remedy(seen)
    seen.benches = (1,)
    assert _why_no_remedy(seen) == ""


def test_a_model_that_answers_no_numbers_is_refused_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    logits = np.zeros((3, 2))
    logits[1, 0] = np.nan
    candidate = SimpleNamespace(task=TASKS["classify"], labels=("a", "b"))
    monkeypatch.setattr("sintonia.evaluate.predict.open_candidate", lambda _folder: candidate)
    monkeypatch.setattr("sintonia.evaluate.predict.candidate_task", lambda _folder: "classify")
    monkeypatch.setattr("sintonia.evaluate.predict.logits_of", lambda _candidate, _texts: logits)
    with pytest.raises(RunFailed, match="1 of 3") as refused:
        fit_to_validation(Path("model"), make_chat_examples(3, 1))
    assert "learning_rate" in refused.value.hint


def test_the_best_of_two_turns_is_called_hopeful_where_they_differ(tmp_path: Path, tiny_language_model: Path) -> None:
    job = make_chat_job(tmp_path / "run", tiny_language_model)
    part = part_of(job.run, "all", 10)
    rows = make_chat_examples(12, 60)
    turns = tuple(
        dataclasses.replace(turn_of(job, k, "all", metric), primary_metric="accuracy")
        for k, metric in ((1, 0.5), (2, 0.75))
    )
    cards = [plain_scorecard("tuned", "validation", rows, answers(rows, wrong)) for wrong in (6, 3)]
    for turn, card in zip(turns, cards, strict=True):
        job.run.write(f"{job.run.turn(turn.number)}/scorecards/validation.json", card)
    told = flattery_in_words(job.run, turns, (part,))
    assert "best of 2 turns" in told and " points" in told
    assert flattery_in_words(job.run, turns[:1], (part,)) == ""
    job.run.write(f"{job.run.turn(2)}/scorecards/validation.json", cards[0])
    assert flattery_in_words(job.run, turns, (part,)) == ""


def answers(rows: tuple[Example, ...], num_wrong: int) -> list[str]:
    return ["" if k < num_wrong else one.target for k, one in enumerate(rows)]
