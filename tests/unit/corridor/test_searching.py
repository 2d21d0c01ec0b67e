"""A search on tiny models: the turns it leads to, going on after an interruption, and what Optuna reads of it."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sintonia.adjust.searching import DRAWN, centre_of, centred, rungs_of
from sintonia.cli.interrupting import pausing
from sintonia.corridor import searching
from sintonia.corridor.searching import OUTCOME, PLAN, STUDY_FILE, TRIALS, asking, crew, refuse_search
from sintonia.corridor.searching.trials import Bench
from sintonia.corridor.walk import Walk
from sintonia.errors import Interrupted, RunFailed, UsageError
from sintonia.files import read_json, to_json
from sintonia.pipeline import Progress, finished_turns, improve, start
from sintonia.prepare import prepare
from sintonia.recipe import check_values, recipe_id
from sintonia.records import Configuration, Prepared, Resources, SearchAxis, SearchOutcome, SearchPlan, SearchTrial
from sintonia.resources.processes import load_of
from sintonia.runs import RunFolder
from sintonia.settings import AdjustingSettings, DataSettings, Recipe, TrainingSettings
from tests.tiny import make_conversations, make_rows, write_rows

RATE, EPOCHS = "training.learning_rate", "training.epochs"


def recipe_for(data: Path, base: Path, search: int, **settings: object) -> Recipe:
    recipe = Recipe(
        data=DataSettings(path=str(data)),
        base=f"file:{base}",
        training=TrainingSettings(epochs=4.0, learning_rate=1e-3, evaluations=2),
        adjusting=AdjustingSettings(search=search),
    )
    return dataclasses.replace(recipe, **settings)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> tuple[RunFolder, list[Progress]]:
    """A finished run with a search of ten configurations."""
    folder = tmp_path_factory.mktemp("searched")
    run = start(recipe_for(write_rows(folder / "rows.jsonl", make_rows(400)), tiny_base, 10), folder / "runs" / "first")
    seen: list[Progress] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SINTONIA_HOME", str(folder / "home"))
        improve(run, seen.append)
    return run, seen


def _told(seen: list[Progress]) -> list[str]:
    return [one.message for one in seen if one.stage == "search" and one.event is None]


def _results(run: RunFolder) -> list[SearchTrial]:
    """Without the clock."""
    return [dataclasses.replace(one, seconds=0.0) for one in run.lines(TRIALS, SearchTrial)]


def _outcome(run: RunFolder) -> SearchOutcome:
    """Without the clock."""
    found = run.read(OUTCOME, SearchOutcome)
    assert found is not None
    return dataclasses.replace(found, seconds=0.0, clock_seconds=0.0)


def _is_close(one: Any, other: Any) -> bool:
    """Whether two JSON forms are the same but for the rounding of another number of threads."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-4, abs_tol=1e-4)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_is_close(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_close, one, other))
    return bool(one == other)


def _is_same_search(one: RunFolder, other: RunFolder) -> bool:
    """Whether two searches found the same."""
    are_results = _is_close(to_json(_results(one)), to_json(_results(other)))
    return are_results and _is_close(to_json(_outcome(one)), to_json(_outcome(other)))


def test_the_winner_becomes_a_turn_and_the_same_again_with_a_second_seed(searched) -> None:
    run, seen = searched
    turns, outcome, plan = finished_turns(run), run.read(OUTCOME, SearchOutcome), run.read(PLAN, SearchPlan)
    assert outcome is not None and plan is not None
    asked = [one.purpose for one in turns[1:]]
    best = "search: best of 10 by validation"
    is_usual = outcome.winner.number == 0
    assert asked == ([] if is_usual else [best]) + [f"{best}, with a second seed"]
    values = outcome.winner.values
    for turn in turns[1:]:
        assert (turn.recipe.training.learning_rate, turn.recipe.training.epochs) == (values[RATE], values[EPOCHS])
    assert [turn.recipe.seed for turn in turns] == [0] * (len(turns) - 1) + [1]
    assert run.file("turns/002/change.json").is_file() and "the best of 10 by validation is number" in " ".join(
        _told(seen)
    )
    assert set(outcome.dropped) == {str(k) for k in range(10)} - {str(outcome.winner.number)}
    assert all(outcome.dropped.values())


def test_the_bill_counts_the_search_and_nothing_is_trained_again(searched) -> None:
    run, _ = searched
    bill = read_json(run.file("resources.json"))
    trained = sum(one.seconds for one in run.lines(TRIALS, SearchTrial))
    assert bill is not None and bill["measured"]["stages"]["search"] >= trained > 0
    again: list[Progress] = []
    improve(run, again.append)
    is_trained_again = any(one.event for one in again)
    assert not is_trained_again and not _told(again)


def test_every_rung_is_in_one_file_that_says_its_schema(searched) -> None:
    run, _ = searched
    first, *lines = run.file(TRIALS).read_text().splitlines()
    assert json.loads(first) == {"schema": 1} and len(lines) == len(_results(run))
    results = _results(run)
    assert [one.configuration.number for one in results if one.rung < 3] == list(range(10))
    (long,), (short,) = ({one.num_steps for one in results if one.rung == rung} for rung in (1, 2))
    assert long > short, "all of a rung see as many examples, but for the last"
    centre = (plan := run.read(PLAN, SearchPlan)) and centre_of(plan, results)
    for one in (one.configuration for one in results if one.configuration.origin == DRAWN):
        assert plan and centre and one.values == centred(plan.axes, plan.first[one.number].values, centre)
    assert {one.configuration.origin for one in results} == {"the recipe as it is", "bracket", "quasi-random"}


def test_optuna_reads_what_was_tried(searched) -> None:
    import optuna

    run, _ = searched
    study = optuna.load_study(study_name="search", storage=f"sqlite:///{run.file(STUDY_FILE)}")
    outcome = run.read(OUTCOME, SearchOutcome)
    assert outcome is not None and len(study.trials) == 10
    assert study.user_attrs["winner"] == outcome.winner.number
    winner = study.trials[outcome.winner.number]
    assert winner.params == outcome.winner.values and winner.state == optuna.trial.TrialState.COMPLETE
    by_number = {}
    for one in _results(run):
        by_number.setdefault(one.configuration.number, {})[one.rung] = one.loss
    assert {one.number: one.intermediate_values for one in study.trials} == by_number
    pruned = {str(one.number) for one in study.trials if one.state == optuna.trial.TrialState.PRUNED}
    assert pruned == set(outcome.dropped) and pruned
    assert len(study.trials_dataframe()) == 10


def test_an_interrupted_search_goes_on_and_finds_the_same(searched, tmp_path: Path) -> None:
    whole, _ = searched
    run = start(dataclasses.replace(whole.recipe()), tmp_path / "runs" / "again")

    def stop_in_the_fifth(progress: Progress) -> None:
        if progress.stage == "search" and "number 4" in progress.message:
            raise Interrupted("somebody stops", signal_number=2)

    with pytest.raises(Interrupted):
        improve(run, stop_in_the_fifth)
    assert len(_results(run)) == 5 and run.file(STUDY_FILE).is_file(), "what was tried can be read already"
    with run.file(TRIALS).open("ab") as stream:
        stream.write(b'{"configuration": {"numb')  # as a kill leaves it
    seen: list[Progress] = []
    improve(run, seen.append)
    assert "the search goes on behind 5 trainings" in _told(seen)
    assert _results(run) == _results(whole)
    assert _outcome(run) == _outcome(whole)
    losses = [[turn.validation_metric for turn in finished_turns(one)] for one in (run, whole)]
    assert losses[0] == losses[1]


@pytest.fixture
def by_two(searched) -> Callable[[Path], RunFolder]:
    """Begins the same run, to be searched by two processes of one thread each."""
    recipe = searched[0].recipe()
    adjusting = dataclasses.replace(recipe.adjusting, processes=2)
    assert recipe_id(dataclasses.replace(recipe, adjusting=adjusting)) == recipe_id(recipe)
    return lambda folder: start(dataclasses.replace(recipe, adjusting=adjusting), folder)


def _refused(*_: object) -> SearchTrial:
    raise AssertionError("it was trained in the process that asks")


def _processes_below() -> set[int]:
    """Those of the search, which this process has begun."""
    words = {one: Path(f"/proc/{one}/cmdline") for one in load_of().processes}
    return {one for one, path in words.items() if path.is_file() and b"follow_orders" in path.read_bytes()}


def test_two_processes_find_what_one_finds(searched, by_two, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, told = searched
    run, seen, most = by_two(tmp_path / "runs" / "two"), list[Progress](), 0
    monkeypatch.setattr(Bench, "take", _refused)

    def listen(progress: Progress) -> None:
        nonlocal most
        seen.append(progress)
        most = max(most, len(_processes_below())) if progress.stage == "search" else most

    improve(run, listen)
    assert most == 2 and not _processes_below()
    assert _is_same_search(run, whole)
    values = [[turn.validation_metric for turn in finished_turns(one)] for one in (run, whole)]
    assert _is_close(*values)
    results = [one for one in _told(seen) if one.startswith("rung")]
    assert results == [one for one in _told(told) if one.startswith("rung")]
    steps = [one.event.step for one in seen if one.stage == "search" and one.event and one.event.kind == "step"]
    assert len(steps) > 15, "a person sees the steps of the training that is waited for"
    assert {path.name for path in run.file("search").iterdir()} == {
        "plan.json",
        "trials.jsonl",
        "optuna.db",
        "outcome.json",
    }
    outcome, bill = run.read(OUTCOME, SearchOutcome), read_json(run.file("resources.json"))
    assert outcome is not None and bill is not None
    assert 0 < outcome.clock_seconds <= bill["measured"]["stages"]["search"] + 0.5


@pytest.mark.slow
def test_a_process_that_is_killed_costs_no_result_and_a_signal_pauses(searched, by_two, tmp_path: Path) -> None:
    run, seen, killed = by_two(tmp_path / "runs" / "two"), list[Progress](), list[int]()

    def listen(progress: Progress) -> None:
        seen.append(progress)
        is_training = progress.stage == "search" and progress.event is not None
        if is_training and not killed and len(_processes_below()) == 2:
            killed.append(max(_processes_below()))
            os.kill(killed[0], signal.SIGKILL)
        if progress.message.startswith("rung 2, number 4"):
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted) as paused, pausing(run, listen) as heard:
        improve(run, heard)
    assert paused.value.exit_code == 143 and not _processes_below(), "it leaves nobody behind"
    assert any(one.endswith("it goes on with 1 of them") for one in _told(seen))
    assert [one.configuration.number for one in _results(run)] == [0, 1, 2, 3]

    def stop_when_it_is_decided(_: Progress) -> None:
        if run.file(OUTCOME).exists():
            raise Interrupted("enough", signal_number=2)

    with pytest.raises(Interrupted, match="enough"):
        improve(run, stop_when_it_is_decided)
    assert not _processes_below() and _is_same_search(run, searched[0])


class Dead:
    """In place of a process of the search: it has ended before it was told anything."""

    def __init__(self, _call, _words, folder: Path, _threads, heard) -> None:
        self.folder, self.log = folder, folder / "log.txt"
        heard.put(crew.Heard(who=self, answer=None))  # type: ignore[arg-type]

    status, said = -9, ""

    def order(self, _: object) -> None: ...
    def end_orders(self) -> None: ...

    def wait(self, _: float) -> int:
        return self.status

    def last_words(self) -> str:
        return self.said


@pytest.mark.parametrize(("status", "told"), [(-9, "SIGKILL, and none is left"), (1, "broke: KeyError: 'x'")])
def test_when_no_process_can_train_it_is_told(
    status: int, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = Recipe(data=DataSettings(path="x"), adjusting=AdjustingSettings(search=9, processes=2))
    monkeypatch.setattr(crew, "Spawned", Dead)
    monkeypatch.setattr(Dead, "status", status)
    monkeypatch.setattr(Dead, "said", "KeyError: 'x'")
    heard: list[str] = []
    walk = Walk(RunFolder.create(tmp_path / "run", recipe), lambda one: heard.append(one.message))
    wanted = tuple(Configuration(number=number, values={RATE: 1e-3}, origin="") for number in range(3))
    with pytest.raises(RunFailed, match=told):
        crew.Crew(walk, "all", 2).take(rungs_of(9)[0], wanted, lambda: True)
    assert len(heard) == (2 if status < 0 else 0)


def test_a_result_that_came_before_its_turn_is_kept_unless_it_is_of_something_else(tmp_path: Path) -> None:
    recipe = Recipe(data=DataSettings(path="x"), adjusting=AdjustingSettings(search=9, processes=2))
    walk, rung = Walk(RunFolder.create(tmp_path / "run", recipe), lambda _: None), rungs_of(9)[0]
    first, second = (Configuration(number=4, values={RATE: rate}, origin="") for rate in (1e-3, 2e-3))
    kept = SearchTrial(configuration=first, rung=1, num_steps=1, seconds=1.0, losses=(0.5,), metric=None)
    walk.run.append(crew.EARLY, kept)
    found = crew.Crew(walk, "all", 2).take(rung, (first,), lambda: False)
    assert found == kept
    assert crew.Crew(walk, "all", 2).take(rung, (second,), lambda: False) is None
    crew.forget_early(walk)
    assert crew.Crew(walk, "all", 2).take(rung, (first,), lambda: False) is None


@pytest.mark.parametrize(("gigabytes", "kind", "told"), [(1.9, crew.Alone, 1), (2.5, crew.Crew, 0)])
def test_no_more_processes_than_fit(
    gigabytes: float, kind: type, told: int, searched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = Recipe(data=DataSettings(path="x"), adjusting=AdjustingSettings(search=9, processes=2))
    heard: list[str] = []
    walk = Walk(RunFolder.create(tmp_path / "run", recipe), lambda one: heard.append(one.message))
    needed = Resources(basis="estimated", seconds=1.0, peak_memory_bytes=2**30, disk_bytes=0)
    walk.run.write("cache/estimate.json", needed)
    monkeypatch.setattr(crew, "free_bytes", lambda: int(gigabytes * 2**30))
    prepared = searched[0].read("prepared.json", Prepared)
    assert prepared is not None
    with crew.trainings(walk, searching.first_job(searched[0], prepared.parts[0])) as found:
        assert type(found) is kind
    assert len(heard) == told and all("each needs about 1.0 GiB, 1.9 GiB are free" in one for one in heard)


def test_what_served_in_a_run_beside_it_is_tried_too(searched, tiny_base: Path, tmp_path: Path) -> None:
    first, _ = searched
    shutil.copytree(first.path, tmp_path / "runs" / "first")
    other = dataclasses.replace(first.recipe(), adjusting=AdjustingSettings(search=3))
    alone = _begun(other, tmp_path / "elsewhere" / "run")
    beside = _begun(other, tmp_path / "runs" / "second")
    plans = [one.read(PLAN, SearchPlan) for one in (alone, beside)]
    assert plans[0] is not None and plans[1] is not None
    assert not [one for one in plans[0].first if one.origin.startswith("run ")]
    more = dataclasses.replace(other, adjusting=AdjustingSettings(search=4))
    plan = _begun(more, tmp_path / "runs" / "third").read(PLAN, SearchPlan)
    assert plan is not None
    best = max(finished_turns(first), key=lambda turn: (turn.validation_metric, -turn.number))
    if best.recipe.training.learning_rate != 1e-3:
        assert plan.first[3].origin == "run first"
        assert plan.first[3].values[RATE] == best.recipe.training.learning_rate


def _begun(recipe: Recipe, folder: Path) -> RunFolder:
    """A run up to the plan of its search."""
    run = start(recipe, folder)

    def stop(progress: Progress) -> None:
        if progress.stage == "search":
            raise Interrupted("enough", signal_number=2)

    with pytest.raises(Interrupted):
        improve(run, stop)
    return run


def test_a_short_time_ends_the_search(tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = write_rows(tmp_path / "rows.jsonl", make_rows(400))
    recipe = recipe_for(data, tiny_base, 9, budget_seconds=3600.0)
    run, heard, taken = start(recipe, tmp_path / "run"), list[str](), list[int]()
    take: Callable = Bench.take

    def counted(bench: Bench, rung, configuration):
        taken.append(configuration.number)
        return take(bench, rung, configuration)

    monkeypatch.setattr(Bench, "take", counted)
    monkeypatch.setattr(searching, "_has_time", lambda *_: len(taken) < 5)
    improve(run, lambda one: heard.append(one.message))
    outcome = run.read(OUTCOME, SearchOutcome)
    assert taken == [0, 1, 2, 3, 4]
    assert outcome is not None and outcome.num_configurations == 5 and "time is short" in outcome.ended
    improve(run)
    assert taken == [0, 1, 2, 3, 4], "the clock decides once"


def test_so_few_rows_that_all_are_tested_are_refused_before_anything_is_trained(tmp_path: Path, tiny_base) -> None:
    run = start(recipe_for(write_rows(tmp_path / "rows.jsonl", make_rows(120)), tiny_base, 9), tmp_path / "run")
    with pytest.raises(UsageError, match="10 parts") as refused:
        improve(run)
    assert "300 rows" in refused.value.expected and "adjusting.search" in refused.value.hint
    assert not run.path.exists(), "nothing was prepared in it before, and nothing is left"
    without = recipe_for(tmp_path / "rows.jsonl", tiny_base, 0)
    walk = Walk(RunFolder.create(tmp_path / "other", without), lambda _: None)
    refuse_search(walk, prepare(without, walk.run).parts)


@pytest.mark.parametrize("count", [1, 2, -1, 5000])
def test_numbers_that_make_no_search_are_refused(tmp_path: Path, count: int) -> None:
    recipe = Recipe(data=DataSettings(path="x"), adjusting=AdjustingSettings(search=count))
    with pytest.raises(UsageError, match=r"adjusting\.search"):
        check_values(recipe)


@pytest.mark.parametrize("task", ["classify", "chat"])
def test_a_base_that_is_opened_once_gives_what_a_fresh_one_gives(
    task: str, tmp_path: Path, tiny_base: Path, tiny_language_model: Path
) -> None:
    """Whatever was trained before with it, and with other adapters in between."""
    is_chat = task == "chat"
    rows = make_conversations(320) if is_chat else make_rows(400)
    base = tiny_language_model if is_chat else tiny_base
    data = write_rows(tmp_path / "rows.jsonl", rows)
    run = _begun(recipe_for(data, base, 3, task=task, method="lora"), tmp_path / "run")
    prepared = run.read("prepared.json", Prepared)
    assert prepared is not None
    job, rung = searching.first_job(run, prepared.parts[0]), rungs_of(9)[0]

    def of(number: int, rate: float, rank: float) -> Configuration:
        return Configuration(number=number, values={RATE: rate, "lora.rank": rank}, origin="")

    mild, wild, other = of(0, 1e-3, 8), of(1, 1e-2, 8), of(2, 1e-3, 4)
    bench = Bench(Walk(run, lambda _: None), job)
    results = {one.number: bench.take(rung, one) for one in (wild, mild, other)}
    for one in (mild, wild, other):
        fresh = Bench(Walk(run, lambda _: None), job).take(rung, one)
        assert fresh.losses == results[one.number].losses == bench.take(rung, one).losses
    assert len({one.losses for one in results.values()}) == 3
    assert not list(run.path.glob("turns/002*")), "nothing is kept of them"


def test_a_training_that_breaks_is_told_and_the_next_one_is_whole(
    tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sintonia.train.loop import Loop

    run = _begun(recipe_for(write_rows(tmp_path / "rows.jsonl", make_rows(400)), tiny_base, 3), tmp_path / "run")
    prepared = run.read("prepared.json", Prepared)
    assert prepared is not None
    bench = Bench(Walk(run, lambda _: None), searching.first_job(run, prepared.parts[0]))
    rung, usual = rungs_of(9)[0], Configuration(number=0, values={RATE: 1e-3}, origin="")
    before = bench.take(rung, usual)
    advance = Loop.advance

    def breaking(loop):
        if loop.step == 1:
            raise RunFailed("the loss is not a finite number")
        return advance(loop)

    monkeypatch.setattr(Loop, "advance", breaking)
    broken = bench.take(rung, usual)
    assert broken.loss is None and broken.why_broken == "the loss is not a finite number" and broken.seconds > 0
    monkeypatch.setattr(Loop, "advance", advance)
    assert bench.take(rung, usual).losses == before.losses


AXES = (
    SearchAxis(setting=RATE, usual=1e-4, low=2e-5, high=5e-4),
    SearchAxis(setting=EPOCHS, usual=4.0, choices=(2.0, 4.0, 8.0)),
)


def test_quasi_random_points_fill_the_space_and_come_again() -> None:
    points = asking.quasi_random(AXES, 16, seed=3)
    assert points == asking.quasi_random(AXES, 16, seed=3) != asking.quasi_random(AXES, 16, seed=4)
    assert points[:5] == asking.quasi_random(AXES, 5, seed=3)
    assert all(2e-5 <= one[RATE] <= 5e-4 and one[EPOCHS] in (2.0, 4.0, 8.0) for one in points)
    places = [int(4 * math.log(one[RATE] / 2e-5) / math.log(25)) for one in points]
    assert {place: places.count(place) for place in range(4)} == {0: 4, 1: 4, 2: 4, 3: 4}


def _tried(one: Configuration, planted: float) -> SearchTrial:
    loss = 1 + abs(math.log(one.values[RATE] / planted))
    losses = () if one.number == 7 else (loss, loss)
    return SearchTrial(configuration=one, rung=2, num_steps=1, seconds=1.0, losses=losses, metric=None)


def _plan_of_sixty() -> SearchPlan:
    first = tuple(
        Configuration(number=k, values=values, origin="") for k, values in enumerate(asking.quasi_random(AXES, 25, 1))
    )
    return SearchPlan(axes=AXES, num_configurations=60, first=first, seed=5, full_seconds=1.0)


def test_what_is_proposed_later_follows_from_what_was_found() -> None:
    """Near the planted best more often than even points would be; and the same history proposes the same."""
    plan = _plan_of_sixty()
    mean = {}
    for planted in (4e-5, 3e-4):
        history = [_tried(one, planted) for one in plan.first]
        for number in range(25, 37):
            proposed = asking.promising(plan, history, number)
            assert proposed == asking.promising(plan, history, number) and proposed.origin == "TPE"
            history.append(_tried(proposed, planted))
        rates = [math.log(one.configuration.values[RATE]) for one in history[25:]]
        mean[planted] = math.exp(sum(rates) / len(rates))
    assert mean[4e-5] < 8e-5 and mean[3e-4] > 1.5e-4


def test_several_processes_are_proposed_as_many_at_once_whoever_ends_first() -> None:
    plan = _plan_of_sixty()
    history = [_tried(one, 4e-5) for one in plan.first]
    due = tuple(range(25, 60))
    alone = asking.Proposals(plan, 1).wanted(history, due)
    assert alone == (asking.promising(plan, history, 25),), "one process is asked for one, from all before it"
    pair = asking.Proposals(plan, 2).wanted(history, due)
    assert [one.number for one in pair] == [25, 26] and pair[0] == alone[0]
    assert pair[1] != asking.promising(plan, history, 26), "what is tried beside it counts"
    history.append(_tried(pair[0], 4e-5))
    again = asking.Proposals(plan, 2).wanted(history, due[1:])
    assert again == pair[1:], "a search that goes on is proposed the same; the next wait for both"
    history.append(_tried(pair[1], 4e-5))
    assert [one.number for one in asking.Proposals(plan, 2).wanted(history, due[2:])] == [27, 28]
    first = asking.Proposals(plan, 4).wanted(history[:20], tuple(range(20, 60)))
    assert first == plan.first[20:], "what was planned is known at once, and nothing behind it"
    last = asking.Proposals(plan, 2).wanted(history, (26, 3))
    assert last == (pair[1], plan.first[3]), "of a later rung as it was tried"
