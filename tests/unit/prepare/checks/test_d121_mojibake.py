"""Texts read in the wrong encoding: found in five languages, never seen where there are none."""

from __future__ import annotations

import pytest

from sintonia.prepare.checks import d121_mojibake
from tests.unit.prepare.checks.text_rows import audit_of, lines_of, misread, row, run_row_check, sentences

CLEAN = [
    "NÃO É POSSÍVEL, SÃO PAULO, CORAÇÃO, PÃO DE AÇÚCAR",
    "CITTÀ’ E L’UNIVERSITÀ “ROMA” – PERCHÉ È COSÌ…",
    "«Ça va ? » dit-elle à bientôt, l’Œuvre et l’ÎLE DE RÉ",
    "»Guten Tag« in der Straße §5, Ångström und Øre",
    "¿Qué? ¡Sí! Ñandú 5 € 100 °C ±5 µm ½",
    "İstanbul'da ŞĞÜ, Tiếng Việt, zażółć gęślą jaźń",
    "😀👍🏽 日本語 العربية ไทย हिन्दी Ελληνικά Русский 한국어 עברית",
    "ﾊﾝｶｸ Ａｂｃ ﬁne “quotes” x→y a ≤ b ♥♥♥ r² H₂O ® ™ ©",
]


@pytest.mark.parametrize("language", ["it", "fr", "de", "es"])
@pytest.mark.parametrize("encoding", ["windows-1252", "latin-1"])
@pytest.mark.parametrize("times", [1, 2])
def test_misread_sentences_are_found(language: str, encoding: str, times: int) -> None:
    texts = [text for text in sentences(language, 400) if not text.isascii()]
    assert len(texts) > 100
    found = sum(d121_mojibake.suspect(row(misread(text, encoding, times))) for text in texts)
    assert found >= 0.99 * len(texts)


def test_misread_quotes_are_found() -> None:
    assert d121_mojibake.suspect(row(misread("It’s “fine” – really…")))


@pytest.mark.parametrize("text", [*CLEAN, "", "plain ASCII"])
def test_clean_texts_of_many_scripts_pass(text: str) -> None:
    assert not d121_mojibake.suspect(row(text))


def test_clean_sentences_pass() -> None:
    texts = [text for language in ("en", "it", "fr", "de", "es") for text in sentences(language, 200)]
    assert run_row_check(d121_mojibake, audit_of(texts)) is None


@pytest.mark.parametrize(("planted", "severity"), [(2, "note"), (12, "warning")])
def test_planted_rows_give_a_finding_with_their_lines(planted: int, severity: str) -> None:
    texts = sentences("en", 400)
    for position in range(planted):
        texts[10 * position] = misread(f"perché così non va più ({position})")
    finding = run_row_check(d121_mojibake, audit_of(texts))
    assert lines_of(finding) == [10 * position + 1 for position in range(planted)]
    assert finding
    assert (finding.count, finding.severity) == (planted, severity)
    assert "--fix" in finding.hint


def test_a_misread_answer_counts_too() -> None:
    assert d121_mojibake.suspect(row("What is Italian for why?", misread("perché")))
