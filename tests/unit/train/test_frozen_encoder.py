"""Frozen layers of an encoder: their weights stay, and keeping what they say changes no loss."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from sintonia.models.frozen.upper import UpperLayers
from sintonia.train import train
from tests.unit.train.jobs import make_job


def losses(job) -> list[float]:
    return [event.values["loss"] for event in train(job) if event.kind == "step"]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def test_keeping_the_states_changes_no_loss(tmp_path: Path, tiny_base: Path) -> None:
    whole = losses(make_job(tmp_path / "whole", tiny_base, frozen_layers=1, cache="off", dropout=0.0))
    kept = make_job(tmp_path / "kept", tiny_base, frozen_layers=1, cache="on", dropout=0.0)
    assert losses(kept) == pytest.approx(whole, abs=2e-3)
    assert len(list(kept.run.file("cache").glob("frozen-*.bin"))) == 1


def test_states_that_were_changed_on_the_disk_are_computed_again(tmp_path: Path, tiny_base: Path) -> None:
    first = make_job(tmp_path / "run", tiny_base, frozen_layers=1, cache="on", dropout=0.0)
    before = losses(first)
    path = next(first.run.file("cache").glob("frozen-*.bin"))
    path.write_bytes(np.random.default_rng(0).normal(size=path.stat().st_size // 2).astype(np.float16).tobytes())
    again = make_job(tmp_path / "again", tiny_base, frozen_layers=1, cache="on", dropout=0.0)
    again.run.file("cache").mkdir(exist_ok=True)
    for file in first.run.file("cache").glob("frozen-*"):
        again.run.file(f"cache/{file.name}").write_bytes(file.read_bytes())
    assert losses(again) == pytest.approx(before, abs=1e-6)


def test_an_encoder_that_cannot_start_from_the_middle_is_computed_whole(
    tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = losses(make_job(tmp_path / "whole", tiny_base, frozen_layers=1, cache="off", dropout=0.0))
    lower_states = UpperLayers.lower_states
    monkeypatch.setattr(UpperLayers, "lower_states", lambda self, rows: [one + 1 for one in lower_states(self, rows)])
    events = list(train(make_job(tmp_path / "run", tiny_base, frozen_layers=1, cache="on", dropout=0.0)))
    assert any("cannot start from its upper layers" in event.values.get("text", "") for event in events)
    assert [one.values["loss"] for one in events if one.kind == "step"] == pytest.approx(whole, abs=1e-6)


@pytest.mark.parametrize("cache", ["on", "off"])
def test_only_what_is_above_has_changed(tmp_path: Path, tiny_base: Path, cache: str) -> None:
    job = make_job(tmp_path / "run", tiny_base, frozen_layers=1, cache=cache, weight_decay=0.1)
    list(train(job))
    before, after = weights(tiny_base), weights(job.run.file("turns/001/model"))
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert changed
    assert all(".layer.1." in name for name in changed), sorted(changed)


def test_adapters_train_and_are_merged_into_a_plain_encoder(tmp_path: Path, tiny_base: Path) -> None:
    job = make_job(tmp_path / "run", tiny_base, "lora", {"rank": 4}, learning_rate=1e-2, head_start="random")
    events = list(train(job))
    assert [event.kind for event in events][-1] == "finished"
    before, after = weights(tiny_base), weights(job.run.file("turns/001/model"))
    assert before.keys() == after.keys()
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    linear = {name for name in before if ".layer." in name and name.endswith("weight") and "LayerNorm" not in name}
    assert changed == linear
