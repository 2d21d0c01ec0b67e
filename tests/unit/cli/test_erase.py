"""`sintonia erase`: what is refused in one line, what a plan shows, and that nothing goes without a yes."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from sintonia.cli.erase import _fate
from sintonia.cli.main import main
from sintonia.corridor.erasing.plan import Touched
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, PrivacySettings, Recipe
from tests.erasures import SUBJECT, planted_rows, prepared_run, tree, write_csv


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data file and a run on it, in the folder where the command is called."""
    monkeypatch.chdir(tmp_path)
    file = write_csv(tmp_path / "rows.csv", planted_rows()[0])
    asked = DataSettings(path=str(file), columns={"input": "text", "target": "label"})
    prepared_run(tmp_path / "runs" / "a", asked)
    return file


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--subject", "nobody", "--by", "who"], 3, "no row has that value in `who`"),
        (["--subject", SUBJECT, "--by", "whom"], 2, "there is no column `whom`"),
        (["--subject", SUBJECT], 2, "which column says whose a row is?"),
        (["--subject", " ", "--by", "who"], 2, "`--subject` is empty"),
        (["--subject", SUBJECT, "--rows", "3"], 2, "both say which rows"),
        (["--by", "who", "--rows", "3"], 2, "`--by` names the column of `--subject`"),
        (["--rows", "1"], 3, "no row begins on line 1"),
        (["--rows", "400-402"], 3, "no row begins on line 400, 401, 402"),
        (["--rows", "7-3"], 2, "names no lines"),
        (["--rows", "other.csv:3"], 2, "names no lines"),
        (["--rows", "0"], 2, "names no lines"),
        (["--rows", "a"], 2, "names no lines"),
        (["--rows", ""], 2, "names no lines"),
        ([], 2, "which rows are to be erased?"),
        (["--rows", "3", "--out", "there"], 2, "`--out` is the folder"),
        (["--rows", "3", "--retrain", "runs/none"], 2, "saw none of these rows"),
        (["--rows", "3"], 2, "nothing is erased without a yes"),
        (["--rows", "2-321"], 3, "every row"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line_and_changes_nothing(
    data: Path, capsys: pytest.CaptureFixture[str], private_home: Path, words: list[str], code: int, told: str
) -> None:
    before = tree(data.parent, private_home)
    assert main(["erase", str(data), *words]) == code
    written = capsys.readouterr().err
    assert told in written.replace("\n", " ") and "Traceback" not in written
    assert tree(data.parent, private_home) == before


def test_a_file_that_is_not_there_is_refused(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["erase", "row.csv", "--rows", "3"]) == 3
    assert "rows.csv" in capsys.readouterr().err


def test_a_dry_run_shows_the_plan_and_changes_nothing(
    data: Path, capsys: pytest.CaptureFixture[str], private_home: Path
) -> None:
    before = tree(data.parent, private_home)
    assert main(["erase", "rows.csv", "--subject", SUBJECT, "--by", "who", "--dry-run", "--json"]) == 0
    told = capsys.readouterr()
    plan = json.loads(told.out)
    assert len(plan["files"][0]["lines"]) == 32 and plan["runs"][0]["path"].endswith("runs/a")
    assert "dry run" in told.err and "backups" in told.err
    here, lines = str(data.parent), told.err.splitlines()
    assert any(line.startswith("rows      rows.csv: 32 of") for line in lines), "paths as they are seen from here"
    assert any(line.startswith("run       runs/a: ") for line in lines) and here not in told.err
    assert tree(data.parent, private_home) == before


def test_rows_go_by_their_lines_and_the_run_is_refused_afterwards(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = data.read_bytes().splitlines(True)
    assert main(["erase", "rows.csv", "--rows", "rows.csv:3,5-6", "--yes", "--json"]) == 0
    assert data.read_bytes() == b"".join(lines[:2] + lines[3:4] + lines[6:])
    assert len(json.loads(capsys.readouterr().out)["rows"]) == 3
    for command in (["predict", "runs/a", "words"], ["resume", "runs/a"], ["report", "runs/a"], ["adjust", "runs/a"]):
        assert main(command) == 2
        assert "rows were erased" in capsys.readouterr().err
    assert main(["runs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["state"] == "erased"


def test_data_that_others_keep_are_left_as_they_are_and_named(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = data.read_bytes()
    assert main(["erase", "rows.csv", "--rows", "3", "--keep-data", "--yes", "--json"]) == 0
    assert data.read_bytes() == before
    assert any("left as it is" in one for one in json.loads(capsys.readouterr().out)["not_erased"])
    assert not Path("runs/a/data").exists()


def test_one_model_is_told_as_one() -> None:
    run = Touched(id="a", path="runs/a", sets={"train": 3}, is_learned=True, models={"model": "x"})
    assert "; 1 model is removed" in _fate(run, keeps_models=False)
    two = replace(run, models={"model": "x", "turns/001/model": "y"})
    assert "; 2 models are removed" in _fate(two, keeps_models=False)


def test_a_vault_that_does_not_open_is_named_with_what_can_be_done(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, private_home: Path
) -> None:
    lost = Path("runs/lost")
    monkeypatch.setenv("SINTONIA_VAULT_PASSPHRASE", "correct horse")
    vault = RunFolder.create(lost, Recipe(data=DataSettings(path=str(data)), privacy=PrivacySettings(vault=True)))
    vault.close()
    monkeypatch.setattr("sintonia.vault.keys._in_this_process", [])
    for passphrase in ("", "another horse"):
        monkeypatch.setenv("SINTONIA_VAULT_PASSPHRASE", passphrase)
        assert main(["erase", "rows.csv", "--rows", "3", "--dry-run"]) in (2, 74)
        told = " ".join(capsys.readouterr().err.split())
        assert "runs/lost" in told and "remove the folder, and call this once more" in told
    shutil.rmtree(lost)
    assert main(["erase", "rows.csv", "--rows", "3", "--dry-run"]) == 0


def test_a_vault_that_does_not_open_for_another_reason_is_not_said_to_be_lost(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, private_home: Path
) -> None:
    monkeypatch.setenv("SINTONIA_VAULT_PASSPHRASE", "correct horse")
    recipe = Recipe(data=DataSettings(path=str(data)), privacy=PrivacySettings(vault=True))
    RunFolder.create(Path("runs/kept"), recipe).close()
    (note,) = (private_home / "vaults").iterdir()
    body = json.loads(note.read_text())
    note.write_text(json.dumps(body | {"number": body["number"] + 90}))
    assert main(["erase", "rows.csv", "--rows", "3", "--dry-run"]) == 74
    told = " ".join(capsys.readouterr().err.split())
    assert "an older state of it was put back" in told and f"state {body['number'] + 90}" in told
    assert f"remove `{note}`" in told and "remove the folder" not in told
