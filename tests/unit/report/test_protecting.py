"""The privacy of a run in words: each line says what was done, or that it was not."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from sintonia.records import Finding, Interval
from sintonia.records.privacy.memorisation import Memorisation
from sintonia.records.privacy.spent import Composed, Guarantee, Spent
from sintonia.report import mark_expired, write_card, write_report
from sintonia.report.contents import read_contents
from sintonia.report.privacy.protecting import DUTIES, protection_rows
from sintonia.report.privacy.remembering import memory_in_words
from sintonia.runs import ENDED, EXPIRED, Expired
from sintonia.settings import PrivacySettings
from tests.unit.report.fixture import write_run
from tests.unit.report.test_page import text_of

SPENT = Spent(
    training="a", epsilon=7.9, planned_epsilon=8.0, budget=8.0, delta=1e-5, unit="row", num_units=1000, num_rows=1000,
    rate=0.05, noise=1.1, clip_norm=1.0, steps=200, planned_steps=200, accountant="prv",
)  # fmt: skip
TOGETHER = Composed(epsilon=9.5, num_private=2, num_other_unit=0, num_plain=0)


def test_what_was_not_done_is_said(tmp_path: Path) -> None:
    told = dict(protection_rows(read_contents(write_run(tmp_path / "run"))))
    assert list(told) == ["Found", "Replaced", "Spent", "Remembered", "On the disk", "Kept", "Shown"]
    for name, words in {
        "Found": "was recognised",
        "Replaced": "Nothing",
        "Spent": "nothing bounds",
        "Remembered": "Not measured yet",
        "On the disk": "In clear",
        "Kept": "removed by hand",
        "Shown": "quote examples",
    }.items():
        assert words in told[name]


def test_what_was_done_is_said_with_its_numbers(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    found = [
        Finding(code="D126", severity="warning", count=3, message="3 rows of 100 hold personal data", hint="x"),
        Finding(code="D149", severity="note", count=9, message="in 9 rows personal data were replaced", hint="x"),
    ]
    guarantee = Guarantee(spent=SPENT, composed=TOGETHER, sentence="", assumptions=())
    memory = Memorisation(
        turn=1, num_members=500, num_held_out=500, auc=Interval(value=0.71, low=0.68, high=0.74), is_valid=True
    )
    contents = read_contents(run)
    assert contents.recipe is not None
    privacy = PrivacySettings(vault=True, keep_days=30, redact=True)
    recipe = replace(contents.recipe, privacy=privacy)
    done = replace(contents, findings=tuple(found), guarantee=guarantee, memorisation=memory, recipe=recipe)
    told = dict(protection_rows(done))
    for name, words in {
        "Found": "3 rows of 100 hold personal data",
        "Replaced": "In 9 rows personal data were replaced",
        "Spent": "Epsilon 7.9 of 8 for each row (the smaller, the less the model can tell of it), at delta 1e-05 (the "
        "small chance left aside, in which that may not hold); 9.5 for all",
        "Remembered": "71% of pairs",
        "On the disk": "encrypted",
        "Kept": "30 days after its end",
        "Shown": "No word of the texts",
    }.items():
        assert words in told[name]


def test_how_long_data_are_kept_is_said_with_the_day_and_afterwards_that_they_are_gone(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    recipe = re.sub(r"keep_days: \S+", "keep_days: 30", run.file("recipe.yaml").read_text())
    run.file("recipe.yaml").write_text(recipe)
    run.write(ENDED, {"time": "2026-03-01T12:00:00Z"})
    kept = "30 days after its end on, which is 2026-03-31 unless it is worked on again"
    assert kept in " ".join(text_of(write_report(run).read_text(encoding="utf-8")).split())
    before = write_card(run).read_text(encoding="utf-8")
    assert kept in before
    gone = Expired(time="2026-04-02T00:00:00Z", ended="2026-03-01T12:00:00Z", keep_days=30)
    for _ in range(2):  # a removal that was broken off is ended by the next call
        mark_expired(run, gone)
    after = run.file("card.md").read_text(encoding="utf-8")
    assert "removed on 2026-04-02 (`privacy.keep_days=30`)" in after and kept not in after
    assert after.count("- Kept: ") == 1 and len(after.splitlines()) == len(before.splitlines())
    run.write(EXPIRED, gone)
    assert write_card(run).read_text(encoding="utf-8") == after, "the line of a card that is written again is the same"


def test_a_card_without_the_line_gets_it_and_no_card_is_made(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    gone = Expired(time="2026-04-02T00:00:00Z", ended="2026-03-01T12:00:00Z", keep_days=30)
    mark_expired(run, gone)
    assert not run.file("card.md").exists()
    run.file("card.md").write_text("# old\n")
    mark_expired(run, gone)
    assert run.file("card.md").read_text().startswith("# old\n\n## Privacy\n\n- Kept: No more")


def test_what_words_alone_tell_is_said_without_abbreviations(tmp_path: Path) -> None:
    memory = Memorisation(
        turn=1, num_members=500, num_held_out=500, auc=Interval(value=0.7, low=0.6, high=0.8), is_valid=False,
        told_apart=0.714, told_apart_limit=0.58,
    )  # fmt: skip
    told = memory_in_words(memory)
    assert "71% of pairs" in told and "58%" in told and "AUC" not in told


@pytest.mark.parametrize(("epsilon", "share", "is_loose"), [(1.0, "73.1%", False), (8.0, "99.966%", True)])
def test_a_budget_is_told_as_what_a_guess_can_reach(tmp_path: Path, epsilon: float, share: str, is_loose: bool) -> None:
    run = write_run(tmp_path / "run")
    guarantee = Guarantee(spent=replace(SPENT, epsilon=epsilon), composed=TOGETHER, sentence="told", assumptions=())
    run.write("turns/001/privacy.json", guarantee)
    page = " ".join(text_of(write_report(run).read_text(encoding="utf-8")).split())
    assert "delta is the small chance left aside" in page and "The accountant adds up" in page
    assert f"is right in at most {share} of cases" in page and ("promises little" in page) == is_loose


@pytest.mark.parametrize("outcome", ["better", None])
def test_page_and_card_tell_it(tmp_path: Path, outcome: str | None) -> None:
    run = write_run(tmp_path / "run", outcome)
    page, card = text_of(write_report(run).read_text(encoding="utf-8")), write_card(run).read_text(encoding="utf-8")
    assert "What was done for the people in the data" in page and "What remains your own duty" in page
    assert all(one.split("`")[0][:40] in " ".join(page.split()) for one in DUTIES)
    assert "## Privacy" in card and "\n\n## Training" in card
