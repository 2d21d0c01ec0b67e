"""What the cells come to: counts beside their marks, with Wilson's interval, as Markdown. It measures nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from benchmarks.advice.regimes import BASES, EXPERIMENTS, WITH_REMEDY

Line = dict[str, Any]
_OVERFIT, _UNDERFIT = {"T209", "T210", "T211"}, {"T201", "T202", "T203", "T204", "T205", "T206"}
_TOO_LARGE = ("steps are too large", "not a finite number", "not finite numbers")
NUM_CASES, IMPROVED, WORSENED = 40, 0.60, 0.10
FEWEST_CELLS = 10
"""With fewer, no mark is called met or missed."""
MARKS = {"E16": 0.95, "E17": 0.95, "E18": 0.90, "E19": 0.95, "E20": 1.0, "E21": 0.90}
EXPECTED = {
    "E16": "overfitting (T209, T210 or T211)",
    "E17": "learning rate too low (T202; T214 where the head was fitted before)",
    "E18": "unstable or too high (T201, T204, T215, or stopped with these words)",
    "E19": "no overfitting by rise (T209, T210), no underfitting (T201-T206)",
    "E20": "no overfitting at all (T209-T211)",
    "E21": "train longer (T203, T212, T213), and the longer training is better",
}


def codes(line: Line) -> set[str]:
    """The codes of the findings of the first turn."""
    return {code for code, _ in line["findings"]}


def _is_longer_better(line: Line) -> bool:
    sizes = [one["size"] for one in (line["remedy"] or {}).get("differences", ())]
    return bool(sizes and sizes[0] > 0)


_RIGHT: dict[str, Callable[[Line], bool]] = {
    "E16": lambda line: bool(codes(line) & _OVERFIT),
    "E17": lambda line: bool(codes(line) & {"T202", "T214"}),
    "E18": lambda line: (
        bool(codes(line) & {"T201", "T204", "T215"}) or any(word in line["stopped"] for word in _TOO_LARGE)
    ),
    "E19": lambda line: not line["stopped"] and not codes(line) & ({"T209", "T210"} | _UNDERFIT),
    "E20": lambda line: not line["stopped"] and not codes(line) & _OVERFIT,
    "E21": lambda line: bool(codes(line) & {"T203", "T212", "T213"}) and _is_longer_better(line),
}


def is_right(line: Line) -> bool:
    """Whether the diagnosis is the one that the regime is known to deserve."""
    return _RIGHT[line["experiment"]](line)


def outcome_of(line: Line) -> str:
    """Of a case of E38: `improved`, `worsened`, `neither`, or why nothing was tried."""
    if line["remedy"]:
        return str(line["remedy"]["outcome"])
    return "no setting advised" if line["findings"] or not line["stopped"] else "stopped before"


def tables(known: dict[Any, Line]) -> str:
    """All tables: diagnoses by model and experiment, remedies, and each cell."""
    lines = list(known.values())
    return "\n\n".join((_diagnoses(lines), _remedies(lines), _each(lines)))


def _diagnoses(lines: Sequence[Line]) -> str:
    rows = []
    for experiment in EXPERIMENTS:
        of_it = [one for one in lines if one["experiment"] == experiment]
        for model in (*BASES, "both"):
            some = [one for one in of_it if model in (one["model"], "both")]
            rows += [_diagnosis(experiment, model, some)] if some else []
    return _table(("", "expected", "model", "right", "mark", "", "codes (cells)"), rows)


def _diagnosis(experiment: str, model: str, some: Sequence[Line]) -> tuple[str, ...]:
    right, mark = sum(map(is_right, some)), MARKS[experiment]
    found = _counted(code for one in some for code in (codes(one) or {"none"}))
    share = _share(right, len(some))
    told = _met(right / len(some) >= mark) if len(some) >= FEWEST_CELLS else "too few cells"
    return experiment, EXPECTED[experiment], model, share, f"{mark:.0%}", told, found


def _remedies(lines: Sequence[Line]) -> str:
    rows, cases = [], [one for one in lines if one["experiment"] in WITH_REMEDY]
    for name in (*sorted(WITH_REMEDY), "E38"):
        for model in (*BASES, "both"):
            some = [one for one in cases if name in (one["experiment"], "E38") and model in (one["model"], "both")]
            rows += [(name, model, *_outcomes(some))] if some else []
    heading = ("", "model", "cases", "improved", "worsened", "neither", "no setting advised", "stopped before")
    return f"{_table(heading, rows)}\n\n{_verdict(cases)}"


def _outcomes(some: Sequence[Line]) -> tuple[Any, ...]:
    outcomes = [outcome_of(one) for one in some]
    shares = [_share(outcomes.count(one), len(some)) for one in ("improved", "worsened")]
    return len(some), *shares, *(outcomes.count(one) for one in ("neither", "no setting advised", "stopped before"))


def _verdict(cases: Sequence[Line]) -> str:
    """E38 against its marks, over as many cases as it asks for at least: what was not measured did not improve."""
    outcomes = [outcome_of(one) for one in cases]
    count = max(len(cases), NUM_CASES)
    improved, worsened = outcomes.count("improved"), outcomes.count("worsened")
    is_met = len(cases) >= NUM_CASES and improved / count >= IMPROVED and worsened / count <= WORSENED
    return (
        f"E38: of {len(cases)} cases (at least {NUM_CASES} are asked for) {improved} improved by more than one paired "
        f"standard error of the metric that the product follows (mark {IMPROVED:.0%} of {count}) and {worsened} "
        f"worsened by as much (mark {WORSENED:.0%}): {_met(is_met)}. By losses "
        f"{_by(cases, 1, 'improved')} improved and {_by(cases, 1, 'worsened')} worsened."
    )


def _by(cases: Sequence[Line], position: int, outcome: str) -> int:
    sign = 1 if outcome == "improved" else -1
    found = [one["remedy"]["differences"] for one in cases if one["remedy"]]
    return sum(len(some) > position and sign * some[position]["size"] > some[position]["error"] for some in found)


def _each(lines: Sequence[Line]) -> str:
    ordered = sorted(lines, key=lambda line: (line["experiment"], line["model"], line["data"], line["seed"]))
    heading = ("", "model", "set, seed", "", "found", "remedy", "before", "after", "gain", "outcome", "seconds")
    return _table(heading, [_row(one) for one in ordered])


def _row(line: Line) -> tuple[str, ...]:
    remedy = line["remedy"] or {}
    first = next(iter(remedy.get("differences", ())), None)
    change = "{setting} {before} -> {after} ({finding})".format_map(remedy) if remedy else ""
    return (
        line["experiment"],
        line["model"],
        f"{line['data']} {line['seed']}",
        "" if is_right(line) else "WRONG",
        " ".join(sorted(codes(line))) or line["stopped"][:60] or "none",
        change,
        _number(line.get("before")),
        _number(line.get("after")),
        f"{first['size']:+.4f} ± {first['error']:.4f}" if first else "",
        outcome_of(line) if line["experiment"] in WITH_REMEDY else "",
        f"{line['seconds']:.0f}",
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _share(count: int, total: int) -> str:
    from sintonia.statistics.intervals import wilson

    low, high = wilson(count, total)
    return f"{count} of {total} ({low:.0%} to {high:.0%})"


def _met(is_met: bool) -> str:
    return "met" if is_met else "missed"


def _counted(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(f"{name} {listed.count(name)}" for name in sorted(set(listed)))


def _table(heading: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    body = [heading, ["---"] * len(heading), *rows]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in body)
