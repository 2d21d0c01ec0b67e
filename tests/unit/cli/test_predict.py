"""`sintonia predict` refuses what it cannot answer, and never takes the name of a file for a text."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe
from tests.tiny import write_rows


@pytest.mark.parametrize(
    "word", ["missing.csv", "data/rows.jsonl", "rows.JSON", "texts.txt", "rows.parquet", "x.conll", "x.iob2"]
)
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
    from sintonia.cli.asking import _names_file

    assert not _names_file(text)


@pytest.fixture
def trained(finished: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished run of texts in the column `text`."""
    monkeypatch.setenv("SINTONIA_HOME", str(finished / "home"))
    return finished / "runs/a"


def test_a_table_gives_its_input_column_row_by_row(call, trained: Path) -> None:
    texts = ["rain and wind today", "guitar and drum for us", "bread, cheese"]
    write_rows(Path("new.jsonl"), [{"id": k, "text": text} for k, text in enumerate(texts)])
    Path("new.csv").write_text("id,text\n" + "".join(f'{k},"{text}"\n' for k, text in enumerate(texts)))
    typed = json.loads(call("predict", str(trained), *texts, "--json").out)
    for words in (("--file", "new.jsonl"), ("new.csv",)):
        assert json.loads(call("predict", str(trained), *words, "--json").out) == typed
    assert [one["input"] for one in typed] == texts


def test_a_table_without_the_input_column_or_any_text_is_refused(call, trained: Path) -> None:
    write_rows(Path("other.jsonl"), [{"body": "rain"}])
    write_rows(Path("gap.jsonl"), [{"text": "rain"}, {"text": ["rain"]}])
    write_rows(Path("nothing.jsonl"), [{"text": ""}, {"text": " "}])
    other, gap, nothing = (
        call("predict", str(trained), "--file", f"{one}.jsonl") for one in ("other", "gap", "nothing")
    )
    assert other.exit_code == 3 and "no column `text`" in other.err and "it has `body`" in other.err
    assert gap.exit_code == 3 and "gap.jsonl:2" in gap.err and "without an input" in gap.err
    assert nothing.exit_code == 3 and "any of the 2 rows" in nothing.err
    assert call("predict", str(trained), "--file", "none.txt").exit_code == 2
    assert call("predict", str(trained), " ").exit_code == 2


def test_blank_rows_are_kept_in_their_place_with_an_empty_answer(call, trained: Path) -> None:
    texts = ["", "rain and wind today", " ", "bread, cheese"]
    write_rows(Path("new.jsonl"), [{"id": k, "text": text} for k, text in enumerate(texts)])
    Path("new.csv").write_text("id,text\n" + "".join(f'{k},"{text}"\n' for k, text in enumerate(texts)))
    Path("new.txt").write_text("".join(f"{text}\n" for text in texts))
    wanted = json.loads(call("predict", str(trained), texts[1], texts[3], "--json").out)
    for name, lines in (("new.jsonl", "1, 3"), ("new.csv", "2, 4"), ("new.txt", "1, 3")):
        outcome = call("predict", str(trained), name, "--json")
        told = json.loads(outcome.out)
        assert outcome.exit_code == 0 and told[1::2] == wanted
        assert [one["prediction"] for one in told[::2]] == [None, None] and told[0].keys() == wanted[0].keys()
        assert f"2 of 4 rows are blank (line {lines})" in outcome.err
    shown = call("predict", str(trained), "new.csv").out.split("\n")
    assert shown[0] == shown[2] == "\t\t" and shown[1].endswith("\train and wind today") and len(shown) == 5
    written = call("predict", str(trained), "new.csv", "--out", "out.jsonl")
    rows = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert [one["id"] for one in rows] == ["0", "1", "2", "3"] and "2 answers in out.jsonl" in written.err
    assert [one["prediction"] is None for one in rows] == [True, False, True, False]
    for name in ("out.csv", "out.parquet"):
        assert call("predict", str(trained), "new.csv", "--out", name).exit_code == 0
    assert [line.count(",") for line in Path("out.csv").read_text().splitlines()][1] == 8


def test_a_scaled_model_answers_by_itself(call, trained: Path) -> None:
    made = call("adjust", str(trained), "--scale", "0.9", "--out", "scaled")
    if "no weight of the base was trained" in made.err:  # a head alone: its own model is a folder too
        shutil.copytree(trained / "model", "scaled")
    else:
        assert "sintonia predict scaled" in made.err
    answered = call("predict", "scaled", "rain and wind today", "--json")
    assert answered.exit_code == 0, answered.err
    (one,) = json.loads(answered.out)
    assert one["prediction"] in {"weather", "music", "food", "travel"} and 0 < one["confidence"] <= 1
    write_rows(Path("new.jsonl"), [{"text": "rain"}])
    table = call("predict", "scaled", "--file", "new.jsonl")
    assert table.exit_code == 3 and "name the run instead" in table.err
