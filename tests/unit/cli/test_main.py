"""The table of commands, and how errors meet the shell."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from sintonia import __version__
from sintonia.cli import main as door
from sintonia.cli.main import COMMANDS
from sintonia.errors import DataError, StopFindings


def test_help_lists_every_command(call) -> None:
    outcome = call("--help")
    assert outcome.exit_code == 0
    assert all(f"  {name} " in outcome.out and summary in outcome.out for name, summary in COMMANDS.items())


def test_no_words_show_the_help(call) -> None:
    assert call().out == call("--help").out


def test_the_version_is_the_one_of_the_package(call) -> None:
    assert call("--version").out == f"sintonia {__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_explains_itself(call, name: str) -> None:
    outcome = call(name, "--help")
    assert outcome.exit_code == 0
    assert COMMANDS[name] in " ".join(outcome.out.split())
    assert "--json" in outcome.out


def test_an_unknown_command_names_the_nearest(call) -> None:
    outcome = call("tun", "data.csv")
    assert outcome.exit_code == 2
    assert outcome.err == "error: unknown command `tun`\nhint: did you mean `tune`, `runs` or `chat`?\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("tune", "x.csv", "--sed", "3"), "`--seed`"),
        (("tune", "x.csv", "--seed", "three"), "'--seed'"),
        (("resume",), "Missing argument 'RUN'"),
        (("--verbose",), "unknown option `--verbose`"),
    ],
)
def test_wrong_options_are_usage_errors(call, words: tuple[str, ...], said: str) -> None:
    outcome = call(*words)
    assert outcome.exit_code == 2
    assert outcome.err.startswith("error: ") and said in outcome.err and "hint: " in outcome.err
    assert outcome.out == ""


def _raising(error: BaseException):
    def run(_words: list[str]) -> int:
        raise error

    return run


def test_an_error_shows_its_three_parts(call, monkeypatch: pytest.MonkeyPatch) -> None:
    error = DataError("no target", where="a.csv:3", expected="a label", hint="fill it in")
    monkeypatch.setattr(door, "_run", _raising(error))
    outcome = call("tune")
    assert outcome.exit_code == 3
    assert outcome.err == "error: a.csv:3: no target\nexpected: a label\nhint: fill it in\n"


def test_stop_findings_say_how_to_go_on(call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "_run", _raising(StopFindings("D110 no signal", hint="look at the labels")))
    outcome = call("tune")
    assert outcome.exit_code == 3
    assert outcome.err.splitlines()[1] == "hint: look at the labels"
    assert "--accept CODE" in outcome.err.splitlines()[2]


def test_a_full_disk_is_an_input_output_error(call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "_run", _raising(OSError(errno.ENOSPC, "No space left on device", "x.bin")))
    outcome = call("tune")
    assert outcome.exit_code == 74
    assert "x.bin" in outcome.err and "hint: free some space" in outcome.err


def test_a_defect_of_ours_shows_one_line_and_logs_the_traceback(call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "_run", _raising(ZeroDivisionError("division by zero")))
    outcome = call("tune")
    assert outcome.exit_code == 1
    assert "Traceback" not in outcome.err
    log = Path(outcome.err.strip().rpartition(" ")[2])
    assert "Traceback" in log.read_text() and "ZeroDivisionError" in log.read_text()
    log.unlink()


def test_a_keyboard_interrupt_exits_with_130(call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "_run", _raising(KeyboardInterrupt()))
    assert call("tune").exit_code == 130
