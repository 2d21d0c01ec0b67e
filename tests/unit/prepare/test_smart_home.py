"""The quickstart data: real commands, enough of them, the same each time, no sentence twice."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path

import pytest

from sintonia.errors import UsageError
from sintonia.normalise import normalised
from sintonia.prepare import write_smart_home
from tests.unit.prepare.bench import Bench


def _rows(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(("language", "intents"), [("en", 40), ("it", 38)])
def test_size_uniqueness_and_time(tmp_path: Path, language: str, intents: int) -> None:
    began = time.process_time()
    count = write_smart_home(tmp_path / "home.jsonl", language)
    assert time.process_time() - began < 20
    rows = _rows(tmp_path / "home.jsonl")
    assert len(rows) == count
    assert 2000 <= count <= 3200
    assert intents <= len({row["intent"] for row in rows}) <= 45
    assert len({normalised(row["text"]) for row in rows}) == count
    assert max(Counter(row["template"] for row in rows).values()) <= 16
    assert not [row["text"] for row in rows if set(row["text"]) & set("{}<>[]|()")]
    assert len({(row["template"], row["intent"]) for row in rows}) == len({row["template"] for row in rows})


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        write_smart_home(tmp_path / name, "it", per_template=1, seed=seed)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()


def test_a_language_without_words_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="`en` or `it`"):
        write_smart_home(tmp_path / "x", "xx")


def test_whole_templates_are_held_out(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "home.jsonl"
    write_smart_home(path, "en")
    prepared = bench.prepare(path, group="template", input="text", target="intent")
    where, sets_of = bench.where(), {}
    for row in _rows(path):
        sets_of.setdefault(row["template"], set()).add(where[row["text"]])
    assert {len(sets) for sets in sets_of.values()} == {1}
    assert prepared.rows_set_aside == 0
    assert prepared.parts[0].test.count >= 300
    assert not [finding for finding in prepared.findings if finding.severity == "stop"]
