"""What an erasure does not reach is named, as far as the audit log knows it."""

from __future__ import annotations

from sintonia.audit import record
from sintonia.corridor.erasing.outside import outside_of
from sintonia.corridor.erasing.plan import Touched


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
