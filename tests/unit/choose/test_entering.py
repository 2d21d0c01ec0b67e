"""Who may be ranked: what is on this machine and of the right kind, the embedded base, and what was named."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sintonia.choose import choose, contenders, refuse_away, refused_by_licence, usual_base
from sintonia.choose.base import is_here
from sintonia.choose.ranking import entering
from sintonia.errors import Unavailable, UsageError
from sintonia.files import home_folder
from sintonia.models.catalog import Entry, default_base, find_entry
from sintonia.models.sources.manifest import files_of
from sintonia.models.sources.pins import remember
from sintonia.settings import DataSettings, Recipe

OWN = """
[near]
reference = "file:{folder}"
kind = "encoder"
tasks = ["classify"]
num_parameters = 7
licence = "MIT"
commercial = "yes"

[far]
reference = "file:/nowhere/at/all"
kind = "encoder"
tasks = ["classify"]

[writer]
reference = "file:{folder}"
kind = "language"
tasks = ["chat"]

[forbidden]
reference = "hf:acme/private"
kind = "encoder"
tasks = ["classify"]
licence = "CC-BY-NC-4.0"
commercial = "no"
"""


@pytest.fixture
def own(tiny_base: Path) -> Path:
    """A person's own catalog in a home where nothing was ever fetched."""
    home = home_folder()
    home.mkdir(parents=True, exist_ok=True)
    (home / "catalog.toml").write_text(OWN.format(folder=tiny_base))
    return home


def test_what_is_here_and_the_embedded_base_are_ranked(own: Path) -> None:
    found = contenders("classify")
    assert found.names == ("near", default_base("classify")), "the smaller one first"
    assert contenders("classify", is_fetching=False).names == ("near",), "the embedded one was never fetched"
    assert found.num_elsewhere > 5 and "far" not in found.names
    assert set(contenders("chat").names) == {"writer", default_base("chat")}


def test_what_is_named_joins_them_once(own: Path, tiny_base: Path) -> None:
    before = contenders("classify")
    named = contenders("classify", [f"file:{tiny_base}", "near", "far", "far", "hf:acme/other"])
    assert named.names == (*before.names, "far", "hf:acme/other")
    assert named.num_elsewhere == before.num_elsewhere - 1
    with pytest.raises(UsageError, match="unknown base"):
        contenders("classify", ["no such base"])


def test_one_of_the_hub_counts_once_it_was_fetched(own: Path, tiny_base: Path) -> None:
    commit = "c" * 40
    assert not is_here(find_entry("hf:acme/private"))
    shutil.copytree(tiny_base, own / "models" / "hf-acme--private" / commit)
    assert is_here(find_entry(f"hf:acme/private@{commit}"))
    assert not is_here(find_entry(f"hf:acme/private@{'d' * 40}"))
    assert "forbidden" not in contenders("classify").names, "no commit was pinned"
    remember("hf:acme/private", commit, files_of(tiny_base))
    assert "forbidden" in contenders("classify").names


def test_a_licence_that_is_not_known_to_allow_it_does_not(own: Path) -> None:
    assert refused_by_licence("forbidden", "") == ""
    assert "CC-BY-NC-4.0" in refused_by_licence("forbidden", "commercial")
    assert refused_by_licence("near", "commercial") == ""
    assert "nothing says" in refused_by_licence("far", "commercial")


def test_files_tell_where_the_catalog_does_not(tiny_base: Path, tiny_language_model: Path, monkeypatch) -> None:
    known = {
        "reads": Entry(reference=f"file:{tiny_base}"),
        "writes": Entry(reference=f"file:{tiny_language_model}"),
        "broken": Entry(reference=f"file:{tiny_base.parent}"),
    }
    monkeypatch.setattr(entering, "catalog", lambda: known)
    monkeypatch.setattr(entering, "find_entry", known.__getitem__)
    monkeypatch.setattr(entering, "default_base", lambda _: "none")
    assert contenders("classify").names == ("reads",)
    assert contenders("chat").names == ("writes",)


def test_offline_auto_is_what_is_here_where_the_default_is_not(own: Path, monkeypatch) -> None:
    assert usual_base("classify") == default_base("classify"), "it can be fetched"
    refuse_away("auto", "classify")
    monkeypatch.setenv("SINTONIA_OFFLINE", "1")
    assert (usual_base("classify"), usual_base("chat")) == ("near", "writer")
    auto = Recipe(data=DataSettings(path="x"))
    base = choose(auto, "classify")
    assert base.reference == find_entry("near").reference
    assert any(default_base("classify") in why and "not on this machine" in why for why in base.why) and base.origin
    for task in ("auto", "classify", "chat"):
        refuse_away("auto", task)


def test_offline_auto_is_refused_where_nothing_of_the_kind_is_here(own: Path, tiny_base: Path, monkeypatch) -> None:
    monkeypatch.setenv("SINTONIA_OFFLINE", "1")
    (own / "catalog.toml").write_text(f'[plain]\nreference = "file:{tiny_base}"\n')
    refuse_away("auto", "classify")  # its files tell that it is an encoder
    assert usual_base("classify") == "plain" and usual_base("chat") == default_base("chat")
    with pytest.raises(Unavailable, match="not on this machine"):
        refuse_away("auto", "chat")
