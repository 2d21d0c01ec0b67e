"""Fixtures for all tests: a private home, no network, few threads, a tiny base."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


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

    torch.set_num_threads(2)
    return make_tiny_base(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture(scope="session")
def tiny_language_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a random two-layer language model."""
    import torch

    from tests.tiny import make_tiny_language_model

    torch.set_num_threads(2)
    return make_tiny_language_model(tmp_path_factory.mktemp("language") / "tiny")


@pytest.fixture
def rows_file(tmp_path: Path) -> Path:
    """400 separable rows as JSONL."""
    from tests.tiny import make_rows, write_rows

    return write_rows(tmp_path / "rows.jsonl", make_rows(400))
