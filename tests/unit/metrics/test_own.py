"""A person's own metric: what a file may say, how its mistakes are told, and that nothing of it outlives the run."""

from __future__ import annotations

import json
import math
import signal
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from sintonia.errors import UsageError
from sintonia.metrics import METRICS, adding, asked_for, facts, from_facts
from sintonia.metrics.own import EXAMPLE
from sintonia.records import Scorecard

PRIVATE = "the private words of a row"


def file_of(folder: Path, text: str) -> str:
    path = folder / "own.py"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_what_it_prints_does_not_reach_standard_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = "def score(target, prediction):"
    noisy = "print('begun')\n" + EXAMPLE.replace(asked, f"{asked}\n    print('asked')", 1)
    (metric,) = asked_for(None, file_of(tmp_path, noisy))
    metric.function(["a"], ["a"])
    out, err = capsys.readouterr()
    assert out == "" and "begun" in err and "asked" in err


def test_the_example_works_and_adds_up(tmp_path: Path) -> None:
    (metric,) = asked_for(None, file_of(tmp_path, EXAMPLE))
    targets, texts = ["uno due", "tre", "x y", ""], ["uno tre", "tre", "y x", ""]
    assert metric.name == "first_word" and metric.title == "first word" and metric.usual_margin == 0.01
    assert metric.function(targets, texts) == pytest.approx(0.75, abs=1e-12)
    counts = metric.counts(targets, texts).toarray()
    assert float(metric.from_counts(counts[[0, 2, 2]].sum(axis=0)[None])[0]) == pytest.approx(1 / 3, abs=1e-12)
    card = Scorecard(
        subject="s", split="test", scores=(), ids=("1",), targets=("a",), predictions=("a",), num_bytes=(1,)
    )
    assert metric.answers(card) == ("a",) and metric.answers(replace(card, num_bytes=())) == ("a",)
    assert metric.answers(replace(card, predictions=())) == ()


@pytest.mark.parametrize(
    ("bounds", "margin", "is_relative", "unit"),
    [
        ("(0, 10)", 0.1, False, "plain"),
        ("(0.0, float('inf'))", 0.02, True, "plain"),
        ("(0, 10)\nMARGIN = 2", 2.0, False, "plain"),
        ("[0, 1]", 0.01, False, "points"),
    ],
)
def test_the_margin_follows_the_range(tmp_path: Path, bounds: str, margin: float, is_relative: bool, unit: str) -> None:
    text = EXAMPLE.replace("(0.0, 1.0)", bounds) + "TITLE = 'my words'\n"
    (metric,) = asked_for(None, file_of(tmp_path, text))
    assert (metric.usual_margin, metric.is_margin_relative, metric.unit) == (pytest.approx(margin), is_relative, unit)
    assert metric.title == "my words"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("NAME = ", "NAMES = ", "own.py:1: the metric's file lacks `NAME`"),
        ("BLIND_TO = ", "BLIND = ", "lacks `BLIND_TO`"),
        (
            "def score(target, prediction)",
            "def metric(targets, predictions)",
            "own.py:6: the metric's file lacks",
        ),
        ("def score(target, prediction)", "def metric(targets, predictions)", "no test can tell from one number"),
        ('"first_word"', '"chrf"', "own.py:1: there is a metric `chrf` already"),
        ('"first_word"', '"format_validity"', "there is a metric `format_validity` already"),
        ('"first_word"', '"First Word"', "own.py:1: NAME is no name"),
        ('"first_word"', "7", "own.py:1: NAME is no name"),
        ('"Everything after the first word of an answer."', '" "', "own.py:2: BLIND_TO says nothing"),
        ("True", '"yes"', "own.py:3: HIGHER_IS_BETTER is neither"),
        ("(0.0, 1.0)", "(1.0, 0.0)", "own.py:4: RANGE is no range"),
        ("(0.0, 1.0)", "5", "own.py:4: RANGE is no range"),
        ("(0.0, 1.0)", "(0.0, float('nan'))", "own.py:4: RANGE is no range"),
        ("(0.0, 1.0)", "(0.0, 1.0); MARGIN = 3", "own.py:4: MARGIN is no difference"),
        ("(target, prediction)", "(target)", "own.py:6: `score` cannot be asked"),
        ("def score(target, prediction):", "score = 3\ndef other():", "own.py:6: `score` cannot be asked"),
        ("RANGE = ", "RANGE = = ", "own.py:4: this is no Python"),
        ("RANGE = (0.0, 1.0)", "RANGE = (0.0, 1 / 0)", "own.py:4: the metric's own code raised ZeroDivisionError"),
        ("RANGE = ", "import no_such_module_here\nRANGE = ", "own.py:4: the metric's own code raised ModuleNotFound"),
        ("RANGE = ", "raise SystemExit(0)\nRANGE = ", "own.py:4: the metric's own code raised SystemExit"),
    ],
)
def test_a_wrong_file_is_told_with_its_line(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in EXAMPLE
    with pytest.raises(UsageError) as caught:
        asked_for(None, file_of(tmp_path, EXAMPLE.replace(old, new, 1)))
    assert told in str(caught.value)


def test_all_that_is_missing_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="`NAME`, `BLIND_TO`, `HIGHER_IS_BETTER`, `RANGE`, `score`"):
        asked_for(None, file_of(tmp_path, ""))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"absent\.py` cannot be read"):
        asked_for(None, str(tmp_path / "absent.py"))


@pytest.mark.parametrize(
    ("result", "told"),
    [
        ("'high'", "own.py:6: `score` gave str"),
        ("None", "own.py:6: `score` gave NoneType"),
        ("float('nan')", "own.py:6: `score` gave nan"),
        ("2.0", "own.py:6: `score` gave 2 (expected a number in RANGE, 0 to 1)"),
        ("int(target)", "own.py:7: the metric's own code raised ValueError"),
        ("{}[target]", "own.py:7: the metric's own code raised KeyError"),
        ("score(target, prediction)", "own.py:7: the metric's own code raised RecursionError"),
    ],
)
def test_a_wrong_score_is_told_with_its_line_and_without_the_row(tmp_path: Path, result: str, told: str) -> None:
    text = EXAMPLE.replace("float(target.split()[:1] == prediction.split()[:1])", result)
    (metric,) = asked_for(None, file_of(tmp_path, text))
    with pytest.raises(UsageError) as caught:
        metric.function([PRIVATE], ["x"])
    assert told in str(caught.value) and PRIVATE not in str(caught.value)


def test_a_score_cannot_change_its_mind(tmp_path: Path) -> None:
    text = EXAMPLE.replace("float(target.split()[:1] == prediction.split()[:1])", "random.random()")
    (metric,) = asked_for(None, file_of(tmp_path, "import random\n" + text))
    assert metric.function(["a", "b"], ["a", "b"]) == metric.function(["a", "b"], ["a", "b"])


def test_the_folder_of_the_file_stays_as_it_was(tmp_path: Path) -> None:
    asked_for(None, file_of(tmp_path, EXAMPLE))
    assert [path.name for path in tmp_path.iterdir()] == ["own.py"]


def test_what_a_run_adds_is_gone_after_it_and_unseen_by_another(tmp_path: Path) -> None:
    before, seen = list(METRICS), []
    added = asked_for("json", file_of(tmp_path, EXAMPLE))
    with adding(*added):
        assert [*METRICS] == [*before, "format_validity", "first_word"] and len(METRICS) == len(before) + 2
        assert METRICS["first_word"] is added[1] and "first_word" in METRICS
        other = threading.Thread(target=lambda: seen.append("first_word" in METRICS))
        other.start()
        other.join()
        with adding():
            assert "first_word" not in METRICS
        assert "first_word" in METRICS
    with pytest.raises(RuntimeError), adding(*added):
        raise RuntimeError
    assert seen == [False] and list(METRICS) == before
    with pytest.raises(KeyError):
        METRICS["first_word"]


def test_a_metric_never_takes_the_place_of_another() -> None:
    chrf = METRICS["chrf"]
    for metrics in ((chrf,), (replace(chrf, name="twice"), replace(chrf, name="twice"))):
        with pytest.raises(ValueError, match="name of another"), adding(*metrics):
            pass
    assert METRICS["chrf"] is chrf


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_facts_survive_without_the_code(metric: object) -> None:
    known = METRICS[metric.name]  # type: ignore[attr-defined]
    told = json.loads(json.dumps(facts(known), allow_nan=False))
    again = from_facts(told)
    assert facts(again) == facts(known) and again.range == known.range
    assert again.goodness(1.0) == known.goodness(1.0) and again.margin("auto", 2.0) == known.margin("auto", 2.0)
    with pytest.raises(UsageError, match="needs the file"):
        again.function(["a"], ["a"])
    assert math.isinf(from_facts(facts(METRICS["log_loss"])).range[1])


ENDLESS = {
    "a loop": "    while True:\n        pass",
    "a loop that keeps what it meets": "    while True:\n        try:\n            sum(range(9))\n"
    "        except Exception:\n            pass",
    "a pattern": "    import re\n    return float(bool(re.match('(a+)+$', 'a' * 60 + 'b')))",
}


@pytest.mark.parametrize("body", list(ENDLESS.values()), ids=list(ENDLESS))
def test_a_score_without_end_is_stopped_and_its_file_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    monkeypatch.setattr("sintonia.metrics.own.MOST_SECONDS", 0.3)
    text = EXAMPLE.replace("    return float(target.split()[:1] == prediction.split()[:1])", body)
    assert text != EXAMPLE
    (metric,) = asked_for(None, path := file_of(tmp_path, text))
    with pytest.raises(UsageError) as refused:
        metric.function([PRIVATE], ["a"])
    assert "0.3 seconds" in refused.value.what and refused.value.where.startswith(f"{path}:")
    assert int(refused.value.where.rpartition(":")[2]) > 6 and PRIVATE not in str(refused.value)


def test_a_file_without_end_is_stopped_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sintonia.metrics.own.MOST_SECONDS", 0.3)
    with pytest.raises(UsageError, match="was not done after"):
        asked_for(None, file_of(tmp_path, EXAMPLE + "while True:\n    pass\n"))


def test_outside_the_main_thread_a_score_without_end_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sintonia.metrics.own.MOST_SECONDS", 0.3)
    text = EXAMPLE.replace("    return", "    import time\n    time.sleep(5)\n    return")
    (metric,) = asked_for(None, file_of(tmp_path, text))
    told: list[str] = []

    def ask() -> None:
        with pytest.raises(UsageError) as refused:
            metric.function(["a"], ["a"])
        told.append(str(refused.value))

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join(timeout=4)
    assert len(told) == 1 and "own.py" in told[0] and "0.3 seconds" in told[0]
    quick = asked_for(None, file_of(tmp_path, EXAMPLE))[0]
    thread = threading.Thread(target=lambda: told.append(str(quick.function(["a b"], ["a c"]))))
    thread.start()
    thread.join(timeout=4)
    assert told[1:] == ["1.0"]


def test_an_alarm_of_somebody_else_goes_on_after_a_score(tmp_path: Path) -> None:
    (metric,) = asked_for(None, file_of(tmp_path, EXAMPLE))
    before = signal.getsignal(signal.SIGALRM)
    kept = signal.setitimer(signal.ITIMER_REAL, 100.0)
    try:
        assert metric.function(["a b"], ["a c"]) == 1.0
        assert 90.0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 100.0
        assert signal.getsignal(signal.SIGALRM) is before
    finally:
        signal.setitimer(signal.ITIMER_REAL, *kept)
