"""What training does on a GPU besides: its generators are part of the state, and its memory is given back.

There is no GPU here: what torch would be told is written down instead.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from sintonia.train.fitting import fit
from sintonia.train.snapshot import random_state, set_random_state


class Devices:
    """Two made-up GPUs, and what happened to them."""

    def __init__(self) -> None:
        self.states = [torch.tensor([1], dtype=torch.uint8), torch.tensor([2], dtype=torch.uint8)]
        self.told: list[str] = []

    def set_state(self, state: torch.Tensor, place: int) -> None:
        self.states[place] = state


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> Devices:
    made = Devices()
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(made.states))
    monkeypatch.setattr(torch.cuda, "get_rng_state_all", lambda: [one.clone() for one in made.states])
    monkeypatch.setattr(torch.cuda, "set_rng_state", made.set_state)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: made.told.append("memory given back"))
    return made


def test_the_generators_of_every_gpu_come_back(devices: Devices) -> None:
    before = random_state()
    assert sorted(before) == ["cuda-0", "cuda-1", "torch"]
    expected = torch.rand(3)
    devices.states = [torch.tensor([7], dtype=torch.uint8), torch.tensor([8], dtype=torch.uint8)]
    set_random_state(before)
    assert [int(one) for one in devices.states] == [1, 2]
    assert torch.equal(torch.rand(3), expected)


def test_a_state_is_taken_where_there_are_fewer_gpus_or_more(devices: Devices) -> None:
    before = random_state()
    devices.states = [torch.tensor([7], dtype=torch.uint8)]
    set_random_state(before)
    assert [int(one) for one in devices.states] == [1]
    devices.states = [torch.tensor([k], dtype=torch.uint8) for k in (7, 8, 9)]
    set_random_state(before)
    assert [int(one) for one in devices.states] == [1, 2, 9]


def test_without_a_gpu_there_is_one_generator() -> None:
    assert torch.cuda.is_initialized() is False
    assert list(random_state()) == ["torch"]


def short_loop(devices: Devices) -> Any:
    def drop(*, set_to_none: bool) -> None:
        assert set_to_none
        devices.told.append("gradients dropped")

    return SimpleNamespace(
        optimizer=SimpleNamespace(zero_grad=drop),
        learner=SimpleNamespace(micro_tokens=64, lengths=[8, 8]),
        job=SimpleNamespace(base=SimpleNamespace(estimated_memory_bytes=1)),
        step=3,
        event=lambda kind, text: (kind, text),
    )


def test_after_want_of_memory_a_gpu_gives_back_what_the_try_held_and_draws_the_same_again(devices: Devices) -> None:
    loop, tries = short_loop(devices), []

    def compute() -> str:
        tries.append((loop.learner.micro_tokens, [int(one) for one in devices.states]))
        devices.states[1] = torch.tensor([99], dtype=torch.uint8)
        if len(tries) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return "done"

    trying = fit(loop, [0, 1], compute)
    kind, text = next(trying)
    assert (kind, devices.told) == ("message", ["gradients dropped", "memory given back"])
    assert "out of memory in step 4" in text
    with pytest.raises(StopIteration) as ended:
        next(trying)
    assert ended.value.value == "done"
    assert tries == [(64, [1, 2]), (32, [1, 2])]
