"""`sintonia tune` refuses what cannot work before anything is computed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny import make_conversations, write_rows


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "no data were given"),
        (("a.csv", "trainin.epochs=3"), "`training.epochs`"),
        (("a.csv", "training.epochs=-1"), "`training.epochs` is -1"),
        (("a.csv", "--method", "qlora"), "it needs a GPU"),
        (("a.csv", "--task", "translate"), "`task`"),
        (("a.csv", "--budget", "soon"), "--budget soon"),
        (("a.csv", "--columns", "text"), "input=text,target=label"),
        (("a.csv", "--require", "worse"), "--require"),
        (("a.csv", "--recipe", "none.yaml"), "none.yaml"),
    ],
)
def test_a_wrong_request_exits_with_2_and_leaves_no_folder(call, words: tuple[str, ...], said: str) -> None:
    outcome = call("tune", *words)
    assert outcome.exit_code == 2
    assert said in outcome.err
    assert list(Path().iterdir()) == []


def test_an_existing_folder_is_not_written_over(call) -> None:
    Path("a.csv").write_text("text,label\n")
    Path("out").mkdir()
    (Path("out") / "mine.txt").write_text("keep")
    outcome = call("tune", "a.csv", "--out", "out")
    assert outcome.exit_code == 2
    assert "sintonia resume out" in outcome.err
    assert [path.name for path in Path("out").iterdir()] == ["mine.txt"]


def test_a_base_that_cannot_do_what_is_asked_is_refused_before_the_data_are_read(
    call, tiny_language_model: Path
) -> None:
    Path("a.jsonl").write_bytes(b"\x00 no data")
    wrong = (("lora.layers=99",), "`lora.layers` is 99"), (("--task", "chat", "--method", "head"), "method `head`")
    for words, said in wrong:
        outcome = call("tune", "a.jsonl", "--base", f"file:{tiny_language_model}", *words)
        assert outcome.exit_code == 2 and said in outcome.err
        assert [path.name for path in Path().iterdir()] == ["a.jsonl"]


def test_what_is_refused_after_the_data_were_read_leaves_no_run_either(call, tiny_language_model: Path) -> None:
    data = write_rows(Path("a.jsonl").absolute(), make_conversations(320))
    words = ("--task", "chat", "--base", f"file:{tiny_language_model}", "training.patience=2", "training.epochs=2")
    outcome = call("tune", str(data), *words)
    assert outcome.exit_code == 2 and "`training.patience` has no effect with 2 epochs" in outcome.err
    assert not Path("runs").exists()
    kept = Path("runs/another")
    kept.mkdir(parents=True)
    assert call("tune", str(data), *words).exit_code == 2
    assert list(Path("runs").iterdir()) == [kept]


def test_a_plain_text_that_looks_like_a_table_is_refused_with_what_to_do(call) -> None:
    Path("a.txt").write_text("".join(f"a line about birds, and about trees {number}\n" for number in range(60)))
    outcome = call("tune", "a.txt")
    assert outcome.exit_code == 3 and "or is it plain text?" in outcome.err
    assert "`--task pretrain`" in outcome.err
    assert [path.name for path in Path().iterdir()] == ["a.txt"]


def test_too_little_plain_text_is_refused_and_leaves_nothing(call) -> None:
    Path("a.txt").write_text("".join(f"a line about birds {number}\n" for number in range(60)))
    outcome = call("tune", "a.txt")
    assert outcome.exit_code == 3 and "usable passages" in outcome.err and "`data.passage_bytes`" in outcome.err
    assert [path.name for path in Path().iterdir()] == ["a.txt"]


def test_the_same_lines_as_a_csv_are_not_told_of_plain_texts(call) -> None:
    Path("a.csv").write_text("".join(f"a line about birds {number}\n" for number in range(60)))
    assert "plain text?" not in call("tune", "a.csv").err
