"""`sintonia predict --out`: a file of answers beside their inputs; and many rows, in order."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as parquet
import pytest

from sintonia.use import Answerer
from tests.tiny import make_rows, write_rows

LABELS = ["food", "music", "travel", "weather"]


@pytest.fixture
def trained(finished: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A finished run of texts in the column `text`."""
    monkeypatch.setenv("SINTONIA_HOME", str(finished / "home"))
    return str(finished / "runs/a")


def test_each_format_holds_the_columns_of_the_input_and_all_probabilities(call, trained: str) -> None:
    rows = [{"id": k, "text": one["text"], "prediction": "mine"} for k, one in enumerate(make_rows(20, seed=5))]
    write_rows(Path("new.jsonl"), rows)
    told = json.loads(call("predict", trained, "new.jsonl", "--json").out)
    for name in ("out.csv", "out.jsonl", "out.parquet"):
        outcome = call("predict", trained, "new.jsonl", "--out", name)
        assert outcome.exit_code == 0 and outcome.out == "" and f"20 answers in {name}" in outcome.err
        assert "begin with `sintonia_`" in outcome.err
    written = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert [{key: one[key] for key in rows[0]} for one in written] == rows
    assert [one["sintonia_prediction"] for one in written] == [one["prediction"] for one in told]
    assert [one["sintonia_probabilities"] for one in written] == [one["probabilities"] for one in told]
    with Path("out.csv").open(newline="") as stream:
        cells = list(csv.DictReader(stream))
    table = parquet.read_table("out.parquet").to_pylist()
    for one, of_csv, of_parquet in zip(told, cells, table, strict=True):
        chances = [of_parquet[f"sintonia_probability:{label}"] for label in LABELS]
        assert [float(of_csv[f"sintonia_probability:{label}"]) for label in LABELS] == chances
        assert chances == [one["probabilities"][label] for label in LABELS] and sum(chances) == pytest.approx(1)
        assert of_csv["sintonia_is_out_of_scope"] == "False" and of_parquet["sintonia_confidence"] == max(chances)


def test_ten_thousand_rows_are_answered_in_their_order_each_text_once(
    call, trained: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [one["text"] for one in make_rows(300, seed=9)]
    drawn = np.random.default_rng(1).integers(0, 300, 10_000)
    Path("many.csv").write_text("n,text\n" + "".join(f"{n},{texts[k]}\n" for n, k in enumerate(drawn)))
    asked, plain = [], Answerer.answer

    def counted(self: Answerer, inputs: Any) -> list[dict[str, Any]]:
        asked.append(len(inputs))
        return plain(self, inputs)

    monkeypatch.setattr(Answerer, "answer", counted)
    assert call("predict", trained, "many.csv", "--out", "out.jsonl").exit_code == 0
    assert sum(asked) == 300
    rows = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert [one["n"] for one in rows] == [str(n) for n in range(10_000)]
    alone = {one["input"]: one for one in json.loads(call("predict", trained, *texts[:40], "--json").out)}
    for one in rows:
        if one["text"] in alone:
            assert one["prediction"] == alone[one["text"]]["prediction"]
            assert one["confidence"] == pytest.approx(alone[one["text"]]["confidence"], abs=1e-5)


def test_typed_texts_and_lines_can_be_written_too(call, trained: str) -> None:
    call("predict", trained, "rain and wind", "=1+1", "--out", "out.csv")
    with Path("out.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [one["input"] for one in rows] == ["rain and wind", "'=1+1"] and rows[0]["prediction"] in LABELS


def test_what_cannot_be_written_is_refused_before_anything_is_answered(call, trained: str) -> None:
    write_rows(Path("new.jsonl"), [{"text": "rain"}])
    other = call("predict", trained, "new.jsonl", "--out", "out.xlsx")
    assert other.exit_code == 2 and "ends in .csv, .jsonl, .parquet" in other.err
    same = call("predict", trained, "new.jsonl", "--out", "new.jsonl")
    assert same.exit_code == 2 and "is the file with the texts" in same.err
    for out in ("there.jsonl", f"{trained}/findings.jsonl"):
        Path(out).write_text("mine")
        over = call("predict", trained, "a text", "--out", out)
        assert (
            over.exit_code == 2
            and Path(out).read_text() == "mine"
            and ("is there already" in over.err or "lies in" in over.err)
        )
    wrong = call("predict", trained, "a text", "--max-tokens", "3")
    assert wrong.exit_code == 2 and "writes no texts" in wrong.err
    both = call("predict", trained, "new.jsonl", "--out", "out.csv", "--json")
    assert both.exit_code == 2 and not Path("out.csv").exists() and not Path("out.xlsx").exists()


def test_a_row_that_is_no_question_leaves_no_file(call, trained: str) -> None:
    write_rows(Path("gap.jsonl"), [{"text": "rain"}, {"text": {}}])
    outcome = call("predict", trained, "gap.jsonl", "--out", "out.csv")
    assert outcome.exit_code == 3 and "gap.jsonl:2" in outcome.err and not Path("out.csv").exists()


def test_a_conll_file_is_read_as_a_file(call, trained: str) -> None:
    Path("x.conll").write_text("rain O\nsun O\n\nsong O\n")
    outcome = call("predict", trained, "x.conll")
    assert outcome.exit_code == 3 and outcome.out == "" and "no column `text`" in outcome.err


def test_an_unfinished_run_says_so(call, trained: str) -> None:
    shutil.copytree(trained, "half")
    shutil.rmtree("half/model")
    outcome = call("predict", "half", "rain")
    assert outcome.exit_code == 2 and "has no model yet" in outcome.err and "sintonia resume half" in outcome.err
