"""The textbook page runs, learns, and stays free of sintonia."""

from __future__ import annotations

import csv
import json
import re
import runpy
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "examples" / "bare_loop.py"
OBJECTS = {"light": ("lamp", "bulb", "candle"), "music": ("song", "radio", "album"), "heat": ("stove", "boiler")}


def run_page(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    """What `python examples/bare_loop.py ARGUMENTS` does, in this process."""
    monkeypatch.setattr("sys.argv", [str(PAGE), *arguments])
    runpy.run_path(str(PAGE), run_name="__main__")


def generated_rows() -> list[dict[str, str]]:
    """216 sentences of which one word tells the label."""
    return [
        {"text": f"{verb} the {thing} {place}", "label": label}
        for label, things in OBJECTS.items()
        for thing in things
        for verb in ("start", "stop", "check")
        for place in (f"in room {number}" for number in range(9))
    ]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_bare_loop_learns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    data = tmp_path / f"data{suffix}"
    with data.open("w", encoding="utf-8", newline="") as file:
        if suffix == ".csv":
            writer = csv.DictWriter(file, ["text", "label"])
            writer.writeheader()
            writer.writerows(generated_rows())
        else:
            file.writelines(json.dumps(row) + "\n" for row in generated_rows())
    run_page(monkeypatch, str(data), "--tiny")
    printed = capsys.readouterr().out
    scores = re.search(r"test accuracy: majority ([\d.]+)%, tuned ([\d.]+)%", printed)
    assert scores, printed
    assert float(scores[1]) < 60
    assert float(scores[2]) >= 95


def test_bare_loop_is_one_page_without_our_code() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 140
    assert not re.search(r"^\s*(import|from) sintonia", text, flags=re.M)


def test_bare_loop_asks_for_a_model(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        run_page(monkeypatch, "data.csv")
    assert stop.value.code == 2
    assert "--tiny" in capsys.readouterr().err
