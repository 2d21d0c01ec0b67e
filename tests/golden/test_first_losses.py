"""The first ten losses of each method on the tiny base: what a refactoring must not change.

A change of these numbers is a change of the training, and its reason belongs in the commit. They hold to 1e-4
on any processor.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from sintonia.train import train
from tests.unit.train.jobs import make_job

GOLDEN = {
    "full": [0.542973, 0.539169, 0.768909, 0.838719, 0.841835, 0.709921, 0.904839, 0.449126, 0.390487, 0.897867],
    "head": [0.628078, 0.652682, 0.691514, 0.710772, 0.420556, 0.726686, 0.903071, 0.710481, 0.638674, 0.52446],
}


@pytest.mark.parametrize("method", sorted(GOLDEN))
def test_the_first_ten_losses(tmp_path: Path, tiny_base: Path, method: str):
    job = make_job(tmp_path / "run", tiny_base, method, dropout=0.0)
    losses = [event.values["loss"] for event in train(job) if event.kind == "step"][:10]
    assert losses == pytest.approx(GOLDEN[method], abs=1e-4)
