"""What a run will cost is promised before it trains; beyond the budget it asks, once, and takes no for an answer."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest

from sintonia.corridor.billing import trial
from sintonia.corridor.examining import Examined
from sintonia.errors import UsageError
from sintonia.files import read_json
from sintonia.pipeline import Progress, improve, start
from sintonia.recipe import make_recipe
from sintonia.records import Resources
from sintonia.resources.whole import Paces
from sintonia.runs import RunFolder
from tests.tiny import make_conversations, make_rows, write_rows


class Halted(Exception):
    """The listener has heard enough."""


def run_of(folder: Path, base: Path, rows: list[dict[str, str]], **blocks: Any) -> RunFolder:
    data = write_rows(folder / "rows.jsonl", rows)
    body = {"data": {"path": str(data)}, "base": f"file:{base}", "training": {"epochs": 1, "evaluations": 1}, **blocks}
    return start(make_recipe(body), folder / "run")


def until_training(run: RunFolder, ask: Any = lambda _: True) -> list[str]:
    said: list[str] = []

    def hear(progress: Progress) -> None:
        if progress.stage == "train":
            raise Halted
        said.append(progress.message)

    with pytest.raises(Halted):
        improve(run, hear, ask=ask)
    return said


def promise_of(run: RunFolder) -> Resources:
    found = run.read("cache/estimate.json", Resources)
    assert found is not None
    return found


@pytest.mark.parametrize("method", ["full", "head", "lora"])
def test_the_whole_run_is_promised_with_an_interval(tmp_path: Path, tiny_base: Path, method: str) -> None:
    run = run_of(tmp_path, tiny_base, make_rows(320), method=method)
    said = until_training(run)
    found = promise_of(run)
    assert {"prepare", "choose", "examine", "train", "evaluate", "report"} == set(found.stages)
    assert found.low_seconds is not None and found.high_seconds is not None
    assert 0 < found.low_seconds < found.seconds < found.high_seconds
    assert found.energy is not None and found.energy.low < found.energy.kwh < found.energy.high
    assert found.money is None  # nobody gave a price
    assert any(line.startswith("the whole run takes about ") and ": training " in line for line in said)
    paces = examined(run)
    assert paces.step_seconds > 0 and paces.forward_seconds > 0 and paces.begin_seconds > 0 and paces.words_seconds > 0


def examined(run: RunFolder) -> Paces:
    found = run.read("cache/examined.json", Examined)
    assert found is not None and found.paces is not None
    return found.paces


def test_of_conversations_the_pace_of_writing_is_measured_unless_nothing_is_written(
    tmp_path: Path, tiny_language_model: Path
) -> None:
    seconds = []
    for decoding in ("greedy", "none"):
        folder = tmp_path / decoding
        folder.mkdir()
        blocks = {"task": "chat", "evaluation": {"decoding": decoding}}
        run = run_of(folder, tiny_language_model, make_conversations(320), **blocks)
        until_training(run)
        paces, work = examined(run), run.read("cache/examined.json", Examined).work  # type: ignore[union-attr]
        assert work is not None and paces.step_seconds > 0
        assert bool(paces.prompt_seconds) == bool(work.closing.num_written) == (decoding == "greedy")
        seconds.append(promise_of(run).stages["evaluate"])
    assert all(one > 0 for one in seconds)


def test_a_price_makes_money_of_energy(tmp_path: Path, tiny_base: Path) -> None:
    (Path(os.environ["SINTONIA_HOME"]) / "prices.toml").write_text('kwh = 1000.0\ncurrency = "EUR"\n')
    run = run_of(tmp_path, tiny_base, make_rows(320))
    said = until_training(run)
    found = promise_of(run)
    assert found.money is not None and found.energy is not None
    assert found.money.amount == pytest.approx(1000 * found.energy.kwh) and found.money.low < found.money.amount
    assert any("kWh" in line and "EUR" in line for line in said)


def test_wrong_prices_are_refused_before_anything_is_read(tmp_path: Path, tiny_base: Path) -> None:
    (Path(os.environ["SINTONIA_HOME"]) / "prices.toml").write_text("kwh = -3\n")
    with pytest.raises(UsageError, match="`kwh` is -3"):
        run_of(tmp_path, tiny_base, make_rows(320))
    assert not (tmp_path / "run").exists()


def test_beyond_the_budget_no_leaves_nothing_and_says_what_is_shorter(tmp_path: Path, tiny_base: Path) -> None:
    run, asked = run_of(tmp_path, tiny_base, make_rows(320), budget_seconds=0.5), []

    def refuse(question: str) -> bool:
        asked.append(question)
        return False

    said: list[str] = []
    with pytest.raises(UsageError, match="the budget is 0 s") as refused:
        improve(run, lambda progress: said.append(progress.stage), ask=refuse)
    assert len(asked) == 1 and "train" not in said
    assert "`--method head`" in refused.value.hint and "`--yes`" in refused.value.hint
    assert not run.path.exists()


def test_it_is_asked_once_and_a_run_that_trains_is_not_asked_again(tmp_path: Path, tiny_base: Path) -> None:
    run, asked = run_of(tmp_path, tiny_base, make_rows(320), budget_seconds=0.5), []

    def agree(question: str) -> bool:
        asked.append(question)
        return True

    until_training(run, agree)
    promised = promise_of(run)
    until_training(run, agree)
    assert len(asked) == 1 and promise_of(run) == promised  # the promise of a resumed run stays
    run.file("cache/budget-accepted").unlink()
    run.file("turns/001").mkdir(parents=True)
    until_training(run, agree)
    assert len(asked) == 1


def test_within_the_budget_nobody_is_asked(tmp_path: Path, tiny_base: Path) -> None:
    run = run_of(tmp_path, tiny_base, make_rows(320), budget_seconds=3600.0)
    until_training(run, lambda _: pytest.fail("asked"))


def test_steps_that_cannot_be_tried_leave_a_wider_promise(
    tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_job: Any) -> Paces:
        raise RuntimeError("no")

    monkeypatch.setattr(trial, "_try", fail)
    run = run_of(tmp_path, tiny_base, make_rows(320))
    until_training(run)
    assert examined(run).step_seconds == 0.0 and promise_of(run).stages["train"] > 0
    assert not run.file("cache/trying-steps").exists()


def test_a_process_that_was_killed_in_the_trial_does_not_try_again(
    tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "_try", lambda _: pytest.fail("tried"))
    run = run_of(tmp_path, tiny_base, make_rows(320))
    run.file("cache").mkdir(exist_ok=True)
    run.file("cache/trying-steps").touch()
    until_training(run)
    assert examined(run).step_seconds == 0.0


def test_a_run_from_before_there_were_paces_is_gone_on_with(tmp_path: Path, tiny_base: Path) -> None:
    run = run_of(tmp_path, tiny_base, make_rows(320))
    until_training(run)
    old = run.read("cache/examined.json", Examined)
    assert old is not None
    run.write("cache/examined.json", dataclasses.replace(old, paces=None, work=None))
    run.file("cache/estimate.json").unlink()
    said = until_training(run)
    assert any(line.startswith("training takes about ") for line in said)
    assert promise_of(run).low_seconds is None


def test_promise_refined_promise_and_bill_stand_side_by_side(tmp_path: Path, tiny_base: Path) -> None:
    run = run_of(tmp_path, tiny_base, make_rows(320), training={"epochs": 3, "evaluations": 2, "batch_examples": 8})
    improve(run)
    body = read_json(run.file("resources.json"))
    assert body is not None and body["refined"] is not None
    assert body["estimated"]["low_seconds"] < body["estimated"]["high_seconds"]
    measured = body["measured"]
    assert measured["stages"]["report"] > 0 and measured["energy"]["low"] < measured["energy"]["high"]
    assert measured["energy"]["method"]
    page, card = run.file("report.html").read_text(), run.file("card.md").read_text()
    for text in (page, card):
        assert "by real steps" in text and "kWh" in text and "Energy: " in text
    before = measured["energy"]["kwh"]
    improve(run)
    again = read_json(run.file("resources.json"))
    assert again is not None and again["measured"]["energy"]["kwh"] >= before  # a resume adds up
    assert again["measured"]["seconds"] > measured["seconds"]
