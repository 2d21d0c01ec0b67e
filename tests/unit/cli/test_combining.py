"""`sintonia adjust RUN --combine`: seeds are trained only after a yes, and only what won is judged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sintonia.cli import combining
from sintonia.errors import UsageError
from sintonia.records import Change, Combining
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe

RECIPE = Recipe(data=DataSettings(path="a.csv"))
SEED = Change(
    recipe=RECIPE, setting="seed", before="0", after="1", reason="", expected="", cost="", finding="", seconds=120.0
)


def found(kept: int | None) -> Combining:
    return Combining(
        metric="macro_f1", to_beat=1, value=0.5, tried=(), optimism=0.0, needed=0.0, kept=kept, told=("one", "two")
    )


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was asked of the pipeline, in order; nothing is combined."""
    asked: list[Any] = []
    monkeypatch.setattr(combining, "seeds_to_train", lambda _run, count: (SEED,) * count)
    monkeypatch.setattr(combining, "train_seeds", lambda _run, changes, _hear: asked.append(("train", len(changes))))
    monkeypatch.setattr(combining, "combine_turns", lambda _run, _hear: asked.append("combine") or found(None))
    monkeypatch.setattr(combining, "carry_out", lambda _run, **given: asked.append(("judge", given)) or 0)
    return asked


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "run", RECIPE)


def test_nothing_won_and_no_test_is_opened(run: RunFolder, done: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert combining.combine_models(run, None, says_yes=False, as_json=True) == 0
    assert done == ["combine"]
    told = capsys.readouterr()
    assert "no test was opened" in told.err
    assert json.loads(told.out)["kept"] is None


def test_what_won_is_judged(run: RunFolder, done: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(combining, "combine_turns", lambda _run, _hear: found(3))
    assert combining.combine_models(run, None, says_yes=False, as_json=False) == 0
    assert done == [("judge", {"as_json": False})]


def test_seeds_are_trained_after_a_yes_only(run: RunFolder, done: list[Any]) -> None:
    with pytest.raises(UsageError, match=r"2 further trainings .* 4 min"):
        combining.combine_models(run, 2, says_yes=False, as_json=False)
    assert done == []
    combining.combine_models(run, 2, says_yes=True, as_json=False)
    assert done == [("train", 2), "combine", ("judge", {"as_json": False})]
