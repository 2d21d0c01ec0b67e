"""Repairs: damage undone exactly, nothing else touched, and nothing left for a second time."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sintonia.prepare.mending.repair import repair_encoding, repair_text
from tests.unit.prepare.checks.test_d121_mojibake import CLEAN
from tests.unit.prepare.checks.text_rows import misread, sentences


@pytest.mark.parametrize("language", ["it", "fr", "de", "es"])
@pytest.mark.parametrize("encoding", ["windows-1252", "latin-1"])
@pytest.mark.parametrize("times", [1, 2])
def test_misread_texts_come_back_exactly(language: str, encoding: str, times: int) -> None:
    texts = [text for text in sentences(language, 300) if not text.isascii()]
    for text in texts:
        assert repair_text(misread(text, encoding, times)) == (text, ("mojibake",))


@pytest.mark.parametrize("text", CLEAN)
def test_clean_texts_are_not_touched(text: str) -> None:
    assert repair_text(text) == (text, ())


@pytest.mark.parametrize(
    "text",
    [
        "“curly” ‘quotes’ and ﬁne ligatures",
        "Ａｂｃ ﾊﾝｶｸ",
        "&amp; &eacute; <b>&lt;</b>",
        "e\u0301 is not composed",
        "\x1b[31mred\x1b[0m",
        "a\u2028b",
        "def f():\n    x = 1    # one\n\n    return x",
        "    indented first line\n    and second",
        "name      age   city\nAnna      31    Roma",
        "a\tb\tc",
        "```\nx  =  1\n```",
        "one\r\ntwo",
        "👩‍👩‍👧‍👦 می‌خواهم",
    ],
)
def test_what_is_no_damage_stays(text: str) -> None:
    assert repair_text(text) == (text, ())


@pytest.mark.parametrize(
    ("text", "repaired"),
    [
        ("  my card is lost \n", "my card is lost"),
        ("my\u00a0card  is   lost", "my card is lost"),
        ("\ufeffmy card\u200b", "my card"),
        ("\n\n  first\n  second  \n", "  first\n  second"),
        ("one \ntwo\t\nthree", "one\ntwo\nthree"),
        ("first  line\nsecond line", "first line\nsecond line"),
        ("Bonjour\u00a0! \u202fOui", "Bonjour ! Oui"),
    ],
)
def test_stray_white_space_goes(text: str, repaired: str) -> None:
    assert repair_text(text) == (repaired, ("whitespace",))


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\u200b", "\u00a0", " \ufeff "])
def test_no_text_is_emptied(text: str) -> None:
    assert repair_text(text) == (text, ())


def test_both_repairs_are_named() -> None:
    assert repair_text(" perchÃ©  no ") == ("perché no", ("mojibake", "whitespace"))


def test_windows_controls_and_polish_tails_are_decoded() -> None:
    assert repair_encoding("that\x92s it") == "that’s it"
    assert repair_encoding(misread("anuluj sekundę timer")) == "anuluj sekundę timer"


_LETTERS = st.sampled_from("abcxyz ABZ àèéìòùÀÈ äöüßÄ çêîœ ñ¿ ÃÂâ€™ \u00a0\u0080\u0092\u200b“’ \n\t .,?! 日я😀")


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.text(max_size=60), st.text(_LETTERS, max_size=40), st.text(_LETTERS, max_size=20).map(misread)))
def test_repairing_twice_is_repairing_once(text: str) -> None:
    once, _ = repair_text(text)
    assert repair_text(once) == (once, ())
    assert once.strip() or once == text


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(["perché", "città", "così", "più", "été", "français", "Über", "straße", "où", "voilà"]),
        min_size=1,
    )
)
def test_words_come_back(words: list[str]) -> None:
    text = " ".join(words)
    assert repair_text(text) == (text, ())
    assert repair_text(misread(text)) == (text, ("mojibake",))
