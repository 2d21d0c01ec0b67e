"""What is found in a sentence, with what limits, and what is left alone: one line a rule that people rely on."""

from __future__ import annotations

import doctest
from itertools import pairwise

import pytest

from sintonia.privacy import Match, detect, find_personal_data

FOUND = (
    ("Scrivi a anna.rossi@example.org.", "email", "anna.rossi@example.org"),
    ("Chiama il 333 1234567 dopo le 18", "phone", "333 1234567"),
    ("ufficio 06 1234 5678", "phone", "06 1234 5678"),
    ("ufficio 02-12345678", "phone", "02-12345678"),
    ("+39 333 1234567 2024", "phone", "+39 333 1234567"),
    ("333 1234567 347 7654321", "phone", "347 7654321"),
    ("my phone: (37) 788-063", "phone", "(37) 788-063"),
    ("IBAN GB82 WEST 1234 5698 7654 32 2024", "iban", "GB82 WEST 1234 5698 7654 32"),
    ("carta 4111 1111 1111 1111 123", "payment_card", "4111 1111 1111 1111"),
    ("3331234567@example.it", "email", "3331234567@example.it"),
    ("da 192.168.1.10, ieri", "ip_address", "192.168.1.10"),
    ("2001:db8::ff00:42:8329", "ip_address", "2001:db8::ff00:42:8329"),
    ("cod. rss mra 85t10 a562s", "codice_fiscale", "rss mra 85t10 a562s"),
    ("P.IVA 07643520567", "partita_iva", "07643520567"),
    ("fattura a IT07643520567", "partita_iva", "IT07643520567"),
    ("codice cliente RSSMRA85T10A562S", "codice_fiscale", "RSSMRA85T10A562S"),
    ("targa ab 123 cd", "plate", "ab 123 cd"),
    ("carta d’identità CA00000AA", "identity_card", "CA00000AA"),
    ("TEAM 80380000300012345678", "health_card", "80380000300012345678"),
)

LEFT = (
    "ordine 3331234567", "order no. 0612345678", "il 05-12-2024 alle 10:30", "€ 3331234567", "0.3331234567",
    "prezzo 1.234.567,00", "nel 1998-2024", "07643520567", "numero 07643520568, P.IVA ignota", "version 1.2.3.4",
    "mobile, 1600-1800", "cell 10000-5000 = 5000", "chiama (06/04/2012)",
    "999.1.1.1", "1.2.3", "std::vector3", "icon@2x.png", "git@github.com:a/b3", "AX1234567", "TV 100 HD",
    "RSSMRA85T10A562T", "GB82 WEST 1234 5698 7654 33", "carta 4111 1111 1111 1112", "SSN 000-12-3456", "",
    "550e8400-e29b-41d4-a716-446655440000", "123456789", "12345678A",
)  # fmt: skip


@pytest.mark.parametrize(("text", "kind", "value"), FOUND, ids=lambda one: str(one)[:24])
def test_it_is_found_with_its_exact_limits(text: str, kind: str, value: str) -> None:
    start = text.index(value)
    assert Match(kind, start, start + len(value)) in find_personal_data(text)


@pytest.mark.parametrize("text", LEFT)
def test_it_is_left_alone(text: str) -> None:
    assert find_personal_data(text) == ()


def test_matches_are_in_order_and_never_overlap() -> None:
    text = " ; ".join(text for text, _, _ in FOUND)
    matches = find_personal_data(text)
    assert len(matches) >= len(FOUND)
    assert all(one.end <= following.start for one, following in pairwise(matches))


def test_a_capital_that_grows_in_lower_case_moves_no_place() -> None:
    text = "İ" * 50 + " P.IVA 07643520567"
    assert [text[one.start : one.end] for one in find_personal_data(text)] == ["07643520567"]


def test_the_examples_of_the_documentation_are_true() -> None:
    assert doctest.testmod(detect).failed == 0
