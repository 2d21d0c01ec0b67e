"""The loss of a step and that of a validation can be compared: both are told in the unit of the metric."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from sintonia.tasks.chat import NATS_PER_BYTE
from sintonia.train import train
from tests.unit.train.jobs import make_chat_job, make_job


def test_a_step_on_the_validation_set_itself_has_its_bits_per_byte(tmp_path: Path, tiny_language_model: Path) -> None:
    job = make_chat_job(tmp_path / "run", tiny_language_model, batch_examples=16, epochs=1.0)
    job = dataclasses.replace(job, train=job.validation)
    events = list(train(job))
    before = next(one for one in events if one.kind == "validated")
    first = next(one for one in events if one.kind == "step")
    assert (before.step, first.step, first.values["total_steps"]) == (0, 1, 1)
    assert first.values["bits_per_byte"] == pytest.approx(before.values["metric"], rel=1e-4)
    assert first.values["bits_per_byte"] != pytest.approx(first.values["loss"], rel=0.1), "nats per token"


def test_a_validation_says_the_unit_of_its_loss_whatever_its_metric(tmp_path: Path, tiny_language_model: Path) -> None:
    job = make_chat_job(tmp_path / "run", tiny_language_model, batch_examples=16, epochs=1.0)
    job = dataclasses.replace(job, primary_metric="exact_match")
    units = {one.values.get("loss_unit") for one in train(job) if one.kind == "validated"}
    assert units == {NATS_PER_BYTE}


def test_of_labels_there_is_one_unit_and_it_is_not_told_twice(tmp_path: Path, tiny_base: Path) -> None:
    job = make_job(tmp_path / "run", tiny_base, epochs=1.0)
    assert not any("bits_per_byte" in one.values for one in train(job) if one.kind == "step")
