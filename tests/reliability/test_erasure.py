"""G1: what is erased is nowhere any more, the retrained model is the one of a run that never had it, and a kill at any
step leaves an erasure that the same command ends."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sintonia.audit import entries
from sintonia.corridor.erasing import carrying_out, emptying
from sintonia.corridor.erasing.certificate import read_certificate
from sintonia.corridor.erasing.seeing import register_judged_on
from sintonia.errors import DataError, UsageError
from sintonia.files import from_json, read_lines, sha256_file
from sintonia.models.catalog import find_entry
from sintonia.models.sources import locate
from sintonia.pipeline import improve, plan_erasure, start
from sintonia.privacy.lineage import Register, key_of_text
from sintonia.records import Example
from sintonia.runs import RunFolder
from sintonia.sealed.ledger import count_opening, openings_of
from sintonia.settings import AdjustingSettings, DataSettings, Recipe, TrainingSettings
from tests.erasures import SUBJECT, files_with, planted_rows, prepared_run, tree, write_csv, write_jsonl

STEPS = ("planned", "rewritten", "beside", "emptied", "register", "certified", "within a run")


class Killed(BaseException):
    """The process ends here."""


def _recipe(data: Path, base: Path) -> Recipe:
    return Recipe(
        data=DataSettings(path=str(data), columns={"input": "text", "target": "label"}),
        task="classify",
        base=f"file:{base}",
        training=TrainingSettings(epochs=1),
        adjusting=AdjustingSettings(turns=1),
    )


def _asked(data: Path, **more: object) -> dict[str, object]:
    return {"files": (data,), "subject": SUBJECT, "column": "who", **more}


def test_a_retrained_run_is_the_one_that_never_had_the_rows_and_nothing_of_them_is_found(
    tmp_path: Path, tiny_base: Path, private_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, secrets = planted_rows(1000, 100)
    data = write_csv(tmp_path / "rows.csv", rows)
    run = start(_recipe(data, tiny_base), tmp_path / "runs" / "first")
    improve(run)
    places = (tmp_path, private_home)
    before = files_with(secrets, *places)
    assert before[str(data)] == 100  # the search finds what is there
    assert len([path for path in before if path.startswith(str(run.path))]) >= 3

    erasure = plan_erasure(**_asked(data, retrain=run.path))
    assert erasure.plan.runs[0].is_learned and sum(erasure.plan.runs[0].sets.values()) == 100
    erasure.carry_out(lambda _: None)
    again = erasure.begin_retraining()
    improve(again)
    done = erasure.finish(again)

    assert files_with(secrets, *places) == {}
    assert files_with([SUBJECT], *places) == {}
    keys = [key_of_text(row["text"]) for row in rows if row["who"] == SUBJECT]
    assert files_with([f"{key:016x}" for key in keys], *places) == {}
    assert files_with([key.to_bytes(8, "little") for key in keys], *places) == {}
    never = tmp_path / "never"
    never.mkdir()
    fresh_data = write_csv(never / "rows.csv", [row for row in rows if row["who"] != SUBJECT])
    assert fresh_data.read_bytes() == data.read_bytes()
    monkeypatch.setenv("SINTONIA_HOME", str(tmp_path / "another home"))
    fresh = start(_recipe(fresh_data, tiny_base), never / "run")
    improve(fresh)
    weights = [sha256_file(one.file("model/model.safetensors")) for one in (again, fresh)]
    assert weights[0] == weights[1]
    assert again.read("prepared.json", dict)["data_id"] == fresh.read("prepared.json", dict)["data_id"]
    assert done.retrained and done.retrained.weights and done.retrained.weights != done.retrained.weights_before
    openings = [one.read("verdict.json", dict)["test_openings"] for one in (again, fresh)]
    assert openings == [2, 1]  # the count of openings goes on


def test_nothing_is_changed_by_a_plan(tmp_path: Path, private_home: Path) -> None:
    data, _, _ = _two_runs(tmp_path)
    before = tree(tmp_path, private_home)
    plan = plan_erasure(**_asked(data, column="")).plan  # the group column of a run
    assert plan.num_rows == 32 and len(plan.runs) == 2
    assert tree(tmp_path, private_home) == before


@pytest.mark.parametrize("step", STEPS)
def test_an_erasure_that_was_killed_goes_on_when_it_is_called_again(
    tmp_path: Path, private_home: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    data, _, secrets = _two_runs(tmp_path)
    expected = b"".join(line for line in data.read_bytes().splitlines(True) if SUBJECT.encode() not in line)

    def kill(reached: str) -> None:
        if reached == step:
            raise Killed

    def kill_within(folder: Path, kept: tuple[str, ...]) -> Iterator[Path]:
        yield from itertools.islice(all_but(folder, kept), 5)
        raise Killed

    all_but = emptying._all_but
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(carrying_out, "reached", kill)
        patched.setattr(emptying, "_all_but", kill_within if step == "within a run" else all_but)
        plan_erasure(**_asked(data)).carry_out(lambda _: None)
    with pytest.raises(UsageError, match="broken off"):
        plan_erasure(files=(data,), lines=frozenset({3}))
    again = plan_erasure(**_asked(data))
    assert again.is_broken_off
    done = again.carry_out(lambda _: None)
    assert data.read_bytes() == expected
    assert files_with(secrets, tmp_path, private_home) == {}
    assert len(done.rows) == 32 and len(done.runs) == 2
    assert [one.event for one in entries()].count("erasure") == 1
    with pytest.raises(DataError, match="no row has that value"):
        plan_erasure(**_asked(data))


def test_a_file_that_was_changed_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    data, _, _ = _two_runs(tmp_path)
    erasure = plan_erasure(**_asked(data))
    data.write_bytes(data.read_bytes() + b"one more,food,person 11\r\n")
    changed = data.read_bytes()
    with pytest.raises(DataError, match="changed since"):
        erasure.carry_out(lambda _: None)
    assert data.read_bytes() == changed
    again = plan_erasure(**_asked(data))
    assert not again.is_broken_off and again.carry_out(lambda _: None).files[0].num_rows == 321


def test_all_models_that_learned_from_the_rows_are_found_through_others_too(tmp_path: Path) -> None:
    """A run on the rows, one on its model, one on that one's adapter, one that was moved, one that added them, one that
    was only judged on them, and one that has nothing to do with them."""
    rows, _ = planted_rows()
    theirs = [row for row in rows if row["who"] == SUBJECT]
    others = [row for row in planted_rows(900)[0][400:] if row["who"] != SUBJECT]
    data, clean = write_csv(tmp_path / "rows.csv", rows), write_csv(tmp_path / "clean.csv", others)
    more = write_jsonl(tmp_path / "more.jsonl", theirs)
    roles = {"columns": {"input": "text", "target": "label"}}
    runs = tmp_path / "runs"
    seen = prepared_run(runs / "seen", DataSettings(path=str(data), **roles))
    prepared_run(runs / "on-model", DataSettings(path=str(clean), **roles), base=f"file:{seen.path}/model")
    prepared_run(runs / "on-that", DataSettings(path=str(clean), **roles), base=f"file:{runs}/on-model/turns/001/model")
    prepared_run(runs / "added", DataSettings(path=str(clean), added=(str(more),), **roles))
    judged = prepared_run(runs / "judged", DataSettings(path=str(clean), **roles))
    prepared_run(runs / "unrelated", DataSettings(path=str(clean), **roles))
    moved = prepared_run(runs / "to-move", DataSettings(path=str(data), **roles))
    (tmp_path / "elsewhere").mkdir()
    moved.path.rename(tmp_path / "elsewhere" / "moved")
    examples = [from_json(Example, one) for one in read_lines(seen.file("data/train.jsonl"))]
    register_judged_on(
        judged, "evaluations/001", [one for one in examples if "zx" in one.input], tmp_path / "judged.csv"
    )
    judged.file("evaluations/001").mkdir(parents=True)
    judged.file("evaluations/001/predictions.jsonl").write_text("zx")
    judged.file("cache").mkdir(exist_ok=True)
    judged.file("cache/features-of-zx.npy").write_bytes(b"numbers")

    plan = plan_erasure(**_asked(data, folders=(tmp_path / "elsewhere",))).plan
    found = {Path(one.path).name: one for one in plan.runs}
    assert set(found) == {"seen", "on-model", "on-that", "added", "judged", "to-move", "moved"}
    assert {name for name, one in found.items() if one.is_learned} == set(found) - {"judged"}
    assert "seen/model" in found["on-model"].through and "on-model" in found["on-that"].through
    assert not found["to-move"].exists and not found["judged"].is_emptied
    plan_erasure(**_asked(data, folders=(tmp_path / "elsewhere",))).carry_out(lambda _: None)
    assert {path.parent.name for path in tmp_path.glob("*/*/model")} == {"judged", "unrelated"}
    assert not list(judged.file("cache").rglob("*.np[yz]"))
    assert not judged.file("evaluations/001").exists() and judged.file("data/train.jsonl").exists()


def test_students_and_runs_on_a_copy_of_a_model_are_found(tmp_path: Path, tiny_base: Path) -> None:
    rows, _ = planted_rows()
    others = [row for row in planted_rows(900)[0][400:] if row["who"] != SUBJECT]
    data, clean = write_csv(tmp_path / "rows.csv", rows), write_csv(tmp_path / "clean.csv", others)
    roles = {"columns": {"input": "text", "target": "label"}}
    seen = prepared_run(tmp_path / "seen", DataSettings(path=str(data), **roles))
    prepared_run(tmp_path / "student", DataSettings(path=str(clean), **roles), teacher="../seen")
    for folder in (seen.file("model"), tmp_path / "copy"):
        shutil.copytree(tiny_base, folder, dirs_exist_ok=True)
    revision = locate(find_entry(f"file:{tmp_path / 'copy'}")).revision
    asked = DataSettings(path=str(clean), **roles)
    prepared_run(tmp_path / "on-copy", asked, base=f"file:{tmp_path / 'copy'}", revision=revision)
    prepared_run(tmp_path / "on-other", asked, base=f"file:{tmp_path / 'copy'}", revision="another")
    found = {Path(one.path).name: one.through for one in plan_erasure(**_asked(data)).plan.runs}
    assert set(found) == {"seen", "student", "on-copy"}
    assert "teacher" in found["student"] and "copy" in found["on-copy"]


def test_a_run_whose_rows_were_only_tested_keeps_its_model(tmp_path: Path) -> None:
    rows, _ = planted_rows()
    data = write_csv(tmp_path / "rows.csv", [row for row in rows if row["who"] != SUBJECT])
    test = write_csv(tmp_path / "test.csv", [row for row in rows if row["who"] == SUBJECT])
    run = prepared_run(tmp_path / "run", DataSettings(path=str(data), test=str(test)))
    one = plan_erasure(files=(test,), lines=frozenset({2, 3}))
    assert one.plan.runs[0].sets == {"test": 2} and not one.plan.runs[0].is_learned
    done = one.carry_out(lambda _: None)
    assert run.file("model/model.safetensors").exists() and not run.file("data").exists()
    assert done.runs[0].models_kept and not done.runs[0].models_removed
    with pytest.raises(UsageError, match="rows were erased") as refused:
        RunFolder.open(run.path)
    assert "model stays" in refused.value.hint


def test_models_that_are_kept_are_named_as_not_erased(tmp_path: Path) -> None:
    data, runs, _ = _two_runs(tmp_path)
    done = plan_erasure(**_asked(data, keeps_models=True)).carry_out(lambda _: None)
    assert runs[0].file("model/model.safetensors").exists() and not runs[0].file("turns/001/checkpoints").exists()
    assert any(str(runs[0].file("model")) in line for line in done.not_erased)


def test_the_certificate_names_no_subject_and_no_content(tmp_path: Path) -> None:
    data, _, _ = _two_runs(tmp_path)
    plan = plan_erasure(**_asked(data)).plan
    done = plan_erasure(**_asked(data)).carry_out(lambda _: None)
    path = Path(plan.certificate)
    text = path.read_text() + path.with_suffix(".md").read_text()
    assert SUBJECT not in text and not any(one in text for one in (*plan.keys, *plan.ids))
    assert read_certificate(path) == done
    assert done.subject == Register().keyed("subject", "who", SUBJECT)
    line = next(one for one in entries() if one.event == "erasure")
    assert line.facts["rows"] == 32 and line.facts["sha256"] == sha256_file(path)


def test_a_run_that_is_being_written_stops_the_erasure_before_it_begins(tmp_path: Path) -> None:
    data, runs, _ = _two_runs(tmp_path)
    before = data.read_bytes()
    with runs[1].writing(), pytest.raises(UsageError, match="another process is working"):
        plan_erasure(**_asked(data))
    assert data.read_bytes() == before


def test_openings_stay_counted_when_the_inputs_of_tests_are_forgotten(tmp_path: Path, private_home: Path) -> None:
    data, _, _ = _two_runs(tmp_path)
    gone = f"{key_of_text(planted_rows()[0][9]['text']):016x}"
    inputs = sorted([gone, *(f"{number:016x}" for number in range(20))])
    count_opening(data, "a" * 64, "candidate", inputs)
    plan_erasure(**_asked(data)).carry_out(lambda _: None)
    held = json.loads((private_home / "tests" / f"{'a' * 32}.json").read_text())["inputs"]
    assert gone not in held and len(held) == 20
    rest = frozenset(one for one in inputs if one != gone)
    assert openings_of(data, "b" * 64, rest) == [("a" * 64, "candidate")]


def test_retraining_what_would_see_the_rows_again_is_refused(tmp_path: Path) -> None:
    rows, _ = planted_rows()
    data = write_csv(tmp_path / "rows.csv", rows)
    more = write_jsonl(tmp_path / "more.jsonl", [row for row in rows if row["who"] == SUBJECT])
    asked = DataSettings(path=str(data), added=(str(more),))
    run = prepared_run(tmp_path / "run", asked)
    with pytest.raises(UsageError, match="would see the rows again"):
        plan_erasure(**_asked(data, retrain=run.path))
    with pytest.raises(UsageError, match="saw none of these rows"):
        plan_erasure(**_asked(data, retrain=tmp_path / "other"))


def _two_runs(folder: Path) -> tuple[Path, list[RunFolder], list[str]]:
    rows, secrets = planted_rows()
    data = write_csv(folder / "rows.csv", rows)
    asked = DataSettings(path=str(data), columns={"input": "text", "target": "label"})
    texts = " ".join(secrets)
    runs = [prepared_run(folder / "runs" / "a", asked, texts=texts)]
    runs.append(prepared_run(folder / "runs" / "b", replace(asked, group="who"), texts=texts))
    return data, runs, secrets
