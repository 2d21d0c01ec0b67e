"""The first ten losses of each method on the tiny base: what a refactoring must not change.

A change of these numbers is a change of the training, and its reason belongs in the commit. They hold to 1e-4
on any processor.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from sintonia.methods import METHODS
from sintonia.tasks import TASKS
from sintonia.tasks.table import BUILT_IN
from sintonia.train import Job, train
from tests.nouns_of_tasks import TINY, TinyData, make_tiny_job
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


OF_TASKS = {
    "multilabel, full": [0.61669, 0.83058, 0.80769, 0.6305, 0.3925, 0.53258, 0.36516, 0.43348, 0.33978, 0.20544],
    "multilabel, head": [0.63384, 0.6329, 0.62913, 0.79731, 0.65191, 0.45505, 0.46938, 0.66029, 0.68292, 0.5488],
    "multilabel, lora": [0.61669, 0.75463, 0.54465, 0.61417, 0.56327, 0.68207, 0.60914, 0.69636, 0.5652, 0.55697],
    "regress, full": [0.00531, 0.03735, 0.01271, 0.04782, 0.0564, 0.01994, 0.00904, 0.00794, 0.00805, 0.00426],
    "regress, head": [0.00531, 0.00047, 0.00323, 0.00188, 0.00038, 0.00414, 0.00359, 0.00305, 0.00128, 0.00078],
    "regress, lora": [0.00531, 0.00104, 0.00295, 0.00125, 0.00031, 0.00377, 0.00344, 0.00209, 0.00095, 0.00016],
    "regress 2, full": [0.28888, 0.61517, 0.46768, 0.2963, 0.55312, 0.638, 0.61728, 0.61083, 0.27533, 0.24718],
    "embed, full": [0.68647, 1.43161, 1.18026, 1.0757, 0.3209, 0.57112, 0.07486, 0.20212, 0.23027, 0.0217],
    "embed, lora": [0.68647, 1.48326, 1.3874, 1.5827, 0.81145, 1.30705, 0.58371, 1.24536, 1.51648, 0.66726],
    "embed 2, full": [1.96295, 3.21269, 3.15388, 2.9906, 1.38408, 2.93162, 1.17193, 2.55578, 2.18202, 1.14609],
    "tag, full": [0.51804, 0.51064, 0.38177, 0.30548, 0.20991, 0.36215, 0.22723, 0.30497, 0.20301, 0.19151],
    "tag, lora": [0.51804, 0.51346, 0.43864, 0.4365, 0.44134, 0.54559, 0.49632, 0.51667, 0.42887, 0.49257],
    "tag 2, full": [0.27223, 0.27681, 0.12763, 0.06749, 0.04609, 0.07591, 0.0216, 0.03853, 0.01201, 0.00838],
    "prefer, full": [0.69315, 0.67347, 0.63638, 0.60156, 0.54356, 0.54193, 0.49376, 0.50525, 0.50153, 0.44456],
    "prefer, lora": [0.69315, 0.68904, 0.67996, 0.66968, 0.65211, 0.65024, 0.63678, 0.64081, 0.64155, 0.62601],
    "prefer 2, lora": [0.5, 0.49952, 0.49734, 0.49529, 0.48818, 0.49299, 0.48283, 0.49057, 0.48745, 0.48166],
    "pretrain, full": [5.55294, 5.52617, 5.46204, 5.40094, 5.34093, 5.29624, 5.25128, 5.21518, 5.19746, 5.16819],
    "pretrain, lora": [5.55294, 5.54488, 5.52807, 5.51759, 5.51321, 5.49575, 5.49331, 5.47305, 5.47715, 5.4703],
}
"""By the task and the method; 2 is the second form of its data."""
KINDS = {
    f"{task}{' 2' if place else ''}, {method}": (data, method)
    for task in BUILT_IN
    for place, data in enumerate(TINY[task])
    for method in METHODS
    if task not in ("classify", "chat") and METHODS[method].learns(TASKS[task])
    if place == 0 or method == TASKS[task].METHOD
}
"""The usual form of each task with every method, its other forms with the usual one."""


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


def job_of(folder: Path, base: Path, data: TinyData, method: str) -> Job:
    return make_tiny_job(folder, base, data, method, epochs=4.0, evaluations=1)


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_ten_losses_of_every_other_task(
    tmp_path: Path, tiny_base: Path, tiny_language_model: Path, kind: str
) -> None:
    data, method = KINDS[kind]
    base = tiny_base if TASKS[data.task].BASE == "encoder" else tiny_language_model
    assert kind in OF_TASKS, "write its losses down"
    assert first_losses(job_of(tmp_path / "run", base, data, method)) == pytest.approx(OF_TASKS[kind], abs=1e-4)
