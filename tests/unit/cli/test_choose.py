"""`sintonia choose`: what is typed becomes a question, and a ranking becomes a table with the command to go on with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sintonia.cli import choose as door
from sintonia.cli.main import main
from sintonia.records import Fertility, Fit, Ranked, Ranking

RANKING = Ranking(
    task="classify",
    bases=(
        Ranked(
            base="big",
            rank=1,
            mean_rank=1.0,
            scores={"h_score": 3.5, "log_me": -0.12, "probe": 0.912},
            seconds=12.0,
            licence="MIT",
            fit=Fit(
                base="big",
                method="full",
                outcome="fits with checkpointing",
                peak_memory_bytes=1,
                disk_bytes=1,
                parts={},
                reason="",
            ),
            fertility=Fertility(
                tokens_per_word=3.4, tokens_per_byte=0.5, unknown_fraction=0.0, language="it", remark="hardly known"
            ),
        ),
        Ranked(base="minilm", rank=2, mean_rank=2.0, scores={"probe": 0.9}, seconds=2.0, is_tied_with_first=True),
        Ranked(base="huge", rank=0, mean_rank=None, scores={}, seconds=0.0, why_out="it needs 90 GiB of memory"),
    ),
    num_examples=700,
    chosen="minilm",
    why=("no real difference between `big`, `minilm`", "`minilm` is taken, the embedded default"),
    seconds=14.0,
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What the pipeline was asked; it answers with the ranking above."""
    found: dict[str, object] = {}

    def answer(recipe, listener, *, bases, licence):
        found.update(recipe=recipe, bases=bases, licence=licence)
        return RANKING

    monkeypatch.setattr(door, "carry_out_choice", answer)
    return found


def test_the_words_reach_the_pipeline(asked: dict[str, object]) -> None:
    words = ["choose", "rows.csv", "data.group=author", "--bases", "a, file:b", "--budget", "5m", "--task", "classify"]
    assert main([*words, "--columns", "input=text,target=label", "--licence", "commercial"]) == 0
    recipe = asked["recipe"]
    assert (recipe.data.path, recipe.budget_seconds, recipe.task) == ("rows.csv", 300.0, "classify")  # type: ignore[attr-defined]
    assert (recipe.data.group, recipe.data.columns) == ("author", {"input": "text", "target": "label"})  # type: ignore[attr-defined]
    assert (asked["bases"], asked["licence"]) == (("a", "file:b"), "commercial")


def test_the_table_says_why_and_how_to_go_on(asked: dict[str, object], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["choose", "my rows.csv", "data.group=author", "--columns", "input=text"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    lines = said.err.splitlines()
    table = [line.split() for line in lines]
    assert next(line[:10] for line in table if line[:2] == ["1", "big"]) == [
        "1",
        "big",
        "3.500",
        "-0.120",
        "0.912",
        "1.0",
        "3.4",
        "12",
        "s",
        "MIT",
    ]
    assert next(line for line in lines if " minilm " in line).endswith("no real difference to the first")
    assert next(line for line in lines if " big " in line).endswith("fits with checkpointing")
    assert "note      big: hardly known" in lines
    assert "out       huge: it needs 90 GiB of memory" in lines
    assert "why       `minilm` is taken, the embedded default" in lines
    assert lines[-1].endswith("tune 'my rows.csv' --base minilm --task classify --columns input=text data.group=author")


def test_json_is_the_ranking(asked: dict[str, object], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["choose", "rows.csv", "--json"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert body["chosen"] == "minilm" and [one["rank"] for one in body["bases"]] == [1, 2, 0]


def test_where_no_base_is_left_the_command_fails(asked, monkeypatch, capsys: pytest.CaptureFixture[str]) -> None:
    none = Ranking(task="classify", bases=RANKING.bases[2:], num_examples=7, chosen="", why=(), seconds=1.0)
    monkeypatch.setattr(door, "carry_out_choice", lambda *_, **__: none)
    assert main(["choose", "rows.csv"]) == 2
    assert "out       huge" in capsys.readouterr().err


def test_where_nothing_was_ranked_nothing_is_said_of_validation_and_test(asked, monkeypatch, capsys) -> None:
    assert main(["choose", "rows.csv"]) == 0
    assert "neither validation nor test was read" in capsys.readouterr().err
    few = Ranking(task="classify", bases=(), num_examples=0, chosen="minilm", why=("few rows",), seconds=0.0)
    monkeypatch.setattr(door, "carry_out_choice", lambda *_, **__: few)
    assert main(["choose", "rows.csv"]) == 0
    said = capsys.readouterr().err
    assert "why       few rows" in said and "no base was ranked" in said and "neither" not in said
    assert said.splitlines()[-1].endswith("tune rows.csv --base minilm --task classify")


def test_mistakes_are_refused_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["choose"]) == 2
    assert main(["choose", str(tmp_path / "none.csv")]) in (2, 3)
    assert main(["choose", "rows.csv", "--budget", "soon"]) == 2
    assert "Traceback" not in capsys.readouterr().err
