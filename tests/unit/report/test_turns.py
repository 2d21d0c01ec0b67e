"""The tree of the turns: who came from whom, why, what it gave, and how much the best of several flatters itself."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from sintonia.records import Advice, Change, Example, Finding, Place, Prepared, Resources, Scorecard, Turn, Verdict
from sintonia.report import read_turn_tree, write_report
from sintonia.report.turns import Answered, turn_tree
from sintonia.runs import RunFolder
from sintonia.settings import Recipe
from tests.unit.report.fixture import write_run

COUNT = 400
IDS = tuple(f"{k:04d}" for k in range(COUNT))


def turn(run: RunFolder, number: int, parent: int | None, value: float, *codes: str) -> Turn:
    """A turn like the first of the run, with other facts."""
    first = run.read("turns/001/turn.json", Turn)
    assert first is not None
    return dataclasses.replace(
        first,
        number=number,
        parent=parent,
        validation_metric=value,
        primary_metric="accuracy",
        purpose="because of `T202`",
        findings=tuple(Finding(code=code, severity="note", message="m", hint="") for code in codes),
        resources=Resources(basis="measured", seconds=10.0 * number, peak_memory_bytes=1),
    )


def answered(num_right: int, ids: tuple[str, ...] = IDS) -> Answered:
    predictions = tuple("a" if k < num_right else "b" for k in range(len(ids)))
    card = Scorecard(
        subject="tuned", split="validation", scores=(), ids=ids, targets=("a",) * len(ids), predictions=predictions
    )
    return Answered(card=card, groups=ids)


def change(recipe: Recipe, before: str, after: str) -> Change:
    return Change(
        recipe=recipe,
        setting="training.learning_rate",
        before=before,
        after=after,
        reason="r",
        expected="e",
        cost="c",
        finding="T202",
    )


def test_each_turn_stands_below_the_one_it_came_from(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    turns = [turn(run, 1, None, 0.5), turn(run, 2, 1, 0.6), turn(run, 3, 2, 0.55), turn(run, 4, 1, 0.7)]
    tree = turn_tree(turns, {2: change(run.recipe(), "1e-07", "5e-05")}, {}, judged=4)
    assert [(one.number, one.depth) for one in tree.nodes] == [(1, 0), (2, 1), (3, 2), (4, 1)]
    assert [one.is_judged for one in tree.nodes] == [False, False, False, True]
    assert tree.nodes[1].change == "training.learning_rate: 1e-07 -> 5e-05"
    assert tree.nodes[0].gave == "" and tree.flattery == "", "nothing is known of the answers"


def test_what_a_turn_gave_is_paired_with_its_standard_error(tmp_path: Path) -> None:
    """40 of 400 answers are mended and none is broken: ten points, with an error of 1.5."""
    run = write_run(tmp_path / "run")
    turns = [turn(run, 1, None, 0.5, "T202"), turn(run, 2, 1, 0.6)]
    tree = turn_tree(turns, {}, {1: answered(200), 2: answered(240)})
    second = tree.nodes[1]
    assert second.difference is not None and second.error is not None
    assert np.isclose(second.difference, 0.1) and np.isclose(second.error, np.sqrt(0.1 * 0.9 / COUNT), rtol=0.1)
    assert second.gave.startswith("+10.0 points (standard error 1.")
    assert tree.nodes[0].findings == ("T202",)


def test_other_examples_are_not_compared(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    other = answered(240, tuple(f"x{k}" for k in range(COUNT)))
    tree = turn_tree([turn(run, 1, None, 0.5), turn(run, 2, 1, 0.6)], {}, {1: answered(200), 2: other})
    assert tree.nodes[1].difference is None and tree.flattery == ""


def test_the_best_of_several_says_how_much_it_flatters_itself(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    turns = [turn(run, 1, None, 0.5), turn(run, 2, 1, 0.55), turn(run, 3, 1, 0.52)]
    tree = turn_tree(turns, {}, {1: answered(200), 2: answered(220), 3: answered(208)})
    assert tree.flattery.startswith("The best of 3 turns on validation looks too good there, by about 0.6 points")
    same = turn_tree(turns, {}, {1: answered(200), 2: answered(200), 3: answered(200)})
    assert same.flattery == "", "equal answers flatter nobody"


def with_second_turn(run: RunFolder) -> None:
    """The run as adjusting leaves it: a change, a second turn, and the validation answers of both."""
    prepared = run.read("prepared.json", Prepared)
    assert prepared is not None
    part = prepared.parts[0]
    place = Place(file="rows.jsonl", line=1)
    for one in IDS:
        run.append(part.validation.path, Example(id=one, input="x", target="a", group=one, place=place), sync=False)
    first = dataclasses.replace(turn(run, 1, None, 0.5, "T202"), part=part.name)
    run.write("turns/001/turn.json", first)
    run.write("turns/002/turn.json", dataclasses.replace(turn(run, 2, 1, 0.6), part=part.name))
    run.write("turns/002/change.json", change(run.recipe(), "1e-07", "5e-05"))
    for number, right in ((1, 200), (2, 240)):
        run.write(f"turns/{number:03d}/scorecards/validation.json", answered(right).card)


def test_the_tree_is_read_from_the_run_folder_alone_and_shown_on_the_page(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    alone = write_report(run).read_text(encoding="utf-8")
    assert "Turns of adjusting" not in alone, "one turn is no tree"
    with_second_turn(run)
    tree = read_turn_tree(run)
    assert [one.gave[:12] for one in tree.nodes] == ["", "+10.0 points"]
    page = write_report(run).read_text(encoding="utf-8")
    assert "Turns of adjusting" in page and "training.learning_rate: 1e-07 -&gt; 5e-05" in page
    assert "+10.0 points (standard error" in page and "The best of 2 turns" in page and 'href="#turns"' in page


def test_a_damaged_scorecard_is_named_and_the_page_still_written(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    with_second_turn(run)
    run.file("turns/002/scorecards/validation.json").write_text("{")
    page = write_report(run).read_text(encoding="utf-8")
    assert "Turns of adjusting" not in page and "validation.json" in page


def test_changes_are_numbered_as_pick_takes_them_and_what_the_data_need_is_not(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    verdict = run.read("verdict.json", Verdict)
    assert verdict is not None
    said = [
        Advice(action=one, reason="r", expected="e", cost="c") for one in ("review labels", "a: 1 -> 2", "b: 3 -> 4")
    ]
    run.write("verdict.json", dataclasses.replace(verdict, advice=tuple(said)))
    page = write_report(run).read_text(encoding="utf-8")
    assert ">review labels</h3>" in page and ">1. a: 1 -&gt; 2</h3>" in page and ">2. b: 3 -&gt; 4</h3>" in page
    assert "adjust RUN --apply" in page
    run.write("verdict.json", dataclasses.replace(verdict, advice=tuple(said[:1])))
    assert "adjust RUN --apply" not in write_report(run).read_text(encoding="utf-8"), "there is no change to apply"
