"""Answers that refuse, in English and Italian."""

from __future__ import annotations

import pytest

from sintonia.prepare.checks import d124_refusals
from sintonia.prepare.checks.d124_refusals import is_refusal
from tests.unit.prepare.checks.text_rows import audit_of, lines_of, run_row_check, sentences

REFUSALS = [
    "I'm sorry, but I can't help with that.",
    "I’m sorry, I cannot assist with this request.",
    "Sorry, I am unable to open links.",
    "I apologize, but I can't provide that.",
    "Unfortunately, I don't have access to real-time data.",
    "As an AI language model, I cannot give opinions.",
    "As an AI, I am not able to do that.",
    "I cannot provide legal advice.",
    "I can't assist with that request.",
    "I'm not able to browse the internet.",
    "I am unable to answer.",
    "Mi dispiace, ma non posso aiutarti con questo.",
    "Mi dispiace, non sono in grado di rispondere.",
    "Purtroppo non posso fornire consigli medici.",
    "In quanto modello linguistico, non posso avere opinioni.",
    "Come intelligenza artificiale non ho accesso a Internet.",
    "Non posso aiutarti a fare questo.",
    "Sono spiacente, ma non riesco a soddisfare la richiesta.",
]
ANSWERS = [
    "I'm sorry to hear that. Your card will be replaced within three days.",
    "I can't wait to see the film!",
    "Sorry for the delay. The parcel is on its way.",
    "The sentence 'I cannot help you' is in the present tense.",
    "As an engineer, I build bridges.",
    "We cannot refund orders after 30 days.",
    "An AI is a program that learns.",
    "Mi dispiace per il ritardo: il pacco arriva domani.",
    "Purtroppo il pacco è andato perso.",
    "Non posso che essere d'accordo.",
    "Come mangiare bene? Ecco cinque consigli.",
    "",
]


@pytest.mark.parametrize("answer", REFUSALS)
def test_refusals_are_known(answer: str) -> None:
    assert is_refusal(answer)


@pytest.mark.parametrize("answer", ANSWERS)
def test_answers_are_not_refusals(answer: str) -> None:
    assert not is_refusal(answer)


@pytest.mark.parametrize(("planted", "severity"), [(1, None), (4, "note"), (40, "warning")])
def test_the_share_makes_the_severity(planted: int, severity: str | None) -> None:
    answers = [*sentences("en", 200 - planted), *[REFUSALS[i % len(REFUSALS)] for i in range(planted)]]
    finding = run_row_check(d124_refusals, audit_of(sentences("it", 200), answers, task="chat"))
    if severity is None:
        assert finding is None
        return
    assert lines_of(finding)[0] == 201 - planted
    assert finding
    assert (finding.severity, finding.count) == (severity, planted)


def test_a_class_called_a_refusal_is_no_answer() -> None:
    assert run_row_check(d124_refusals, audit_of(sentences("en", 20), ["I cannot help"] * 20)) is None


def test_a_hostile_answer_costs_no_time() -> None:
    import time

    begins = time.perf_counter()
    for hostile in ("sorry " * 20_000, "as an ai " * 10_000, "i am " * 20_000, "unfortunately, " + "a," * 50_000):
        is_refusal(hostile)
    assert time.perf_counter() - begins < 0.2
