"""Conversations judged from the saved candidate to the verdict and its files, with a tiny model."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from sintonia.corridor.closing.bench import Bench, make_benches
from sintonia.corridor.closing.judging import Circumstances, judge_all, pick
from sintonia.corridor.closing.shipping import decide_on_all
from sintonia.evaluate.ladders.classify import Ground
from sintonia.files import read_lines, sha256_file, write_lines
from sintonia.models.language.saved import open_language_base, save_language_model
from sintonia.records import (
    Baseline,
    Candidate,
    Evaluation,
    Example,
    ExampleSet,
    Part,
    Prepared,
    Resolved,
    Resources,
    Rung,
    Scorecard,
    SealedTest,
    Turn,
)
from sintonia.report import write_card, write_report
from sintonia.runs import RunFolder
from tests.unit.train.jobs import make_chat_examples, make_chat_job

LIMIT = 96


def kept(run: RunFolder, path: str, examples: tuple[Example, ...]) -> ExampleSet:
    write_lines(run.file(path), list(examples))
    return ExampleSet(path=path, count=len(examples), sha256=sha256_file(run.file(path)))


def part_of(run: RunFolder, name: str, seed: int) -> Part:
    return Part(
        name=name,
        train=kept(run, f"data/{name}/train.jsonl", make_chat_examples(40, seed)),
        validation=kept(run, f"data/{name}/validation.jsonl", make_chat_examples(12, seed + 50)),
        test=SealedTest(count=60, sha256="0" * 64),
    )


def prepared_of(*parts: Part) -> Prepared:
    return Prepared(
        data_id="0" * 16,
        task="chat",
        form="prompt and completion",
        labels=(),
        columns={"prompt": "prompt", "completion": "completion"},
        primary_metric="bits_per_byte",
        notes=(),
        parts=parts,
        findings=(),
        rows_in=112,
        rows_used=112,
        rows_set_aside=0,
        label_counts={},
    )


def turn_of(job: Any, number: int, part: str, metric: float = 1.0, recipe_id: str = "a" * 16) -> Turn:
    return Turn(
        number=number,
        recipe_id=recipe_id,
        recipe=job.recipe,
        resolved=(Resolved(setting="training.max_tokens", value=LIMIT, origin="test"),),
        parent=None,
        purpose="first turn",
        part=part,
        candidate=Candidate(
            weights=f"turns/{number:03d}/model",
            best_step=6,
            last_step=6,
            planned_steps=6,
            stop_reason="done",
            num_trained=10,
        ),
        validation_metric=metric,
        primary_metric="bits_per_byte",
        findings=(),
        resources=Resources(basis="measured", seconds=1.0, peak_memory_bytes=1),
    )


def save_tuned(job: Any, turn: Turn, examples: tuple[Example, ...]) -> None:
    """A candidate that knows the answers: its base trained on them for a moment, by plain torch."""
    opened = open_language_base(job.base, LIMIT, "auto")
    rows = [opened.template.render(one.content or {}, LIMIT) for one in examples]
    optimizer = torch.optim.AdamW(opened.causal.parameters(), lr=1e-2)
    for position in range(40):
        row = rows[position % len(rows)]
        labels = [token if is_learned else -100 for token, is_learned in zip(row.ids, row.learned, strict=True)]
        optimizer.zero_grad()
        opened.causal(torch.tensor([row.ids]), labels=torch.tensor([labels])).loss.backward()
        optimizer.step()
    folder = job.run.file(turn.candidate.weights)
    folder.parent.mkdir(parents=True, exist_ok=True)
    save_language_model(opened, folder, method="full", template_name="auto", max_tokens=LIMIT)


def circumstances(turn: Turn) -> Circumstances:
    return Circumstances(openings=1, findings=(), shown=(), advice=(), shipped=turn)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory, tiny_language_model: Path) -> tuple[Any, Any, Any]:
    """A finished verdict: the run, the verdict, the opened examples."""
    job = make_chat_job(tmp_path_factory.mktemp("judged") / "run", tiny_language_model)
    prepared, turn = prepared_of(part_of(job.run, "all", 10)), turn_of(job, 1, "all")
    examples = make_chat_examples(60, 20)
    save_tuned(job, turn, make_chat_examples(40, 10))
    job.run.write("turns/001/turn.json", turn)
    job.run.write("prepared.json", prepared)
    job.run.write("base.json", job.base)
    benches = make_benches(job.run, job.base, prepared, (turn,))
    verdict = judge_all(benches, prepared, (examples,), circumstances(turn))
    job.run.write("verdict.json", verdict)
    return job.run, verdict, examples


def test_learning_only_how_answers_look_is_not_called_better(
    judged: tuple[Any, Any, Any],
) -> None:
    _, verdict, _ = judged
    assert verdict.primary.difference.high < 0
    assert verdict.outcome == "inconclusive" and "E309" in {one.code for one in verdict.causes}
    assert verdict.base in ("zero-shot", "few-shot") and verdict.worth_tuning.best_rung == "token frequencies"
    scores = {rung.name: rung.score for rung in verdict.rungs}
    assert list(scores) == ["zero-shot", "few-shot", "token frequencies"]
    assert scores[verdict.base] == min(scores["zero-shot"], scores["few-shot"]), "the best rung is the lowest one"
    assert [one.metric for one in verdict.secondary] == ["exact_match"]


def test_predictions_are_kept_and_add_up_to_the_score(judged: tuple[Any, Any, Any]) -> None:
    run, verdict, examples = judged
    rows = list(read_lines(run.file("turns/001/predictions/test.jsonl")))
    assert [row["id"] for row in rows] == [one.id for one in examples]
    assert set(rows[0]) == {"id", "input", "target", "base", "tuned", "loss"}
    assert set(rows[0]["base"]) == set(rows[0]["tuned"]) == {"nats", "bytes", "exact"}
    for subject, found in (("base", verdict.primary.base), ("tuned", verdict.primary.tuned)):
        nats, num_bytes = (sum(row[subject][name] for row in rows) for name in ("nats", "bytes"))
        assert nats / math.log(2) / num_bytes == pytest.approx(found.value, abs=1e-12)
    gained = sum(row["tuned"]["exact"] and not row["base"]["exact"] for row in rows)
    assert verdict.primary.fixed == gained


def test_the_report_and_the_card_of_such_a_run_can_be_written(judged: tuple[Any, Any, Any]) -> None:
    run, verdict, _ = judged
    page, card = (write(run).read_text(encoding="utf-8") for write in (write_report, write_card))
    assert f"{verdict.primary.tuned.value:.3f}" in page and f"{verdict.primary.tuned.value:.3f}" in card
    assert "Most improved" in page and "Could not be read" not in page


def test_baselines_are_kept_for_a_resumed_run(judged: tuple[Any, Any, Any]) -> None:
    run, _, _ = judged
    before = run.lines("baselines.jsonl", Baseline)
    assert [one.name for one in before] == ["zero-shot", "few-shot", "token frequencies"]
    bench = Bench(run, None, prepared_of(part_of(run, "all", 10)), run.read("turns/001/turn.json", Turn))
    assert bench.baselines == tuple(before) and bench.probe_strength is None and bench.notes == ()


def test_parts_are_judged_together(tmp_path: Path, tiny_language_model: Path) -> None:
    job = make_chat_job(tmp_path / "run", tiny_language_model)
    prepared = prepared_of(part_of(job.run, "0-0", 10), part_of(job.run, "1-0", 11))
    turns = (turn_of(job, 1, "0-0"), turn_of(job, 2, "1-0"))
    save_tuned(job, turns[0], make_chat_examples(40, 10))
    shutil.copytree(job.run.file(turns[0].candidate.weights), job.run.file(turns[1].candidate.weights))
    both = make_chat_examples(60, 20)
    shipped = dataclasses.replace(turns[0], number=3)
    benches = make_benches(job.run, job.base, prepared, turns)
    assert benches[0].ground.weigher.opened is benches[1].ground.weigher.opened, "the base is opened once"
    verdict = judge_all(benches, prepared, (both, both), circumstances(shipped))
    assert verdict.primary.difference.high < 0 and verdict.primary.examples == 60
    assert {"E306", "E309"} <= {one.code for one in verdict.causes}
    rows = [json.loads(line) for line in job.run.file("turns/003/predictions/test.jsonl").read_text().splitlines()]
    assert [row["part"] for row in rows if "id" in row] == ["0-0"] * 60 + ["1-0"] * 60


def test_the_rung_to_beat_is_the_lowest_where_less_is_better() -> None:
    card = Scorecard(subject="", split="test", scores=(), ids=(), targets=(), predictions=())
    rungs = tuple(
        (Rung(name=name, score=score, needs_training=False, description=""), card)
        for name, score in (("zero-shot", 1.2), ("few-shot", 0.9))
    )
    assert pick(rungs, "bits_per_byte", needs_training=False).name == "few-shot"
    assert pick(rungs, "accuracy", needs_training=False).name == "zero-shot"


def evaluation(step: int) -> Evaluation:
    return Evaluation(
        step=step,
        epoch=step / 6,
        learning_rate=1e-3,
        train_losses=(1.0,),
        train_correct=(False,),
        validation_losses=(1.0,),
        validation_correct=(False,),
        metric=1.0,
        relative_update=0.0,
        max_gradient_norm=1.0,
        median_gradient_norm=1.0,
    )


def test_the_settings_for_all_rows_are_those_that_did_best(tmp_path: Path, tiny_language_model: Path) -> None:
    """Of equally many parts, those with the lower bits per byte; without a probe there is no strength."""
    job = make_chat_job(tmp_path / "run", tiny_language_model)
    turns = (turn_of(job, 1, "0-0", 1.4, "a" * 16), turn_of(job, 2, "1-0", 0.8, "b" * 16))
    for turn in turns:
        write_lines(job.run.file(f"turns/{turn.number:03d}/evaluations.jsonl"), [evaluation(6)])
    decided = decide_on_all(job.run, turns, (None, None))
    assert (decided.settings_of, decided.validation_metric, decided.head_strength) == (2, 0.8, None)


def test_classify_still_stands_on_its_own_ground(tmp_path: Path, tiny_base: Path) -> None:
    from tests.unit.train.jobs import make_job

    job = make_job(tmp_path / "run", tiny_base)
    rows = {"train": job.train, "validation": job.validation}
    sets = {name: kept(job.run, f"data/{name}.jsonl", some) for name, some in rows.items()}
    part = Part(name="all", test=SealedTest(count=1, sha256="0" * 64), **sets)
    prepared = dataclasses.replace(prepared_of(part), task="classify", labels=job.labels, primary_metric="accuracy")
    turn = dataclasses.replace(turn_of(job, 1, "all"), primary_metric="accuracy")
    (bench,) = make_benches(job.run, job.base, prepared, (turn,))
    assert isinstance(bench.ground, Ground) and bench.notes == ()
    assert bench.probe_strength is not None and len(bench.baselines) == 8
