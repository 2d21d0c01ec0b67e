"""`card.md`: says the verdict and the numbers, quotes no example and no path, survives hostile labels."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import yaml

from sintonia.records import Resolved, Turn
from sintonia.report import write_card
from sintonia.report.card import plain
from tests.unit.report.fixture import write_run


def test_it_says_the_verdict_and_the_numbers(tmp_path: Path) -> None:
    text = write_card(write_run(tmp_path / "run")).read_text(encoding="utf-8")
    for shown in (
        "**▲ Better.**",
        "| difference | +29.0 points | +23.9 to +34.2 |",
        "97 mistakes of the base fixed",
        "opened once",
        "| probe | 94.2% | yes |",
        "does not see",
        "**D103** (warning)",
        "40 labels",
    ):
        assert shown in text


def test_the_head_is_yaml(tmp_path: Path) -> None:
    text = write_card(write_run(tmp_path / "run")).read_text(encoding="utf-8")
    head = yaml.safe_load(text.split("---\n")[1])
    assert head["license"] == "apache-2.0" and head["library_name"] == "sentence-transformers"


def test_it_gives_away_no_example_and_no_path(tmp_path: Path) -> None:
    text = write_card(write_run(tmp_path / "run", texts=("a secret text",))).read_text(encoding="utf-8")
    assert "secret" not in text and str(tmp_path) not in text


@pytest.mark.parametrize("outcome", ["worse", "equivalent", "inconclusive", "invalid", None])
def test_every_outcome_has_a_card(tmp_path: Path, outcome: str | None) -> None:
    text = write_card(write_run(tmp_path / "run", outcome, stop=outcome == "invalid")).read_text(encoding="utf-8")
    assert ("No verdict yet" in text) == (outcome is None)
    assert ("must not be relied on" in text) == (outcome == "invalid")
    assert ("D106" in text) == (outcome == "invalid")


def test_same_run_same_bytes(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    assert write_card(run).read_bytes() == write_card(run).read_bytes()


def test_markdown_in_labels_is_escaped() -> None:
    assert plain("a|b\n# <img> [x](y) `c`") == "a\\|b \\# \\<img\\> \\[x\\](y) \\`c\\`"


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("training.text_pairs", "compared", "Each of the two texts is read by itself"),
        ("training.long_texts", "windows", "read in at most 8 windows"),
        ("training.long_texts", "head_tail", "the first quarter and the last three quarters"),
    ],
)
def test_it_says_where_another_program_would_read_otherwise(
    tmp_path: Path, setting: str, value: str, told: str
) -> None:
    run = write_run(tmp_path / "run")
    assert told not in write_card(run).read_text(encoding="utf-8")
    turn = run.read("turns/001/turn.json", Turn)
    assert turn is not None
    filled = (*turn.resolved, Resolved(setting=setting, value=value, origin="asked for"))
    run.write("turns/001/turn.json", dataclasses.replace(turn, resolved=filled))
    assert told in write_card(run).read_text(encoding="utf-8")
