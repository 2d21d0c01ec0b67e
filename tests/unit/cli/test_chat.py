"""`sintonia chat`, and `predict` with models that write: piped, at a terminal, beside the base."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import os
import pty
import select
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sintonia.cli.answer_screen import safe, show_answers
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe
from sintonia.use import Decoding, Piece, Shelf
from tests.nouns import make_prepared
from tests.unit.use.tuned import make_tuned, make_wide_base

SHORT = ("--max-tokens", "16")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    base = make_wide_base(folder / "base")
    make_tuned(folder / "tuned", base)
    make_tuned(folder / "texts", base, task="pretrain")
    run = RunFolder.create(folder / "run", Recipe(data=DataSettings(path="a.jsonl")))
    columns = {"input": "prompt", "target": "completion"}
    prepared = dataclasses.replace(make_prepared(9), task="chat", form="prompt and completion", columns=columns)
    run.write("prepared.json", prepared)
    make_tuned(run.file("model"), base)
    return folder


def answer(model: Path | str, *texts: str, tokens: int = 16, system: str = "") -> str:
    """What is answered to the last of some texts, each after the answer to the one before."""
    speaker, said = Shelf().open(model), [{"role": "system", "content": system}] if system else []
    for text in texts:
        said.append({"role": "user", "content": text})
        pieces = speaker.write(said, Decoding(max_new_tokens=tokens))  # type: ignore[union-attr]
        said.append({"role": "assistant", "content": "".join(one.text for one in pieces)})
    return said[-1]["content"]


def piped(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def test_each_line_of_standard_input_is_a_message_of_one_conversation(call, models: Path, monkeypatch) -> None:
    piped(monkeypatch, "Salve", "", "Et tu?", "/reset", "Salve", "/exit", "never read")
    outcome = call("chat", str(models / "run"), *SHORT)
    assert outcome.exit_code == 0
    first, second = (safe(answer(models / "tuned", *texts)) for texts in (["Salve"], ["Salve", "Et tu?"]))
    assert outcome.out == f"{first}\n{second}\n{first}\n" and first != second


def test_the_system_message_stands_before_all_and_comes_back_after_a_reset(call, models: Path, monkeypatch) -> None:
    piped(monkeypatch, "Salve", "/reset", "Salve")
    outcome = call("chat", str(models / "tuned"), "--system", "Esto brevis", *SHORT)
    told = safe(answer(models / "tuned", "Salve", system="Esto brevis"))
    assert outcome.out == f"{told}\n{told}\n" and told != safe(answer(models / "tuned", "Salve"))


def test_the_base_answers_beside_the_tuned_model(call, models: Path, monkeypatch) -> None:
    piped(monkeypatch, "Salve")
    outcome = call("chat", str(models / "tuned"), "--compare", *SHORT)
    base, tuned = (safe(answer(one, "Salve")) for one in (f"file:{models / 'base'}", models / "tuned"))
    assert outcome.out == f"base: {base}\ntuned: {tuned}\n" and base != tuned


def test_chance_follows_the_seed(call, models: Path, monkeypatch) -> None:
    said = []
    for seed in ("1", "2", "1"):
        piped(monkeypatch, "Salve")
        said.append(call("chat", str(models / "tuned"), "--temperature", "1", "--seed", seed, *SHORT).out)
    assert said[0] == said[2] != said[1]


def test_a_conversation_is_saved_as_a_row_that_tune_reads(call, models: Path, monkeypatch) -> None:
    Path("there.jsonl").write_text("mine")
    piped(monkeypatch, "/save empty.jsonl", "Salve", "/save said.jsonl", "/save there.jsonl", "/save", "/nothing")
    outcome = call("chat", str(models / "tuned"), *SHORT)
    (row,) = [json.loads(line) for line in Path("said.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [one["role"] for one in row["messages"]] == ["user", "assistant"]
    assert row["messages"][1]["content"] == answer(models / "tuned", "Salve")
    assert stat.S_IMODE(Path("said.jsonl").stat().st_mode) == 0o600
    assert Path("there.jsonl").read_text() == "mine" and not Path("empty.jsonl").exists()
    for said in ("nothing was said yet", "there.jsonl exists", "say where", "there is no /nothing"):
        assert said in outcome.err


def test_a_message_that_does_not_fit_is_not_sent_and_the_talk_goes_on(call, models: Path, monkeypatch) -> None:
    piped(monkeypatch, "x" * 600, "Salve")
    outcome = call("chat", str(models / "tuned"), *SHORT)
    assert outcome.exit_code == 1, "whoever reads the pipe has to know"
    assert "not sent" in outcome.err and outcome.out == f"{safe(answer(models / 'tuned', 'Salve'))}\n"


def test_a_run_of_labels_is_sent_to_predict(call, finished: Path, monkeypatch) -> None:
    outcome = call("chat", str(finished / "runs/a"))
    assert outcome.exit_code == 2 and "does not talk" in outcome.err and "sintonia predict" in outcome.err
    assert call("chat", "nowhere").exit_code == 2


def test_nothing_that_is_written_controls_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    wild = "a\x1b[2Jb\rc\x07\u202ed\x9b31m\n\tè🙂"
    pieces = (Piece(text=one, num_tokens=1, finish_reason=None) for one in wild)
    assert show_answers({"tuned": pieces}) == {"tuned": wild}
    assert capsys.readouterr().out == "a\\x1b[2Jb\\rc\\x07\\u202ed\\x9b31m\n\tè🙂\n"


def _until(master: int, mark: str) -> str:
    shown, ends = "", time.monotonic() + 120
    while mark not in shown and time.monotonic() < ends:
        if select.select([master], [], [], 1.0)[0]:
            shown += os.read(master, 4096).decode(errors="replace")
    assert mark in shown, shown
    return shown


def _begun(*words: str, columns: int = 120) -> tuple[int, subprocess.Popen[bytes]]:
    """Starts the program at a terminal of its own, which its Ctrl-C belongs to.

    A shell's background commands ignore SIGINT, and so would whatever they start: the child begins with the default.
    """
    master, slave = pty.openpty()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [sys.executable, "-m", "sintonia", "chat", *words],
        stdin=slave, stdout=slave, stderr=slave, close_fds=True, start_new_session=True,
        env={**os.environ, "TERM": "xterm", "COLUMNS": str(columns), "LINES": "40"},
    )  # fmt: skip
    signal.signal(signal.SIGINT, before)
    os.close(slave)
    return master, process


def _ended_by_ctrl_c(process: subprocess.Popen[bytes]) -> int | None:
    """The exit code. A signal within the moment between the prompt and its reading waits for the next one."""
    for _ in range(3):
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(timeout=60)
    return None


def test_ctrl_c_stops_an_answer_and_at_the_prompt_ends_the_talk(models: Path) -> None:
    master, process = _begun(str(models / "tuned"), "--max-tokens", "400")
    assert "Ctrl-C stops an answer" in _until(master, "you> ")
    first = safe(answer(models / "tuned", "Salve"))[:4]  # before it is asked: it is written quickly
    os.write(master, b"Salve\n")
    _until(master, first.replace("\n", "\r\n"))
    process.send_signal(signal.SIGINT)
    _until(master, "you> ")
    assert _ended_by_ctrl_c(process) == 130
    os.close(master)


def test_two_answers_stand_side_by_side(models: Path) -> None:
    master, process = _begun(str(models / "tuned"), "--compare", *SHORT)
    _until(master, "you> ")
    os.write(master, b"Salve\n")
    shown = _until(master, "you> ")
    header = next(line for line in shown.splitlines() if "base" in line and "tuned" in line)
    assert header.index("tuned") - header.index("base") > 20
    os.write(master, b"/exit\n")
    assert process.wait(timeout=60) == 0
    os.close(master)


def test_a_run_that_writes_answers_texts_and_rows(call, models: Path) -> None:
    run, wanted = str(models / "run"), [answer(models / "tuned", text) for text in ("Salve", "Et tu?")]
    Path("asked.txt").write_text("Salve\nEt tu?\n")
    told = json.loads(call("predict", run, "asked.txt", "--json", *SHORT).out)
    assert [one["prediction"] for one in told] == wanted and told[0]["finish_reason"] in ("stop", "length")
    rows = [
        {"prompt": "Salve", "completion": "not read", "id": 1},
        {"messages": [{"role": "user", "content": "Et tu?"}, {"role": "assistant", "content": "old"}], "id": 2},
    ]
    Path("asked.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    outcome = call("predict", run, "asked.jsonl", "--out", "out.jsonl", *SHORT)
    assert outcome.exit_code == 0, outcome.err
    written = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert [one["prediction"] for one in written] == wanted and [one["id"] for one in written] == [1, 2]
    lines = call("predict", run, "Salve", *SHORT).out
    assert lines.endswith("\tSalve\n") and lines.count("\n") == 1


def test_rows_that_ask_nothing_keep_their_place_and_others_are_refused(call, models: Path) -> None:
    blank = {"messages": [{"role": "user", "content": " "}]}
    rows = [{"prompt": "Salve"}, {"prompt": ""}, blank, {"prompt": "Et tu?"}]
    Path("gap.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    outcome = call("predict", str(models / "run"), "gap.jsonl", "--json", *SHORT)
    told = [one["prediction"] for one in json.loads(outcome.out)]
    assert told == [answer(models / "tuned", "Salve"), None, None, answer(models / "tuned", "Et tu?")]
    assert outcome.exit_code == 0 and "2 of 4 rows are blank (line 2, 3)" in outcome.err
    turns = [("user", "Salve"), ("assistant", "Salve!"), ("user", " "), ("assistant", "Et tu?"), ("user", "Vale")]
    for said in (turns, [("assistant", "Salve!")]):
        row = {"messages": [{"role": role, "content": text} for role, text in said]}
        Path("half.jsonl").write_text(json.dumps({"prompt": "Salve"}) + "\n" + json.dumps(row) + "\n")
        half = call("predict", str(models / "run"), "half.jsonl", *SHORT)
        assert half.exit_code == 3 and "half.jsonl:2" in half.err and "without an input" in half.err
    Path("wild.jsonl").write_text(json.dumps({"prompt": "Salve"}) + "\n" + json.dumps({"prompt": {"a": 4}}) + "\n")
    wild = call("predict", str(models / "run"), "wild.jsonl")
    assert wild.exit_code == 3 and "wild.jsonl:2" in wild.err and wild.out == ""
    Path("other.jsonl").write_text(json.dumps({"body": "x"}) + "\n")
    other = call("predict", str(models / "run"), "other.jsonl")
    assert other.exit_code == 3 and "no column with a prompt" in other.err


def test_a_model_of_plain_text_goes_on_with_a_text(call, models: Path) -> None:
    (told,) = json.loads(call("predict", str(models / "texts"), "Gallia est", "--json", *SHORT).out)
    speaker = Shelf().open(models / "texts")
    (wanted,) = speaker.write_all(["Gallia est"], 16)  # type: ignore[union-attr]
    assert told["prediction"] == wanted.text != answer(models / "texts", "Gallia est")


def test_with_json_each_message_is_a_line_with_all_answers(call, models: Path, monkeypatch) -> None:
    piped(monkeypatch, "Salve", "Et tu?")
    outcome = call("chat", str(models / "tuned"), "--compare", "--json", *SHORT)
    first, second = (json.loads(line) for line in outcome.out.splitlines())
    base, tuned = (answer(one, "Salve") for one in (f"file:{models / 'base'}", models / "tuned"))
    assert first == {"input": "Salve", "base": base, "tuned": tuned}
    assert second["tuned"] == answer(models / "tuned", "Salve", "Et tu?")
