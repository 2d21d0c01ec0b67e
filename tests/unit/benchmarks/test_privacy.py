"""The table of what privacy costs, from cells that were run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.privacy import HEADER, Cell, main, name_of, rows
from sintonia.files import write_json


def cell(accuracy: float, seconds: float, num_bytes: int, auc: float | None) -> dict[str, Any]:
    return {"accuracy": accuracy, "seconds": seconds, "bytes": num_bytes, "auc": auc}


def test_each_private_cell_is_told_against_the_one_without() -> None:
    found: dict[Cell, dict[str, Any]] = {
        ("sst2", "head", "none", 0): cell(0.90, 10.0, 1000, 0.62),
        ("sst2", "head", "8", 0): cell(0.88, 15.0, 1200, None),
        ("sst2", "head", "8", 1): cell(0.86, 25.0, 1200, 0.50),
    }
    first, second = rows(found)
    assert first == "| sst2 | head | none | 0.900 | | 10 s | | | 0.620 |".replace("| |", "|  |").replace("| |", "|  |")
    assert second == "| sst2 | head | 8 | 0.870 (0.860 to 0.880) | -3.0 | 20 s | x2.00 | x1.20 | 0.500 |"
    assert first.count("|") == second.count("|") == HEADER.count("|")


def test_finished_cells_are_printed_and_nothing_is_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key: Cell = ("sst2", "lora", "3", 0)
    write_json(tmp_path / name_of(key, 0) / "cell.json", cell(0.5, 1.0, 1, None))
    assert main(["--print", "--work", str(tmp_path)]) == 0
    assert "| sst2 | lora | 3 | 0.500 |" in capsys.readouterr().out
