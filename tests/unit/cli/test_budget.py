"""Beyond the budget a person at a terminal is asked, `--yes` answers; where nobody sits it is refused with exit 2."""

from __future__ import annotations

import io
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sintonia.cli import carrying_out, screen
from sintonia.corridor.walk import Ask
from sintonia.errors import Interrupted
from sintonia.pipeline import Progress
from sintonia.records import Event
from tests.tiny import make_rows, write_rows


class Terminal(io.StringIO):
    """Somebody sits there, and types this."""

    def isatty(self) -> bool:
        return True


def test_where_nobody_can_be_asked_it_is_refused_before_training_and_leaves_nothing(call: Any, tiny_base: Path) -> None:
    data = write_rows(Path("rows.jsonl").absolute(), make_rows(320))
    outcome = call("tune", str(data), "--base", f"file:{tiny_base}", "--budget", "0.5s", "training.epochs=1")
    assert outcome.exit_code == 2
    assert "the budget is 0 s" in outcome.err and "`--yes` to go on" in outcome.err and "--method head" in outcome.err
    assert "train     step 0" not in outcome.err and not Path("runs").exists()


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """What the pipeline was answered, which is stopped there."""
    found: list[bool] = []

    def improve(_run: Any, _listener: Any, _change: Any, ask: Ask) -> Any:
        found.append(ask("it takes about 9 min, the budget is 5 min"))
        raise Interrupted("enough", signal_number=2)

    monkeypatch.setattr(carrying_out, "improve", improve)
    return found


@pytest.mark.parametrize(("words", "answer"), [((), False), (("--yes",), True)])
def test_yes_answers_for_tune_and_for_resume(
    call: Any, tiny_base: Path, answers: list[bool], words: tuple[str, ...], answer: bool
) -> None:
    data = write_rows(Path("rows.jsonl").absolute(), make_rows(40))
    assert call("tune", str(data), "--base", f"file:{tiny_base}", "--out", "run", *words).exit_code == 130
    assert call("resume", "run", *words).exit_code == 130
    assert answers == [answer, answer]


@pytest.mark.parametrize(
    ("typed", "answer"), [("y\n", True), ("Yes\n", True), ("n\n", False), ("\n", False), ("", False)]
)
def test_a_person_at_a_terminal_is_asked(monkeypatch: pytest.MonkeyPatch, typed: str, answer: bool) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    shown = Terminal()
    monkeypatch.setattr("sys.stderr", shown)
    before = signal.getsignal(signal.SIGINT)
    assert screen.ask_at_terminal("it takes about 9 min") is answer
    assert shown.getvalue() == "it takes about 9 min. Go on? [y/N] "
    assert signal.getsignal(signal.SIGINT) is before


def test_nobody_is_asked_where_the_answer_could_not_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    monkeypatch.setattr("sys.stderr", io.StringIO())
    assert screen.ask_at_terminal("it takes about 9 min") is False


def test_a_live_bar_is_put_away_while_a_person_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    class Bar:
        def stop(self) -> None:
            done.append("stopped")

        def start(self) -> None:
            done.append("started")

    def ask(_question: str) -> bool:
        done.append("asked")
        return True

    monkeypatch.setattr(screen, "ask_at_terminal", ask)
    assert screen.LiveBar(Bar()).ask("?")  # type: ignore[arg-type]
    assert done == ["stopped", "asked", "started"]


def test_the_line_of_progress_tells_the_time_left_of_the_whole_run() -> None:
    event = Event(kind="step", step=30, seconds=1.0, values={"total_steps": 90, "loss": 1.0, "seconds_left": 60.0})
    told: Callable[..., str] = screen.describe
    assert told(event).endswith("60 s left") and told(event, 400.0).endswith("60 s left (whole run 7 min)")
    assert Progress(stage="train", message="step").whole_seconds_left is None
