"""Whatever a tracker does, the training goes on and each step is told once."""

from __future__ import annotations

import math
import threading
import time

import pytest

from sintonia.corridor.trackers import follower as module
from sintonia.corridor.trackers.follower import Follower
from sintonia.corridor.trackers.tracker import Concluded, numbers_of
from sintonia.records import Event
from sintonia.tasks.chat import NATS_PER_BYTE
from tests.unit.corridor.trackers.trainings import events, loss_of, step, validated


class Book:
    """A tracker that writes down what it is told, and fails where it is asked to."""

    def __init__(self, fails_at: str = "", last: int = -1) -> None:
        self.fails_at, self.last = fails_at, last
        self.rows: list[tuple[str, int, float]] = []
        self.calls: list[str] = []

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if self.fails_at == name:
            raise OSError(28, "No space left on device")

    def last_step(self, series: str) -> int:
        return self.last

    def log(self, numbers: dict[str, float], step: int) -> None:
        self._call("log")
        self.rows += [(series, step, value) for series, value in numbers.items()]

    def flush(self) -> None:
        self._call("flush")

    def conclude(self, words: dict[str, str], numbers: dict[str, float]) -> None:
        self._call("conclude")

    def close(self, is_finished: bool) -> None:
        self._call(f"close {is_finished}")

    def steps_of(self, series: str) -> list[int]:
        return [step for name, step, _ in self.rows if name == series]


def _follow(book: Book, live: list[Event], record: list[Event] | None = None) -> str:
    follower = Follower("book", lambda: book, lambda: record or [])
    for event in live:
        follower.hear(event)
    follower.end(is_finished=True)
    return follower.take_problem()


def test_steps_and_validations_become_series_and_nothing_else_does() -> None:
    assert numbers_of(step(3)) == {"train/loss": loss_of(3), "train/learning_rate": 1e-3, "train/gradient_norm": 0.5}
    assert numbers_of(validated(4)) == {"validation/accuracy": 0.4, "validation/loss": 0.8}
    assert numbers_of(Event(kind="message", step=1, seconds=0.0, values={"text": "a text"})) == {}
    assert numbers_of(Event(kind="step", step=1, seconds=0.0, values={"loss": None})) == {}


def test_training_and_validation_of_conversations_are_in_one_unit_which_the_series_names() -> None:
    step_values = {"loss": 2.5, "bits_per_byte": 0.9, "learning_rate": 1e-3}
    of_step = numbers_of(Event(kind="step", step=3, seconds=1.0, values=step_values))
    assert of_step == {"train/bits_per_byte": 0.9, "train/learning_rate": 1e-3}
    values = {"metric": 0.8, "metric_name": "bits_per_byte", "validation_loss": 0.5}
    assert numbers_of(Event(kind="validated", step=4, seconds=1.0, values=values)) == {"validation/bits_per_byte": 0.8}
    exact = {
        "metric": 0.25,
        "metric_name": "exact_match",
        "validation_loss": 2 * math.log(2),
        "loss_unit": NATS_PER_BYTE,
    }
    numbers = numbers_of(Event(kind="validated", step=4, seconds=1.0, values=exact))
    assert numbers == {"validation/exact_match": 0.25, "validation/bits_per_byte": pytest.approx(2.0)}


def test_each_step_is_told_once_though_a_resume_repeats_some() -> None:
    book = Book()
    assert _follow(book, events(5, 8), record=[*events(1, 7), *events(5, 6)]) == ""
    assert book.steps_of("train/loss") == list(range(1, 9))
    assert book.steps_of("validation/loss") == [0, 2, 4, 6, 8]
    assert book.calls[-1] == "close True"


def test_what_the_tracker_holds_already_is_not_told_again() -> None:
    book = Book(last=6)
    _follow(book, events(7, 8), record=events(1, 6))
    assert book.steps_of("train/loss") == [7, 8]
    assert book.steps_of("validation/loss") == [8]


@pytest.mark.parametrize("fails_at", ["log", "flush", "close True"])
def test_a_failing_tracker_is_let_go_with_one_line(fails_at: str) -> None:
    book = Book(fails_at)
    assert _follow(book, events(1, 6)) == "OSError: [Errno 28] No space left on device"
    assert book.calls.count(fails_at) == 1


def test_a_tracker_that_cannot_be_opened_or_a_damaged_record_is_let_go() -> None:
    def broken() -> Book:
        raise SystemExit("no\nmore")

    for follower in (Follower("book", broken, list), Follower("book", Book, broken)):
        for event in events(1, 6):
            follower.hear(event)
        follower.end(is_finished=False)
        assert follower.take_problem() == "SystemExit: no"
        assert follower.take_problem() == ""


def test_a_tracker_that_hangs_costs_the_training_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(module, "_MOST_WAITING", 50)
    release = threading.Event()

    class Hanging(Book):
        def log(self, numbers: dict[str, float], step: int) -> None:
            release.wait(30)

    follower, began = Follower("book", Hanging, list), time.monotonic()
    for number in range(1, 200):
        follower.hear(step(number))
    assert follower.take_problem() == "it is 50 events behind"
    follower.end(is_finished=True)
    assert time.monotonic() - began < 5
    release.set()


def test_a_verdict_comes_after_the_series() -> None:
    book = Book()
    follower = Follower("book", lambda: book, lambda: events(1, 2))
    follower.conclude(Concluded(words={}, numbers={}))
    follower.end(is_finished=True)
    assert book.calls[-2:] == ["conclude", "close True"] and book.steps_of("train/loss") == [1, 2]
