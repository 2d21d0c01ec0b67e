"""With `privacy.redact` no word of the texts is in anything that is printed, logged or handed on."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from sintonia.cli.journal import close_log
from sintonia.cli.main import main
from tests.tiny import TOPICS, make_rows, make_tiny_base, write_rows

WORDS = sorted(
    {word for topic in TOPICS.values() for word in topic} - {"train", "recipe", "border", "map", "warm", "band"}
)
"""The words of the texts, but for those that our own pages use."""
PLANTED = "zebrawood"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SINTONIA_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    make_tiny_base(tmp_path / "base")
    rows = make_rows(400)
    for row in rows:
        if row["label"] == "music":
            row["text"] += f" {PLANTED}"  # a word that gives the class away: findings like to name it
    write_rows(tmp_path / "rows.jsonl", rows)
    real = [{"text": row["text"].replace("please", "quickly dear sir")} for row in make_rows(300, seed=9, topics=2)]
    write_rows(tmp_path / "real.jsonl", real)
    return tmp_path


def _words_in(text: str) -> list[str]:
    return [word for word in (*WORDS, PLANTED) if re.search(rf"\b{word}\b", text)]


@pytest.mark.parametrize("is_hidden", [True, False])
def test_no_word_of_the_texts_leaves_the_run(folder: Path, capfd: pytest.CaptureFixture[str], is_hidden: bool) -> None:
    words = ["base=file:base", "data.production=real.jsonl", "training.learning_rate=1e-4"]
    words += [f"privacy.redact={str(is_hidden).lower()}"]
    assert main(["tune", "rows.jsonl", *words, "--out", "run", "--json"]) == 0
    close_log()
    assert main(["check", "rows.jsonl", *words, "--json"]) == 0
    printed = capfd.readouterr()
    names = ("report.html", "card.md", "findings.jsonl", "verdict.json", "resources.json", "resolved.yaml", "log.txt")
    shown = {name: (folder / "run" / name).read_text(encoding="utf-8") for name in (*names, "prepared.json")}
    shown |= {"standard output": printed.out, "standard error": printed.err}
    found = {name: _words_in(text) for name, text in shown.items() if _words_in(text)}
    if is_hidden:
        assert found == {}
    else:
        assert {"report.html", "findings.jsonl", "standard error"} <= set(found)  # the control: it could have been seen


def test_suspects_are_given_by_place_only(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rows = make_rows(400)
    conflicting = [{**rows[k], "label": "travel" if rows[k]["label"] != "travel" else "food"} for k in range(8)]
    write_rows(folder / "rows.jsonl", [*rows, *conflicting])
    assert main(["check", "rows.jsonl", "base=file:base", "privacy.redact=true", "--json"]) == 0
    checked = json.loads(capfd.readouterr().out)
    assert checked["suspects"]
    assert {one["input"] for one in checked["suspects"]} == {""}
    assert all(one["place"]["line"] > 0 for one in checked["suspects"])
