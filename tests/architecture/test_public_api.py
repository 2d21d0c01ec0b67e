"""The public API is small, written down here, and bears no name of a module."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

import pytest

import sintonia
from tests.architecture.source_tree import PACKAGE

SNAPSHOT = [
    "Finding",
    "Progress",
    "Recipe",
    "Run",
    "SintoniaError",
    "Verdict",
    "check",
    "compare",
    "load",
    "load_recipe",
    "make_recipe",
    "rank_bases",
    "tune",
    "weigh_base",
]


def test_the_public_api_is_the_one_written_down() -> None:
    assert sorted(sintonia.__all__) == SNAPSHOT
    assert len(SNAPSHOT) <= 14


def test_no_public_name_is_the_name_of_a_module() -> None:
    """Of none that `sintonia.NAME` could mean as well: importing it would hide the function."""
    modules = {path.stem for path in PACKAGE.iterdir()}
    assert set(SNAPSHOT) & modules == set()
    places = {getattr(sintonia, name).__module__.rpartition(".")[2] for name in SNAPSHOT}
    assert set(SNAPSHOT) & places == set(), "nor of the module that it is defined in"


@pytest.mark.parametrize("name", SNAPSHOT)
def test_each_public_name_works_and_is_documented(name: str) -> None:
    public = getattr(sintonia, name)
    assert not isinstance(public, ModuleType)
    assert public.__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="sintonia"):
        sintonia.improv  # noqa: B018


def test_the_doors_to_silence_are_set_before_anything_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DO_NOT_TRACK", "HF_HUB_DISABLE_TELEMETRY", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TRANSFORMERS_VERBOSITY", "info")
    monkeypatch.delitem(sys.modules, "sintonia")
    importlib.import_module("sintonia")
    import os

    assert os.environ["DO_NOT_TRACK"] == os.environ["HF_HUB_DISABLE_TELEMETRY"] == os.environ["HF_HUB_OFFLINE"] == "1"
    assert os.environ["TRANSFORMERS_VERBOSITY"] == "info", "a value set by the user wins"
