"""The first ten losses of each method on the tiny base: what a refactoring must not change.

A change of these numbers is a change of the training, and its reason belongs in the commit. They hold to 1e-4
on any processor.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from sintonia.train import Job, train
from tests.unit.train.jobs import make_chat_job, make_job

GOLDEN = {
    "full": [0.542973, 0.539169, 0.768909, 0.838719, 0.841835, 0.709921, 0.904839, 0.449126, 0.390487, 0.897867],
    "lora": [0.542973, 0.589965, 0.639443, 0.552135, 0.810885, 0.765265, 1.056414, 0.748572, 0.6149, 0.734836],
    "head": [0.628078, 0.652682, 0.691514, 0.710772, 0.420556, 0.726686, 0.903071, 0.710481, 0.638674, 0.52446],
}


CHAT_GOLDEN = {
    "full": [5.527628, 5.387864, 5.130043, 4.915419, 4.740691, 4.593307, 4.432493, 4.303306, 4.203843, 4.117594],
    "lora": [5.527628, 5.493719, 5.424327, 5.396426, 5.397017, 5.407705, 5.393745, 5.380608, 5.381037, 5.373114],
    "rslora": [5.527628, 5.459142, 5.410672, 5.391308, 5.392306, 5.406809, 5.384115, 5.360974, 5.354727, 5.354159],
    "dora": [5.527628, 5.49482, 5.435093, 5.405094, 5.404118, 5.40768, 5.398716, 5.38744, 5.393268, 5.38927],
}


def first_losses(job: Job) -> list[float]:
    return [event.values["loss"] for event in train(job) if event.kind == "step"][:10]


@pytest.mark.parametrize("method", sorted(GOLDEN))
def test_the_first_ten_losses(tmp_path: Path, tiny_base: Path, method: str):
    job = make_job(tmp_path / "run", tiny_base, method, dropout=0.0)
    assert first_losses(job) == pytest.approx(GOLDEN[method], abs=1e-4)


@pytest.mark.parametrize("kind", sorted(CHAT_GOLDEN))
def test_the_first_ten_losses_of_conversations(tmp_path: Path, tiny_language_model: Path, kind: str):
    method, lora = ("full", None) if kind == "full" else ("lora", {"variant": kind})
    job = make_chat_job(tmp_path / "run", tiny_language_model, method, lora)
    assert first_losses(job) == pytest.approx(CHAT_GOLDEN[kind], abs=1e-4)
