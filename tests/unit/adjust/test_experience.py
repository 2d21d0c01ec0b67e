"""What remedies gave is read from measured cases, and what was not measured is told so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sintonia.adjust import next_changes
from sintonia.adjust.remedies import experience
from sintonia.adjust.remedies.experience import confidence_of, gain_in_words, read_experience
from sintonia.records import Energy, Gain, LayerWork

GAIN = Gain(
    median=8.3, low=2.1, high=20.4, unit="points", num_cases=20, num_improved=18, num_worsened=1, source="planted"
)
ENTRY = """
[[remedy]]
finding = "T202"
setting = "training.learning_rate"
direction = "up"
task = "{task}"
cases = {cases}
improved = {improved}
worsened = 1
median_gain = 8.3
quartiles = [2.1, 20.4]
source = "python -m benchmarks.advice"
date = "2026-11-23"
"""


def planted(
    tmp_path: Path, patch: pytest.MonkeyPatch, cases: int = 20, improved: int = 18, task: str = "classify"
) -> None:
    path = tmp_path / "experience.toml"
    path.write_text(ENTRY.format(cases=cases, improved=improved, task=task))
    known = read_experience(path)
    patch.setattr(experience, "experience", lambda: known)


def test_what_is_shipped_can_be_read() -> None:
    for key, gain in read_experience(Path(experience.__file__).with_name("experience.toml")).items():
        assert all(isinstance(one, str) for one in key) and gain.num_cases > 0
        assert "python -m benchmarks.advice" in gain.source


def test_a_measured_remedy_has_gain_confidence_and_source(
    make_turn: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted(tmp_path, monkeypatch)
    change = next_changes((make_turn("T202", asked={"training.learning_rate": 1e-7}),))[0]
    assert change.gain is not None and (change.gain.median, change.confidence) == (8.3, "high")
    assert "+8.3 points in the middle of 20 measured cases" in change.expected
    assert "18 improved beyond chance, 1 got worse" in change.expected


@pytest.mark.parametrize(("code", "asked"), [("T212", {}), ("T204", {"training.learning_rate": 0.05})])
def test_another_finding_or_the_other_way_is_not_measured_by_it(
    make_turn: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, asked: dict[str, Any]
) -> None:
    planted(tmp_path, monkeypatch)
    for change in next_changes((make_turn(code, asked=asked),)):
        assert (change.gain, change.confidence) == (None, "unknown")
        assert "not measured yet" in change.expected


def test_conversations_are_not_judged_by_labels(
    make_turn: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn = make_turn("T202", asked={"task": "chat", "method": "lora"}, used={"training.learning_rate": 1e-5})
    planted(tmp_path, monkeypatch)
    assert next_changes((turn,))[0].gain is None
    planted(tmp_path, monkeypatch, task="chat")
    change = next_changes((turn,))[0]
    assert change.gain is not None and "+8.3 % of the bits per byte" in change.expected


def test_few_cases_say_nothing(make_turn: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planted(tmp_path, monkeypatch, cases=4, improved=3)
    assert next_changes((make_turn("T202", asked={"training.learning_rate": 1e-7}),))[0].gain is None


@pytest.mark.parametrize(
    ("improved", "worsened", "expected"),
    [(18, 1, "high"), (18, 3, "medium"), (14, 0, "medium"), (7, 0, "low"), (0, 20, "low")],
)
def test_confidence_follows_the_lower_end_of_the_share(improved: int, worsened: int, expected: str) -> None:
    assert confidence_of(replace(GAIN, num_improved=improved, num_worsened=worsened)) == expected
    assert confidence_of(None) == "unknown"


@pytest.mark.parametrize("wrong", [{"improved": 20}, {"improved": 21}])
def test_what_cannot_be_true_is_refused(tmp_path: Path, wrong: dict[str, int]) -> None:
    path = tmp_path / "experience.toml"
    path.write_text(ENTRY.format(cases=20, task="classify", **wrong))
    with pytest.raises(ValueError, match="cannot be true"):
        read_experience(path)


def test_two_entries_about_the_same_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "experience.toml"
    path.write_text(2 * ENTRY.format(cases=20, improved=2, task="classify"))
    with pytest.raises(ValueError, match="cannot be true"):
        read_experience(path)


def test_without_cases_the_words_say_so() -> None:
    assert gain_in_words(None) == "its gain was not measured yet"


def with_bill(turn: Any, step_seconds: float | None) -> Any:
    layers = None
    if step_seconds is not None:
        layers = LayerWork(
            num_layers=1,
            num_epochs=3,
            step_seconds=step_seconds,
            validation_seconds=20,
            num_validations=8,
            forward_fraction=0.3,
            kept_bytes=0,
            keeps_validation=False,
        )
    energy = Energy(kwh=0.002, low=0.001, high=0.004, method="planted")
    return replace(turn, layers=layers, resources=replace(turn.resources, energy=energy))


def test_cost_is_in_seconds_and_kwh_of_the_turn_it_starts_from(make_turn: Any) -> None:
    change = next_changes((with_bill(make_turn("T212"), None),))[0]
    assert (change.after, change.seconds, change.kwh) == ("6", 240.0, (0.002, 0.008))
    assert change.cost == "about 4.0 minutes, 0.002 to 0.008 kWh (turn 1 took 2.0 minutes)"


def test_twice_the_steps_take_as_many_validations(make_turn: Any) -> None:
    """100 s of steps and 20 s of the rest: twice the epochs are 220 s, not 240."""
    change = next_changes((with_bill(make_turn("T212"), 100.0),))[0]
    assert change.seconds == pytest.approx(220.0)


def test_without_energy_none_is_promised(make_turn: Any) -> None:
    change = next_changes((make_turn("T212"),))[0]
    assert change.kwh is None and "kWh" not in change.cost
    method = next(
        one for one in next_changes((make_turn("T206", asked={"method": "head"}),)) if one.setting == "method"
    )
    assert method.seconds is None and method.kwh is None and "not known" in method.cost
