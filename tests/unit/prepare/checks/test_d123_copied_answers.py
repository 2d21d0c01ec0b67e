"""Answers that copy the prompt, say nothing, or are all the same."""

from __future__ import annotations

import pytest

from sintonia.prepare.checks import d123_copied_answers
from tests.unit.prepare.checks.text_rows import audit_of, lines_of, row, run_row_check, sentences

PROMPT = "Translate to French: My card has not arrived since last Monday."


@pytest.mark.parametrize(
    "answer",
    [
        PROMPT,
        PROMPT.upper(),
        f"{PROMPT}\n\nMa carte n'est pas arrivée.",
        PROMPT[21:],
        "null",
        "N/A",
        "...",
        "-",
        "TODO",
    ],
)
def test_copies_and_placeholders_are_suspected(answer: str) -> None:
    assert d123_copied_answers.suspect(row(PROMPT, answer))


@pytest.mark.parametrize("answer", ["Ma carte n'est pas arrivée.", "My card", "None", "42", "👍", "+", "好", "no"])
def test_answers_are_not(answer: str) -> None:
    assert not d123_copied_answers.suspect(row(PROMPT, answer))


def test_planted_copies_give_a_finding_with_their_lines() -> None:
    prompts, answers = sentences("en", 100), sentences("it", 100)
    answers[:8] = prompts[:8]
    finding = run_row_check(d123_copied_answers, audit_of(prompts, answers, task="chat"))
    assert lines_of(finding) == list(range(1, 9))
    assert finding
    assert (finding.severity, finding.count) == ("warning", 8)
    assert "8 rows of 100 (8.0 %)" in finding.message


def test_one_answer_for_many_rows_is_found_where_the_others_differ() -> None:
    prompts = sentences("en", 100)
    answers = [*sentences("it", 90), *["It depends on the case."] * 10]
    finding = run_row_check(d123_copied_answers, audit_of(prompts, answers, task="chat"))
    assert lines_of(finding) == list(range(91, 101))
    assert finding
    assert "10 rows (10.0 %) have one and the same answer" in finding.message
    classes = ["positive", "negative"] * 50
    assert run_row_check(d123_copied_answers, audit_of(prompts, classes, task="chat")) is None


def test_clean_answers_and_other_tasks_give_nothing() -> None:
    prompts = sentences("en", 100)
    assert run_row_check(d123_copied_answers, audit_of(prompts, sentences("it", 100), task="chat")) is None
    assert run_row_check(d123_copied_answers, audit_of(prompts, prompts, task="classify")) is None
