"""E10: rows of one's own test set copied into training are all found, stop the run, and make a verdict invalid.

E5: a test file whose targets stand beside the wrong texts gives no verdict.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from sintonia.errors import StopFindings
from sintonia.pipeline import improve, start
from sintonia.prepare import prepare
from sintonia.records import Prepared, Verdict
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe, TrainingSettings
from tests.tiny import make_rows, make_tiny_base, write_rows
from tests.unit.prepare.bench import many_rows


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SINTONIA_HOME", str(tmp_path / "home"))


def _prepared(folder: Path, train: list[dict[str, str]], test: list[dict[str, str]]) -> Prepared:
    data = DataSettings(
        path=str(write_rows(folder / "train.jsonl", train)), test=str(write_rows(folder / "test.jsonl", test))
    )
    recipe = Recipe(data=data)
    return prepare(recipe, RunFolder.create(folder / f"run-{len(train)}", recipe), is_check=True)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.20])
def test_e10_every_copied_row_is_found_and_no_other(tmp_path: Path, share: float) -> None:
    rows = many_rows(1000)
    test, train = rows[:300], rows[300:]
    copied = random.Random(0).sample(range(300), round(share * 300))
    copies = [{**test[k], "text": f"  {test[k]['text'].title()}!"} for k in copied]
    prepared = _prepared(tmp_path, [*train, *copies], test)
    (finding,) = [one for one in prepared.findings if one.code == "D113"]
    assert finding.count == len(copied)
    found = {place.line for place in finding.places}
    if share > 0.01:
        assert finding.severity == "stop"
        assert len(prepared.leaked) == len(copied)
        assert found == set(sorted(k + 1 for k in copied)[:20])
    else:
        assert (finding.severity, prepared.leaked) == ("warning", ())
        assert "3 of 300 test rows (1.0 %) have a text that is trained on too" in finding.message
        assert {(place.file, place.line) for place in finding.places} == {
            ("train.jsonl", 701 + number) for number in range(len(copied))
        }


def test_e10_no_leak_is_seen_where_there_is_none(tmp_path: Path) -> None:
    rows = many_rows(1000)
    assert "D113" not in {one.code for one in _prepared(tmp_path, rows[300:], rows[:300]).findings}


def _tune(folder: Path, train: list[dict[str, str]], test: list[dict[str, str]], accept: tuple[str, ...]) -> Verdict:
    base = folder / "base"
    if not base.exists():
        make_tiny_base(base)
    data = DataSettings(
        path=str(write_rows(folder / "train.jsonl", train)), test=str(write_rows(folder / "test.jsonl", test))
    )
    training = TrainingSettings(epochs=8, learning_rate=3e-3, evaluations=4, early_stopping=False)
    recipe = Recipe(data=data, base=f"file:{base}", training=training, accept=accept)
    return improve(start(recipe, folder / "run"))


def test_e10_a_leak_stops_and_accepted_it_is_invalid(tmp_path: Path) -> None:
    rows = make_rows(700)
    test, train = rows[:150], rows[150:]
    with pytest.raises(StopFindings, match="D113"):
        _tune(tmp_path, [*train, *test[:30]], test, ())
    verdict = _tune(tmp_path / "accepted", [*train, *test[:30]], test, ("D113",))
    assert verdict.outcome == "invalid"
    assert "30 of 150 test examples (20.0%) are trained on too" in verdict.invalid_reasons[0]
    assert verdict.accepted == ("D113",)


def test_e5_shuffled_test_targets_give_no_verdict_and_true_ones_do(tmp_path: Path) -> None:
    rows = make_rows(700)
    test, train = rows[:150], rows[150:]
    labels = [row["label"] for row in test]
    random.Random(0).shuffle(labels)
    shuffled = [{**row, "label": label} for row, label in zip(test, labels, strict=True)]
    (tmp_path / "true").mkdir()
    verdict = _tune(tmp_path, train, shuffled, ())
    assert verdict.outcome == "invalid"
    assert "unrelated to the inputs" in verdict.invalid_reasons[0]
    assert _tune(tmp_path / "true", train, test, ()).outcome == "better"
