"""What an erasure does not reach is named, as far as the audit log knows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sintonia.audit import record
from sintonia.corridor.erasing.outside import other_data, outside_of
from sintonia.corridor.erasing.plan import Touched
from sintonia.prepare.erasing.finding import FoundRows
from sintonia.privacy.lineage import Entry


def test_what_was_handed_on_of_the_runs_is_listed_and_of_others_not() -> None:
    for run in ("seen", "other"):
        record("export", run=run, folder=f"/tmp/{run}-gguf", format="gguf")
        record("handed_out", run=run, files=("report.html", "card.md"), folder=f"/srv/{run}")
        record("prediction", model=run, out=f"{run}.csv", rows=3)
        record("verdict", run=run, number=1)
    touched = Touched(id="a", path="/gone/seen", sets={"train": 1}, is_learned=True, exists=False, models={})
    lines = outside_of([touched], [], keeps_models=False, keeps_data=False)
    told = "\n".join(lines)
    assert "export `/tmp/seen-gguf` (gguf)" in told and "answers of run `seen`, written to `seen.csv`" in told
    assert "report.html, card.md of run `seen`, handed out of its vault to `/srv/seen`" in told
    assert "other" not in told.replace("spelled otherwise", "") and "verdict" not in told
    assert any("removed, moved, or copied" in line for line in lines)


def test_a_file_that_may_not_even_be_looked_for_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = tmp_path / "hidden/rows.csv"

    def refused(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    def never(path: Path) -> FoundRows:
        raise AssertionError(path)

    run = Entry(id="a", path="runs/seen", sets=(), files=(str(hidden),))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "exists", refused)
        (line,) = other_data([run], [], never)
    assert str(hidden) in line and "cannot be read as data now" in line
