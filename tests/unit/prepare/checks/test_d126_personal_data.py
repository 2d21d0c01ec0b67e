"""Personal data are counted by kind, and no value is ever shown."""

from __future__ import annotations

from sintonia.prepare.checks.d126_personal_data import check
from tests.unit.prepare.checks.text_rows import audit_of, lines_of, sentences


def test_kinds_are_counted_and_values_kept_back() -> None:
    texts = sentences("en", 97) + ["write to anna.rossi@example.com please"] * 2 + ["call me about my card"]
    answers = ["fine"] * 99 + ["my account is IT60X0542811101000000123456"]
    finding = check(audit_of(texts, answers, task="chat"))
    assert lines_of(finding) == [98, 99, 100]
    assert finding
    assert (finding.severity, finding.count) == ("warning", 3)
    assert "3 rows of 100 (3.0 %)" in finding.message
    assert "in 2" in finding.message
    assert "sintonia redact" in finding.hint
    assert not any(part in finding.message + finding.hint for part in ("anna", "example", "IT60", "0542811101"))


def test_clean_rows_give_nothing() -> None:
    assert check(audit_of(sentences("en", 100) + sentences("it", 100))) is None
