"""`sintonia label`: one key a text, each answer on disk at once, and nothing lost or asked twice."""

from __future__ import annotations

import io
import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from sintonia.cli.labelling_screen import LABEL_KEYS, keys_of
from sintonia.corridor.growing.answers import Answers, PickedBatch
from sintonia.models.open import keep_offsets
from sintonia.prepare import text_key
from sintonia.prepare.forms import find_form
from sintonia.prepare.readers import open_source
from sintonia.prepare.table import look_at
from sintonia.records import Waiting
from sintonia.settings import DataSettings
from tests.tiny import make_rows
from tests.unit.report.chat_fixture import write_chat_run

LABELS = ("refund", "delivery", "other")


def _texts(count: int) -> list[str]:
    return [f"Dov'è il pacco numero {number}?" for number in range(count)]


def _begun(folder: Path, count: int = 6, labels: tuple[str, ...] = LABELS, *, has_model: bool = True) -> Path:
    """A pool whose batch was picked before, so that nothing is computed when the sitting goes on."""
    pool = folder / "pool.txt"
    pool.write_text("\n".join(_texts(count)) + "\n", encoding="utf-8")
    suggested = {"suggested": labels[0], "probability": 0.625, "likely": labels} if has_model else {}
    waiting = [
        Waiting(key=text_key(text), text=text, origin="random" if k == 2 else "margin", **suggested)
        for k, text in enumerate(_texts(count))
    ]
    answers = Answers(folder / "pool.labelled.jsonl")
    answers.begin(PickedBatch(source=f"{pool.resolve()} base auto", labels=labels, waiting=tuple(waiting)))
    return pool


def _rows(folder: Path) -> list[dict[str, object]]:
    path = folder / "pool.labelled.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def _typed(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def test_keys_answer_accept_skip_reject_and_name(call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _begun(tmp_path, 8)
    _typed(monkeypatch, "2", "", " ", "x", "/ot", "a", "other", "+new one", "q")
    outcome = call("label", "pool.txt", "--json")
    assert outcome.exit_code == 0
    rows = _rows(tmp_path)
    assert [row["label"] for row in rows] == ["delivery", "refund", "other", "refund", "other", "new one"]
    assert [row["text"] for row in rows] == [text for k, text in enumerate(_texts(8)) if k not in (2, 3)]
    assert rows[0] == {
        "text": _texts(1)[0], "label": "delivery", "origin": "margin", "suggested": "refund", "probability": 0.625
    }  # fmt: skip
    body = json.loads(outcome.out)
    assert (body["num_new"], body["num_waiting"], body["num_passed"], body["next"]) == (6, 0, 2, "")
    assert "44 more rows (6 of 50)" in outcome.err and "`delivery` 4" in outcome.err
    assert (tmp_path / "pool.labelled.jsonl").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "pool.labelled.session.jsonl").stat().st_mode & 0o777 == 0o600


def test_undo_takes_back_whatever_came_last(call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _begun(tmp_path, 3)
    _typed(monkeypatch, "u", "1", "2", "u", "u", "3", " ", "u", "x", "u", "2", "1", "u", "3", "q")
    outcome = call("label", "pool.txt")
    assert [(row["text"], row["label"]) for row in _rows(tmp_path)] == list(
        zip(_texts(3), ("other", "delivery", "other"), strict=True)
    )
    assert "there is nothing to take back" in outcome.err
    assert "3 now, 3 in all: other 2, delivery 1" in outcome.err


def test_it_goes_on_where_it_stopped_and_asks_nothing_twice(call, tmp_path: Path, monkeypatch) -> None:
    _begun(tmp_path, 6)
    _typed(monkeypatch, "1", " ", "q")
    call("label", "pool.txt")
    _typed(monkeypatch, "2", "x")
    outcome = call("label", "pool.txt")
    assert "going on with 4 texts" in outcome.err and "2 texts: the same command goes on" in outcome.err
    _typed(monkeypatch, "3", "3", "3")
    outcome = call("label", "pool.txt")
    assert [row["text"] for row in _rows(tmp_path)] == [_texts(6)[k] for k in (0, 2, 4, 5)]
    for text in _texts(6)[:4]:
        assert text not in outcome.err
    assert not list(tmp_path.glob("*.txt.log")) and "1 of 1 texts drawn by chance" not in outcome.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--batch", "9"), "4 texts of the batch before wait: --batch counts from the next one"),
        (("--batch", "9", "--random-share", "0"), "before wait: --batch and --random-share count from the next one"),
        ((), ""),
    ],
)
def test_what_is_asked_of_a_batch_while_texts_wait_is_told(call, tmp_path: Path, monkeypatch, words, said: str) -> None:
    _begun(tmp_path, 4)
    _typed(monkeypatch, "q")
    outcome = call("label", "pool.txt", *words)
    assert "waiting    4 texts" in outcome.err and said in outcome.err
    assert ("before wait" in outcome.err) is bool(words)


def test_of_two_labels_a_rejected_suggestion_is_the_other(call, tmp_path: Path, monkeypatch) -> None:
    _begun(tmp_path, 2, ("yes", "no"))
    _typed(monkeypatch, "x", "a")
    call("label", "pool.txt")
    assert [row["label"] for row in _rows(tmp_path)] == ["no", "yes"]


def test_keys_that_mean_nothing_do_nothing(call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _begun(tmp_path, 2, has_model=False)
    _typed(monkeypatch, "a", "", "9", "?", "/nothing", "/", "zzz", "+", "", "1", "q")
    outcome = call("label", "pool.txt")
    assert [row["label"] for row in _rows(tmp_path)] == ["refund"]
    assert "there is no suggestion to accept" in outcome.err and "no label begins so" in outcome.err


def test_more_labels_than_keys_give_the_likeliest_the_digits() -> None:
    labels = [f"label {number}" for number in range(77)]
    keys = keys_of(labels, ["label 40", "label 3"])
    assert list(keys.items())[:3] == [("1", "label 40"), ("2", "label 3"), ("3", "label 0")] and len(keys) == 9
    assert keys_of(labels[:30], ["label 5"])["1"] == "label 0"
    assert not set(LABEL_KEYS) & set("axuq /+?")


def test_the_file_is_what_tune_reads(call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _begun(tmp_path, 60)
    _typed(monkeypatch, *(["1", "2", "3", "a"] * 15))
    outcome = call("label", "pool.txt")
    path = tmp_path / "pool.labelled.jsonl"
    asked = DataSettings(path=str(path))
    form, match = find_form(look_at(open_source(path)), asked, "auto")
    assert form.name == "text and label" and dict(match.columns) == {"input": "text", "target": "label"}
    assert "tune pool.labelled.jsonl" in outcome.err and "missing" not in outcome.err
    checked = call("check", str(path), "--base", "none")
    assert "60 rows in" in checked.err and checked.exit_code in (0, 3)


_KILLED = """
import os, sys
from sintonia.cli import labelling_screen
class Keys:
    def __init__(self): self.left = list({keys!r})
    def key(self):
        if not self.left: os.kill(os.getpid(), 9)
        return self.left.pop(0)
    def line(self, prompt): return ''
real = labelling_screen.label_all
import sintonia.cli.label as label
label.label_all = lambda session, keyboard: real(session, Keys())
from sintonia.cli.main import main
main(['label', 'pool.txt'])
"""


def test_a_kill_between_answers_loses_none(call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _begun(tmp_path, 6)
    for keys in ("1", "2 ", "1u3"):
        script = _KILLED.format(keys=keys)
        process = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, check=False)
        assert process.returncode == -signal.SIGKILL, process.stderr.decode()
    with (tmp_path / "pool.labelled.jsonl").open("a") as stream:
        stream.write('{"text": "cut sho')  # a kill within a write
    _typed(monkeypatch, "2", "2")
    outcome = call("label", "pool.txt")
    assert [(row["text"], row["label"]) for row in _rows(tmp_path)] == [
        (_texts(6)[k], label)
        for k, label in ((0, "refund"), (1, "delivery"), (3, "other"), (4, "delivery"), (5, "delivery"))
    ]
    assert "2 now, 5 in all" in outcome.err


def test_a_row_without_its_end_of_line_is_kept(call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _begun(tmp_path, 2)
    (tmp_path / "pool.labelled.jsonl").write_text('{"text": "a", "label": "other"}')
    _typed(monkeypatch, "1", "q")
    call("label", "pool.txt")
    assert [row["label"] for row in _rows(tmp_path)] == ["other", "refund"]


@pytest.mark.parametrize("line", ['{"text": "a"}', "no json", '{"text": "a", "label": 3}', '["a"]'])
def test_a_file_of_something_else_is_left_as_it_is(call, tmp_path: Path, line: str) -> None:
    _begun(tmp_path, 2)
    path = tmp_path / "pool.labelled.jsonl"
    path.write_text(f'{{"text": "a", "label": "b"}}\n{line}\n')
    outcome = call("label", "pool.txt")
    assert outcome.exit_code == 3 and "pool.labelled.jsonl:2: this is no labelled row" in outcome.err
    assert path.read_text().endswith(f"{line}\n")


_ROW = '{"text": "a", "label": "b"}\n'
_FOREIGN = {
    "a broken row without its end of line": _ROW + '{"text": "x" "label": "y"}',
    "a label without its last quote": _ROW + '{"text": "x", "label": "y}',
    "a row without a label": _ROW + '{"text": "x"}',
    "two objects on a line": _ROW + '{"text": "x", "label": "y"} {"text": "x"',
    "a broken row and a cut one": _ROW + 'no json\n{"text": "cut sho',
    "a note": "remember the milk",
    "json in one line": '[{"text": "x", "label": "y"}]',
    "json cut short": '{"data": [{"text": "x", "label": "y',
    "json on many lines": json.dumps([{"text": "x", "label": "y"}], indent=1),
    "an object on many lines": json.dumps({"text": "x", "label": "y"}, indent=1),
    "a table": "text,label\nx,y",
    "a header": "text,label",
    "another encoding": _ROW,
}


@pytest.mark.parametrize("content", _FOREIGN.values(), ids=_FOREIGN)
def test_a_file_that_is_refused_keeps_each_byte(call, tmp_path: Path, content: str) -> None:
    _begun(tmp_path, 2)
    path = tmp_path / "pool.labelled.jsonl"
    path.write_text(content, encoding="utf-16" if content == _ROW else "utf-8")
    before = path.read_bytes()
    outcome = call("label", "pool.txt")
    assert outcome.exit_code == 3 and "this is no labelled row" in outcome.err
    assert path.read_bytes() == before


def test_a_row_is_dropped_wherever_a_kill_cut_it(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    answers = Answers(path)
    answers.keep({"chat": "", "text": 'è "so"\x01 {1}, 0.5', "label": "b", "suggested": "c", "probability": 0.0625})
    whole = path.read_bytes()
    for length in range(2, len(whole) - 2):
        if whole[length - 1 : length] == b"}":
            continue
        path.write_bytes(whole + whole[:length])
        with Answers(path).writing():
            assert path.read_bytes() == whole, whole[:length]
    path.write_bytes(whole + whole[:-1])
    with Answers(path).writing():
        assert path.read_bytes() == whole * 2


def test_the_pool_is_the_pool_by_another_name_too(call, tmp_path: Path) -> None:
    pool = tmp_path / "pool.jsonl"
    pool.write_text(_ROW * 3)
    (tmp_path / "same.jsonl").symlink_to(pool)
    for out in ("same.jsonl", f"../{tmp_path.name}/pool.jsonl"):
        outcome = call("label", "pool.jsonl", "--labels", "a,b", "--out", out)
        assert outcome.exit_code == 2 and "into the pool itself" in outcome.err
    assert pool.read_text() == _ROW * 3


@pytest.mark.parametrize("key", ["+", "/"])
def test_the_end_of_input_is_no_name_of_a_label(call, tmp_path: Path, monkeypatch, key: str) -> None:
    _begun(tmp_path, 3, (*LABELS, "question"))
    _typed(monkeypatch, "+", "new one ", "2", key)
    outcome = call("label", "pool.txt")
    assert outcome.exit_code == 0 and [row["label"] for row in _rows(tmp_path)] == ["new one", "delivery"]


def test_bytes_that_are_no_text_are_a_key_that_means_nothing(call, tmp_path: Path, monkeypatch) -> None:
    _begun(tmp_path, 2)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xe8\xff\n2\nq\n"), encoding="utf-8"))
    outcome = call("label", "pool.txt")
    assert outcome.exit_code == 0 and [row["label"] for row in _rows(tmp_path)] == ["delivery"]


@pytest.mark.parametrize("name", ["pool.labelled.jsonl", "./pool.labelled.jsonl", "pool.labelled.session.jsonl"])
def test_a_batch_is_not_written_over_the_answers(call, tmp_path: Path, name: str) -> None:
    _begun(tmp_path, 2)
    session = (tmp_path / "pool.labelled.session.jsonl").read_bytes()
    outcome = call("label", "pool.txt", "--export", "argilla", name)
    assert outcome.exit_code == 2 and "is where the answers go" in outcome.err
    assert not (tmp_path / "pool.labelled.jsonl").exists() and not list(tmp_path.glob("*.settings.json"))
    assert (tmp_path / "pool.labelled.session.jsonl").read_bytes() == session


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (("1", "2"), "the model  its suggestion was the answer for 1 of 2 between whose labels it wavered"),
        (("1", "2", "1"), "drawn by chance\nthe model  and for 1 of 2 between whose labels it wavered"),
    ],
)
def test_how_often_the_model_was_right_is_a_whole_sentence(call, tmp_path: Path, monkeypatch, keys, said: str) -> None:
    _begun(tmp_path, 4)
    _typed(monkeypatch, *keys, "q")
    assert said in call("label", "pool.txt").err


def test_two_people_cannot_write_into_one_file(call, tmp_path: Path) -> None:
    _begun(tmp_path, 2)
    with Answers(tmp_path / "pool.labelled.jsonl").writing():
        outcome = call("label", "pool.txt")
    assert outcome.exit_code == 2 and "another process is labelling" in outcome.err, outcome.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("missing.txt", "--labels", "a,b"), "there is no file"),
        (("texts.txt",), "which labels there are is not known"),
        (("texts.txt", "--labels", "a"), "no list of labels"),
        (("texts.txt", "--labels", "a,b", "--run", "runs/none"), "is not a run folder"),
        (("texts.txt", "--run", "r", "--base", "minilm"), "both given"),
        (("texts.txt", "--labels", "a,b", "--out", "rows.csv"), "not called after"),
        (("texts.jsonl", "--labels", "a,b", "--out", "texts.jsonl"), "into the pool itself"),
        (("texts.txt", "--labels", "a,b", "--export", "prodigy", "x.json"), "cannot be written for"),
        (("texts.txt", "--labels", "a,b", "--import", "none.json"), "there is no file"),
        (("texts.txt", "--labels", "a,b", "--base", "minilmm"), "minilm"),
        (("texts.txt", "--labels", "a,b", "--import", "none.json", "--batch", "5"), "`--batch` does not go with"),
        (("texts.txt", "--import", "none.json", "--random-share", "0"), "`--random-share` does not go with"),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(call, words: tuple[str, ...], said: str) -> None:
    Path("texts.txt").write_text("\n".join(_texts(30)))
    Path("texts.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in _texts(30)))
    outcome = call("label", *words)
    assert outcome.exit_code == 2 and said in outcome.err and "Traceback" not in outcome.err
    assert not list(Path.cwd().glob("*.labelled.jsonl"))


def test_a_run_of_another_task_is_refused_with_the_reason(call, tmp_path: Path) -> None:
    write_chat_run(Path("runs/chat-001"))
    Path("texts.txt").write_text("\n".join(_texts(3)))
    outcome = call("label", "texts.txt", "--run", "runs/chat-001")
    assert outcome.exit_code == 2 and "learned the task chat, whose answers are no labels" in outcome.err


def test_a_batch_goes_to_another_tool_and_its_answers_come_back(call, tmp_path: Path) -> None:
    _begun(tmp_path, 6)
    outcome = call("label", "pool.txt", "--export", "label-studio", "tasks.json")
    assert outcome.exit_code == 0 and "6 texts for label-studio" in outcome.err
    tasks = json.loads(Path("tasks.json").read_text())
    for number, task in enumerate(tasks[:4]):
        result = {**task["predictions"][0]["result"][0], "value": {"choices": [LABELS[number % 3]]}}
        task["annotations"] = [{"result": [result], "was_cancelled": number == 3}]
    Path("export.json").write_text(json.dumps(tasks[:4]))
    outcome = call("label", "pool.txt", "--import", "export.json")
    assert "3 labelled rows; 0 were known already, 1 have no answer" in outcome.err
    assert "3 now, 3 in all" in outcome.err and "waiting    3 texts" in outcome.err
    assert [(row["label"], row["origin"]) for row in _rows(tmp_path)] == [
        ("refund", "margin"), ("delivery", "margin"), ("other", "random")
    ]  # fmt: skip
    assert "0 labelled rows; 3 were known already" in call("label", "pool.txt", "--import", "export.json").err


def test_a_cold_start_picks_from_the_pool_alone(call, tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = make_rows(200, topics=2)
    Path("pool.jsonl").write_text("".join(json.dumps({"text": row["text"]}) + "\n" for row in rows))
    answers = {row["text"]: row["label"] for row in rows}
    words = ("label", "pool.jsonl", "--labels", "weather,music", "--base", f"file:{tiny_base}")
    for number in range(3):
        _typed(monkeypatch)
        begun = call(*words).err
        session = [json.loads(line) for line in Path("pool.labelled.session.jsonl").read_text().splitlines()]
        batch = [one for one in session if "batch" in one][-1]["batch"]["waiting"]
        assert Counter(one["origin"] for one in batch) == {"spread": 17, "random": 3} and "picked 20" in begun
        _typed(monkeypatch, *(answers[one["text"]] for one in batch))
        outcome = call(*words)
        labelled = [json.loads(line) for line in Path("pool.labelled.jsonl").read_text().splitlines()]
        assert len(labelled) == len({row["text"] for row in labelled}) == 20 * (number + 1)
    assert "tune pool.labelled.jsonl" in outcome.err


@pytest.mark.parametrize("words", [("--batch", "1"), ("--random-share", "1")])
def test_a_cold_start_may_be_by_chance_alone(call, tiny_base: Path, monkeypatch, words: tuple[str, ...]) -> None:
    Path("pool.txt").write_text("\n".join(row["text"] for row in make_rows(60, topics=2)) + "\n")
    _typed(monkeypatch, "1", "q")
    outcome = call("label", "pool.txt", "--labels", "weather,music", "--base", f"file:{tiny_base}", *words)
    assert outcome.exit_code == 0 and "by chance" in outcome.err and "spread over" not in outcome.err
    assert [row["origin"] for row in _rows(Path.cwd())] == ["random"]


def test_a_run_picks_what_its_model_is_unsure_of(
    call, finished: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SINTONIA_HOME", str(finished / "home"))
    known = [json.loads(line)["text"] for line in (finished / "rows.jsonl").read_text().splitlines()]
    fresh = [row["text"] for row in make_rows(300, seed=9) if row["text"] not in known]
    Path("pool.txt").write_text("\n".join([*known, *fresh]) + "\n")
    _typed(monkeypatch, "a", "1", "q")
    outcome = call("label", "pool.txt", "--run", str(finished / "runs/a"), "--batch", "30")
    assert outcome.exit_code == 0, outcome.err
    assert "400 known already" in outcome.err  # those of the sealed test too, by their keys alone
    session = [json.loads(line) for line in Path("pool.labelled.session.jsonl").read_text().splitlines()]
    batch = session[1]["batch"]["waiting"]
    assert Counter(one["origin"] for one in batch) == {"margin": 26, "random": 4}
    assert not {one["text"] for one in batch} & set(known)
    _typed(monkeypatch, *fresh)
    predicted = call("predict", str(finished / "runs/a"), "--json")
    sure = {one["input"]: one["confidence"] for one in json.loads(predicted.out)}
    mean = {
        origin: sum(sure[one["text"]] for one in batch if one["origin"] == origin) / count
        for origin, count in Counter(one["origin"] for one in batch).items()
    }
    assert mean["margin"] < sum(sure.values()) / len(sure)
    first = batch[0]
    assert first["probability"] == pytest.approx(sure[first["text"]], abs=1e-5)
    assert f"adjust {finished / 'runs/a'} --add pool.labelled.jsonl" in outcome.err
    log = (finished / "runs/a" / "log.txt").read_text()
    assert not any(one["text"] in log for one in batch)


def test_the_suggestion_is_what_predict_answers(
    call, finished: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SINTONIA_HOME", str(finished / "home"))
    run = shutil.copytree(finished / "runs/a", tmp_path / "runs/a")
    keep_offsets(run / "model", (0.0, 0.0, 0.0, 100.0))  # it answers the last label, whatever is likely
    Path("pool.txt").write_text("\n".join(row["text"] for row in make_rows(200, seed=9)) + "\n")
    _typed(monkeypatch, "q")
    outcome = call("label", "pool.txt", "--run", str(run), "--random-share", "0")
    session = [json.loads(line) for line in Path("pool.labelled.session.jsonl").read_text().splitlines()]
    batch = session[1]["batch"]["waiting"]
    last = sorted({row["label"] for row in make_rows(40)})[-1]
    assert outcome.exit_code == 0 and {one["origin"] for one in batch} == {"margin"}
    assert {one["suggested"] for one in batch} == {one["likely"][0] for one in batch} == {last}
    assert min(one["probability"] for one in batch) < 0.25
    assert all(sorted(one["likely"]) == sorted(set(one["likely"])) and len(one["likely"]) == 4 for one in batch)
    _typed(monkeypatch, batch[0]["text"])
    (answer,) = json.loads(call("predict", str(run), "--json").out)
    assert (answer["prediction"], answer["confidence"]) == (last, pytest.approx(batch[0]["probability"], abs=1e-5))


@pytest.mark.parametrize(
    ("keys", "labels"),
    [(["2", "\r", "q"], ["delivery", "refund"]), (["1", "\x7f", "3", "\x1b[A", "a", "q"], ["other", "refund"])],
)
def test_the_screen_of_a_terminal(tmp_path: Path, keys: list[str], labels: list[str]) -> None:
    _begun(tmp_path, 4)
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "sintonia", "label", "pool.txt"],
        cwd=tmp_path, stdin=slave, stdout=slave, stderr=slave, close_fds=True,
    )  # fmt: skip
    os.close(slave)
    shown = _until(master, "save and quit")
    assert "suggested  refund  (62%)" in shown and "1 refund · 2 delivery · 3 other" in shown and "4 left" in shown
    for key in keys[:-1]:
        os.write(master, key.encode())
        if not key.startswith("\x1b"):
            _until(master, "save and quit")
    os.write(master, keys[-1].encode())
    shown = _until(master, "waiting")
    assert "2 now, 2 in all" in shown
    assert process.wait(timeout=60) == 0
    os.close(master)
    assert [row["label"] for row in _rows(tmp_path)] == labels


def _until(master: int, mark: str) -> str:
    shown, ends = "", time.monotonic() + 120
    while mark not in shown and time.monotonic() < ends:
        if select.select([master], [], [], 1.0)[0]:
            shown += os.read(master, 4096).decode(errors="replace")
    assert mark in shown, shown
    return shown
