"""Each check: its finding on data planted for it, and silence on data that are clean."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

from sintonia.prepare import checks
from sintonia.prepare.checks import ROW_CHECKS, TABLE_CHECKS
from sintonia.records import Finding
from sintonia.settings import DataSettings
from tests.unit.prepare.bench import Bench, distinct_text, many_rows


def _finding(bench: Bench, rows: list[dict[str, object]], code: str) -> Finding | None:
    prepared = bench.prepare(bench.write(rows))
    return next((finding for finding in prepared.findings if finding.code == code), None)


def test_clean_data_give_no_finding(bench: Bench) -> None:
    assert bench.prepare(bench.write(many_rows(400))).findings == ()


@pytest.mark.parametrize(("count", "severity"), [(1, "note"), (60, "warning")])
def test_d101_rows_without_text(bench: Bench, count: int, severity: str) -> None:
    rows = many_rows(400) + [{"text": " ", "label": "good"}] * count
    finding = _finding(bench, rows, "D101")
    assert finding
    assert (finding.count, finding.severity) == (count, severity)
    assert finding.places[0].line == 401


def test_d102_repeated_rows(bench: Bench) -> None:
    rows = many_rows(400)
    finding = _finding(bench, [*rows, *rows[:30]], "D102")
    assert finding
    assert (finding.count, finding.severity, finding.places[0].line) == (30, "warning", 401)


@pytest.mark.parametrize(("count", "severity"), [(5, "warning"), (20, "stop")])
def test_d103_conflicting_labels_stay_together_and_stop_above_five_percent(
    bench: Bench, count: int, severity: str
) -> None:
    rows = many_rows(400)
    planted = [
        {**row, "text": row["text"].upper(), "label": {"good": "bad"}.get(row["label"], "good")} for row in rows[:count]
    ]
    finding = _finding(bench, [*rows, *planted], "D103")
    assert finding
    assert (finding.count, finding.severity) == (2 * count, severity)
    where = bench.where()
    assert all(where[row["text"]] == where[row["text"].upper()] for row in rows[:count])


def test_d104_imbalance_makes_macro_f1_the_metric(bench: Bench) -> None:
    rows = many_rows(400, labels=["a", "b"])
    for row in rows[: 395 - 12]:
        row["label"] = "a"
    prepared = bench.prepare(bench.write(rows))
    assert prepared.primary_metric == "macro_f1"
    assert [finding.severity for finding in prepared.findings if finding.code == "D104"] == ["warning"]
    assert bench.prepare(bench.write(many_rows(400, ["a", "b"]), "even.jsonl")).primary_metric == "accuracy"


def test_d105_thin_class(bench: Bench) -> None:
    rows = many_rows(400)
    for row in rows[:6]:
        row["label"] = "seldom"
    finding = _finding(bench, rows, "D105")
    assert finding
    assert "`seldom`" in finding.message


def test_d107_small_data(bench: Bench) -> None:
    finding = _finding(bench, many_rows(299), "D107")
    assert finding
    assert "299 usable rows" in finding.message
    assert _finding(bench, many_rows(300), "D107") is None


def test_d108_class_that_the_test_cannot_measure(bench: Bench) -> None:
    rows = many_rows(400)
    rows[0]["label"] = "once"
    finding = _finding(bench, rows, "D108")
    assert finding
    assert (finding.count, finding.severity) == (1, "note")


def test_d109_labels_that_differ_in_spelling(bench: Bench) -> None:
    rows = many_rows(400)
    for row in rows[:40]:
        row["label"] = row["label"].title()
    finding = _finding(bench, rows, "D109")
    assert finding
    assert finding.count == 6


def test_d112_near_copies_are_counted_and_stay_together(bench: Bench) -> None:
    rows = many_rows(300)
    rows += [{**row, "text": f"hello, {row['text']} thanks"} for row in rows[:40]]
    finding = _finding(bench, rows, "D112")
    assert finding
    assert (finding.count, finding.severity) == (80, "note")
    where = bench.where()
    assert all(where[row["text"]] == where[f"hello, {row['text']} thanks"] for row in rows[:40])


def test_d112_with_a_group_column_it_decides_what_stays_together(bench: Bench) -> None:
    rows = [{**row, "who": f"person {number}"} for number, row in enumerate(many_rows(300))]
    rows += [{**row, "text": f"hello, {row['text']} thanks", "who": f"other {row['who']}"} for row in rows[:200]]
    prepared = bench.prepare(bench.write(rows), group="who")
    where = bench.where()
    assert any(where[row["text"]] != where[f"hello, {row['text']} thanks"] for row in rows[:200])
    assert {"D112", "D114"} <= {finding.code for finding in prepared.findings}


def test_d114_near_copies_of_ones_own_test(bench: Bench) -> None:
    rows = many_rows(600)
    test = bench.write(rows[:200], "test.jsonl")
    copies = [{**row, "text": f"hello, {row['text']} thanks"} for row in rows[:30]]
    data = DataSettings(path=str(bench.write([*rows[200:], *copies])), test=str(test))
    (finding,) = [one for one in bench.prepare_data(data).findings if one.code == "D114"]
    assert (finding.count, finding.severity) == (30, "warning")
    assert {place.file for place in finding.places} == {"test.jsonl"}


def test_d114_with_ten_parts_counts_all_rows_for_each_is_tested(bench: Bench) -> None:
    rows = [{**row, "who": f"person {number}"} for number, row in enumerate(many_rows(100))]
    rows += [{**row, "text": f"hello, {row['text']} thanks", "who": f"other {row['who']}"} for row in rows[:60]]
    prepared = bench.prepare(bench.write(rows), group="who")
    assert len(prepared.parts) == 10
    (finding,) = [one for one in prepared.findings if one.code == "D114"]
    assert finding.message.startswith("120 of 160 rows (75.0 %) have a near-copy in another group")
    clean = bench.prepare(bench.write(rows[:100]), group="who")
    assert not [one for one in clean.findings if one.code == "D114"]


def test_d130_a_set_of_one_class_stops(bench: Bench) -> None:
    rows = many_rows(400)
    test = bench.write([{**row, "label": "good"} for row in rows[:60]], "test.jsonl")
    data = DataSettings(path=str(bench.write(rows[60:])), test=str(test))
    (finding,) = [one for one in bench.prepare_data(data).findings if one.code == "D130"]
    assert finding.severity == "stop"
    assert "the test holds one class only: `good`" in finding.message


def test_d131_a_column_that_says_the_target(bench: Bench) -> None:
    rows = [{**row, "team": f"team {row['label']}", "day": number % 7} for number, row in enumerate(many_rows(300))]
    finding = _finding(bench, rows, "D131")
    assert finding
    assert "`team`" in finding.message
    assert "`day`" not in finding.message
    both = _finding(bench, [{**row, "patient": number % 40} for number, row in enumerate(rows)], "D131")
    assert both and "`data.group=patient`" in both.hint and "keep what tells the target out of the input" in both.hint


@pytest.mark.parametrize(
    ("column", "value", "severity"),
    [
        ("customer_id", lambda k: f"C{k % 60:03d}", "warning"),
        ("patient", lambda k: k % 40, "warning"),
        ("userName", lambda k: f"anna {k % 25}", "warning"),
        ("thread_id", lambda k: k % 90, "note"),
    ],
)
def test_d131_a_column_that_says_whose_a_row_is(
    bench: Bench, column: str, value: Callable[[int], object], severity: str
) -> None:
    rows = [{**row, column: value(number)} for number, row in enumerate(many_rows(400))]
    finding = _finding(bench, rows, "D131")
    assert finding and finding.severity == severity
    assert f"`{column}`" in finding.message and "400 rows share theirs" in finding.message
    assert f"`data.group={column}`" in finding.hint and "privacy.dp.unit=group" in finding.hint
    grouped = bench.prepare(bench.write(rows), group=column)
    assert not [one for one in grouped.findings if one.code == "D131"], "it is grouped by it"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("customer_id", lambda k: f"C{k}"),
        ("customer_id", lambda k: "C1" if k % 10 else "C2"),
        ("user", lambda k: f"could you please tell me {distinct_text(k % 40)}"),
        ("label_id", lambda k: k % 12),
        ("priority", lambda k: k % 12),
        ("customer_rating", lambda k: (k % 50) / 10),
    ],
)
def test_d131_ids_that_tie_nothing_together_are_not_told(
    bench: Bench, column: str, value: Callable[[int], object]
) -> None:
    rows = [{**row, column: value(number)} for number, row in enumerate(many_rows(400))]
    assert _finding(bench, rows, "D131") is None


def test_every_check_is_documented_under_its_code() -> None:
    folder = Path(checks.__file__).parent
    for code in {**TABLE_CHECKS, **ROW_CHECKS}:
        (path,) = folder.glob(f"{code.lower()}_*.py")
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        assert text.startswith(f"{code}: ")
        assert all(f"\n{part}: " in text for part in ("What", "Why it matters", "What to do"))
