"""The 400 malformed files through `sintonia check`: one clear error, or every row accounted for; never a traceback."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from sintonia.cli.journal import close_log
from sintonia.cli.main import main
from tests.reliability.malformed import KINDS, REFUSED, SECRET, Case, cases_of


@pytest.mark.parametrize("generate", KINDS, ids=lambda generate: generate.__name__)
def test_each_generated_file_is_refused_or_accounted_for(
    generate: Callable[[Random], Iterator[Case]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SINTONIA_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    for case in cases_of(generate):
        (tmp_path / case.id).mkdir()
        path = tmp_path / case.id / case.name
        path = case.make(path) or path
        exit_code = main(["check", str(path), "--base", "none", "--json"])
        close_log()
        shown = capsys.readouterr()
        assert "Traceback" not in shown.err, case.id
        if exit_code == 0:
            _check_account(case, shown.out)
        else:
            _check_error(case, exit_code, shown.err, shown.out)


def _check_account(case: Case, out: str) -> None:
    assert case.outcome != REFUSED, case.id
    prepared = json.loads(out)["prepared"]
    assert prepared["rows_in"] == case.num_rows, case.id
    assert prepared["rows_in"] == prepared["rows_used"] + prepared["rows_set_aside"], case.id


def _check_error(case: Case, exit_code: int, err: str, out: str) -> None:
    assert exit_code in (2, 3, 74), case.id
    assert SECRET not in err, case.id
    assert len(re.findall(r"^error: ", err, re.MULTILINE)) == 1, case.id
    assert re.search(r"^hint: ", err, re.MULTILINE), case.id
    assert case.name in err or case.outcome == REFUSED, case.id
    assert out == "" or exit_code == 3, case.id  # the findings that stop a run are data all the same
