"""Rows of planted texts as the checks of texts meet them, and sentences that need no file."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import numpy as np

from sintonia.normalise import normalised, short_hash
from sintonia.prepare.audit import MAX_PLACES, Audit, Seen
from sintonia.prepare.near import NearPairs
from sintonia.prepare.rows import Labelled, Rows
from sintonia.prepare.sets.leaks import Leaks
from sintonia.prepare.table import Table
from sintonia.records import Finding


def row(text: str, answer: str = "card_lost", line: int = 1) -> Labelled:
    """One row; its text is its input."""
    key = short_hash(normalised(text))
    return Labelled(line=line, file="rows.jsonl", input=text, target=answer, text=text, answer=answer, text_key=key)


def audit_of(
    texts: Iterable[str], answers: Iterable[str] | None = None, *, task: str = "classify", language: str | None = None
) -> Audit:
    """An audit of rows with these texts, in order, from line 1 on."""
    held = list(texts)
    replies = list(answers) if answers is not None else ["yes" if i % 2 else "no" for i in range(len(held))]
    rows = [row(text, reply, line) for line, (text, reply) in enumerate(zip(held, replies, strict=True), start=1)]
    nothing = np.array([], dtype=np.int64)
    return Audit(
        file="rows.jsonl",
        task=task,
        rows_in=len(rows),
        rows=Rows.keep(rows, has_classes=task == "classify"),
        sets=np.zeros(len(rows), dtype=np.int8),
        groups=np.arange(len(rows)),
        dropped=(),
        primary_metric="accuracy",
        near=NearPairs(nothing, nothing, nothing.astype(np.float32)),
        leaks=Leaks(),
        table=Table(path=Path("rows.jsonl"), container="jsonl", columns=("text", "label"), rows=(), num_rows=len(rows)),
        columns={"input": "text", "target": "label"},
        language=language,
    )


def run_row_check(module: ModuleType, audit: Audit) -> Finding | None:
    """What a check of single rows says of an audit, as the one pass over the rows calls it."""
    if module.TASKS is not None and audit.task not in module.TASKS:
        return None
    positions = [position for position, one in enumerate(audit.rows.scan()) if module.suspect(one)]
    seen = Seen(positions=tuple(positions[:MAX_PLACES]), count=len(positions), looked_at=len(audit.rows))
    return module.finding(audit, seen)


def lines_of(finding: Finding | None) -> list[int]:
    """The lines that a finding points to."""
    assert finding
    return [place.line for place in finding.places]


WORDS = {
    "en": (
        ["My card", "The transfer", "This payment", "My new account", "The order", "Her parcel", "The old phone"],
        ["has not arrived", "was declined", "does not work", "costs too much", "is still missing", "looks wrong"],
        ["since last Monday", "in the shop", "for the third time", "and nobody answers", "what should I do?"],
    ),
    "it": (
        ["La mia carta", "Il bonifico", "Questo pagamento", "Il nuovo conto", "L'ordine", "Il suo pacco"],
        ["non è arrivato", "è stato rifiutato", "non funziona più", "costa davvero troppo", "manca già da tempo"],
        ["da lunedì scorso", "perché nessuno risponde", "nella mia città", "per la terza volta", "così non va"],
    ),
    "de": (
        ["Meine Karte", "Die Überweisung", "Diese Zahlung", "Mein neues Konto", "Das Päckchen", "Die Bestellung"],
        ["ist nicht angekommen", "wurde abgelehnt", "funktioniert nicht mehr", "kostet wirklich zu viel"],
        ["seit letzter Woche", "für mich völlig unverständlich", "in der Straße", "und niemand erklärt es mir"],
    ),
    "fr": (
        ["Ma carte bancaire", "Le virement", "Ce paiement", "Mon nouveau compte", "La commande"],
        ["n'est pas arrivé", "a été refusé", "ne fonctionne plus", "coûte vraiment trop cher"],
        ["depuis lundi dernier", "à la boutique", "et personne ne répond", "même après plusieurs appels"],
    ),
    "es": (
        ["Mi tarjeta", "La transferencia", "Este pago", "Mi nueva cuenta", "El pedido de mi compañero"],
        ["no ha llegado todavía", "fue rechazado", "ya no funciona", "cuesta demasiado dinero"],
        ["desde el lunes pasado", "en la tienda", "y nadie contesta el teléfono", "por tercera vez este año"],
    ),
}


def sentences(language: str, count: int, seed: int = 0) -> list[str]:
    """Sentences of one language; the number at their end sets them apart."""
    chance = random.Random(f"{language}/{seed}")
    return [" ".join(chance.choice(part) for part in WORDS[language]) + f" ({number})" for number in range(count)]


def misread(text: str, encoding: str = "windows-1252", times: int = 1) -> str:
    """The UTF-8 of a text read in another encoding; the bytes that it leaves open become C1 controls."""
    for _ in range(times):
        text = "".join(_read(byte, encoding) for byte in text.encode("utf-8"))
    return text


def _read(byte: int, encoding: str) -> str:
    try:
        return bytes([byte]).decode(encoding)
    except UnicodeDecodeError:
        return chr(byte)
