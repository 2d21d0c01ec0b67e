"""`sintonia adjust RUN` shows what is proposed, asks at a terminal, and elsewhere only prints."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sintonia.cli import offering
from sintonia.errors import UsageError
from sintonia.records import Change, DataStep, Gain, Proposals
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe

RECIPE = Recipe(data=DataSettings(path="a.csv"))
GAIN = Gain(
    median=8.3,
    low=2.1,
    high=20.4,
    unit="points",
    num_cases=20,
    num_improved=18,
    num_worsened=1,
    source="python -m benchmarks.advice (2026-11-23)",
)


def change(after: str, **asked: Any) -> Change:
    return Change(
        recipe=RECIPE,
        setting="training.learning_rate",
        before="1e-07",
        after=after,
        reason="far below the usual",
        expected="falls",
        cost="about 2 minutes, 0.002 to 0.008 kWh",
        finding="T202",
        **asked,
    )


FOUND = Proposals(
    data_steps=(DataStep(finding="D127", action="review", reason="12 % wrong", expected="more", cost="time"),),
    changes=(change("5e-05", gain=GAIN, confidence="high"), change("3e-07")),
    shown=("T202 underfitting: at step 200", "validation loss 2.31 █▁ 1.02 (steps 0 to 300, least 1.02 at step 300)"),
    flattery="the best of 2 turns looks too good, by about 1.2 points",
    ended="the next one takes about 3 min",
)


@pytest.fixture
def carried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is carried out."""
    done: list[str] = []
    monkeypatch.setattr(offering, "propose", lambda _: FOUND)
    monkeypatch.setattr(offering, "carry_out", lambda _run, *, as_json, change: done.append(change.after) or 0)
    return done


def answering(monkeypatch: pytest.MonkeyPatch, *answers: str) -> None:
    given: Iterator[str] = iter(answers)
    monkeypatch.setattr(offering, "can_ask", lambda: True)
    monkeypatch.setattr("builtins.input", lambda: next(given))


def offer(tmp_path: Path, pick: int | None = None, *, applies: bool = False, as_json: bool = False) -> int:
    return offering.offer(RunFolder(tmp_path), pick, applies=applies, as_json=as_json)


def test_all_of_it_is_told(carried: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert offer(tmp_path) == 0 and carried == []
    told = capsys.readouterr().err
    order = [
        "T202 underfitting: at step 200",
        "validation loss 2.31",
        "the best of 2 turns",
        "review",
        "1  training",
        "2  training",
    ]
    assert [told.index(one) for one in order] == sorted(told.index(one) for one in order)
    assert "confidence  high, by python -m benchmarks.advice" in told and "confidence  unknown" in told
    assert "0.008 kWh" in told and "the rounds ended: the next one takes" in told and "--apply" in told


def test_elsewhere_than_at_a_terminal_nobody_is_asked(
    carried: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builtins.input", lambda: pytest.fail("nobody sits there"))
    assert offer(tmp_path) == 0 and carried == []


@pytest.mark.parametrize(
    ("answers", "expected"),
    [(("y",), ["5e-05"]), (("2",), ["3e-07"]), (("",), []), (("n",), []), (("7", "maybe", "2"), ["3e-07"])],
)
def test_at_a_terminal_it_asks(
    carried: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: tuple[str, ...], expected: list[str]
) -> None:
    answering(monkeypatch, *answers)
    assert offer(tmp_path) == 0 and carried == expected


def test_the_end_of_what_is_typed_is_a_no(carried: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offering, "can_ask", lambda: True)
    monkeypatch.setattr("builtins.input", lambda: (_ for _ in ()).throw(EOFError))
    assert offer(tmp_path) == 0 and carried == []


def test_apply_and_json_ask_nothing(
    carried: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answering(monkeypatch)
    assert offer(tmp_path, applies=True) == 0 and offer(tmp_path, 2, applies=True) == 0
    assert carried == ["5e-05", "3e-07"]
    capsys.readouterr()
    assert offer(tmp_path, as_json=True) == 0
    body = json.loads(capsys.readouterr().out)
    assert body["data_steps"][0]["finding"] == "D127" and body["changes"][0]["gain"]["median"] == 8.3
    with pytest.raises(UsageError, match="no change 3"):
        offer(tmp_path, 3, applies=True)


def test_with_nothing_to_try_the_data_are_still_named(
    carried: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answering(monkeypatch)
    monkeypatch.setattr(offering, "propose", lambda _: Proposals(data_steps=FOUND.data_steps, changes=()))
    assert offer(tmp_path, applies=True) == 0 and carried == []
    told = capsys.readouterr().err
    assert "review" in told and "no change of a setting is worth trying" in told
