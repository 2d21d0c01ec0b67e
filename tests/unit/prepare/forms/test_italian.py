"""Tables with Italian names of columns are found as those with English names are, for every task."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.prepare.forms.tables import find, parsed

LABELS = ("sport", "cucina", "musica")


def frase(number: int) -> str:
    return f"questa è la frase piuttosto lunga numero {number}, che parla di qualcosa"


def entity(number: int) -> list[dict[str, Any]]:
    text = frase(number)
    start = text.index("frase")
    return [{"inizio": start, "fine": start + 5, "etichetta": LABELS[number % 3]}]


TABLES: dict[str, tuple[str, dict[str, Any]]] = {
    "classify": ("text and label", {"testo": frase, "etichetta": lambda k: LABELS[k % 3]}),
    "classify pairs": (
        "pair and label",
        {"frase1": frase, "frase2": lambda k: frase(-k), "relazione": lambda k: LABELS[k % 3]},
    ),
    "multilabel": (
        "text and labels",
        {"testo": frase, "etichette": lambda k: [LABELS[k % 3], LABELS[(k + 1) % 3]][: 1 + k % 2]},
    ),
    "regress": ("text and number", {"testo": frase, "voto": lambda k: k / 7}),
    "regress pairs": (
        "pair and number",
        {"frase1": frase, "frase2": lambda k: frase(-k), "punteggio": lambda k: f"{k % 11 / 2:.1f}".replace(".", ",")},
    ),
    "tag words": ("tokens and tags", {"parole": lambda k: frase(k).split(), "etichette": lambda k: ["O"] * 12}),
    "tag spans": ("text and spans", {"testo": frase, "entità": entity}),
    "chat": ("prompt and completion", {"domanda": frase, "risposta": lambda k: frase(-k)}),
    "embed": ("anchor and positive", {"ricerca": frase, "passaggio": lambda k: frase(-k)}),
    "prefer": (
        "preference",
        {"domanda": frase, "risposta_preferita": lambda k: frase(-k), "risposta_scartata": lambda k: f"boh {k}"},
    ),
    "prefer thumbs": (
        "unpaired preference",
        {"domanda": frase, "risposta": lambda k: frase(-k), "gradita": lambda k: ("sì", "no")[k % 2]},
    ),
    "prefer votes": (
        "comparison",
        {
            "domanda": frase,
            "risposta1": lambda k: frase(-k),
            "risposta2": lambda k: f"boh {k}",
            "migliore": lambda k: ("prima", "seconda", "pari")[k % 3],
        },
    ),
}


@pytest.mark.parametrize("kind", TABLES)
def test_an_italian_table_is_found_by_itself(kind: str) -> None:
    form, columns = TABLES[kind]
    rows = [{name: make(k) for name, make in columns.items()} for k in range(1, 61)]
    match = find(rows)
    assert form in match.form and set(match.columns.values()) == set(columns)
    rows = [one for one in rows if one.get("migliore") != "pari"]
    assert all(one.text.startswith("questa è la frase") for one in parsed(rows))


def test_yes_and_no_in_a_column_called_label_may_be_classes() -> None:
    rows = [{"text": frase(k), "label": ("sì", "no")[k % 2]} for k in range(60)]
    assert find(rows).form == "text and label"
