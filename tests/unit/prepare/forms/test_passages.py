"""Passages: nothing is lost, none is too long, and neighbours stay in one set."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from sintonia.errors import DataError, UsageError
from sintonia.prepare import prepare
from sintonia.prepare.forms.passages import MANY_DOCUMENTS, STRETCH, cut_into_passages
from sintonia.prepare.gather import gather
from sintonia.prepare.readers import open_source
from sintonia.prepare.table import Row
from sintonia.records import Example
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe

WORDS = ["law", "court", "judge", "appeal", "contract", "città", "però", "diritto", "法律", "裁判所"]


def prose(num_paragraphs: int, seed: int = 0) -> str:
    drawn = random.Random(seed)
    paragraphs = []
    for number in range(num_paragraphs):
        words = [drawn.choice(WORDS) for _ in range(drawn.randrange(5, 60))]
        paragraphs.append(f"{seed}.{number} " + " ".join(f"{one}{drawn.randrange(1000)}" for one in words) + ".")
    return "\n\n".join(paragraphs) + "\n"


def passages(path: Path, most_bytes: int) -> list[Row]:
    return list(cut_into_passages(open_source(path, is_prose=True), {"text": "text"}, most_bytes))


def without_spaces(texts: list[str]) -> str:
    return "".join("".join(texts).split())


@pytest.mark.parametrize("most_bytes", [64, 300, 2000])
def test_nothing_is_lost_and_no_passage_is_longer(tmp_path: Path, most_bytes: int) -> None:
    path = tmp_path / "law.txt"
    path.write_text(prose(80) + "法" * 3000 + "\n" + "x" * 5000 + "\n")
    texts = [row.values["text"] for row in passages(path, most_bytes)]
    assert without_spaces(texts) == without_spaces([path.read_text()])
    assert max(len(one.encode()) for one in texts) <= most_bytes
    assert all(one == one.strip() and one for one in texts)


def test_they_end_where_paragraphs_do_and_know_their_line(tmp_path: Path) -> None:
    path = tmp_path / "law.txt"
    path.write_text(prose(200))
    rows, lines = passages(path, 2000), path.read_text().split("\n")
    assert all(row.values["text"].endswith(".") for row in rows)
    assert all(row.values["text"].startswith(lines[row.line - 1]) for row in rows)
    assert sum(len(row.values["text"].encode()) for row in rows) / len(rows) > 1400


def test_a_sentence_is_cut_only_where_none_ends(tmp_path: Path) -> None:
    path = tmp_path / "law.txt"
    path.write_text("One sentence is here. " * 40)
    assert {row.values["text"][-5:] for row in passages(path, 300)} == {"here."}


def test_neighbours_stay_together_and_from_many_files_on_all_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(prose(60))
    groups = [row.group for row in passages(tmp_path, 300)]
    assert all(len(set(groups[k : k + STRETCH])) == 1 for k in range(0, len(groups), STRETCH))
    assert len(set(groups)) == -(-len(groups) // STRETCH)
    for number in range(1, MANY_DOCUMENTS):
        (tmp_path / f"{number:02}.txt").write_text(prose(12, number))
    rows = passages(tmp_path, 300)
    assert len({(row.file, row.group) for row in rows}) == MANY_DOCUMENTS == len({row.group for row in rows})


def test_no_passage_of_one_stretch_is_in_two_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SINTONIA_HOME", str(tmp_path / "home"))
    path = tmp_path / "law.txt"
    path.write_text(prose(150))
    recipe = Recipe(data=DataSettings(path=str(path), passage_bytes=300))
    run = RunFolder.create(tmp_path / "run", recipe)
    prepared = prepare(recipe, run)
    assert (prepared.task, prepared.form) == ("pretrain", "passages of plain text")
    assert len(prepared.parts) == 1 and "neighbouring ones stay in one set" in " ".join(prepared.notes)
    part = prepared.parts[0]
    assert part.train.count + part.validation.count + part.test.count == prepared.rows_used
    stretches = {row.values["text"]: row.group for row in passages(path, 300)}
    sets = {name: run.lines(getattr(part, name).path, Example) for name in ("train", "validation")}
    held = {name: {stretches[one.input] for one in some} for name, some in sets.items()}
    assert held["train"] and held["validation"] and not held["train"] & held["validation"]
    one = sets["train"][0]
    assert (one.target, one.whole) == ("", {"text": one.input, "goes_on": True})


def test_text_that_is_added_at_the_end_moves_no_passage(tmp_path: Path) -> None:
    path = tmp_path / "law.txt"
    path.write_text(prose(60))
    before = passages(path, 300)
    path.write_text(prose(60) + "\n" + prose(30, 1))
    after = passages(path, 300)
    assert [(row.values, row.group) for row in after[: len(before) - 1]] == [
        (row.values, row.group) for row in before[:-1]
    ]


def test_a_column_is_cut_row_by_row_with_its_other_values(tmp_path: Path) -> None:
    rows = [{"body": prose(3, seed), "source": f"s{seed % 5}"} for seed in range(60)]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = gather(Recipe(data=DataSettings(path=str(path), passage_bytes=200), task="pretrain"), None)
    assert found.form.name == "passages of a column" and found.columns == {"text": "body"}
    held = [found.rows.row(k) for k in range(len(found.rows))]
    assert len({one.line for one in held}) == 60 and len(held) > 120
    assert len({one.group_key for one in held}) == 60
    assert {str((one.fields or {}).get("source")) for one in held} == {f"s{k}" for k in range(5)}


def test_a_table_of_text_alone_is_told_of_the_task(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("number,words\n" + "".join(f"{k},some words about birds number {k}\n" for k in range(80)))
    with pytest.raises(DataError) as caught:
        gather(Recipe(data=DataSettings(path=str(path))), None)
    assert "`--task pretrain`" in caught.value.hint


def test_a_length_of_passages_is_refused_where_there_are_none(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("text,label\n" + "".join(f"it rained on day {k},{'ab'[k % 2]}\n" for k in range(80)))
    with pytest.raises(UsageError, match=r"`data\.passage_bytes` has no effect"):
        gather(Recipe(data=DataSettings(path=str(path), passage_bytes=500)), None)


def test_too_little_text_is_refused_with_what_helps(tmp_path: Path) -> None:
    path = tmp_path / "law.txt"
    path.write_text(prose(30))
    with pytest.raises(DataError, match="usable passages") as caught:
        gather(Recipe(data=DataSettings(path=str(path)), task="pretrain"), None)
    assert "data.passage_bytes" in caught.value.hint
