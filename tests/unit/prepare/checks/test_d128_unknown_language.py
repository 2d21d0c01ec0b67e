"""Tokens a word: high where the base was not taught the language."""

from __future__ import annotations

import pytest

from sintonia.prepare.checks.d128_unknown_language import check_fertility, count_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The card is lost.", 5),
        ("l'università è bella", 3),
        ("打开厨房的灯", 3),
        ("เปิดไฟ", 3),
        ("kitchen 打开", 2),
        ("rm -rf 42", 5),
        ("", 0),
    ],
)
def test_words_are_counted_in_scripts_with_and_without_spaces(text: str, words: int) -> None:
    assert count_words(text) == words


def test_a_language_written_letter_by_letter_is_a_warning() -> None:
    (finding,) = check_fertility(num_tokens=4_600, num_words=1_000, num_unknown=0, num_texts=120)
    assert (finding.code, finding.severity, finding.count) == ("D128", "warning", 120)
    assert "4.6 tokens for a word" in finding.message


def test_a_language_of_unknown_tokens_is_a_warning() -> None:
    (finding,) = check_fertility(num_tokens=1_000, num_words=1_000, num_unknown=600, num_texts=120)
    assert "cannot read 60% of the tokens" in finding.message


@pytest.mark.parametrize(
    ("tokens", "words", "unknown"), [(1_600, 1_000, 5), (3_000, 1_000, 0), (900, 150, 0), (0, 0, 0)]
)
def test_a_known_language_and_too_few_words_give_nothing(tokens: int, words: int, unknown: int) -> None:
    assert check_fertility(num_tokens=tokens, num_words=words, num_unknown=unknown, num_texts=10) == ()
