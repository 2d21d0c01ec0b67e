"""What a notebook shows: well formed, nothing that runs, texts escaped, numbers there, readable on both grounds."""

from __future__ import annotations

import dataclasses
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from sintonia.records import Finding, Place, Verdict
from sintonia.report import findings_html, run_html, verdict_html
from sintonia.report.notebook import _COLOURS
from sintonia.runs import RunFolder
from tests.unit.report.fixture import write_run

HOSTILE = "<script>alert('x')</script>{0}{name}&amp;\"'`code`\x00"


def _verdict(tmp_path: Path) -> Verdict:
    verdict = write_run(tmp_path / "run").read("verdict.json", Verdict)
    assert verdict is not None
    return verdict


def _text(shown: str) -> str:
    return " ".join("".join(ElementTree.fromstring(shown).itertext()).split())


def test_a_verdict_holds_its_numbers_in_words(tmp_path: Path) -> None:
    verdict = _verdict(tmp_path)
    told = _text(verdict_html(verdict))
    assert "▲ Better: the tuned model beats the base" in told
    assert f"{100 * verdict.primary.tuned.value:.1f}%" in told
    assert f"{100 * verdict.primary.difference.low:+.1f} to {100 * verdict.primary.difference.high:+.1f}" in told
    assert all(rung.name in told for rung in verdict.rungs)
    assert "the test was opened once" in told


def test_hostile_texts_are_escaped_and_leave_it_well_formed(tmp_path: Path) -> None:
    verdict = _verdict(tmp_path)
    rungs = (dataclasses.replace(verdict.rungs[0], name=HOSTILE), *verdict.rungs[1:])
    told = dataclasses.replace(verdict, sentence=HOSTILE, base=HOSTILE, rungs=rungs, invalid_reasons=(HOSTILE,))
    places = (Place(file=HOSTILE, line=3),)
    finding = Finding(code="D102", severity="stop", message=HOSTILE, hint=HOSTILE, places=places)
    for shown in (verdict_html(told), findings_html([finding])):
        assert "<script" not in shown
        assert "alert('x')</script>{0}{name}&amp;" in _text(shown), "as it is, to be read"


def test_findings_come_worst_first_with_what_to_do(tmp_path: Path) -> None:
    made = [
        Finding(code=code, severity=severity, message=f"m {code}", hint=f"h {code}")
        for code, severity in (("D1", "note"), ("D2", "stop"), ("D3", "warning"))
    ]
    told = _text(findings_html(made))
    assert re.findall(r"D\d (?:note|stop|warning)|D\d(?:note|stop|warning)", told) == ["D2stop", "D3warning", "D1note"]
    assert "h D2" in told


def test_a_run_is_shown_with_its_curves_and_without_a_verdict_as_unfinished(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    tree = ElementTree.fromstring(run_html(run))
    assert len(tree.findall(".//svg")) == 2
    assert run_html(run) == run_html(RunFolder.open(run.path))
    run.file("verdict.json").unlink()
    assert "No verdict yet" in _text(run_html(run))


def test_every_colour_of_a_picture_is_given_and_can_be_read_on_white_and_on_black(tmp_path: Path) -> None:
    shown = run_html(write_run(tmp_path / "run"))
    assert set(re.findall(r"var\((--\w+)\)", shown)) <= set(_COLOURS)
    for name, colour in _COLOURS.items():
        if colour != "currentColor" and name != "--line":
            light = _luminance(colour)
            assert min(1.05 / (light + 0.05), (light + 0.05) / 0.05) >= 3, name


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.03928 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return float(sum(weight * one for weight, one in zip((0.2126, 0.7152, 0.0722), linear, strict=True)))


@pytest.mark.parametrize("record", ["verdict", "finding"])
def test_records_are_shown_once_the_door_is_open(tmp_path: Path, record: str) -> None:
    import sintonia.python

    made = {
        "verdict": lambda: _verdict(tmp_path),
        "finding": lambda: Finding(code="D1", severity="note", message="m", hint=""),
    }[record]()
    assert sintonia.python.Run
    ElementTree.fromstring(made._repr_html_())
