"""Rounds of adjusting end when nothing is worth its cost, and say why in one line that a resumed run keeps."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sintonia.corridor.doors.proposing import proposals_of
from sintonia.corridor.hindsight import is_worth_a_turn, shown_difference
from sintonia.corridor.rounds import _why_no_time, advice_of, changes_worth_trying, turns_to_take, why_ended
from sintonia.corridor.walk import finished_turns
from sintonia.files import sha256_file
from sintonia.recipe import recipe_id
from sintonia.records import Change, Combination, Finding, Gain, Part, Prepared, Resources, Turn
from sintonia.runs import RunFolder
from sintonia.settings import AdjustingSettings
from tests.unit.report.fixture import write_run

SHOWN_BY_236 = (0.05 / 236) ** 0.5
"""One paired standard error of 236 validation examples, before a second turn: 1.5 points."""


def gain(median: float) -> Gain:
    return Gain(
        median=median,
        low=median - 1,
        high=median + 1,
        unit="points",
        num_cases=40,
        num_improved=5,
        num_worsened=2,
        source="",
    )


class Taking:
    """A walk without a clock of its own, that takes turns by writing what they would leave."""

    def __init__(self, path: Path, *codes: str, budget: float | None = 600.0, turns: int = 4) -> None:
        self.run: RunFolder = write_run(path)
        self.seconds, self.told = 100.0, []
        asked = dataclasses.replace(
            self.run.recipe(), budget_seconds=budget, adjusting=AdjustingSettings(turns=turns), method="full"
        )
        self.run.recipe = lambda: asked  # type: ignore[method-assign]
        self.part = with_sets(self.run)
        self.leave(1, None, 0.8, *codes)

    def tell(self, _stage: str, text: str) -> None:
        self.told.append(text)

    def leave(self, number: int, change: Change | None, value: float, *codes: str, seconds: float = 60.0) -> None:
        """A finished turn."""
        first = self.run.read("turns/001/turn.json", Turn)
        assert first is not None
        recipe = change.recipe if change else self.run.recipe()
        used = tuple(
            dataclasses.replace(one, value=float(change.after)) if change and one.setting == change.setting else one
            for one in first.resolved
        )
        turn = dataclasses.replace(
            first,
            number=number,
            parent=None if change is None else 1,
            recipe=recipe,
            recipe_id=recipe_id(recipe),
            resolved=used,
            validation_metric=value,
            findings=tuple(Finding(code=code, severity="note", message="m", hint="") for code in codes),
            resources=Resources(basis="measured", seconds=seconds, peak_memory_bytes=1),
        )
        self.run.write(f"turns/{number:03d}/turn.json", turn)

    def take(self) -> list[str]:
        """All turns that are asked for; each takes a minute."""
        taken = []
        walk: Any = self
        for _, change in turns_to_take(walk, (self.part,), None):
            assert change is not None
            taken.append(f"{change.setting} {change.after}")
            self.leave(len(finished_turns(self.run)) + 1, change, 0.7)
            self.seconds += 60.0
        return taken

    @property
    def why(self) -> str:
        """The one line that says why there is no further turn."""
        (line,) = [one for one in self.told if one.startswith("no further turn")]
        assert line == f"no further turn: {why_ended(self.run)}", "what is told is kept"
        return line


def prepared_of(run: RunFolder) -> Prepared:
    found = run.read("prepared.json", Prepared)
    assert found is not None
    return found


def with_sets(run: RunFolder) -> Part:
    """The part of the run, with its sets in their place and recorded as they are."""
    part, found = prepared_of(run).parts[0], []
    for one in (part.train, part.validation):
        run.file(one.path).touch()
        found.append(dataclasses.replace(one, sha256=sha256_file(run.file(one.path))))
    return dataclasses.replace(part, train=found[0], validation=found[1])


def measured(monkeypatch: pytest.MonkeyPatch, median: float | None) -> None:
    """What small probes gave, where it is known."""
    monkeypatch.setattr(
        "sintonia.adjust.propose.gain_of",
        lambda finding, *_: gain(median) if median is not None and not finding else None,
    )


def test_a_small_probe_whose_measured_gain_validation_cannot_show_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured(monkeypatch, 0.3)
    walk = Taking(tmp_path / "run")
    assert walk.take() == []
    assert "small probe (training.learning_rate: 5e-05 -> 0.0001)" in walk.why
    assert "0.3 points in the middle of 40 measured cases" in walk.why
    assert "236 validation examples show nothing under about 1.5 points" in walk.why


@pytest.mark.parametrize("median", [None, 2.0])
def test_one_that_may_show_or_was_never_measured_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, median: float | None
) -> None:
    measured(monkeypatch, median)
    walk = Taking(tmp_path / "run")
    assert walk.take() == ["training.learning_rate 0.0001", "training.learning_rate 2.5e-05"]
    assert "every change of a setting that could help was tried" in walk.why


def test_what_answers_a_finding_is_taken_whatever_probes_gave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured(monkeypatch, 0.0)
    walk = Taking(tmp_path / "run", "T204", turns=2)
    assert walk.take() == ["training.learning_rate 5e-06"]
    assert "at most 2 turns (`adjusting.turns`)" in walk.why


def test_what_takes_longer_than_is_left_is_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice the epochs take two minutes, not the one that the turn before took."""
    measured(monkeypatch, None)
    walk = Taking(tmp_path / "run", "T212", budget=210.0)
    assert walk.take() == []
    assert "takes about 2.0 minutes" in walk.why and "1.8 minutes of the budget are left" in walk.why
    control = Taking(tmp_path / "control", "T212", budget=221.0)
    assert control.take() == ["training.epochs 8"]


def test_the_time_of_combining_is_not_that_of_a_training(tmp_path: Path) -> None:
    walk: Any = Taking(tmp_path / "run", "T212", budget=130.0)
    (trained,) = finished_turns(walk.run)
    quick = Resources(basis="measured", seconds=1.0, peak_memory_bytes=1)
    mean = Combination(kind="mean", turns=(1, 1))
    turns = (trained, dataclasses.replace(trained, number=2, combined=mean, resources=quick))
    unknown = dataclasses.replace(changes_worth_trying((trained,), (walk.part,))[0], seconds=None)
    why = _why_no_time(walk, turns, 1, (unknown,))
    assert "takes about 1.0 minutes" in why and "0.5 minutes of the budget are left" in why
    control: Any = Taking(tmp_path / "control", "T212", budget=161.0)
    assert _why_no_time(control, turns, 1, (unknown,)) == ""


@pytest.mark.parametrize("codes", [("D104",), ("D103",)])
def test_classes_are_weighed_where_the_data_have_a_rare_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codes: tuple[str, ...]
) -> None:
    measured(monkeypatch, None)
    walk, is_rare = Taking(tmp_path / "run", turns=2), codes == ("D104",)
    (turn,) = finished_turns(walk.run)
    walk.run.write("turns/001/turn.json", dataclasses.replace(turn, primary_metric="macro_f1"))
    walk.run.file("findings.jsonl").unlink()
    for code in codes:
        walk.run.append("findings.jsonl", Finding(code=code, severity="warning", message="m", hint=""))
    advice = advice_of(finished_turns(walk.run), (walk.part,), iter(walk.run.lines("findings.jsonl", Finding)))
    assert any("class_weights" in one.action for one in advice) == is_rare
    assert ("training.class_weights" in [one.setting for one in proposals_of(walk.run).changes]) == is_rare
    assert (walk.take()[0] == "training.class_weights balanced") == is_rare


def test_the_decision_of_the_clock_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured(monkeypatch, None)
    walk = Taking(tmp_path / "run", "T212", budget=210.0)
    assert walk.take() == []
    walk.seconds, why = 0.0, walk.why
    assert walk.take() == [] and walk.why == why


def test_without_a_budget_nothing_is_decided_or_told(tmp_path: Path) -> None:
    walk = Taking(tmp_path / "run", "T212", budget=None)
    assert walk.take() == [] and walk.told == [] and why_ended(walk.run) == ""


def test_where_no_setting_helps_the_reason_is_named(tmp_path: Path) -> None:
    walk = Taking(tmp_path / "run", "T207")
    assert walk.take() == [] and "no setting answers what the best turn shows (T207)" in walk.why
    best = Taking(tmp_path / "best")
    best.leave(1, None, 0.995)
    assert best.take() == [] and "nothing to gain" in best.why


def test_what_validation_can_show_is_known_better_from_two_turns(tmp_path: Path) -> None:
    from tests.unit.report.test_turns import answered, with_second_turn

    run = write_run(tmp_path / "run")
    part = prepared_of(run).parts[0]
    assert shown_difference(run, finished_turns(run), part) == pytest.approx(SHOWN_BY_236)
    with_second_turn(run)
    part = with_sets(run)
    found = shown_difference(run, finished_turns(run), part)
    assert found == pytest.approx((0.1 * 0.9 / len(answered(1).card.ids)) ** 0.5, rel=0.1)
    probe: Any = SimpleNamespace(aim="quality", finding="", gain=gain(1.0))
    assert not is_worth_a_turn(run, probe, finished_turns(run), part)
    probe.gain = gain(2.0)
    assert is_worth_a_turn(run, probe, finished_turns(run), part)


def test_a_verdict_tells_what_the_data_need_before_any_setting(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    wrong = Finding(code="D127", severity="warning", message="about 12.0 % of the labels look wrong", hint="", count=9)
    advice = advice_of(finished_turns(run), prepared_of(run).parts, (wrong,))
    assert "sintonia check DATA --review" in advice[0].action and "12.0 %" in advice[0].reason
    assert not any("--review" in one.action for one in advice_of(finished_turns(run), prepared_of(run).parts, ()))
