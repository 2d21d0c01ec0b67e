"""One warm process for all tests that kill or stop others, and the whole process left alone, once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

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
