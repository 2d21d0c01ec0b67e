"""What `sintonia redact` replaced is counted by kind; brackets of other people are not its placeholders."""

from __future__ import annotations

from sintonia.prepare.checks.d149_redacted import check
from sintonia.privacy import Redactor
from tests.unit.prepare.checks.text_rows import audit_of, lines_of, sentences


def test_placeholders_are_counted_by_kind() -> None:
    redactor = Redactor()
    mail, account = (redactor.redact(text) for text in ("to anna.rossi@example.com", "IT60X0542811101000000123456"))
    finding = check(audit_of([*sentences("en", 98), mail, f"{account} {mail}"]))
    assert lines_of(finding) == [99, 100] and finding
    assert (finding.severity, finding.count) == ("note", 2)
    assert "email in 2, iban in 1" in finding.message


def test_other_brackets_are_none() -> None:
    assert check(audit_of([*sentences("en", 98), "see [NOTE_1]", "[EMAIL] and [EMAIL_0]"])) is None
