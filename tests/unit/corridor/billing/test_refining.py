"""A promise that is far off is made again by real steps, told once, and kept; one that holds is only kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from sintonia.corridor.billing.costs import PROMISE, REFINED
from sintonia.corridor.billing.refining import LEAST_STEPS, Refining, num_turns_left
from sintonia.corridor.walk import Progress, Walk
from sintonia.files import read_json
from sintonia.records import Event, Resources
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe

TOTAL = 100


class Scene:
    """A run in training whose clock is the test's."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, promised_training: float) -> None:
        self.run = RunFolder.create(folder / "run", Recipe(data=DataSettings(path="x")))
        stages = {"prepare": 5.0, "train": promised_training, "evaluate": 30.0, "report": 2.0}
        whole = sum(stages.values())
        self.run.write(
            PROMISE,
            Resources(
                basis="estimated",
                seconds=whole,
                stages=stages,
                low_seconds=0.8 * whole,
                high_seconds=1.3 * whole,
                peak_memory_bytes=1,
            ),
        )
        self.said: list[Progress] = []
        self.walk = Walk(self.run, self.said.append)
        self.clock = 5.0
        monkeypatch.setattr(Walk, "seconds", property(lambda _: self.clock))
        self.events = 0.0

    def pass_time(self, refining: Refining, kind: str, step: int, seconds: float) -> float | None:
        self.clock += seconds
        self.events += seconds
        values = {"total_steps": TOTAL} if kind == "step" else {}
        return refining.hear(Event(kind=kind, step=step, seconds=self.events, values=values))

    @property
    def told(self) -> list[str]:
        return [one.message for one in self.said]


def train(scene: Scene, step_seconds: float, num_steps: int = TOTAL, left_after: float = 0.0) -> list[float | None]:
    refining = Refining(scene.walk, 4, left_after)
    scene.pass_time(refining, "started", 0, 0.0)
    found = []
    for step in range(1, num_steps + 1):
        found.append(scene.pass_time(refining, "step", step, step_seconds))
        if step % 25 == 0:
            scene.pass_time(refining, "validated", step, 2.0)
    return found


def test_a_promise_that_is_far_off_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(tmp_path, monkeypatch, promised_training=50.0)
    found = train(scene, 3.0)
    assert found[: LEAST_STEPS - 1] == [None] * (LEAST_STEPS - 1)
    assert found[LEAST_STEPS - 1] == pytest.approx(80 * 3.0 + 32.0)
    assert len(scene.told) == 1
    assert scene.told[0].startswith("by its real steps the run takes 6 min (") and scene.told[0].endswith(", not 87 s")
    kept = scene.run.read(REFINED, Resources)
    assert kept is not None and kept.low_seconds is not None and kept.high_seconds is not None
    true = 5.0 + 100 * 3.0 + 4 * 2.0 + 32.0
    assert kept.seconds == pytest.approx(true, rel=0.05) and kept.low_seconds < true < kept.high_seconds
    promised = read_json(scene.run.file(PROMISE))
    assert promised is not None and promised["seconds"] == 87.0  # what was promised stays


def test_a_promise_that_holds_is_kept_and_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(tmp_path, monkeypatch, promised_training=310.0)
    train(scene, 3.0)
    assert scene.told == [] and scene.run.read(REFINED, Resources) is not None


def test_a_machine_that_slows_down_later_is_told_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(tmp_path, monkeypatch, promised_training=110.0)
    refining = Refining(scene.walk, 4)
    scene.pass_time(refining, "started", 0, 0.0)
    for step in range(1, 60):
        scene.pass_time(refining, "step", step, 1.0 if step <= 30 else 5.0)
    assert len(scene.told) >= 1 and scene.run.read(REFINED, Resources) is not None


def test_one_hiccup_does_not_change_the_promise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(tmp_path, monkeypatch, promised_training=108.0)
    refining = Refining(scene.walk, 4)
    scene.pass_time(refining, "started", 0, 0.0)
    for step in range(1, LEAST_STEPS + 1):
        scene.pass_time(refining, "step", step, 10.0 if step == 7 else 1.0)
    assert scene.told == []


def test_too_few_steps_say_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(tmp_path, monkeypatch, promised_training=1.0)
    assert set(train(scene, 9.0, num_steps=LEAST_STEPS - 1)) == {None}
    assert scene.told == [] and not scene.run.file(REFINED).exists()


def test_what_other_parts_still_take_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = train(Scene(tmp_path / "a", monkeypatch, 300.0), 3.0)[-1]
    others = train(Scene(tmp_path / "b", monkeypatch, 300.0), 3.0, left_after=2.0)[-1]
    assert alone is not None and others is not None
    assert others - alone == pytest.approx(2 * (100 * 3.0 + 3 * 2.0), rel=0.02)
    assert num_turns_left(1, 0) == 0.0 and num_turns_left(10, 0) == 10.6 and num_turns_left(10, 10) == 0.0


def test_judging_that_is_done_is_not_promised_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = []
    for done in (0.0, 20.0, 45.0):
        scene = Scene(tmp_path / str(done), monkeypatch, 300.0)
        monkeypatch.setattr(Walk, "stages", property(lambda _, done=done: {"prepare": 5.0, "evaluate": done}))
        left.append(train(scene, 3.0, num_steps=LEAST_STEPS)[-1])
        kept = scene.run.read(REFINED, Resources)
        assert kept is not None and kept.seconds == pytest.approx(scene.clock + (left[-1] or 0.0))
    assert left == pytest.approx([240.0 + 30.0 + 2.0, 240.0 + 10.0 + 2.0, 240.0 + 2.0])  # 30 s of it were promised


def test_a_run_without_a_promise_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(tmp_path, monkeypatch, 1.0)
    scene.run.file(PROMISE).unlink()
    assert set(train(scene, 1.0)) == {None} and scene.told == []
