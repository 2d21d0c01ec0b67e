"""What lies behind the verdict, on the page: what is said, what is folded away, what is hidden."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from sintonia.records import (
    Calibration,
    ClassScore,
    Confusion,
    Details,
    ErrorCase,
    ErrorCount,
    Finding,
    Interval,
    Neighbour,
    Prepared,
    ReliabilityBin,
    Slice,
    Verdict,
)
from sintonia.report import write_card, write_report
from sintonia.report.inspection import inspection_values, num_quoted
from sintonia.runs import RunFolder
from sintonia.settings import PrivacySettings
from tests.unit.report.fixture import write_run

HOSTILE = '</div><script>alert("x")</script> {{ 7 * 7 }} \x00'


def interval(value: float, half: float = 0.05) -> Interval:
    return Interval(value=value, low=value - half, high=value + half)


def slice_of(column: str, value: str, difference: float, *, is_found: bool = True) -> Slice:
    return Slice(
        column=column,
        value=value,
        num_examples=40,
        metric="accuracy",
        base=0.6,
        tuned=0.6 + difference,
        difference=interval(difference, 0.03),
        p_value=0.001,
        adjusted_p=0.004,
        is_found=is_found,
    )


def score_of(label: str, value: float) -> ClassScore:
    share = interval(value)
    return ClassScore(label=label, num_examples=20, precision=share, recall=share, f1=share, base_recall=0.5)


def case(number: int, kind: str = "broken", text: str = "dim the lamp") -> ErrorCase:
    near = Neighbour(id=f"t{number}", input=f"near {text}", target="dim", similarity=0.83)
    return ErrorCase(
        id=f"x{number}",
        kind=kind,  # type: ignore[arg-type]
        input=text,
        target="dim",
        base="dim",
        tuned="off",
        confidence=0.97,
        neighbours=(near,),
    )


CALIBRATION = Calibration(
    temperature=1.43,
    num_validation=236,
    num_examples=310,
    error=0.068,
    floor=0.041,
    is_miscalibrated=True,
    nll=0.31,
    brier=0.148,
    raw_error=0.121,
    bins=(
        ReliabilityBin(low=0.4, high=0.47, num_examples=10, confidence=0.45, accuracy=interval(0.3)),
        ReliabilityBin(low=0.93, high=1.0, num_examples=300, confidence=0.97, accuracy=interval(0.9)),
    ),
)
DETAILS = Details(
    classes=tuple(score_of(f"class {k}", 0.95 - 0.03 * k) for k in range(20)),
    confusions=(Confusion(target="class 3", prediction="class 4", count=2),),
    calibration=CALIBRATION,
    slices=(
        slice_of("length", "up to 20 characters", 0.1),
        slice_of("length", "over 20 characters", 0.02, is_found=False),
        slice_of("source", "web", 0.2),
        slice_of("source", "phone", -0.19),
    ),
    errors=(case(1), case(2, "fixed", "open the door"), case(3, "both wrong", "play jazz")),
    error_counts=(ErrorCount(kind="broken", count=74),),
)


def page(folder: Path, details: Details | None, *, parts: int = 1) -> str:
    run: RunFolder = write_run(folder / "run")
    prepared = run.read("prepared.json", Prepared)
    assert prepared is not None
    run.write("prepared.json", replace(prepared, parts=prepared.parts * parts))
    if details is not None:
        run.write("turns/001/details.json", details)
    return write_report(run).read_text(encoding="utf-8")


def text_of(html: str) -> str:
    body = ElementTree.fromstring(html).find("body")
    assert body is not None
    return " ".join(" ".join(body.itertext()).split())


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> str:
    return page(tmp_path_factory.mktemp("runs"), DETAILS)


def test_every_part_is_there_and_asks_for_nothing(full: str) -> None:
    parts = [part.get("id") for part in ElementTree.fromstring(full).iter("section")]
    place = parts.index("classes")
    assert parts[place : place + 5] == ["classes", "slices", "certainty", "errors", "findings"]
    assert "<script" not in full
    assert 'href="#certainty"' in full


def test_the_numbers_are_said_in_words(full: str) -> None:
    said = text_of(full)
    assert "worse on 1 and better on 2; on 1 the difference may be chance" in said
    assert "95.3% sure of its answers, and 88.1% of them are right" in said
    assert "6.8 points apart. Chance alone explains up to 4.1 points with 310 test examples" in said
    assert "divided by 1.43" in said
    assert "12.1 points instead of 6.8" in said
    assert "Broken: 74" in said
    assert "the tuned model is wrong; 1 shown)" in said
    assert "it quotes 6 examples of the test and of the training data" in said
    assert "near dim the lamp → dim (0.83)" in said
    assert "“ class 3 ” taken for “ class 4 ”: twice of 20" in said


def test_the_worst_classes_come_first_and_the_others_are_folded(full: str) -> None:
    said = text_of(full)
    places = [said.index(one) for one in ("class 19 20", "class 18 20", "The other 8 classes", "class 7 20")]
    assert places == sorted(places)


def test_without_details_the_page_is_as_before(tmp_path: Path) -> None:
    plain = page(tmp_path, None)
    assert 'id="classes"' not in plain
    assert 'id="certainty"' not in plain
    assert "Labels it confuses most often" in text_of(plain)


def test_a_calibrated_model_is_said_to_be_one(tmp_path: Path) -> None:
    fine = replace(CALIBRATION, is_miscalibrated=False, error=0.03, temperature=None, num_validation=60, raw_error=None)
    said = text_of(page(tmp_path, Details(calibration=fine)))
    assert "no gap beyond chance was found with 310 test examples , which does not prove that there is none" in said
    assert "8 in 10" not in said and "nothing speaks" not in said, "not shown is not proven"
    assert "takes 100 validation examples, and there were 60" in said
    for parts, why in ((1, "and it had none"), (10, "a model that was trained on all rows has none left")):
        none_left = Details(calibration=replace(fine, num_validation=0))
        assert why in text_of(page(tmp_path / str(parts), none_left, parts=parts))
    several = text_of(page(tmp_path / "several", Details(calibration=replace(fine, num_validation=None)), parts=10))
    assert "the answers of several models, each corrected only where it had 100 validation examples" in several
    assert "None" not in several and "takes 100 validation examples" not in several


@pytest.mark.parametrize(
    ("metric", "told"),
    [
        ("accuracy", "in points"),
        ("log_loss", "in nats of log loss: less is better"),
        ("brier", "in Brier score: less is better"),
        ("bits_per_byte", "in bits per byte: less is better"),
    ],
)
def test_slices_are_captioned_in_the_unit_of_their_metric(metric: str, told: str) -> None:
    rows = tuple(replace(one, metric=metric) for one in DETAILS.slices)
    values = inspection_values(Details(slices=rows), is_redacted=False, is_chat=False)
    assert values["slices_told"].casefold() == told.casefold()
    mixed = (replace(slice_of("class", "a", 0.1), metric="accuracy"), *rows)
    both = inspection_values(Details(slices=mixed), is_redacted=False, is_chat=False)["slices_told"]
    assert "in points" in both and ("(by class)" in both) == (metric != "accuracy")


def test_with_redaction_no_value_of_a_column_is_shown(tmp_path: Path) -> None:
    finding = Finding(
        code="E313", severity="warning", message="worse on 1 of 4 kinds: source phone (-19.0 points)", hint="look"
    )
    for is_redacted in (True, False):
        run = write_run(tmp_path / str(is_redacted))
        run.write("turns/001/details.json", DETAILS)
        run.append("findings.jsonl", finding, sync=False)
        verdict = run.read("verdict.json", Verdict)
        assert verdict is not None
        run.write("verdict.json", replace(verdict, causes=(finding,)))
        recipe = replace(run.recipe(), privacy=PrivacySettings(redact=is_redacted))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(RunFolder, "recipe", lambda _, recipe=recipe: recipe)
            said, card = text_of(write_report(run).read_text()), write_card(run).read_text()
        assert ("source phone" in said, "source phone" in card, "by column source" in said) == (not is_redacted,) * 3
        assert "over 20 characters" in said and "Of 4 parts" in said
        assert ("2 parts by columns of the data are counted and not shown" in said) == is_redacted


def test_texts_of_the_data_stay_texts(tmp_path: Path) -> None:
    hostile = Details(
        classes=(score_of(HOSTILE, 0.5),),
        confusions=(Confusion(target=HOSTILE, prediction=HOSTILE, count=1),),
        slices=(slice_of(HOSTILE, HOSTILE, -0.1),),
        errors=(case(1, text=HOSTILE),),
    )
    html = page(tmp_path, hostile)
    assert "<script" not in html
    assert "{{ 7 * 7 }}" in text_of(html)


def test_hidden_texts_are_not_shown() -> None:
    values = inspection_values(DETAILS, is_redacted=True, is_chat=False)
    shown = repr(values["errors"])
    assert "lamp" not in shown
    assert "hidden: example x1" in shown
    assert "hidden: example t1" in shown
    assert inspection_values(DETAILS, is_redacted=True, is_chat=True)["errors"] == ()


def test_many_values_that_show_nothing_are_folded() -> None:
    many = tuple(slice_of("class", f"v{k}", -0.2 if k == 7 else 0.1, is_found=k < 10) for k in range(20))
    values = inspection_values(Details(slices=many), is_redacted=False, is_chat=False)
    assert [row.slice.value for _, rows in values["slices"] for row in rows] == ["v7"]
    assert sum(len(rows) for _, rows in values["more_slices"]) == 19


def test_quoted_examples_are_counted_once() -> None:
    twice = replace(DETAILS, errors=(case(1), case(1, "fixed")))
    assert num_quoted(inspection_values(twice, is_redacted=False, is_chat=False)) == 2
