"""What the data need comes before any setting, where it is grave; and nothing is said where they are sound."""

from __future__ import annotations

import numpy as np
import pytest

from sintonia.adjust import data_steps
from sintonia.adjust.remedies.data_steps import LEAST_SHARE
from sintonia.prepare.checks.d127_label_errors import check_label_errors
from sintonia.records import Finding, Place, Severity


def finding(code: str, severity: Severity = "warning", count: int = 1) -> Finding:
    return Finding(code=code, severity=severity, message=f"message of {code}", hint="h", count=count)


def codes(*found: Finding, shown: tuple[Finding, ...] = (), num_rows: int = 1_000) -> list[str]:
    return [step.finding for step in data_steps(found, shown, num_rows)]


def test_labels_that_look_wrong_come_first_with_their_share_in_words() -> None:
    found = Finding(code="D127", severity="warning", message="about 12.0 % of the labels look wrong", hint="", count=80)
    (step,) = data_steps((found,), (finding("T202"),), 1_000)
    assert "12.0 %" in step.reason and "--review" in step.action and step.cost.startswith("80 rows")
    assert "not measured yet" in step.expected


def test_a_planted_share_of_wrong_labels_is_answered_and_clean_labels_are_not() -> None:
    """From the check itself: what it says of 12 % flipped labels is believed, of right ones nothing is said."""
    random = np.random.default_rng(0)
    targets = np.repeat(np.arange(4), 100)
    features = np.eye(4)[targets] @ random.normal(size=(4, 24)) * 3 + random.normal(size=(400, 24))
    wrong = np.where(random.random(400) < 0.12, (targets + random.integers(1, 4, 400)) % 4, targets)
    places = [Place(file="a.csv", line=k + 2) for k in range(400)]
    for labels, expected in ((wrong, ["D127"]), (targets, [])):
        found, _ = check_label_errors(features, labels, list(range(400)), places)
        assert [one.finding for one in data_steps(found, (), 400)] == expected


@pytest.mark.parametrize("found", [finding("D127", "note", 50), finding("D110", "warning"), finding("D113", "warning")])
def test_what_may_not_be_claimed_or_was_mended_is_no_first_step(found: Finding) -> None:
    assert codes(found) == []


def test_conflicting_labels_matter_from_a_share_on() -> None:
    few, many = round(LEAST_SHARE * 1_000) - 1, round(LEAST_SHARE * 1_000)
    assert codes(finding("D103", count=few)) == []
    assert codes(finding("D103", count=many)) == ["D103"]


def test_the_gravest_is_first() -> None:
    found = (finding("D127"), finding("D113", "stop"), finding("D103", count=90), finding("D110", "stop"))
    assert codes(*found) == ["D110", "D103", "D127", "D113"]


def test_more_examples_are_no_answer_while_the_training_ones_are_not_learned() -> None:
    assert codes(shown=(finding("T202"), finding("T211"), finding("T208"))) == []
    assert codes(shown=(finding("T211"), finding("T208"))) == ["T211", "T208"]


def test_what_is_not_a_setting_has_its_place() -> None:
    assert codes(shown=(finding("T205"),)) == ["T205"]
    assert codes(shown=(finding("T207"),)) == ["T207"]
    assert codes(finding("D116"), shown=(finding("T207"),)) == ["D116", "T207"]
    assert codes(finding("D116")) == []


def test_labels_that_were_named_are_not_named_again() -> None:
    assert codes(finding("D127"), shown=(finding("T207"),)) == ["D127"]
    assert codes(finding("D134", count=600), shown=(finding("T205"),)) == ["D134", "T205"]


def test_sound_data_and_a_healthy_training_need_nothing() -> None:
    assert codes(finding("D102", "note"), finding("D104"), shown=(finding("T212"), finding("T210"))) == []
