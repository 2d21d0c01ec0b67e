"""A run gone on with more rows: the same test, its second opening, and what the rows bought, to the number."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import yaml

from sintonia.cli import adding
from sintonia.cli.main import main
from sintonia.corridor.doors import add_rows
from sintonia.corridor.doors.pairing import read_finished
from sintonia.corridor.growing.bought import _other_settings
from sintonia.errors import DataError, UsageError
from sintonia.files import read_json, to_json
from sintonia.pipeline import Progress, finished_turns, improve, start
from sintonia.records import Bought, Combination, Continues, Prepared, Scorecard, Turn, Verdict
from sintonia.runs import RunFolder
from sintonia.settings import AdjustingSettings, DataSettings, Recipe, TrainingSettings
from sintonia.statistics import level_of_opening
from tests.tiny import make_rows, write_rows

QUICK = TrainingSettings(epochs=1.0, learning_rate=1e-3, evaluations=1)


class Halted(Exception):
    """As if the process had been killed."""


def until_training(progress: Progress) -> None:
    if progress.stage == "train":
        raise Halted


def recipe_for(data: Path, base: Path, **settings) -> Recipe:
    return Recipe(data=DataSettings(path=str(data)), base=f"file:{base}", training=QUICK, **settings)


def bytes_of_sets(run: RunFolder) -> dict[str, bytes]:
    return {name: run.file(f"data/{name}.jsonl").read_bytes() for name in ("validation", "sealed_test")}


@dataclasses.dataclass
class Pair:
    """A finished run, and the one that goes on from it."""

    folder: Path
    before: RunFolder
    after: RunFolder
    verdict: Verdict
    file: Path
    told: str


@pytest.fixture(scope="module")
def pair(tmp_path_factory, tiny_base: Path) -> Pair:
    """400 rows; then 60 new ones with 5 that repeat, killed before the training and resumed at the shell."""
    folder = tmp_path_factory.mktemp("adding")
    rows = make_rows(470, noise=0.1)
    data = write_rows(folder / "rows.jsonl", rows[:400])
    file = write_rows(folder / "more.jsonl", [*rows[400:460], *rows[:5]])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SINTONIA_HOME", str(folder / "home"))
        before = start(recipe_for(data, tiny_base), folder / "run")
        improve(before)
        after = add_rows(before, [file])
        with pytest.raises(Halted):
            improve(after, until_training)
        said: list[str] = []
        patch.setattr("sintonia.cli.bought.say", lambda text="", **_: said.append(text))
        assert main(["resume", str(after.path)]) == 0
    verdict = after.read("verdict.json", Verdict)
    assert verdict is not None
    return Pair(folder, before, after, verdict, file, "\n".join(said))


def test_it_lies_beside_the_run_and_says_what_it_continues(pair: Pair) -> None:
    assert pair.after.path == pair.before.path.with_name("run-added")
    assert pair.after.read("continues.json", Continues) == Continues(run="../run", files=(str(pair.file),))
    assert pair.after.recipe().data.added == (str(pair.file),)
    assert not list(pair.folder.glob(".*-unfinished"))


def test_validation_and_test_are_the_same_bytes_and_the_opening_is_the_second(pair: Pair) -> None:
    assert bytes_of_sets(pair.after) == bytes_of_sets(pair.before)
    assert pair.verdict.test_openings == 2
    assert pair.verdict.level == level_of_opening(2) < level_of_opening(1)
    first = pair.before.read("verdict.json", Verdict)
    assert first is not None and first.test_openings == 1


def test_what_was_bought_is_what_the_two_scorecards_say(pair: Pair) -> None:
    bought = pair.after.read("bought.json", Bought)
    cards = [one.read("turns/001/scorecards/test-tuned.json", Scorecard) for one in (pair.before, pair.after)]
    sets = [one.read("prepared.json", Prepared) for one in (pair.before, pair.after)]
    assert bought is not None and cards[0] and cards[1] and sets[0] and sets[1]
    hits = [[target == answer for target, answer in zip(card.targets, card.predictions, strict=True)] for card in cards]
    shares = [sum(one) / len(one) for one in hits]
    found = bought.comparison
    assert (found.base.value, found.tuned.value) == pytest.approx(shares)
    assert found.difference.value == pytest.approx(shares[1] - shares[0])
    assert found.difference.low <= found.difference.value <= found.difference.high
    assert found.fixed == sum(new and not old for old, new in zip(*hits, strict=True))
    assert found.broken == sum(old and not new for old, new in zip(*hits, strict=True))
    counts = [one.parts[0].train.count for one in sets]
    assert (bought.rows_before, bought.rows_used) == (counts[0], counts[1] - counts[0])
    assert bought.per_hundred_rows.value == pytest.approx(100 * found.difference.value / bought.rows_used)
    (file,) = bought.files
    assert file.rows_in == 65 == file.rows_used + sum(file.set_aside.values()) and file.rows_used == bought.rows_used
    assert sum(one.rows for one in bought.labels) == bought.rows_used
    assert sum(one.answers for one in bought.labels) == len(cards[0].ids)
    assert [sum(one.right_before for one in bought.labels), sum(one.right_after for one in bought.labels)] == [
        sum(one) for one in hits
    ]
    assert bought.level == level_of_opening(2) and bought.also_changed == ()


def test_it_is_told_at_the_shell_and_in_the_report(pair: Pair) -> None:
    bought = pair.after.read("bought.json", Bought)
    assert bought is not None
    assert bought.sentence in pair.told and "more.jsonl" in pair.told
    page = pair.after.file("report.html").read_text()
    assert "What the added rows bought" in page and "more.jsonl" in page
    assert "What the added rows bought" not in pair.before.file("report.html").read_text()


def test_the_continued_run_is_left_as_it_was(pair: Pair) -> None:
    assert not pair.before.file("bought.json").exists()
    assert pair.before.recipe().data.added == ()


def test_a_change_that_won_is_gone_on_with(pair: Pair, tmp_path: Path) -> None:
    copied = RunFolder.open(shutil.copytree(pair.before.path, tmp_path / "run"))
    (turn,) = finished_turns(copied)
    training = dataclasses.replace(turn.recipe.training, learning_rate=5e-4)
    copied.write(
        "turns/001/turn.json", dataclasses.replace(turn, recipe=dataclasses.replace(turn.recipe, training=training))
    )
    assert copied.read("turns/001/turn.json", Turn) != turn
    recipe = add_rows(copied, [pair.file]).recipe()
    assert recipe.training.learning_rate == 5e-4
    assert recipe.evaluation.primary_metric == pair.verdict.primary.metric


def test_a_search_is_not_made_again_and_that_is_told(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copied = RunFolder.open(shutil.copytree(pair.before.path, tmp_path / "run"))
    (turn,) = finished_turns(copied)
    adjusting = AdjustingSettings(turns=3, search=10)
    recipe = dataclasses.replace(turn.recipe, adjusting=adjusting)
    copied.write("turns/001/turn.json", dataclasses.replace(turn, recipe=recipe))
    body = yaml.safe_load(copied.file("recipe.yaml").read_text())
    body["adjusting"] = to_json(adjusting)
    copied.file("recipe.yaml").write_text(yaml.safe_dump(body))
    begun: list[RunFolder] = []
    monkeypatch.setattr(adding, "carry_out", lambda run, **_: begun.append(run) or 0)
    for run in (copied, pair.before):
        out = tmp_path / f"out-{len(begun)}"
        assert main(["adjust", str(run.path), "--add", str(pair.file), "--out", str(out)]) == 0
        assert ("not made again" in capsys.readouterr().err) == (run is copied)
    assert begun[0].recipe().adjusting == AdjustingSettings(turns=3, search=0)


def test_a_combined_model_is_named_beside_what_the_rows_bought(pair: Pair) -> None:
    before, after = read_finished(pair.before), read_finished(pair.after)
    assert _other_settings(before, after) == ()
    combined = [
        dataclasses.replace(one, turn=dataclasses.replace(one.turn, number=number, combined=mean))
        for one, number, mean in (
            (before, 3, Combination(kind="mean", turns=(1, 2))),
            (after, 4, Combination(kind="scaled", turns=(1,), scale=0.5)),
        )
    ]
    was, now = (f"the model {when} was combined without training (turn {n})" for when, n in (("before", 3), ("now", 4)))
    assert _other_settings(combined[0], after) == (was,)
    assert _other_settings(before, combined[1]) == (now,)
    assert _other_settings(combined[0], combined[1]) == (was, now)


def test_several_additions_accumulate(pair: Pair, tmp_path: Path) -> None:
    more = write_rows(tmp_path / "even-more.jsonl", make_rows(470, noise=0.1)[460:])
    again = add_rows(pair.after, [more])
    assert again.path.name == "run-added-2"
    assert again.recipe().data.added == (str(pair.file), str(more))
    assert again.read("continues.json", Continues) == Continues(run="../run-added", files=(str(more),))
    shutil.rmtree(again.path)


def test_a_file_that_has_grown_is_added_again_and_one_that_has_not_is_refused(pair: Pair) -> None:
    with pytest.raises(DataError, match="none of 65 added rows is new"):
        add_rows(pair.after, [pair.file])
    text = pair.file.read_text()
    try:
        write_rows(pair.file, [*map(json.loads, text.splitlines()), *make_rows(470, noise=0.1)[460:]])
        again = add_rows(pair.after, [pair.file])
        assert again.recipe().data.added == (str(pair.file),)
        shutil.rmtree(again.path)
    finally:
        pair.file.write_text(text)


def refusals(pair: Pair, tmp_path: Path) -> list[tuple[type[Exception], str, dict[str, object]]]:
    rows = make_rows(400, noise=0.1)
    known = write_rows(tmp_path / "known.jsonl", rows[:40])
    strange = write_rows(tmp_path / "strange.jsonl", [{**row, "label": f"{row['label']}z"} for row in make_rows(20, 9)])
    return [
        (UsageError, "there is no file", {"files": [tmp_path / "nowhere.jsonl"]}),
        (DataError, "none of 40 added rows is new", {"files": [known]}),
        (DataError, "D138", {"files": [strange]}),
        (UsageError, "exists already", {"files": [pair.file], "out": pair.before.path}),
        (UsageError, "lies in the run", {"files": [pair.file], "out": pair.before.path / "inner"}),
    ]


def test_what_cannot_be_added_is_refused_and_leaves_nothing(pair: Pair, tmp_path: Path) -> None:
    before = sorted(pair.folder.iterdir())
    for kind, message, asked in refusals(pair, tmp_path):
        with pytest.raises(kind, match=message) as refused:
            add_rows(pair.before, **asked)  # type: ignore[arg-type]
        assert refused.value.hint  # type: ignore[attr-defined]
        assert sorted(pair.folder.iterdir()) == before, message


def test_a_data_file_that_was_changed_since_is_refused(pair: Pair) -> None:
    data = pair.folder / "rows.jsonl"
    text = data.read_text()
    try:
        write_rows(data, [*map(json.loads, text.splitlines()), *make_rows(100, 77)])
        with pytest.raises(DataError, match="would not be what they were") as refused:
            add_rows(pair.before, [pair.file])
        assert "data.added" in refused.value.hint
        data.unlink()
        with pytest.raises(DataError, match="is gone"):
            add_rows(pair.before, [pair.file])
    finally:
        data.write_text(text)


def test_a_run_without_a_verdict_is_refused(pair: Pair, tmp_path: Path, tiny_base: Path) -> None:
    run = start(recipe_for(pair.folder / "rows.jsonl", tiny_base), tmp_path / "begun")
    with pytest.raises(UsageError, match="no verdict"):
        add_rows(run, [pair.file])


def test_the_command_begins_the_new_run_and_carries_it_out(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[tuple[RunFolder, dict[str, object]]] = []
    monkeypatch.setattr(adding, "carry_out", lambda run, **asked: seen.append((run, asked)) or 0)
    out = tmp_path / "out"
    assert main(["adjust", str(pair.before.path), "--add", str(pair.file), "--out", str(out), "--yes"]) == 0
    assert seen[0][0].path == out and seen[0][1]["says_yes"] is True
    assert read_json(out / "continues.json") is not None
    assert main(["adjust", str(pair.before.path), "--add", str(tmp_path / "no.jsonl")]) == 2
    assert main(["adjust", str(tmp_path / "no-run"), "--add", str(pair.file)]) == 2
    assert main(["adjust", str(pair.before.path), "--accept", "D138"]) == 2
    told = capsys.readouterr().err
    assert "there is no file" in told and "is not a run folder" in told and "--add FILE" in told


def test_ten_parts_are_gone_on_with_and_the_kept_model_learns_from_all_rows(tmp_path: Path, tiny_base: Path) -> None:
    rows = make_rows(100, noise=0.1)
    data, file = write_rows(tmp_path / "rows.jsonl", rows[:60]), write_rows(tmp_path / "more.jsonl", rows[60:])
    before = start(recipe_for(data, tiny_base), tmp_path / "run")
    improve(before)
    after = add_rows(before, [file])
    verdict = improve(after)
    bought, prepared = after.read("bought.json", Bought), after.read("prepared.json", Prepared)
    assert bought is not None and prepared is not None and len(prepared.parts) == 10
    assert verdict.test_openings == 2 and verdict.primary.examples == 60 == bought.comparison.examples
    used = prepared.added[0].rows_used
    assert bought.rows_used == used > 30 and bought.rows_before == 60
    assert f"all {60 + used} rows" in finished_turns(after)[-1].purpose
