"""`sintonia predict` refuses what it cannot answer, and never takes the name of a file for a text."""

from __future__ import annotations

from pathlib import Path

import pytest

from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe
from tests.unit.report.chat_fixture import write_chat_run


def test_a_chat_run_is_refused_in_one_line_with_what_can_be_done(call) -> None:
    write_chat_run(Path("runs/chat-001"))
    outcome = call("predict", "runs/chat-001", "hello")
    assert outcome.exit_code == 2 and outcome.out == ""
    assert "learned to chat" in outcome.err and "loads in transformers, or in peft" in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize("word", ["missing.csv", "data/rows.jsonl", "rows.JSON", "texts.txt", "rows.parquet"])
def test_a_word_that_names_a_missing_file_is_refused(call, word: str) -> None:
    RunFolder.create("runs/a-001", Recipe(data=DataSettings(path="a.csv")))
    outcome = call("predict", "runs/a-001", word)
    assert outcome.exit_code == 2
    assert f"there is no file `{word}`" in outcome.err


def test_a_file_among_texts_is_refused(call) -> None:
    RunFolder.create("runs/a-001", Recipe(data=DataSettings(path="a.csv")))
    Path("texts.txt").write_text("one\n")
    outcome = call("predict", "runs/a-001", "hello there", "texts.txt")
    assert outcome.exit_code == 2 and "file among texts" in outcome.err


def test_a_table_that_exists_is_refused_for_its_columns(call) -> None:
    RunFolder.create("runs/a-001", Recipe(data=DataSettings(path="a.csv")))
    Path("rows.csv").write_text("text\none\n")
    outcome = call("predict", "runs/a-001", "rows.csv")
    assert outcome.exit_code == 3 and "has columns" in outcome.err


@pytest.mark.parametrize("text", ["please read report.csv", "what is node.js", "hello."])
def test_sentences_are_texts(text: str) -> None:
    from sintonia.cli.predict import _names_file

    assert not _names_file(text)
