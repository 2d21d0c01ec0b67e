"""Stray languages: found by evidence over the whole; one odd text proves nothing."""

from __future__ import annotations

import pytest

from sintonia.prepare.checks.d122_language import check, languages_of
from tests.unit.prepare.checks.text_rows import audit_of, lines_of, sentences


@pytest.mark.parametrize("language", ["en", "it", "de", "fr", "es"])
def test_one_language_gives_nothing(language: str) -> None:
    main, found = languages_of(sentences(language, 300))
    assert (main, set(found)) == (language, {language})
    assert check(audit_of(sentences(language, 300))) is None


@pytest.mark.parametrize(("main", "other"), [("en", "it"), ("it", "en"), ("it", "es"), ("en", "de"), ("it", "fr")])
def test_a_stray_language_is_found_with_its_rows(main: str, other: str) -> None:
    texts = sentences(main, 380) + sentences(other, 20)
    finding = check(audit_of(texts))
    assert finding
    assert finding.severity == "warning"
    assert 19 <= finding.count <= 22
    assert f"the language is `{main}`" in finding.message
    assert f"`{other}` " in finding.message
    assert sum(line > 380 for line in lines_of(finding)) >= 19


def test_a_few_odd_texts_prove_nothing() -> None:
    assert check(audit_of(sentences("en", 395) + sentences("it", 5))) is None


def test_two_languages_that_are_both_meant_give_a_note() -> None:
    finding = check(audit_of(sentences("en", 200) + sentences("it", 100)))
    assert finding
    assert finding.severity == "note"


def test_another_language_than_asked_is_a_warning() -> None:
    finding = check(audit_of(sentences("en", 200), language="it"))
    assert finding
    assert (finding.severity, finding.count) == ("warning", 200)
    assert "`data.language` is `it`, but 200 of 200" in finding.message
    assert check(audit_of(sentences("it", 200), language="it-CH")) is None


def test_answers_are_read_where_they_are_prose() -> None:
    prompts = sentences("en", 200)
    answers = sentences("en", 180, seed=1) + sentences("it", 20)
    finding = check(audit_of(prompts, answers, task="chat"))
    assert finding
    assert min(lines_of(finding)) > 180
    assert check(audit_of(prompts, answers, task="classify")) is None


def test_numbers_code_and_short_texts_have_no_language() -> None:
    numbers = [f"{i}; {i * 7}; {i * 13}; {i * 29}; {i + 5}; {i}" for i in range(200)]
    code = [f"for (int i{i} = 0; i{i} < n; ++i{i}) {{ a[i{i}] = b[i{i}] * {i}; }}" for i in range(200)]
    for texts in (numbers, code, ["stop it", "va bene"] * 100):
        assert check(audit_of(texts)) is None


def test_a_large_file_is_drawn_from_and_it_says_so() -> None:
    finding = check(audit_of(sentences("en", 5_500) + sentences("it", 500)))
    assert finding
    assert "of 5,000 texts" in finding.message
