"""The page and the card of a chat run: units, directions, the examples that changed, and what redaction hides."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from xml.etree import ElementTree

import pytest

from sintonia.files import read_lines
from sintonia.records import Verdict
from sintonia.report import direction, write_card, write_report
from sintonia.report.contents import Answer, Weighed, read_contents
from sintonia.report.figures import Gap, difference_figure, ladder_figure
from sintonia.report.summaries import ladder, most_changed, worst_pairs
from sintonia.runs import RunFolder
from tests.unit.report.chat_fixture import COUNT, write_chat_run
from tests.unit.report.test_page import text_of


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return write_chat_run(tmp_path_factory.mktemp("runs") / "chat")


@pytest.fixture(scope="module")
def page(run: RunFolder) -> str:
    return write_report(run).read_text(encoding="utf-8")


def test_the_numbers_are_bits_and_never_percents_of_them(run: RunFolder, page: str) -> None:
    verdict = run.read("verdict.json", Verdict)
    assert verdict is not None and verdict.outcome == "better"
    shown, primary = text_of(page), verdict.primary
    assert f"{primary.base.value:.3f}" in shown and f"{primary.tuned.value:.3f}" in shown
    assert f"\u2212{abs(primary.difference.value):.3f}" in shown
    assert f"differences under {0.02 * primary.base.value:.3f} bits per byte" in shown
    assert f"reliably see is {primary.minimum_detectable_effect:.3f} bits per byte" in shown
    assert f"{100 * primary.tuned.value:.1f}%" not in shown and "nan" not in shown and "inf " not in shown
    exact = verdict.secondary[0]
    assert f"exact match {100 * exact.base.value:.1f}% {100 * exact.tuned.value:.1f}%" in shown


@pytest.mark.parametrize(
    "said",
    [
        "lower is better",
        "0 when it was sure of every letter",
        "gained: only the tuned model would write the answer letter by letter",
        "lost: only the base would",
        "nobody asked it to write",
        "4,884,480 weights were trained (3.6% of the number that the base has), method lora",
        "lora.rank",
        "chat.learn",
        "AutoPeftModelForCausalLM",
        "Bits per byte (lower is better)",
        "This page quotes 10 test examples and their answers",
    ],
)
def test_it_says(page: str, said: str) -> None:
    assert said in text_of(page)


@pytest.mark.parametrize("unsaid", ["sintonia predict", "labels", "fixed: the base was wrong", "points of bits"])
def test_it_does_not_say(page: str, unsaid: str) -> None:
    assert unsaid not in text_of(page)


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("bits_per_byte", "gained: only the tuned model would write the answer letter by letter"),
        ("normalised_match", "gained: only what the tuned model wrote is right by normalised match"),
        ("token_f1", "gained: only what the tuned model wrote is the target, but for case, spaces and marks"),
    ],
)
def test_what_is_counted_is_said_as_it_was_counted(tmp_path: Path, metric: str, said: str) -> None:
    run = write_chat_run(tmp_path / "run")
    verdict = run.read("verdict.json", Verdict)
    assert verdict is not None
    run.write("verdict.json", dataclasses.replace(verdict, primary=dataclasses.replace(verdict.primary, metric=metric)))
    whole = text_of(write_report(run).read_text(encoding="utf-8"))
    shown = whole[whole.index("The difference ") : whole.index("Was the tuning worth it?")]
    is_in_bits = metric == "bits_per_byte"
    assert said in shown and ("letter by letter" in shown) == ("A language model reads" in shown) == is_in_bits
    difference = shown[shown.index("Difference of") : shown.index("gained : lost")]
    assert ("lower is better" in difference) == is_in_bits
    card = write_card(run).read_text(encoding="utf-8")
    assert ("exact answers gained" in card) == is_in_bits and ("written answers gained" in card) != is_in_bits


def test_sides_and_order_follow_the_direction(run: RunFolder, page: str) -> None:
    assert "bits per byte: tuned better" in page and "other better" in page.split("bits per byte: tuned better")[1]
    names = [bar.name for bar in ladder(read_contents(run))]
    assert names == ["tuned model", "few-shot", "zero-shot", "token frequencies"]
    assert direction("bits_per_byte") == "lower is better" and direction("macro_f1") == "higher is better"


def test_pictures_of_bits_have_room_for_the_longest_bar(run: RunFolder) -> None:
    bars = ladder(read_contents(run))
    drawing = ElementTree.fromstring(ladder_figure(bars, "bits_per_byte"))
    ticks = [text.text or "" for text in drawing.iter("text")]
    assert not any(one.endswith("%") for one in ticks)
    assert {"0", "1", "2"} <= set(ticks), "the scale reaches over the longest bar"
    gap = Gap(name="against the base", difference=bars[0].interval)  # type: ignore[arg-type]
    assert "bits per byte" in difference_figure([gap], 0.02, "bits_per_byte")


def weighed(bits: float, exact: bool = False) -> Weighed:
    return Weighed(nats=bits * 10 * 0.6931471805599453, bytes=10, exact=exact)


def test_the_most_changed_come_first_on_both_sides() -> None:
    pairs = {"a": (1.0, 0.2), "b": (1.0, 0.9), "c": (1.0, 1.4), "d": (1.0, 1.0), "e": (0.5, 2.0)}
    answers = [
        Answer(id=name, input=name, target=name, base=weighed(before), tuned=weighed(after))
        for name, (before, after) in pairs.items()
    ]
    improved, worsened = most_changed(answers)
    assert [one.answer.id for one in improved] == ["a", "b"] and [one.answer.id for one in worsened] == ["e", "c"]
    assert (improved[0].before, improved[0].after) == pytest.approx((1.0, 0.2))
    assert [one.answer.id for one in most_changed(answers, most=1)[1]] == ["e"]


def test_the_page_shows_the_extremes_of_the_file(run: RunFolder, page: str) -> None:
    rows = read_lines(run.file("turns/001/predictions/test.jsonl"))
    change = {row["target"]: (row["tuned"]["nats"] - row["base"]["nats"]) / row["base"]["bytes"] for row in rows}
    assert len(change) == COUNT
    assert min(change, key=lambda one: change[one]) in page and max(change, key=lambda one: change[one]) in page


def test_redaction_hides_prompts_and_answers(tmp_path: Path) -> None:
    run = write_chat_run(tmp_path / "run", is_redacted=True)
    texts = [write(run).read_text(encoding="utf-8") for write in (write_report, write_card)]
    assert all("secret_" not in text and "Which SQL" not in text for text in texts)
    assert "(hidden: example" in texts[0] and "Most improved" in texts[0] and "This page quotes" not in texts[0]


def test_the_card_has_the_unit_and_no_example(run: RunFolder) -> None:
    text = write_card(run).read_text(encoding="utf-8")
    assert "pipeline_tag: text-generation" in text and "library_name: peft" in text
    assert "| bits per byte on the sealed test |" in text and "lower is better" in text
    assert "exact answers gained" in text and "labels" not in text and "secret_" not in text


def test_a_run_that_got_worse_says_so(tmp_path: Path) -> None:
    shown = text_of(write_report(write_chat_run(tmp_path / "run", -0.5)).read_text(encoding="utf-8"))
    assert "▼ Worse" in shown and "far less likely" in shown and "keep the base" in shown


def test_there_are_no_confused_labels(run: RunFolder) -> None:
    assert worst_pairs(read_contents(run)) == ()
