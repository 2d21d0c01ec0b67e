"""`report.html`: what it says, that nothing of the data can break out of it, and that it asks for nothing."""

from __future__ import annotations

import dataclasses
import re
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from sintonia.records import Advice, Verdict
from sintonia.report import write_card, write_report
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe
from tests.unit.report.fixture import RUNGS, STOP, write_run

OUTCOMES = ("better", "worse", "equivalent", "inconclusive", "invalid")
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src="https://evil.example/x.png" onerror="alert(1)">',
    "</style></svg></td>",
    "{{ 7 * 7 }} {% raw %}",
    "nul \x00 bell \x07 lone \ud800".encode("utf-8", "replace").decode(),
    "\u202eright to left",
    "x" * 5000,
    "&amp; already &lt;escaped&gt;",
    "$\\frac{1}{2}$ --> <!--",
    "`code` ]]>",
)


def tree(page: str) -> ElementTree.Element:
    """The page, parsed strictly: one tag that is not closed is an error."""
    return ElementTree.fromstring(page)


def text_of(page: str) -> str:
    """What a person reads, without the style sheet."""
    return " ".join(" ".join(tree(page).find("body").itertext()).split()).replace("\u00a0", " ")


@pytest.fixture(scope="module")
def better(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_report(write_run(tmp_path_factory.mktemp("runs") / "better")).read_text(encoding="utf-8")


def test_the_parts_come_in_order(better: str) -> None:
    parts = [part.get("id") for part in tree(better).iter("section")]
    assert parts == [
        "difference",
        "ladder",
        "next",
        "training",
        "mistakes",
        "findings",
        "data",
        "privacy",
        "cost",
        "trust",
        "use",
        "settings",
    ]
    targets = {link.get("href") for link in tree(better).find("body").iter("a")}
    assert targets <= {f"#{part}" for part in parts}


def test_the_verdict_is_the_first_heading(better: str) -> None:
    headings = [element for element in tree(better).iter() if element.tag in ("h1", "h2", "h3")]
    assert headings[0].tag == "h1" and headings[0].text.startswith("The tuned model answers 94.8% of 310")
    assert [element.tag for element in headings].count("h1") == 1
    levels = [int(element.tag[1]) for element in headings]
    assert all(after - before <= 1 for before, after in pairwise(levels))


@pytest.mark.parametrize(
    "shown",
    [
        "97 : 7",
        "+29.0 points",
        "+23.9 to +34.2",
        "p < 0.0001",
        "differences under 1.0 points",
        "the smallest difference this test could reliably see is 6.6 points against the base",
        "opened once",
        "0.0304",
        "2,185 rows read = 2,176 used + 9 set aside",
        "the same text has another label elsewhere",
        "smart_home.jsonl:41, 388, 412",
        "2 min 36 s",
        "1.14 GB",
        "step 245 of 392",
        "Label about 200 more examples",
        "How common each class is",
        "SentenceTransformer",
        "training.learning_rate",
        "method full, base hidden 384",
        "decide on one label for each of them and run again",
    ],
)
def test_it_says(better: str, shown: str) -> None:
    assert shown in text_of(better)


def test_every_rung_is_in_the_picture_and_in_words(better: str) -> None:
    picture = next(svg for svg in tree(better).iter("svg") if "each baseline" in svg.get("aria-label", ""))
    drawn = " ".join(picture.itertext())
    for rung in RUNGS:
        assert rung.name in drawn and rung.description in text_of(better)
    assert "zero-shot (the base)" in drawn and "tuned model" in drawn


def test_pictures_speak_and_tables_have_heads(better: str) -> None:
    root = tree(better)
    pictures = list(root.iter("svg"))
    assert len(pictures) == 4
    assert all(picture.get("role") == "img" and len(picture.get("aria-label")) > 40 for picture in pictures)
    for table in root.iter("table"):
        assert "".join(table.find("caption").itertext()).strip()
        assert all(head.get("scope") == "col" for head in table.find("thead").iter("th"))


def test_the_chosen_step_is_marked(better: str) -> None:
    curves = [svg for svg in tree(better).iter("svg") if "over training steps" in svg.get("aria-label")]
    assert len(curves) == 2
    assert all("chosen: step 245" in " ".join(svg.itertext()) for svg in curves)


def test_ten_most_wrong_come_by_loss(tmp_path: Path) -> None:
    texts = tuple(f"surprise number {number}" for number in range(12))
    shown = text_of(write_report(write_run(tmp_path / "run", texts=texts)).read_text(encoding="utf-8"))
    places = [shown.find(text + " ") for text in texts]
    assert places[:10] == sorted(places[:10]) and places[0] > 0
    assert places[10:] == [-1, -1]


def test_hostile_texts_stay_texts(tmp_path: Path) -> None:
    page = write_report(write_run(tmp_path / "run <b>&'x'", texts=HOSTILE)).read_text(encoding="utf-8")
    root = tree(page)
    assert not list(root.iter("script")) and not list(root.iter("img"))
    assert not [name for element in root.iter() for name in element.attrib if name.startswith("on")]
    shown = text_of(page)
    assert "<script>alert(1)</script>" in shown and "{{ 7 * 7 }} {% raw %}" in shown
    assert "&amp; already &lt;escaped&gt;" in shown
    assert "x" * 401 not in shown and "\x00" not in page and "nul \ufffd bell" in shown


@pytest.mark.parametrize("outcome", [*OUTCOMES, None])
def test_nothing_is_loaded_from_anywhere(tmp_path: Path, outcome: str | None) -> None:
    page = write_report(write_run(tmp_path / "run", outcome)).read_text(encoding="utf-8")
    for element in tree(page).iter():
        for name in ("src", "srcset", "action", "poster", "data", "background"):
            assert element.get(name) is None
        assert element.get("href", "#").startswith(("#", "data:,"))
    assert not re.search(r"https?:|//\w|@import|url\((?!#)", page)
    assert "default-src 'none'" in page


def test_same_run_same_bytes(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    first = write_report(run).read_bytes()
    assert write_report(RunFolder.open(run.path)).read_bytes() == first
    assert len(first) < 150_000


def test_ids_are_not_repeated(better: str) -> None:
    ids = [element.get("id") for element in tree(better).iter() if element.get("id")]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("outcome", "symbol", "word"),
    [
        ("better", "▲", "Better"),
        ("worse", "▼", "Worse"),
        ("equivalent", "=", "Equivalent"),
        ("inconclusive", "?", "Inconclusive"),
        ("invalid", "×", "Invalid"),
    ],
)
def test_each_outcome_has_a_word_and_a_symbol(tmp_path: Path, outcome: str, symbol: str, word: str) -> None:
    shown = text_of(write_report(write_run(tmp_path / "run", outcome)).read_text(encoding="utf-8"))
    assert f"{symbol} {word}" in shown
    assert ("about 2,460 test examples would be needed" in shown) == (outcome == "inconclusive")
    assert ("41 of 310 test texts are also in the training set" in shown) == (outcome == "invalid")
    assert ("Read the verdict first" in shown) == (outcome != "better")


@pytest.mark.parametrize(("worth", "told"), [("worse", "does better still"), ("equivalent", "does as well")])
def test_a_gain_that_a_simpler_baseline_gives_too_is_not_shown_as_one(tmp_path: Path, worth: str, told: str) -> None:
    run = write_run(tmp_path / "run")
    verdict = run.read("verdict.json", Verdict)
    assert verdict is not None and verdict.outcome == "better"
    whole = text_of(write_report(run).read_text(encoding="utf-8"))
    weighed = dataclasses.replace(verdict.worth_tuning, outcome=worth)
    run.write("verdict.json", dataclasses.replace(verdict, worth_tuning=weighed))
    page = write_report(run).read_text(encoding="utf-8")
    assert f"△ Better than the base; a simpler baseline {told}" in " ".join(text_of(page).split())
    assert "△" not in whole and 'class="verdict better outdone"' in page


def test_an_accepted_stop_is_said_beside_the_verdict(tmp_path: Path) -> None:
    page = write_report(write_run(tmp_path / "run", stop=True)).read_text(encoding="utf-8")
    verdict = text_of(page).split("The difference")[0]
    assert "accepted by hand: D106" in verdict
    shown = text_of(page)
    assert "■ Stop" in shown and STOP.message in shown and "230, 231, 777 and 2 more" in shown
    assert shown.index("■ Stop") < shown.index("▲ Warnings") < shown.index("● Notes")


def test_without_a_verdict_it_says_so(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", None)
    page = write_report(run).read_text(encoding="utf-8")
    shown = text_of(page)
    assert "No verdict yet" in shown and f"sintonia resume {run.path}" in shown
    assert "validation" in shown and 'id="difference"' not in page and 'id="mistakes"' not in page


def test_a_run_that_has_only_begun(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", Recipe(data=DataSettings(path="a.csv")))
    shown = text_of(write_report(run).read_text(encoding="utf-8"))
    assert "The data have not been prepared yet" in shown


@pytest.mark.parametrize(
    "missing",
    [
        "resolved.yaml",
        "prepared.json",
        "base.json",
        "turns/001/turn.json",
        "turns/001/evaluations.jsonl",
        "turns/001/scorecards/test-tuned.json",
        "turns/001/scorecards/test-probe.json",
        "turns/001/predictions/test.jsonl",
        "data/set_aside.jsonl",
        "findings.jsonl",
        "resources.json",
        "model/modules.json",
        "recipe.yaml",
    ],
)
def test_missing_parts_are_left_out(tmp_path: Path, missing: str) -> None:
    run = write_run(tmp_path / "run")
    run.file(missing).unlink()
    assert "▲ Better" in text_of(write_report(run).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "damaged",
    [
        "resources.json",
        "resolved.yaml",
        "findings.jsonl",
        "prepared.json",
        "turns/001/turn.json",
        "turns/001/predictions/test.jsonl",
    ],
)
def test_damaged_parts_are_named(tmp_path: Path, damaged: str) -> None:
    run = write_run(tmp_path / "run")
    if damaged == "resolved.yaml":
        run.file("turns/001/turn.json").unlink()
    run.file(damaged).write_text('{"schema": 1}\n{]\n')
    shown = text_of(write_report(run).read_text(encoding="utf-8"))
    assert "Could not be read, and therefore not shown" in shown and "▲ Better" in shown


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    path = write_report(write_run(tmp_path / "run"))
    assert path.name == "report.html" and path.stat().st_mode & 0o077 == 0
    assert "share it as you would share the data" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(("metric", "is_lower"), [("log_loss", True), ("brier", True), ("accuracy", False)])
def test_a_score_that_is_better_lower_says_so(tmp_path: Path, metric: str, is_lower: bool) -> None:
    run = write_run(tmp_path / "run")
    verdict = run.read("verdict.json", Verdict)
    assert verdict is not None
    run.write("verdict.json", dataclasses.replace(verdict, primary=dataclasses.replace(verdict.primary, metric=metric)))
    shown = text_of(write_report(run).read_text(encoding="utf-8"))
    difference = shown[shown.index("Difference of") : shown.index("Fixed : broken")]
    assert ("lower is better" in difference) == is_lower
    assert ("lower is better" in write_card(run).read_text(encoding="utf-8")) == is_lower


@pytest.mark.parametrize("is_change", [True, False])
def test_apply_is_offered_where_the_first_advice_is_a_change(tmp_path: Path, is_change: bool) -> None:
    run = write_run(tmp_path / "run")
    verdict = run.read("verdict.json", Verdict)
    assert verdict is not None
    action = "training.epochs: 1 -> 3" if is_change else "scale the training by 0.6"
    advice = Advice(action=action, reason="so", expected="more", cost="little")
    run.write("verdict.json", dataclasses.replace(verdict, advice=(advice,)))
    assert ("carries out the first" in text_of(write_report(run).read_text(encoding="utf-8"))) == is_change
