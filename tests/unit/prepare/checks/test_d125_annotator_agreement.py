"""D125: how far annotators agree, with values that the literature works out by hand."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from dataclasses import replace

import pytest

from sintonia.prepare.checks.d125_annotator_agreement import check
from sintonia.prepare.rows import Rows
from sintonia.statistics.agreement import krippendorff_alpha, majority_agreement
from tests.unit.prepare.checks.text_rows import audit_of, lines_of, sentences


def audit(votes: Iterable[tuple[str, ...]]):
    held = list(votes)
    base = audit_of(sentences("en", len(held)))
    rows = (replace(row, votes=one) for row, one in zip(base.rows.scan(), held, strict=True))
    return replace(base, rows=Rows.keep(rows, has_classes=True))


def annotated(count: int, agreement: float, seed: int = 0) -> list[tuple[str, ...]]:
    """Three annotators; each says something else than the truth in `1 - agreement` of the rows."""
    chance = random.Random(seed)
    truth = [chance.choice("abc") for _ in range(count)]
    return [tuple(one if chance.random() < agreement else chance.choice("abc") for _ in range(3)) for one in truth]


@pytest.mark.parametrize(
    ("annotators", "alpha"),
    [
        # Krippendorff, Computing Krippendorff's alpha-reliability (2011), examples A, B and C; `.` is missing.
        (["0100000010", "1110010000"], 0.095),
        (["aabbdcccedda", "babbbcccedd" + "d"], 0.692),
        (["12332141 2...", "12332241 25.3", ".3332342 251.", "12332441 251."], 0.743),
    ],
)
def test_alpha_is_that_of_the_literature(annotators: list[str], alpha: float):
    columns = [one.replace(" ", "") for one in annotators]
    rows = [[vote for vote in votes if vote != "."] for votes in zip(*columns, strict=True)]
    assert krippendorff_alpha(rows) == pytest.approx(alpha, abs=5e-4)


def test_alpha_at_its_ends():
    assert krippendorff_alpha([["a", "a"], ["b", "b", "b"]]) == 1.0
    assert krippendorff_alpha([["a", "b"], ["b", "a"]]) == pytest.approx(-0.5)
    assert math.isnan(krippendorff_alpha([["a", "a"], ["a", "a"]]))
    assert math.isnan(krippendorff_alpha([["a"], []]))


def test_the_ceiling_is_the_share_of_the_majority():
    assert majority_agreement([["a", "a", "b"], ["a", "a"], ["b"]]) == pytest.approx((2 / 3 + 1) / 2)


def test_little_agreement_is_a_warning_with_its_lines():
    votes = annotated(200, 0.6)
    finding = check(audit(votes))
    disputed = [line for line, one in enumerate(votes, start=1) if len(set(one)) > 1]
    assert finding and finding.severity == "warning" and finding.count == len(disputed)
    assert f"alpha {krippendorff_alpha(votes):.2f}" in finding.message and lines_of(finding) == disputed[:20]


def test_tentative_agreement_is_a_note_and_good_agreement_nothing():
    tentative = check(audit(annotated(300, 0.86)))
    assert tentative and tentative.severity == "note" and "tentatively" in tentative.message
    assert check(audit(annotated(300, 0.97))) is None


def test_one_annotator_or_few_rows_say_nothing():
    assert check(audit([("a",)] * 100)) is None
    assert check(audit(annotated(15, 0.3))) is None
    assert check(audit_of(sentences("en", 100))) is None
