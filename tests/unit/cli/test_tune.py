"""`sintonia tune` refuses what cannot work before anything is computed."""

from __future__ import annotations

from pathlib import Path

import pytest


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
