"""The bill as rows: promised before, promised again by real steps, and measured. It computes no cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sintonia.files import from_json, read_json
from sintonia.records import Resources, Worth
from sintonia.report import wording
from sintonia.runs import RunFolder

Range = tuple[float, float]
KWH = "kWh"


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """One figure with its range, where it has one."""

    value: float
    between: Range | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BillRow:
    """One line of the bill: promised, promised again, and paid."""

    name: str
    unit: str
    """`seconds`, `bytes`, `kWh`, or the currency of the person's prices."""
    estimated: Amount | None
    refined: Amount | None
    measured: Amount | None

    @property
    def ratio(self) -> float | None:
        """Measured over estimated."""
        paid, promised = self.measured, self.estimated
        return paid.value / promised.value if paid and promised and promised.value else None

    @property
    def is_total(self) -> bool:
        """Whether it is of the whole run, and not of a stage."""
        return self.name in ("whole run", "peak memory", "disk", "energy", "money")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What `resources.json` holds."""

    estimated: Resources | None = None
    refined: Resources | None = None
    measured: Resources | None = None

    @property
    def columns(self) -> tuple[Resources | None, ...]:
        """Before, in the midst, after."""
        return (self.estimated, self.refined, self.measured)


def read_bill(run: RunFolder) -> Bill:
    """The bill of a run, with nothing in it where none was written."""
    body = read_json(run.file("resources.json")) or {}
    bases = {"estimated": "estimated", "refined": "estimated", "measured": "measured"}
    found = {
        name: from_json(Resources, {"basis": basis, **body[name]}) for name, basis in bases.items() if body.get(name)
    }
    return Bill(**found)


def bill_rows(bill: Bill) -> tuple[BillRow, ...]:
    """Seconds of each stage, the whole time, memory, disk, energy and money."""
    known = [one for one in bill.columns if one]
    stages = dict.fromkeys(stage for one in known for stage in one.stages)
    rows = [_row(stage, "seconds", [_stage(one, stage) for one in bill.columns]) for stage in stages]
    rows += [
        _row("whole run", "seconds", [_whole(one) for one in bill.columns]),
        _row("peak memory", "bytes", [_bytes(one, "peak_memory_bytes") for one in bill.columns]),
        _row("disk", "bytes", [_bytes(one, "disk_bytes") for one in bill.columns]),
        _row("energy", KWH, [_energy(one) for one in bill.columns]),
    ]
    currency = next((one.money.currency for one in known if one.money), "")
    rows.append(_row("money", currency, [_money(one) for one in bill.columns]))
    return tuple(row for row in rows if row.estimated or row.refined or row.measured)


def bill_notes(bill: Bill, worth: Worth | None = None, num_adjusted: int = 0) -> tuple[str, ...]:
    """How the energy was found and what it counts, and what else one could have done.

    `num_adjusted` turns of adjusting were not in the promise.
    """
    return tuple(_notes(bill, worth, num_adjusted))


def amount_words(amount: Amount | None, unit: str) -> str:
    """`11 min (8 to 14 min)`, `0.0031 kWh (0.0010 to 0.0078)`; `not known` of nothing."""
    if amount is None:
        return "not known"
    shown = _figure(amount.value, unit)
    if amount.between is None:
        return shown
    low, high = (_figure(one, unit).removesuffix(f" {unit}") for one in amount.between)
    return f"{shown} ({low} to {high})"


def bill_lines(run: RunFolder) -> tuple[str, ...]:
    """The bill for a terminal: the whole run, memory, disk, energy and money, one line each; and its notes."""
    bill = read_bill(run)
    rows = [row for row in bill_rows(bill) if row.is_total]
    if not rows:
        return ()
    has_refined = any(row.refined for row in rows)
    head = ["", "promised", *(["by real steps"] if has_refined else []), "measured"]
    cells = [head]
    for row in rows:
        amounts = [row.estimated, *([row.refined] if has_refined else []), row.measured]
        cells.append([row.name, *("" if one is None else amount_words(one, row.unit) for one in amounts)])
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    table = ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    return (*table, *_energy_notes(bill))


_FROM_SCRATCH = (
    "Starting from a pre-trained base instead of random weights: measured once, on questions of six kinds, 100 "
    "examples behind MiniLM did better (84.5 of 100) than 1,000 behind random weights of the same shape (74.8): "
    "at least ten times the data (benchmarks.from_scratch). Your data may differ"
)
"""What E35 came to (`benchmarks/RESULTS.md`): said of classifiers alone, which it was measured with."""


def _notes(bill: Bill, worth: Worth | None, num_adjusted: int) -> Iterator[str]:
    yield from _energy_notes(bill)
    if worth is not None and worth.metric in ("accuracy", "macro_f1"):
        yield _FROM_SCRATCH
    if num_adjusted:
        yield f"Promised was the first training; {wording.counted(num_adjusted, 'turn')} of adjusting came on top of it"
    if worth is not None and worth.break_even_queries is not None:
        yield (
            f"Answered examples before each prompt, instead of tuning, compute less at first: tuning has computed less "
            f"in all from about {wording.count(round(worth.break_even_queries))} answers on"
        )


def _energy_notes(bill: Bill) -> Iterator[str]:
    paid = bill.measured
    if paid is None:
        return
    if paid.energy is not None:
        yield f"Energy: {paid.energy.method}"
    elif paid.why_no_energy:
        yield f"Energy unknown: {paid.why_no_energy}"


def _row(name: str, unit: str, amounts: Sequence[Amount | None]) -> BillRow:
    estimated, refined, measured = amounts
    return BillRow(name=name, unit=unit, estimated=estimated, refined=refined, measured=measured)


def _stage(one: Resources | None, stage: str) -> Amount | None:
    return Amount(value=one.stages[stage]) if one and stage in one.stages else None


def _whole(one: Resources | None) -> Amount | None:
    if one is None:
        return None
    low, high = one.low_seconds, one.high_seconds
    return Amount(value=one.seconds, between=None if low is None or high is None else (low, high))


def _bytes(one: Resources | None, field: str) -> Amount | None:
    value = getattr(one, field, 0)
    return Amount(value=value) if value else None


def _energy(one: Resources | None) -> Amount | None:
    energy = one.energy if one else None
    return Amount(value=energy.kwh, between=(energy.low, energy.high)) if energy else None


def _money(one: Resources | None) -> Amount | None:
    money = one.money if one else None
    return Amount(value=money.amount, between=(money.low, money.high)) if money else None


def _figure(value: float, unit: str) -> str:
    if unit == "seconds":
        return wording.duration(value)
    if unit == "bytes":
        return wording.size(value)
    return f"{value:.2g} {unit}".rstrip()
