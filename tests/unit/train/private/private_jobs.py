"""Private jobs for the tests, filled as `resolve` fills them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from sintonia.settings import DpSettings
from sintonia.train import Job
from tests.unit.train.jobs import make_chat_job, make_job

FILLED: dict[str, Any] = {
    "head_start": "random",
    "early_stopping": False,
    "loss_spikes": "note",
    "clip_norm": 0.0,
    "dropout": 0.0,
    "weight_decay": 0.0,
}


def make_private_job(folder: Path, base: Path, method: str = "head", **asked: Any) -> Job:
    """96 training examples; `dp` are settings of privacy, `lora` those of adapters, the rest is of training."""
    dp, lora = asked.pop("dp", {}), asked.pop("lora", None)
    return _private(make_job(folder, base, method, lora, **FILLED, **asked), dp)


def make_private_chat_job(folder: Path, base: Path, method: str = "lora", **asked: Any) -> Job:
    """48 conversations."""
    dp = asked.pop("dp", {})
    return _private(make_chat_job(folder, base, method, None, **(FILLED | asked)), dp)


def _private(job: Job, dp: dict[str, Any]) -> Job:
    asked = DpSettings(**({"epsilon": 8.0, "accountant": "rdp"} | dp))
    data = dataclasses.replace(job.recipe.data, group="person" if asked.unit == "group" else None)
    privacy = dataclasses.replace(job.recipe.privacy, dp=asked)
    return dataclasses.replace(job, recipe=dataclasses.replace(job.recipe, data=data, privacy=privacy))
