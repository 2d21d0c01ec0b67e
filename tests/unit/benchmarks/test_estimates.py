"""The benchmark of promises: its errors and bars, and that a case that is done is not done again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import estimates


def case(name: str, promised: float, paid: float) -> dict[str, Any]:
    bill = {"seconds": paid, "peak_memory_bytes": paid * 1e9}
    promise = {
        "seconds": promised,
        "peak_memory_bytes": paid * 1e9,
        "low_seconds": 0.9 * promised,
        "high_seconds": 1.1 * promised,
    }
    return {"name": name, "estimated": promise, "refined": None, "measured": bill}


def cases(promised: float) -> list[dict[str, Any]]:
    return [case(one.name, promised, 100.0) for one in estimates.CASES]


def test_twelve_different_cases() -> None:
    assert len({one.name for one in estimates.CASES}) == 12
    assert {(one.task, one.method) for one in estimates.CASES} == {
        ("classify", "head"),
        ("classify", "lora"),
        ("classify", "full"),
        ("chat", "lora"),
        ("chat", "full"),
    }


def test_the_bars_are_met_by_good_promises_alone() -> None:
    good = estimates.summary_of(cases(108.0))
    assert good["seconds"]["is_met"] and good["seconds"]["median"] == pytest.approx(0.08)
    assert good["num_within_interval"] == 12
    bad = estimates.summary_of([*cases(108.0)[1:], case("x", 140.0, 100.0)])
    assert not bad["seconds"]["is_met"] and bad["seconds"]["worst"] == pytest.approx(0.4)
    assert bad["peak_memory_bytes"]["is_met"] and bad["num_within_interval"] == 11
    assert not estimates.summary_of(cases(108.0)[:3])["seconds"]["is_met"]  # some are missing


def test_what_is_done_is_not_done_again_and_half_a_line_counts_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = [json.dumps(one) for one in cases(90.0)[:11]]
    (tmp_path / "cases.jsonl").write_text("\n".join(known) + '\n{"name": "half')
    done: list[str] = []

    def run(one: estimates.Case, _folder: Path, _data: Path) -> dict[str, Any]:
        done.append(one.name)
        return case(one.name, 90.0, 100.0)

    monkeypatch.setattr(estimates, "run_case", run)
    assert estimates.main(["--out", str(tmp_path)]) == 0
    assert done == [estimates.CASES[-1].name]
    printed = capsys.readouterr().out
    assert "median error 10.0%" in printed and printed.count("| classify-") == 9
