"""E32 of science.md, on the real base: forgetting raises its alarm after careless training, not after the usual one.

All weights at ten times the usual learning rate on a narrow task must forget, a LoRA with the defaults must not; and
going only a part of the way must bring half of the loss back, at no cost on validation beyond one standard error.

    python tests/verdicts/test_forgetting.py FOLDER [SEED ...]

runs the experiment for some seeds; what FOLDER holds already is not computed again, and a training that was killed goes
on from its checkpoint. One line a seed is appended to FOLDER/results.jsonl.
"""

from __future__ import annotations

import dataclasses
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from sintonia.choose import choose
from sintonia.evaluate.forgetting import ForgettingInput, measure_forgetting
from sintonia.files import from_json, to_json
from sintonia.models.language.saved import open_language_base
from sintonia.records import Example, Forgetting, Place
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, LoraSettings, Recipe, TrainingSettings
from sintonia.train import Job, train

ARMS = {"full": 3e-3, "lora": 1e-3}
"""The defaults at this width are 3e-4 for all weights, of which this is ten times, and 1e-3 for LoRA."""
NUM_TRAIN, NUM_VALIDATION, NUM_EPOCHS = 64, 40, 3.0
COLOURS = ("red", "blue", "green", "yellow", "white", "black", "brown", "orange")
THINGS = ("lamp", "chair", "kettle", "bicycle", "jacket", "notebook", "umbrella", "teapot", "ladder", "violin")
PLACES = ("Genoa", "Leeds", "Porto", "Graz", "Lyon", "Cork", "Malmo", "Bari", "Ghent", "Essex")


def narrow_rows(count: int, seed: int) -> list[Example]:
    """Orders in plain words, and the record that a shop would keep of them: a narrow task with one right answer."""
    generator, rows = random.Random(seed), []
    for k in range(count):
        number, colour = generator.randint(2, 40), generator.choice(COLOURS)
        thing, place = generator.choice(THINGS), generator.choice(PLACES)
        prompt = f"Please send {number} {colour} {thing}s to our shop in {place} before the end of the month."
        answer = f"ORDER|{thing.upper()}|{colour}|qty={number:03d}|to={place}|status=open"
        messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
        rows.append(
            Example(
                id=f"{seed}-{k}",
                input=prompt,
                target=answer,
                group=f"{seed}-{k}",
                place=Place(file="rows", line=k + 1),
                content={"messages": messages},
            )
        )
    return rows


def make_job(folder: Path, method: str, seed: int) -> Job:
    training = TrainingSettings(
        epochs=NUM_EPOCHS,
        learning_rate=ARMS[method],
        batch_examples=8,
        micro_tokens=1024,
        precision="fp32",
        evaluations=1,
        checkpoint_steps=8,
        max_tokens=128,
        dropout=0.0,
        weight_decay=0.0,
        early_stopping=False,
    )
    recipe = Recipe(
        data=DataSettings(path="rows"),
        base="smollm2",
        task="chat",
        method=method,
        seed=seed,
        training=training,
        lora=LoraSettings(rank=16, alpha=32),
    )
    run = RunFolder(folder) if (folder / "recipe.yaml").is_file() else RunFolder.create(folder, recipe)
    rows = narrow_rows(NUM_TRAIN + NUM_VALIDATION, seed)
    return Job(
        run=run,
        recipe=recipe,
        base=choose(recipe, "chat"),
        labels=(),
        primary_metric="bits_per_byte",
        train=tuple(rows[:NUM_TRAIN]),
        validation=tuple(rows[NUM_TRAIN:]),
        turn=1,
        part="000",
    )


def measured(folder: Path, method: str, seed: int) -> Forgetting:
    """What one arm forgets; read, when it was measured before."""
    kept = folder / f"{method}-{seed}.json"
    if kept.is_file():
        return from_json(Forgetting, json.loads(kept.read_text(encoding="utf-8")))
    job = make_job(folder / f"{method}-{seed}", method, seed)
    weights = job.run.file(job.file("model"))
    if not (weights / "sintonia.json").is_file():
        for _ in train(job):
            pass
    base = open_language_base(job.base, 128, "auto")
    begun = time.monotonic()
    asked = ForgettingInput(candidate=weights, prompts=job.validation, validation=job.validation)
    found = measure_forgetting(base, asked)
    print(f"{method}, seed {seed}: measured in {time.monotonic() - begun:.0f} s", file=sys.stderr)
    kept.write_text(json.dumps(to_json(found)), encoding="utf-8")
    return found


def experiment(folder: Path, seed: int) -> dict[str, Any]:
    """Both arms of one seed, and whether they show what they should."""
    careless, usual = measured(folder, "full", seed), measured(folder, "lora", seed)
    remedy = careless.remedy
    line = {
        "seed": seed,
        "full": {"change": careless.change.value, "severity": careless.severity, "divergence": careless.divergence},
        "lora": {"change": usual.change.value, "severity": usual.severity, "divergence": usual.divergence},
        "remedy": None if remedy is None else dataclasses.asdict(remedy),
    }
    with (folder / "results.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    return line


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(5))
def test_e32_careless_training_forgets_and_the_way_back_recovers_half(tmp_path: Path, seed: int) -> None:
    line = experiment(tmp_path, seed)
    assert line["full"]["severity"] in ("warning", "serious")
    assert line["lora"]["severity"] in ("none", "note")
    remedy = line["remedy"]
    assert remedy["recovered_fraction"] >= 0.5
    assert remedy["validation"] - remedy["validation_full"] <= remedy["standard_error"]


if __name__ == "__main__":
    place = Path(sys.argv[1])
    place.mkdir(parents=True, exist_ok=True)
    for number in [int(word) for word in sys.argv[2:]] or [0]:
        print(json.dumps(experiment(place, number)))
