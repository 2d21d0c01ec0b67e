"""D145 to D148: what of texts to be tagged no answer can reach, what is read in windows, what is not seen."""

from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import normalizers

from sintonia.models.loading import load_tokenizer
from sintonia.models.open import OpenBase
from sintonia.prepare.checks.words_and_tokens import examine_words
from sintonia.records import Example
from tests.tiny import make_tiny_base
from tests.unit.train.tag_jobs import example_of, make_tagged


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> OpenBase:
    folder: Path = make_tiny_base(tmp_path_factory.mktemp("base") / "base")
    return OpenBase(record=None, model=None, tokenizer=load_tokenizer(folder), max_tokens=32)  # type: ignore[arg-type]


def _plain(count: int, seed: int) -> list[Example]:
    """The same texts without their tokens: spans in a text."""
    return [example_of(one.input, one.whole["spans"], one.id) for one in make_tagged(count, seed)]


def test_spans_that_end_with_words_are_clean(base: OpenBase) -> None:
    assert examine_words(base, _plain(60, 0), _plain(20, 1)) == ()
    assert examine_words(base, make_tagged(60, 0), make_tagged(20, 1)) == ()


@pytest.mark.parametrize(("count", "severity"), [(1, "note"), (30, "warning")])
def test_spans_that_end_at_a_space_are_counted_where_they_stand(base: OpenBase, count: int, severity: str) -> None:
    odd = [example_of(f"tell me rain {k}", [{"start": 8, "end": 13, "label": "weather"}]) for k in range(count)]
    (found,) = examine_words(base, _plain(200, 0), odd)
    assert (found.code, found.count, found.severity) == ("D145", count, severity)
    assert len(found.places) == min(count, 20)


def test_long_texts_are_told_to_be_read_in_windows(base: OpenBase) -> None:
    long = [example_of(" ".join(["rain"] * 40), [{"start": 0, "end": 4, "label": "weather"}])] * 3
    (found,) = examine_words(base, _plain(60, 0), long)
    assert (found.code, found.count, found.severity) == (
        "D146",
        3,
        "note",
    ) and "nothing of them is cut" in found.message


@pytest.mark.parametrize(("count", "severity"), [(1, "note"), (20, "warning")])
def test_words_that_cannot_be_seen_are_counted(base: OpenBase, count: int, severity: str) -> None:
    span = [{"start": 0, "end": 4, "label": "weather"}]
    unseen = [example_of("rain \u200b sun", span, tokens=[[0, 4], [5, 6], [7, 10]])] * count
    (found,) = examine_words(base, make_tagged(60, 0), unseen)
    assert (found.code, found.count, found.severity) == ("D147", count, severity)


@pytest.mark.parametrize(("names", "is_small", "is_told"), [(60, True, True), (60, False, False), (0, True, False)])
def test_capitals_that_the_base_cannot_see_are_told(tmp_path: Path, names: int, is_small: bool, is_told: bool) -> None:
    tokenizer = load_tokenizer(make_tiny_base(tmp_path / "base"))
    tokenizer.backend_tokenizer.normalizer = normalizers.BertNormalizer(lowercase=is_small)
    opened = OpenBase(record=None, model=None, tokenizer=tokenizer, max_tokens=32)  # type: ignore[arg-type]
    span = [{"start": 5, "end": 9, "label": "weather"}]
    examples = [example_of(f"tell {'Rain' if k < names else 'rain'} me now", span, str(k)) for k in range(60)]
    found = examine_words(opened, examples, [])
    assert [(one.code, one.severity, one.count) for one in found] == [("D148", "warning", 60)] * is_told
