"""`docs/python.md`: its blocks are one session, which is run here with a tiny base; and what it shows in a notebook."""

from __future__ import annotations

import csv
import json
import os
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

import sintonia
from sintonia.errors import UsageError
from sintonia.python import Findings, Model
from tests.architecture.source_tree import ROOT
from tests.tiny import make_rows

PAGE = ROOT / "docs/python.md"


@pytest.fixture(scope="module")
def session(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The names that are there after the page was run from its first to its last line, in a folder of its own."""
    folder, before = tmp_path_factory.mktemp("page"), Path.cwd()
    with (folder / "orders.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, ["text", "label"])
        writer.writeheader()
        writer.writerows({name: row[name] for name in ("text", "label")} for row in make_rows(400))
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(blocks) > 5
    names: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SINTONIA_HOME", str(folder / "home"))
        os.chdir(folder)
        try:
            for block in blocks:
                code = block.replace('"minilm"', repr(f"file:{tiny_base}"))
                exec(compile(code, str(PAGE), "exec"), names)
        finally:
            os.chdir(before)
    return names


def test_the_page_runs_and_ends_in_a_verdict(session: dict[str, Any]) -> None:
    run = session["run"]
    assert session["verdict"] == run.verdict()
    assert session["verdict"].outcome in ("better", "worse", "equivalent", "inconclusive", "invalid")
    assert run.recipe().training.epochs == 2
    assert (len(run.turns()), run.prepared().rows_in) == (1, 400)
    assert run.base().reference.startswith("file:")
    assert run.cost().seconds > 0
    assert {path.name for path in (session["page"], session["card"])} == {"report.html", "card.md"}


def test_a_run_shows_its_curves_and_its_verdict(session: dict[str, Any]) -> None:
    shown = session["run"]._repr_html_()
    tree = ElementTree.fromstring(shown)
    assert len(tree.findall(".//svg")) == 2
    assert "<script" not in shown
    assert "http" not in shown.replace("http://www.w3.org", "")
    primary = session["verdict"].primary
    assert f"{100 * primary.tuned.value:.1f}%" in "".join(tree.itertext())


def test_findings_of_a_run_show_themselves(session: dict[str, Any]) -> None:
    found = session["run"].findings()
    assert isinstance(found, Findings)
    ElementTree.fromstring(found._repr_html_())
    assert "nothing was found" in Findings()._repr_html_()


def test_a_model_says_what_it_can_be_asked(session: dict[str, Any]) -> None:
    model = sintonia.load(session["run"])
    assert isinstance(model, Model)
    assert model.task == "classify"
    answers = model.predict(["play music", "play music"])
    assert answers[0] == answers[1]
    assert set(answers[0]["probabilities"]) == set(session["run"].prepared().labels)
    with pytest.raises(UsageError, match="no model for `chat`"):
        model.chat("hello")
    with pytest.raises(UsageError, match="one text instead of several"):
        model.predict("play music")


def test_settings_are_checked_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="epoch"):
        sintonia.tune(tmp_path / "no.csv", tmp_path / "run", training={"epoch": 2})
    with pytest.raises(UsageError, match="beside a whole recipe"):
        sintonia.check(sintonia.make_recipe({"data": {"path": "a.csv"}}), seed=3)
    with pytest.raises(UsageError, match="two runs"):
        sintonia.compare(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_settings_is_gone_on_top_of(tmp_path: Path) -> None:
    from sintonia.python.asking import recipe_of

    file = tmp_path / "recipe.yaml"
    file.write_text("task: classify\nseed: 3\ntraining: {epochs: 5, dropout: 0.2}\ndata: {test: test.csv}\n")
    recipe = recipe_of("a.csv", {"recipe": file, "seed": 4, "training": {"epochs": 1}})
    assert (recipe.seed, recipe.training.epochs, recipe.training.dropout) == (4, 1, 0.2)
    assert (recipe.data.path, recipe.data.test) == ("a.csv", "test.csv")


def test_the_card_of_a_finished_run_is_written_again_byte_for_byte(session: dict[str, Any]) -> None:
    second = session["second"]
    card = second.path / "card.md"
    before = card.read_bytes()
    second.write_report()
    assert card.read_bytes() == before


def test_a_run_from_python_is_in_the_audit_log(session: dict[str, Any]) -> None:
    from sintonia.audit import Anchor, Head, verify

    run, home = session["run"], session["run"].path.parents[1] / "home"
    kept = run.folder.read("audit.json", Anchor)
    assert kept and kept.lines
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SINTONIA_HOME", str(home))
        assert verify([("run", Head(lines=kept.lines, sha256=kept.sha256))]).is_whole


def test_what_the_table_of_the_page_promises_is_there(
    session: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each on the finished run, for real; those that begin a new run are begun, and not trained."""
    run: sintonia.Run = session["run"]
    monkeypatch.setenv("SINTONIA_HOME", str(run.path.parents[1] / "home"))
    fresh = tmp_path / "fresh.jsonl"
    fresh.write_text("".join(f"{json.dumps(row)}\n" for row in make_rows(120, seed=7)), encoding="utf-8")
    assert run.evaluate_on(fresh).verdict.test_openings == 1
    assert (run.write_scaled_model(0.5, tmp_path / "half") / "model.safetensors").is_file()
    assert sintonia.load(tmp_path / "half").predict(["play music"])[0]["prediction"]
    assert run.measure_curve().points
    added = run.add_rows([fresh], tmp_path / "added")
    assert added.recipe().data.added
    assert added.verdict() is None
    assert "No verdict yet" in added._repr_html_()
    exported = run.export("sentence-transformers", tmp_path / "exported")
    assert exported.folder.is_dir()
    run.pause()
    assert sintonia.Run.open(run.path).verdict() == run.verdict()


def test_each_method_of_a_run_and_each_name_on_the_page_exists() -> None:
    text = PAGE.read_text(encoding="utf-8")
    told = set(re.findall(r"\brun\.(\w+)\(|\bmodel\.(\w+)\(", text))
    names = {one or other for one, other in told}
    assert names <= {*dir(sintonia.Run), *dir(Model)}
    readers = {"path", "folder", "open", "start", "prepared", "base", "turns", "cost", "recipe", "model"}
    methods = {name for name in vars(sintonia.Run) if not name.startswith("_")} - readers
    assert {name for name in methods if f".{name}(" not in text} == set()
    dotted = set(re.findall(r"\bsintonia\.(\w+)\b", text)) - {"pipeline", "choose", "privacy", "audit"}
    assert dotted <= set(sintonia.__all__)
