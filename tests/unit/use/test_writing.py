"""What stands in a file of answers."""

from __future__ import annotations

import csv
from pathlib import Path

from sintonia.use import Columns, write_answers


def test_negative_numbers_are_numbers_again_and_formulas_are_texts(tmp_path: Path) -> None:
    columns = Columns(inputs={"text": frozenset({"str"}), "paid": frozenset({"str"})}, answers=("prediction",))
    rows = [
        ({"text": "=HYPERLINK(1)", "paid": "-12.50"}, {"prediction": "-1.23"}),
        ({"text": "-1+1", "paid": "+3"}, {"prediction": "2e-05"}),
    ]
    assert write_answers(tmp_path / "answers.csv", rows, columns) == 2
    with (tmp_path / "answers.csv").open(encoding="utf-8-sig", newline="") as stream:
        found = list(csv.DictReader(stream))
    assert [float(row["prediction"]) for row in found] == [-1.23, 2e-05]
    assert [float(row["paid"]) for row in found] == [-12.5, 3.0]
    assert [row["text"] for row in found] == ["'=HYPERLINK(1)", "'-1+1"]


def test_answers_about_answers_keep_every_column(tmp_path: Path) -> None:
    names = {"prediction": "old", "sintonia_prediction": "older"}
    columns = Columns(inputs={name: frozenset({"str"}) for name in names}, answers=("prediction",))
    assert columns.prefix == "sintonia_sintonia_"
    for kind in ("csv", "jsonl", "parquet"):
        assert write_answers(tmp_path / f"answers.{kind}", [(names, {"prediction": "new"})], columns) == 1
    assert (tmp_path / "answers.csv").read_text(encoding="utf-8-sig").split() == [
        "prediction,sintonia_prediction,sintonia_sintonia_prediction", "old,older,new",
    ]  # fmt: skip
