"""Batches, schedule, stopping, checkpoints: the parts of the loop by themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sintonia.records import Evaluation
from sintonia.train.batches import epoch_batches, num_batches
from sintonia.train.checkpoint import Saved, load_checkpoint, save_checkpoint
from sintonia.train.schedule import evaluation_steps, learning_rate_factor


@pytest.mark.parametrize("count", [1, 7, 16, 801, 1700])
def test_an_epoch_holds_every_example_once(count: int):
    lengths = [(k * 37) % 50 + 1 for k in range(count)]
    batches = epoch_batches(lengths, 16, seed=3, epoch=2)
    assert sorted(k for batch in batches for k in batch) == list(range(count))
    assert len(batches) == num_batches(count, 16)
    assert epoch_batches(lengths, 16, seed=3, epoch=2) == batches
    if count > 16:
        assert epoch_batches(lengths, 16, seed=3, epoch=3) != batches


def test_batches_are_of_similar_length():
    lengths = [(k * 37) % 50 + 1 for k in range(800)]
    batches = epoch_batches(lengths, 16, seed=0, epoch=0)
    padded = sum(len(batch) * max(lengths[k] for k in batch) for batch in batches)
    assert padded < 1.1 * sum(lengths)


def test_learning_rate_rises_then_falls_to_almost_zero():
    factors = [learning_rate_factor("linear", step, 100, 0.1) for step in range(100)]
    assert factors[:11] == sorted(factors[:11])
    assert max(factors) == pytest.approx(1.0)
    assert factors[-1] == pytest.approx(1 / 90)
    assert learning_rate_factor("constant", 99, 100, 0.1) == 1.0
    assert learning_rate_factor("cosine", 55, 100, 0.1) == pytest.approx(0.5)


@pytest.mark.parametrize(("total", "asked"), [(100, 8), (5, 8), (1, 8), (9, 8)])
def test_the_last_step_is_always_evaluated(total: int, asked: int):
    steps = evaluation_steps(total, asked)
    assert max(steps) == total
    assert len(steps) == min(total, asked)


def evaluation(step: int, metric: float, losses: tuple[float, ...]) -> Evaluation:
    return Evaluation(
        step=step,
        epoch=step / 10,
        learning_rate=1e-3,
        train_losses=losses,
        train_correct=(True,) * len(losses),
        validation_losses=losses,
        validation_correct=(True,) * len(losses),
        metric=metric,
        relative_update=1e-3,
        max_gradient_norm=1.0,
        median_gradient_norm=1.0,
    )


def saved(value: float) -> Saved:
    return Saved({"weights": {"w": torch.full((3,), value)}}, {"step": int(value)})


@pytest.mark.parametrize("harm", ["truncate", "flip", "remove", "no manifest"])
def test_a_damaged_checkpoint_is_passed_over_with_one_line(tmp_path: Path, harm: str):
    save_checkpoint(tmp_path, 1, saved(1.0))
    newest = save_checkpoint(tmp_path, 2, saved(2.0))
    file = newest / "weights.safetensors"
    content = file.read_bytes()
    if harm == "truncate":
        file.write_bytes(content[:-1])
    elif harm == "flip":
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif harm == "remove":
        file.unlink()
    else:
        (newest / "MANIFEST.json").unlink()
    found, problems = load_checkpoint(tmp_path)
    assert found is not None and found.state["step"] == 1
    assert len(problems) == 1 and "step-000002" in problems[0]


def test_two_checkpoints_are_kept_and_leftovers_are_swept(tmp_path: Path):
    for step in (1, 2, 3):
        save_checkpoint(tmp_path, step, saved(float(step)))
    (tmp_path / ".tmp-cut").mkdir()
    found, problems = load_checkpoint(tmp_path)
    assert found is not None and found.state["step"] == 3 and problems == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000002", "step-000003"]
