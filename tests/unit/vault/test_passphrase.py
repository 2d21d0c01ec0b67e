"""The passphrase of vaults goes to no process that opens none: every place where one is begun says what it is given."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sintonia.errors import Unavailable
from sintonia.models.sources import pypi
from sintonia.resources.machine import hardware
from sintonia.serve.jobs import scheduler
from sintonia.serve.store import Database, Store, new_name
from sintonia.vault.keys import VARIABLE
from tests.architecture.source_tree import source_files

BEGINNERS = {"run", "Popen", "call", "check_call", "check_output", "Process", "ProcessPoolExecutor", "Pool"}
MODULES = {"subprocess", "multiprocessing", "futures"}


@pytest.fixture(autouse=True)
def _with_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "correct horse")
    monkeypatch.setenv("SINTONIA_OFFLINE", "0")


def given_to(monkeypatch: pytest.MonkeyPatch, name: str) -> list[dict[str, str]]:
    """What processes are given that are begun with a function of `subprocess`; none of them is."""
    given: list[dict[str, str]] = []

    def begin(*_: Any, env: dict[str, str] | None = None, **__: Any) -> None:
        given.append(dict(env or {VARIABLE: "all"}))
        raise OSError

    monkeypatch.setattr(subprocess, name, begin)
    return given


def test_wherever_a_process_is_begun_its_surroundings_are_named() -> None:
    found, wrong = 0, []
    for file in source_files():
        for node in ast.walk(file.tree):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            module = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
            if node.func.attr in BEGINNERS and module in MODULES:
                found += 1
                if all(one.arg != "env" for one in node.keywords):
                    wrong.append(f"{file.path}:{node.lineno}")
    assert found == 4 and wrong == [], "where a process is begun in another way, this has to be looked at anew"


def test_pip_and_sysctl_are_not_given_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    given = given_to(monkeypatch, "run")
    with pytest.raises((OSError, Unavailable)):
        pypi._download("a==1", tmp_path)
    hardware._asked_of_sysctl()
    assert len(given) > 1 and not any(VARIABLE in one for one in given)
    assert all(one["HOME"] == "/home/somebody" for one in given)


@pytest.mark.parametrize("is_in_vault", [True, False])
def test_of_the_jobs_of_a_server_only_one_whose_run_is_a_vault_is_given_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_in_vault: bool
) -> None:
    store = Store(Database(tmp_path))
    name = new_name("ftjob")
    run = store.jobs.run_path(name)
    run.mkdir(parents=True)
    store.jobs.add(name, "talker", name, {"task": "chat"}, {})
    if is_in_vault:
        (run / "vault.json").write_text("{}")
    job = store.jobs.find(name)
    assert job is not None
    given = given_to(monkeypatch, "Popen")
    with pytest.raises(OSError):
        scheduler.Worker(store, job)
    assert [one.get(VARIABLE) for one in given] == ["correct horse" if is_in_vault else None]
