"""The bill has promise, refined promise and measurement side by side, each figure with its range and its unit."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from sintonia.records import Energy, Money, Resources, Worth
from sintonia.report.bill import Amount, Bill, amount_words, bill_lines, bill_notes, bill_rows, read_bill
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe

ENERGY = Energy(kwh=0.01, low=0.004, high=0.03, method="estimated: by hand")
MONEY = Money(amount=0.003, low=0.001, high=0.009, currency="EUR")
PROMISED = Resources(
    basis="estimated",
    seconds=100.0,
    low_seconds=80.0,
    high_seconds=140.0,
    peak_memory_bytes=10**9,
    stages={"train": 60.0, "evaluate": 40.0},
    energy=ENERGY,
    money=MONEY,
)
REFINED = dataclasses.replace(PROMISED, seconds=120.0, low_seconds=110.0, high_seconds=130.0)
PAID = dataclasses.replace(
    PROMISED, basis="measured", seconds=125.0, low_seconds=None, high_seconds=None, stages={"train": 90.0, "check": 1.0}
)


def test_the_three_stand_side_by_side() -> None:
    rows = {row.name: row for row in bill_rows(Bill(estimated=PROMISED, refined=REFINED, measured=PAID))}
    assert list(rows) == ["train", "evaluate", "check", "whole run", "peak memory", "energy", "money"]
    whole = rows["whole run"]
    assert whole.estimated == Amount(value=100.0, between=(80.0, 140.0)) and whole.ratio == 1.25
    assert whole.refined is not None and whole.refined.value == 120.0
    assert rows["evaluate"].measured is None and rows["evaluate"].ratio is None
    assert rows["energy"].measured == Amount(value=0.01, between=(0.004, 0.03))
    assert rows["money"].unit == "EUR" and not rows["train"].is_total and rows["money"].is_total


def test_figures_have_units_and_ranges() -> None:
    assert amount_words(Amount(value=660.0, between=(480.0, 840.0)), "seconds") == "11 min (8 min to 14 min)"
    assert amount_words(Amount(value=0.01, between=(0.004, 0.03)), "kWh") == "0.01 kWh (0.004 to 0.03)"
    assert amount_words(Amount(value=2e9), "bytes") == "2.00 GB" and amount_words(None, "kWh") == "not known"


def test_without_a_price_there_is_no_money_and_without_energy_the_reason() -> None:
    bare = dataclasses.replace(PAID, energy=None, money=None, why_no_energy="nobody counts it")
    bill = Bill(measured=bare)
    assert {"energy", "money"} & {row.name for row in bill_rows(bill)} == set()
    assert "Energy unknown: nobody counts it" in bill_notes(bill)


def test_the_notes_say_how_the_energy_was_found_and_what_else_there_is() -> None:
    worth = Worth(answer="tune", reasons=(), break_even_queries=1234.5)
    notes = bill_notes(Bill(measured=PAID), worth, num_adjusted=2)
    assert notes[0] == "Energy: estimated: by hand"
    assert "2 turns of adjusting" in notes[1] and "1,234 answers" in notes[2]
    assert not any("answers on" in note for note in bill_notes(Bill(measured=PAID)))


def test_a_terminal_shows_the_whole_run_in_columns(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", Recipe(data=DataSettings(path="x")))
    assert bill_lines(run) == () and read_bill(run) == Bill()
    run.write("resources.json", {"estimated": PROMISED, "refined": None, "measured": PAID})
    lines = bill_lines(run)
    assert lines[0].split() == ["promised", "measured"]
    assert lines[1].startswith("whole run") and "1 min 40 s (1 min 20 s to 2 min 20 s)" in lines[1]
    assert lines[1].index("2 min 5 s") == lines[0].index("measured")
    assert lines[-1] == "Energy: estimated: by hand"
    run.write("resources.json", {"estimated": PROMISED, "refined": REFINED, "measured": PAID})
    assert "by real steps" in bill_lines(run)[0]
