"""Learning preferences: the loss falls, the base is asked once, what is saved prefers as the live model does."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sintonia.errors import DataError, UsageError
from sintonia.evaluate.scoring.preferences import score_preferences
from sintonia.models.language.preferences.weighing import BundleEngine
from sintonia.models.language.saved import open_language_candidate
from sintonia.models.open import candidate_task
from sintonia.records import Event, Example, Place
from sintonia.settings import PreferSettings
from sintonia.tasks.prefer import LOSSES, target_of
from sintonia.train import Job, train
from sintonia.train.learners.preference import PreferenceLearner
from tests.tiny import ANSWERS, make_rows
from tests.unit.train.jobs import make_chat_job

WORSE = "no idea at all"


def make_pairs(count: int, seed: int = 0, *, is_single: bool = False) -> tuple[Example, ...]:
    """A question, the answer that belongs to its topic and one that never does."""
    found = []
    for number, row in enumerate(make_rows(count, seed)):
        said = [[{"role": "assistant", "content": text}] for text in (ANSWERS[row["label"]], WORSE)]
        content: dict[str, Any] = {"messages": [{"role": "user", "content": row["text"]}]}
        if is_single:
            content |= {"completion": said[number % 2], "is_desirable": number % 2 == 0}
        else:
            content |= {"chosen": said[0], "rejected": said[1]}
        found.append(
            Example(
                id=f"{seed}-{number}",
                input=row["text"],
                target=target_of(content),
                group=str(number),
                place=Place(file="rows", line=number + 1),
                content=content,
            )
        )
    return tuple(found)


def make_preference_job(
    folder: Path, base: Path, loss: str = "dpo", method: str = "lora", *, is_single: bool = False, **training: Any
) -> Job:
    job = make_chat_job(folder, base, method, **{"epochs": 4.0, **training})
    recipe = dataclasses.replace(job.recipe, task="prefer", prefer=PreferSettings(loss=loss))
    return dataclasses.replace(
        job,
        recipe=recipe,
        primary_metric="preference_accuracy",
        train=make_pairs(48, 1, is_single=is_single),
        validation=make_pairs(16, 2, is_single=is_single),
    )


def losses_of(events: list[Event]) -> list[float]:
    return [event.values["loss"] for event in events if event.kind == "step"]


@pytest.mark.parametrize(
    ("loss", "method", "is_single"),
    [
        *((loss, "lora", False) for loss in LOSSES),
        ("dpo", "full", False),
        ("kto", "lora", True),
        ("auto", "lora", True),
    ],
)
def test_every_loss_learns_and_is_saved_as_it_was(
    tmp_path: Path, tiny_language_model: Path, loss: str, method: str, is_single: bool
) -> None:
    job = make_preference_job(tmp_path / "run", tiny_language_model, loss, method, is_single=is_single)
    events = list(train(job))
    told = losses_of(events)
    assert np.mean(told[-6:]) < np.mean(told[:6])
    validated = [event.values for event in events if event.kind == "validated"]
    assert validated[-1]["metric"] >= 0.9
    assert validated[-1]["validation_loss"] < validated[0]["validation_loss"]
    folder = job.run.file(job.file("model"))
    assert candidate_task(folder) == "prefer"
    card = score_preferences(folder, job.validation, "validation")
    best = max(validated, key=lambda one: (one["metric"], -one["validation_loss"]))
    assert card.scores[0].value >= min(one["metric"] for one in validated[1:])
    assert np.mean(card.losses) <= max(one["validation_loss"] for one in validated) + 1e-4
    assert best["metric"] >= 0.9
    assert open_language_candidate(folder).task == "prefer"


def test_the_base_is_asked_once_for_all_steps_and_turns(
    tmp_path: Path, tiny_language_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_preference_job(tmp_path / "run", tiny_language_model, "dpo", epochs=1.0)
    first = PreferenceLearner(job)
    list(first.prepare())
    asked: list[int] = []
    weigh = BundleEngine.weigh_bundles
    monkeypatch.setattr(
        BundleEngine,
        "weigh_bundles",
        lambda self, bundles, *rest: asked.append(len(bundles)) or weigh(self, bundles, *rest),
    )
    again = PreferenceLearner(dataclasses.replace(job, turn=2))
    list(again.prepare())
    assert not asked
    assert bool((again.sets[0].known.base == first.sets[0].known.base).all())
    other = PreferenceLearner(dataclasses.replace(job, train=make_pairs(48, 7)))
    list(other.prepare())
    assert asked == [48]


def test_before_the_first_step_the_model_prefers_nothing(tmp_path: Path, tiny_language_model: Path) -> None:
    learner = PreferenceLearner(make_preference_job(tmp_path / "run", tiny_language_model))
    list(learner.prepare())
    answers = learner.score_validation()
    assert answers.losses == pytest.approx([np.log(2)] * 16, abs=1e-4)


@pytest.mark.parametrize(("loss", "is_single"), [("dpo", False), ("orpo", False), ("kto", True)])
def test_micro_batches_and_sharing_change_no_loss(
    tmp_path: Path, tiny_language_model: Path, loss: str, is_single: bool
) -> None:
    told = []
    for name, settings in (
        ("whole", {}),
        ("small", {"micro_tokens": 200}),
        ("unshared", {"shared_prefix": False}),
        ("plain", {"fused": False}),
    ):
        job = make_preference_job(
            tmp_path / name, tiny_language_model, loss, is_single=is_single, epochs=1.0, **settings
        )
        told.append(losses_of(list(train(job))))
    for other in told[1:]:
        assert other == pytest.approx(told[0], abs=2e-5)


def test_frozen_layers_are_kept_and_change_no_loss(tmp_path: Path, tiny_language_model: Path) -> None:
    told = []
    for cache in ("on", "off"):
        job = make_preference_job(tmp_path / cache, tiny_language_model, epochs=1.0, cache=cache)
        lora = dataclasses.replace(job.recipe.lora, layers=1)
        job = dataclasses.replace(job, recipe=dataclasses.replace(job.recipe, lora=lora))
        learner = PreferenceLearner(job)
        list(learner.prepare())
        assert learner.is_kept == (cache == "on")
        told.append([learner.accumulate([0, 1, 2, 3]), *learner.score_validation().losses])
    assert told[0] == pytest.approx(told[1], abs=1e-3)


def test_a_resumed_training_ends_as_if_nothing_had_happened(tmp_path: Path, tiny_language_model: Path) -> None:
    whole = make_preference_job(tmp_path / "whole", tiny_language_model, epochs=1.0)
    cut = make_preference_job(tmp_path / "cut", tiny_language_model, epochs=1.0)
    list(train(whole))
    stop = cut.run.file(cut.file("stop"))
    for event in train(cut):
        if event.kind == "step" and event.step == 3:
            stop.write_text("pause", encoding="utf-8")
    stop.unlink()
    list(train(cut))
    weights = [(job.run.file(job.file("model")) / "adapter_model.safetensors").read_bytes() for job in (whole, cut)]
    assert weights[0] == weights[1]


def test_what_cannot_be_learned_is_refused(tmp_path: Path, tiny_language_model: Path) -> None:
    with pytest.raises(UsageError, match="single ratings"):
        PreferenceLearner(make_preference_job(tmp_path / "one", tiny_language_model, "dpo", is_single=True))
    mixed = make_preference_job(tmp_path / "two", tiny_language_model)
    mixed = dataclasses.replace(mixed, train=mixed.train + make_pairs(2, 5, is_single=True))
    with pytest.raises(DataError, match="two answers"):
        PreferenceLearner(mixed)
