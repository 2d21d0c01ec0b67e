"""A bench of its own for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.prepare.bench import Bench


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Nothing a test prepares is recorded outside its folder."""
    monkeypatch.setenv("SINTONIA_HOME", str(tmp_path / "home"))
    return Bench(tmp_path)
