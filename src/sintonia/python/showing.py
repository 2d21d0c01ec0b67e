"""Gives records their look in a notebook. It renders nothing itself: `report` does.

Records are plain values that know nothing of HTML, and stay so: what a notebook asks for (`_repr_html_`) is put on
their classes here, when this door is imported, and asks `report` then.
"""

from __future__ import annotations

from sintonia.records import Finding, Verdict


class Findings(tuple[Finding, ...]):
    """Findings, which a notebook shows as a table."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        from sintonia.report import findings_html

        return findings_html(self)


def make_records_showable() -> None:
    """A verdict and a finding are shown as HTML from now on, wherever they come from."""
    for record, show in ((Verdict, _verdict_html), (Finding, _finding_html)):
        setattr(record, "_repr_html_", show)  # noqa: B010  the class is not ours to write into a method


def _verdict_html(verdict: Verdict) -> str:
    from sintonia.report import verdict_html

    return verdict_html(verdict)


def _finding_html(finding: Finding) -> str:
    from sintonia.report import findings_html

    return findings_html([finding])
