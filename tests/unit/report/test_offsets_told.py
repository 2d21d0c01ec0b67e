"""A model that answers by thresholds says so, and its example answers by them; another model says nothing of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from sintonia.records import Combination, Turn
from sintonia.report import write_card, write_report
from tests.unit.report.fixture import write_run


def test_thresholds_are_told_where_the_model_has_them(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    page, card = write_report(run).read_text(encoding="utf-8"), write_card(run).read_text(encoding="utf-8")
    assert "offsets" not in card and 'facts["offsets"]' not in page and "argmax()" in page
    path = f"{run.turn(1)}/turn.json"
    turn = run.read(path, Turn)
    assert turn is not None
    run.write(path, dataclasses.replace(turn, combined=Combination(kind="thresholds", turns=(1,))))
    page, card = write_report(run).read_text(encoding="utf-8"), write_card(run).read_text(encoding="utf-8")
    assert "gets other answers" in card
    assert 'facts["offsets"]).argmax()' in page.replace("&#34;", '"').replace("&quot;", '"')
