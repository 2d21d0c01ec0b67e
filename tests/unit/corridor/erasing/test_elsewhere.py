"""Where else the rows are known to be, beside the files that are named: each place is listed as not erased."""

from __future__ import annotations

from pathlib import Path

import pytest

from sintonia.corridor.erasing.plan import Plan
from sintonia.corridor.erasing.seeing import register_judged_on
from sintonia.corridor.growing.answers import Answers, PickedBatch
from sintonia.pipeline import plan_erasure
from sintonia.privacy.lineage import Register
from sintonia.records import Example, Prepared, Waiting
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings
from tests.erasures import SUBJECT, planted_rows, prepared_run, tree, write_csv, write_jsonl


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    return planted_rows()[0]


def planned(*files: Path) -> Plan:
    return plan_erasure(files=files, subject=SUBJECT, column="who").plan


def told_of(plan: Plan, path: Path) -> list[str]:
    return [line for line in plan.outside if f"`{path}`" in line]


def test_another_file_of_a_run_with_the_same_rows_is_listed_until_it_is_named(
    tmp_path: Path, rows: list[dict[str, str]]
) -> None:
    data, copy = write_csv(tmp_path / "rows.csv", rows), tmp_path / "copy/copy.jsonl"
    copy.parent.mkdir()
    write_jsonl(copy, [{"words": row["text"], "label": row["label"]} for row in rows])
    run = prepared_run(tmp_path / "copied", DataSettings(path=str(copy), columns={"input": "words", "target": "label"}))
    plan = planned(data)
    assert [one.path for one in plan.runs] == [str(run.path)]
    assert told_of(plan, copy) == [
        f"32 of the rows in `{copy}`, which run `copied` was made of: name it behind the first file too"
    ]
    assert told_of(planned(data, copy), copy) == []
    done = plan_erasure(files=(data,), subject=SUBJECT, column="who").carry_out(lambda _: None)
    assert any(f"`{copy}`" in line for line in done.not_erased)
    page = next((tmp_path / "rows.csv.sintonia/erased").glob("*.md")).read_text()
    assert f"32 of the rows in `{copy}`" in page.partition("## Not erased")[2]


def test_another_file_without_the_rows_is_not_listed_and_one_that_is_gone_or_unreadable_is(
    tmp_path: Path, rows: list[dict[str, str]]
) -> None:
    own = write_csv(tmp_path / "rows.csv", rows)
    others = [
        write_csv(tmp_path / f"{name}.csv", [row for row in rows if row["who"] != SUBJECT][:40]) for name in "abc"
    ]
    prepared_run(tmp_path / "run", DataSettings(path=str(own), added=tuple(map(str, others))))
    others[1].unlink()
    others[2].write_bytes(b"\xff\xfe\x00")
    plan = planned(own)
    assert told_of(plan, others[0]) == []
    assert "not there any more" in told_of(plan, others[1])[0]
    assert "cannot be read as data now" in told_of(plan, others[2])[0]


def judged_on(run: RunFolder, file: Path, number: int) -> None:
    """As `evaluate --on` leaves it: the examples in the register, and the folder of the evaluation."""
    prepared = run.read("prepared.json", Prepared)
    assert prepared
    examples = run.lines(prepared.parts[0].train.path, Example)
    register_judged_on(run, f"evaluations/{number:03d}", examples, file)
    run.file(f"evaluations/{number:03d}").mkdir(parents=True)


def test_a_file_that_a_model_was_judged_on_is_listed(tmp_path: Path, rows: list[dict[str, str]]) -> None:
    data, held = write_csv(tmp_path / "rows.csv", rows), write_csv(tmp_path / "held.csv", rows)
    run = prepared_run(tmp_path / "run", DataSettings(path=str(data)))
    judged_on(run, held, 1)
    judged_on(run, tmp_path / "gone.csv", 2)
    plan = planned(data)
    assert told_of(plan, held) == [
        f"32 of the rows in `{held}`, which run `run` was judged on: name it behind the first file too"
    ]
    assert "not there any more" in told_of(plan, tmp_path / "gone.csv")[0]
    (entry,) = Register().entries()
    assert entry.judged == (str(held), str(tmp_path / "gone.csv")) and entry.files == (str(data),)


def test_answers_and_texts_that_label_keeps_are_listed_and_stay(tmp_path: Path, rows: list[dict[str, str]]) -> None:
    data = write_csv(tmp_path / "rows.csv", rows)
    texts = [row["text"] for row in rows if row["who"] == SUBJECT]
    answers = Answers(tmp_path / "rows.labelled.jsonl")
    waiting = tuple(Waiting(key=f"{k:016x}", text=text, origin="random") for k, text in enumerate(texts[:5]))
    with answers.writing():
        answers.begin(PickedBatch(source="rows.csv", labels=("a", "b"), waiting=waiting))
        answers.keep({"text": texts[0], "label": "a", "origin": "random"})
        answers.keep({"text": "of somebody else", "label": "b", "origin": "random"})
    (tmp_path / "damaged.session.jsonl").write_text("{")
    (tmp_path / "broken.session.jsonl").write_text("no line of ours\n")
    (tmp_path / "damaged.jsonl").write_text('{"text": 1}\nno row')
    plan = planned(data)
    assert told_of(plan, answers.session) == [f"5 of the rows in `{answers.session}`, which `sintonia label` keeps"]
    assert told_of(plan, answers.path) == [f"1 of the rows in `{answers.path}`, which `sintonia label` keeps"]
    for name in ("damaged.session.jsonl", "damaged.jsonl", "broken.session.jsonl"):
        unread = (
            f"what `{tmp_path / name}` may hold of the rows, which `sintonia label` keeps: some of it cannot be read"
        )
        assert told_of(plan, tmp_path / name) == [unread]
    before = tree(tmp_path)
    plan_erasure(files=(data,), subject=SUBJECT, column="who").carry_out(lambda _: None)
    kept = {str(answers.path), str(answers.session)}
    assert kept <= {path for path, content in tree(tmp_path).items() if before.get(path) == content}
