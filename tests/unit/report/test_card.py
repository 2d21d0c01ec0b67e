"""`card.md`: says the verdict and the numbers, quotes no example and no path, survives hostile labels."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest
import yaml

from sintonia.audit import Anchor
from sintonia.records import Base, Resolved, Turn, Verdict
from sintonia.report import write_card, write_report
from sintonia.report.card import plain, told
from sintonia.runs import RunFolder
from tests.unit.report.fixture import write_run


def test_it_says_the_verdict_and_the_numbers(tmp_path: Path) -> None:
    text = write_card(write_run(tmp_path / "run")).read_text(encoding="utf-8")
    for shown in (
        "**▲ Better.**",
        "| difference | +29.0 points | +23.9 to +34.2 |",
        "97 mistakes of the base fixed",
        "opened once",
        "| probe | 94.2% | yes |",
        "does not see",
        "**D103** (warning)",
        "40 labels",
    ):
        assert shown in text


def test_the_head_is_yaml(tmp_path: Path) -> None:
    text = write_card(write_run(tmp_path / "run")).read_text(encoding="utf-8")
    head = yaml.safe_load(text.split("---\n")[1])
    assert head["license"] == "apache-2.0" and head["library_name"] == "sentence-transformers"


def test_it_gives_away_no_example_and_no_path(tmp_path: Path) -> None:
    text = write_card(write_run(tmp_path / "run", texts=("a secret text",))).read_text(encoding="utf-8")
    assert "secret" not in text and str(tmp_path) not in text


@pytest.mark.parametrize("outcome", ["worse", "equivalent", "inconclusive", "invalid", None])
def test_every_outcome_has_a_card(tmp_path: Path, outcome: str | None) -> None:
    text = write_card(write_run(tmp_path / "run", outcome, stop=outcome == "invalid")).read_text(encoding="utf-8")
    assert ("No verdict yet" in text) == (outcome is None)
    assert ("must not be relied on" in text) == (outcome == "invalid")
    assert ("D106" in text) == (outcome == "invalid")


def test_same_run_same_bytes(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    assert write_card(run).read_bytes() == write_card(run).read_bytes()


def test_the_word_of_the_verdict_is_said_once(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    verdict = run.read("verdict.json", Verdict)
    assert verdict is not None
    for opening, shown in (
        ("Better", "**▲ Better:** the tuned model"),
        ("Better, but only slightly", "**▲ Better, but only slightly:** the tuned model"),
        ("Surely", "**▲ Better.** Surely: the tuned model"),
    ):
        run.write("verdict.json", dataclasses.replace(verdict, sentence=f"{opening}: the tuned model"))
        assert shown in write_card(run).read_text(encoding="utf-8")


def test_code_in_our_own_sentences_stays_code_and_what_is_none_is_escaped() -> None:
    assert told("set `privacy.keep_days` *now*") == "set `privacy.keep_days` \\*now\\*"
    assert told("`a|b` and `<b>`") == "\\`a\\|b\\` and `<b>`", "a bar would end the cell of a table"
    assert told("one ` alone, <b>") == "one \\` alone, \\<b\\>"
    assert told("``<b>``") == "\\`\\`\\<b\\>\\`\\`"


def test_no_card_shows_escaped_backticks(tmp_path: Path) -> None:
    assert "\\`" not in write_card(write_run(tmp_path / "run")).read_text(encoding="utf-8")


def test_markdown_in_labels_is_escaped() -> None:
    assert plain("a|b\n# <img> [x](y) `c`") == "a\\|b \\# \\<img\\> \\[x\\](y) \\`c\\`"


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("training.text_pairs", "compared", "Each of the two texts is read by itself"),
        ("training.long_texts", "windows", "read in at most 8 windows"),
        ("training.long_texts", "head_tail", "the first quarter and the last three quarters"),
    ],
)
def test_it_says_where_another_program_would_read_otherwise(
    tmp_path: Path, setting: str, value: str, told: str
) -> None:
    run = write_run(tmp_path / "run")
    assert told not in write_card(run).read_text(encoding="utf-8")
    turn = run.read("turns/001/turn.json", Turn)
    assert turn is not None
    filled = (*turn.resolved, Resolved(setting=setting, value=value, origin="asked for"))
    run.write("turns/001/turn.json", dataclasses.replace(turn, resolved=filled))
    assert told in write_card(run).read_text(encoding="utf-8")


def _annex(text: str) -> dict[str, str]:
    """The fields of the last table of a card."""
    lines = text.partition("## For the documentation")[2].partition("## Audit")[0].splitlines()
    cells = [line.strip("|").split(" | ") for line in lines if line.startswith("| ")][1:]
    return {name.strip(): value.strip() for name, value in cells}


def test_the_annex_says_what_the_run_knows_and_leaves_open_what_the_person_knows(tmp_path: Path) -> None:
    fields = _annex(write_card(write_run(tmp_path / "run")).read_text(encoding="utf-8"))
    assert len(fields) >= 15
    assert all(fields.values())
    assert "22,713,216 in the base" in fields["Number of parameters"]
    assert "6 layers" in fields["Architecture"]
    assert fields["Licence of the base"] == "Apache-2.0"
    assert "rows read" in fields["Number of data points"]
    assert "Step 245 of 392" in fields["Training process and design choices"]
    assert fields["Energy"].startswith("unknown: ")
    for name in ("Licence of the tuned model", "Intended use, and systems it may be integrated into"):
        assert fields[name] == "**to be filled by the provider**"


def test_a_run_without_anything_has_a_card_whose_fields_say_so(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", None)
    for name in ("base.json", "prepared.json", "resources.json"):
        run.file(name).unlink()
    fields = _annex(write_card(run).read_text(encoding="utf-8"))
    assert all(fields.values())
    assert fields["Base model, pinned"].startswith("unknown: ")


def test_the_licence_of_the_data_is_what_the_recipe_says(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    assert "to be filled" in _annex(write_card(run).read_text(encoding="utf-8"))["Licence of the data"]
    recipe = yaml.safe_load(run.file("recipe.yaml").read_text(encoding="utf-8"))
    recipe["data"]["licence"] = "CC-BY-4.0 | ours"
    run.file("recipe.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    assert "CC-BY-4.0 \\| ours" in write_card(run).read_text(encoding="utf-8")


def test_a_copy_of_the_folder_elsewhere_gives_the_same_bytes(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    run.write("audit.json", Anchor(lines=12, sha256="ab" * 32))
    first = write_card(run).read_bytes()
    copy = RunFolder.open(shutil.copytree(run.path, tmp_path / "elsewhere" / "run"))
    copy.file("card.md").unlink()
    assert write_card(copy).read_bytes() == first
    assert f"event 12, sha256 `{'ab' * 32}`" in first.decode()


def test_lines_that_the_audit_log_lacks_are_told(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    run.write("audit.json", Anchor(missing=2))
    assert "2 lines of this run could not be written" in write_card(run).read_text(encoding="utf-8")
    assert "2 lines of this run could not be written" in write_report(run).read_text(encoding="utf-8")


def test_the_folder_of_a_base_is_told_by_its_name(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    base = run.read("base.json", Base)
    assert base
    run.write("base.json", dataclasses.replace(base, reference="file:/home/somebody/models/mine"))
    text = write_card(run).read_text(encoding="utf-8")
    assert "somebody" not in text
    assert "file:mine" in text
