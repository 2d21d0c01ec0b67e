"""Fixtures for all tests: a private home, no network, one thread, a tiny base; and the order of the files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LONGEST = (
    "tests/corridor/test_small_data.py",
    "tests/corridor/test_corridor.py",
    "tests/corridor/test_seventh_task.py",
    "tests/verdicts/test_written.py",
    "tests/reliability/test_kill.py",
    "tests/reliability/test_signals.py",
    "tests/unit/corridor/test_choosing.py",
    "tests/corridor/test_minilm.py",
    "tests/corridor/test_speed_offer.py",
    "tests/unit/cli/test_whole_process.py",
    "tests/unit/train/test_spikes.py",
    "tests/unit/cli/test_models.py",
)
"""Files that take longest, in that order: they begin first, so that processes which share the files end together."""
_THREADS = 1
"""Threads of a tiny model wait for each other; beside a second process of tests they take ten times as long."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begins with the longest files; the others keep their order."""
    place = {ROOT / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda one: place.get(one.path, len(LONGEST)))


@pytest.fixture(autouse=True)
def private_home(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """No test reads or writes the home of whoever runs it."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("SINTONIA_HOME", str(home))
    yield home


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a random two-layer encoder."""
    import torch

    from tests.tiny import make_tiny_base

    torch.set_num_threads(_THREADS)
    return make_tiny_base(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture(scope="session")
def tiny_language_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a random two-layer language model."""
    import torch

    from tests.tiny import make_tiny_language_model

    torch.set_num_threads(_THREADS)
    return make_tiny_language_model(tmp_path_factory.mktemp("language") / "tiny")


@pytest.fixture
def rows_file(tmp_path: Path) -> Path:
    """400 separable rows as JSONL."""
    from tests.tiny import make_rows, write_rows

    return write_rows(tmp_path / "rows.jsonl", make_rows(400))
