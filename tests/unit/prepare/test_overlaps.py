"""Passages that share sentences are found wherever they were cut, and tied before the split."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sintonia.errors import DataError
from sintonia.prepare import prepare
from sintonia.prepare.near import merged, near_pairs, overlapping_pairs
from sintonia.prepare.sets.place import TEST, TRAIN, VALIDATION, _check_sets
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe

pytestmark = pytest.mark.usefixtures("private_home")


def prose(seed: int, num_words: int) -> list[str]:
    chance = np.random.default_rng(seed)
    return [f"w{int(one)}" for one in chance.integers(0, 5000, num_words)]


def test_two_cuts_of_one_text_and_a_quotation_overlap_and_others_do_not() -> None:
    text, other = prose(0, 300), prose(1, 200)
    quoted = [*other[:100], *text[40:80], *other[100:]]
    texts = [" ".join(text[:150]), "\n".join(text[75:225]).upper(), " ".join(quoted), " ".join(prose(2, 150)), "short"]
    found = overlapping_pairs(texts)
    assert list(zip(found.first.tolist(), found.second.tolist(), strict=True)) == [(0, 1), (0, 2)]
    assert found.similarity[0] == pytest.approx(68 / 143) and not len(near_pairs(texts).first)


def test_what_many_passages_hold_ties_none() -> None:
    formula = " ".join(prose(3, 60))
    texts = [f"{formula} {' '.join(prose(10 + k, 100))}" for k in range(30)]
    assert not len(overlapping_pairs(texts).first) and len(overlapping_pairs(texts[:20]).first) == 190
    assert not len(overlapping_pairs([]).first)


def test_a_pair_that_was_found_twice_is_one() -> None:
    text = " ".join(prose(4, 100))
    pairs = merged([near_pairs([text, text]), overlapping_pairs([text, text])])
    assert pairs.first.tolist() == [0] and pairs.similarity.tolist() == [1.0]


def test_two_editions_of_a_text_lie_in_one_set(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    for number in range(25):
        text = prose(100 + number, 900)
        (folder / f"{number:02d}a.txt").write_text("\n".join(" ".join(text[k : k + 12]) for k in range(0, 900, 12)))
        (folder / f"{number:02d}b.txt").write_text(" ".join([*prose(900 + number, 70), *text]))
    recipe = Recipe(data=DataSettings(path=str(folder), passage_bytes=500), task="pretrain")
    run = RunFolder.create(tmp_path / "run", recipe)
    prepare(recipe, run)
    lines = {
        name: [json.loads(line)["input"] for line in run.file(f"data/{name}.jsonl").read_text().splitlines()[1:]]
        for name in ("train", "validation", "sealed_test")
    }
    words = {name: {one for text in texts for one in _runs(text)} for name, texts in lines.items()}
    assert all(lines.values())
    for held in ("validation", "sealed_test"):
        leaked = [text for text in lines[held] if sum(one in words["train"] for one in _runs(text)) > 5]
        assert not leaked


def _runs(text: str) -> list[tuple[str, ...]]:
    found = text.split()
    return [tuple(found[k : k + 8]) for k in range(len(found) - 7)]


def test_a_few_texts_that_hold_nearly_all_are_refused_where_they_are_not_trained_on() -> None:
    sets = np.array([TRAIN] * 20 + [VALIDATION] * 10 + [TEST] * 70, dtype=np.int8)
    asked, groups = DataSettings(path="texts"), np.arange(100)
    with pytest.raises(DataError, match="20 passages are left for training, 10 for validation and 70 for the test"):
        _check_sets(asked, sets, groups, is_cut=True)
    _check_sets(asked, sets, groups, is_cut=False)  # rows that are split one by one fall as they fall
