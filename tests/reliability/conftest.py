"""What tests of reliability share: the tiny bases, and one warm process for those that kill or stop others.

It trains nothing but the whole process that is left alone, once.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.reliability.commands import Process
from tests.reliability.warm import Warm, warm


@pytest.fixture(scope="session")
def started() -> Iterator[Warm]:
    with warm() as process:
        yield process


@pytest.fixture(scope="session")
def process(started: Warm, tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Process:
    """The commands on a tiny base, and what they come to when nobody disturbs them."""
    return Process(started, tmp_path_factory.mktemp("process"), tmp_path_factory.mktemp("home"), tiny_base)


@pytest.fixture(scope="session")
def bases(tiny_base: Path, tiny_language_model: Path) -> dict[str, Path]:
    """The tiny base of each task."""
    return {"classify": tiny_base, "chat": tiny_language_model}


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Threads that wait for each other cost more than they give on so small a model."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
