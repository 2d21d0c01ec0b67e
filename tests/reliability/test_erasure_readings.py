"""Rows are found in runs that read other columns, wherever file and run lie now; what cannot be looked for is said."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from sintonia.cli.main import main
from sintonia.corridor.erasing import reading
from sintonia.corridor.erasing.certificate import read_certificate
from sintonia.errors import DataError, SintoniaError, UsageError
from sintonia.pipeline import plan_erasure
from sintonia.privacy.lineage import Register, RowReading
from sintonia.settings import DataSettings
from tests.erasures import SUBJECT, planted_rows, prepared_run, tree, write_jsonl

MAPPED = {"input": "note", "target": "topic"}


def _mapped_rows() -> list[dict[str, str]]:
    """Rows whose usual text and label are not what the run reads."""
    return [
        {"text": f"case file {number % 7}", "label": row["label"], "note": row["text"], "topic": row["label"]}
        | {"who": row["who"]}
        for number, row in enumerate(planted_rows()[0])
    ]


def _asked(data: Path, **more: object) -> dict[str, object]:
    return {"files": (data,), "subject": SUBJECT, "column": "who", **more}


@pytest.mark.parametrize("how", ["renamed", "copied", "moved run", "shut vault"])
def test_a_run_on_named_columns_is_found_wherever_file_and_run_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    data = write_jsonl(tmp_path / "rows.jsonl", _mapped_rows())
    run = prepared_run(tmp_path / "run", DataSettings(path=str(data), columns=MAPPED))
    if how == "renamed":
        data = data.rename(tmp_path / "patients.jsonl")
    if how == "copied":
        data = Path(shutil.copy(data, tmp_path / "copy.jsonl"))
    if how == "moved run":
        run.path.rename(tmp_path / "far")
    if how == "shut vault":
        monkeypatch.setattr(reading, "is_vault", lambda _: True)
        monkeypatch.setattr(reading, "has_key_at_hand", lambda _: False)
    plan = plan_erasure(**_asked(data)).plan
    assert [one.path for one in plan.runs] == [str(run.path)]
    assert sum(plan.runs[0].sets.values()) == 32 and plan.runs[0].exists == (how != "moved run")


def test_the_register_keeps_how_rows_were_read_and_no_text_of_them(tmp_path: Path, private_home: Path) -> None:
    data = write_jsonl(tmp_path / "rows.jsonl", _mapped_rows())
    prepared_run(tmp_path / "run", DataSettings(path=str(data), columns=MAPPED, group="who"))
    columns = (("input", "note"), ("target", "topic"))
    assert RowReading(task="classify", columns=columns, group="who") in Register().entries()[0].readings
    kept = b"".join(tree(private_home / "lineage").values())
    assert b"note" in kept and b"zx" not in kept and SUBJECT.encode() not in kept


def test_a_run_that_found_its_columns_is_found_where_the_file_has_more_by_now(tmp_path: Path) -> None:
    rows = [{"remark": row["text"], "label": row["label"], "who": row["who"]} for row in planted_rows()[0]]
    run = prepared_run(tmp_path / "run", DataSettings(path=str(write_jsonl(tmp_path / "rows.jsonl", rows))))
    more = [{**row, "text": f"summary of the whole number {n}"} for n, row in enumerate(rows)]
    plan = plan_erasure(**_asked(write_jsonl(tmp_path / "more.jsonl", more))).plan
    assert [one.path for one in plan.runs] == [str(run.path)]


def test_rows_that_no_way_fits_are_refused_until_their_columns_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"a": f"one row {n} here", "b": f"two row {n} some", "c": "xy"[n % 2], "who": f"p{n}"} for n in range(60)]
    data = write_jsonl(tmp_path / "rows.jsonl", rows)
    before = data.read_bytes()
    with pytest.raises(UsageError, match="cannot be recognised in runs") as refused:
        plan_erasure(files=(data,), subject="p3", column="who")
    assert "--columns" in refused.value.hint and refused.value.expected
    words = ["erase", str(data), "--subject", "p3", "--by", "who", "--yes"]
    assert main(words) == 2 and data.read_bytes() == before
    assert main([*words, "--columns", "input=a,target=topic"]) != 0  # there is no such column
    assert main([*words, "--columns", "a"]) == 2 and data.read_bytes() == before
    assert main([*words, "--columns", "input=a,target=c"]) == 0
    assert len(data.read_bytes().splitlines()) == 59
    capsys.readouterr()


def test_columns_that_are_named_find_runs_that_the_register_cannot_say_them_of(tmp_path: Path) -> None:
    data = write_jsonl(tmp_path / "rows.jsonl", _mapped_rows())
    run = prepared_run(tmp_path / "run", DataSettings(path=str(data), columns=MAPPED))
    path = next(Register().folder.glob("runs/*.json"))
    body = json.loads(path.read_text())
    path.write_text(json.dumps({name: value for name, value in body.items() if name != "readings"}))  # an older one
    copy = Path(shutil.copy(data, tmp_path / "copy.jsonl"))
    run.path.rename(tmp_path / "far")
    with pytest.raises(UsageError, match="cannot be recognised in runs"):
        plan_erasure(**_asked(copy))
    assert len(plan_erasure(**_asked(copy, columns=MAPPED)).plan.runs) == 1
    assert len(plan_erasure(**_asked(copy, columns={"input": "note"})).plan.runs) == 1  # texts alone
    with pytest.raises(SintoniaError, match="nowhere"):
        plan_erasure(**_asked(copy, columns={"input": "note", "target": "nowhere"}))


def test_a_file_changed_after_a_kill_is_looked_through_in_the_columns_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sintonia.corridor.erasing import carrying_out

    data = write_jsonl(tmp_path / "rows.jsonl", _mapped_rows())
    prepared_run(tmp_path / "run", DataSettings(path=str(data), columns=MAPPED))
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(carrying_out, "reached", _stop)
        plan_erasure(**_asked(data)).carry_out(lambda _: None)
    data.write_bytes(data.read_bytes() + b'{"text": "w", "label": "x", "note": "w", "topic": "x", "who": "p"}\n')
    with pytest.raises(DataError, match="changed since"):
        plan_erasure(**_asked(data)).carry_out(lambda _: None)


def test_other_spellings_of_the_subject_are_told_and_counted_and_stay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], private_home: Path
) -> None:
    rows = planted_rows()[0]
    others = ["Person 3", "person  3", "person\u00a03", "person \uff13"]
    for value, row in zip([*others, others[0]], (row for row in rows if row["who"] != SUBJECT), strict=False):
        row["who"] = value
    data = write_jsonl(tmp_path / "rows.jsonl", rows)
    prepared_run(tmp_path / "run", DataSettings(path=str(data)))
    words = ["erase", str(data), "--subject", SUBJECT, "--by", "who"]
    assert main([*words, "--dry-run", "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["near"] == {"Person 3": 2, "person  3": 1, "person\u00a03": 1, "person \uff13": 1}
    assert "'Person 3': 2 rows" in told.err and "\\uff13" in told.err
    assert main([*words, "--yes", "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert done["near_rows"] == 5 and any("5 rows" in one and "4 spellings" in one for one in done["not_erased"])
    kept = b"".join(tree(Path(f"{data}.sintonia"), private_home).values()).lower()
    assert b"person" not in kept
    assert len(data.read_bytes().splitlines()) == 320 - 32
    assert main([*words, "--yes"]) == 3  # a second call tells the spellings that are left
    assert "Person 3" in capsys.readouterr().err


def test_the_page_names_runs_rows_and_what_was_not_erased(tmp_path: Path) -> None:
    data = write_jsonl(tmp_path / "rows.jsonl", planted_rows()[0])
    run = prepared_run(tmp_path / "run", DataSettings(path=str(data)))
    plan = plan_erasure(**_asked(data)).plan
    done = plan_erasure(**_asked(data)).carry_out(lambda _: None)
    page = Path(plan.certificate).with_suffix(".md").read_text(encoding="utf-8")
    assert f"`{data}`: 32 of 320 rows" in page and f"`{run.path}`: " in page
    assert all(count in page for count in (f"{number:,} in {name}" for name, number in done.runs[0].sets.items()))
    assert all(f"removed: `{one}`" in page for one in done.runs[0].models_removed)
    told = page.partition("## Not erased")[2]
    assert done.not_erased and all(f"- {one}\n" in told for one in done.not_erased)
    assert read_certificate(Path(plan.certificate)) == done


def _stop(step: str) -> None:
    """The process ends before the file is rewritten."""
    if step == "planned":
        raise KeyboardInterrupt
