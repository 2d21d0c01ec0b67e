"""Fewer layers for speed: offered after a turn, taken only when asked for, and told with both numbers."""

from __future__ import annotations

import dataclasses
import re
import statistics
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sintonia.corridor import rounds, trading
from sintonia.corridor.planning import filled_and_planned
from sintonia.corridor.trading import _held_against, layer_work, num_separate_layers
from sintonia.corridor.turns import read_sets
from sintonia.corridor.walk import Walk
from sintonia.metrics import METRICS
from sintonia.pipeline import Progress, finished_turns, improve, start
from sintonia.records import Base, Candidate, Change, Evaluation, Event, Interval, Prepared, Turn, Verdict
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe, TrainingSettings
from sintonia.train import Job
from tests.tiny import make_conversations, make_tiny_language_model, write_rows


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run of 400 conversations on a language model of four layers, with its verdict."""
    folder = tmp_path_factory.mktemp("speed")
    data = write_rows(folder / "rows.jsonl", make_conversations(400))
    base = make_tiny_language_model(folder / "base", num_hidden_layers=4)
    training = TrainingSettings(epochs=2.0, learning_rate=3e-3, evaluations=4)
    recipe = Recipe(data=DataSettings(path=str(data)), base=f"file:{base}", task="chat", training=training)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SINTONIA_HOME", str(folder / "home"))
        run = start(recipe, folder / "run")
        improve(run)
    return run


def _offer(run: RunFolder) -> Change:
    """Upper half, as adjust words it; the findings of so small a model, which come first, are set aside."""
    turn = finished_turns(run)[0]
    healthy = dataclasses.replace(turn, findings=())
    return next(one for one in rounds.next_changes((healthy,)) if one.aim == "speed")


def _setting(turn: Turn, name: str) -> Any:
    return next(one.value for one in turn.resolved if one.setting == name)


def test_a_turn_says_what_its_layers_cost(finished: RunFolder) -> None:
    (turn,) = finished_turns(finished)[:1]
    work = turn.layers
    assert work is not None
    assert (work.num_layers, work.num_epochs, work.num_validations) == (4, 2.0, 5)
    assert 0 < work.step_seconds < turn.resources.seconds > work.validation_seconds > 0
    events = finished.lines(f"{finished.turn(1)}/events.jsonl", Event)
    seconds = {
        kind: [b.seconds - a.seconds for a, b in pairwise(events) if b.kind == kind] for kind in ("step", "validated")
    }
    evaluations = finished.lines(f"{finished.turn(1)}/evaluations.jsonl", Evaluation)
    num_scored = len(evaluations[0].validation_losses) + len(evaluations[0].train_losses)
    forward = statistics.mean(seconds["validated"]) / num_scored
    step = statistics.mean(seconds["step"]) / int(_setting(turn, "training.batch_examples"))
    assert work.forward_fraction == pytest.approx(min(max(forward / step, 0.2), 0.6))
    assert work.step_seconds == pytest.approx(statistics.mean(seconds["step"]) * turn.candidate.last_step)
    assert num_separate_layers(finished.file(turn.candidate.weights)) == 4


def test_the_offer_is_run_and_set_beside_the_turn_before(
    finished: RunFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SINTONIA_HOME", str(finished.path.parent / "home"))
    offer, seen = _offer(finished), list[Progress]()
    assert offer.recipe.lora.layers == 2
    improve(finished, seen.append, offer)
    first, second = finished_turns(finished)
    assert first.trade == "" and second.layers is None
    assert f"upper 2 layers: {second.validation_metric:.3f} bits per byte in " in second.trade
    assert f"all 4 layers: {first.validation_metric:.3f} bits per byte in " in second.trade
    for turn in (first, second):
        assert re.search(rf" in {turn.resources.seconds:.1f} s| in {turn.resources.seconds:.0f} s", second.trade)
    assert [one.message for one in seen if one.stage == "adjust"][:1] == [second.trade]
    page = (finished.path / "report.html").read_text()
    assert "Quality against speed, turn 2: " + second.trade.partition("`")[0].partition(" (")[0] in page
    kept = [one.stat().st_size for one in finished.file("cache").glob("frozen-*.bin")]
    assert first.layers is not None and sum(kept) == first.layers.kept_bytes, "the size that was told is the size"
    verdict = finished.read("verdict.json", Verdict)
    better = min((first, second), key=lambda turn: turn.validation_metric)
    assert verdict is not None and verdict.turn == better.number, "validation alone decides, as ever"


def test_no_round_takes_it_by_itself(monkeypatch: pytest.MonkeyPatch, finished: RunFolder, tmp_path: Path) -> None:
    offer = _offer(finished)
    probe = dataclasses.replace(offer, aim="quality", setting="training.learning_rate", after="0.006")
    prepared = finished.read("prepared.json", Prepared)
    assert prepared is not None

    def first_of_a_round(name: str, *changes: Change) -> Change | None:
        """What a run with an hour left does next, when these are the changes there are."""
        monkeypatch.setattr(rounds, "next_changes", lambda *_: changes)
        run = RunFolder.create(tmp_path / name, dataclasses.replace(finished.recipe(), budget_seconds=3600.0))
        run.write("turns/001/turn.json", finished_turns(finished)[0])
        return next(
            (change for _, change in rounds.turns_to_take(Walk(run, lambda _: None), prepared.parts, None)), None
        )

    assert first_of_a_round("speed alone", offer) is None
    assert first_of_a_round("speed first", offer, probe) == probe, "the hour does allow for a turn"
    assert rounds.changes_worth_trying(finished_turns(finished)[:1], prepared.parts) == (probe, offer)


def test_tokens_are_counted_once_and_only_where_the_offer_can_be_made(
    finished: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    (turn, *_), counted, offer_recipe = finished_turns(finished), list[str](), finished.recipe()
    assert turn.layers is not None
    base, prepared = finished.read("base.json", Base), finished.read("prepared.json", Prepared)
    assert base is not None and prepared is not None
    filled, _ = filled_and_planned(finished, turn.recipe, base, prepared, 1)
    train, validation = read_sets(finished, prepared.parts[0])
    job = Job(
        run=finished,
        recipe=filled,
        base=base,
        labels=(),
        primary_metric="bits_per_byte",
        train=train,
        validation=validation,
        turn=1,
        part=prepared.parts[0].name,
    )
    count = trading._count_tokens

    def count_and_remember(job: Job, candidate: Candidate, settings: str) -> trading._ReadTokens:
        counted.append(settings)
        return count(job, candidate, settings)

    monkeypatch.setattr(trading, "_count_tokens", count_and_remember)
    assert layer_work(job, turn.candidate) == turn.layers and not counted, "the run has them already"
    finished.file(f"cache/read-tokens-{job.part}.json").unlink()
    assert layer_work(job, turn.candidate) == turn.layers and len(counted) == 1
    finished.file(f"cache/read-tokens-{job.part}.json").unlink()
    for changes in ({"epochs": 1.0}, {"fused": False}):
        training = dataclasses.replace(filled.training, **changes)
        work = layer_work(
            dataclasses.replace(job, recipe=dataclasses.replace(filled, training=training)), turn.candidate
        )
        assert work is not None and work.kept_bytes == 0 and len(counted) == 1, changes
    asked = dataclasses.replace(offer_recipe, training=dataclasses.replace(offer_recipe.training, cache="off"))
    monkeypatch.setattr(RunFolder, "recipe", lambda _: asked)
    work = layer_work(job, turn.candidate)
    assert work is not None and work.kept_bytes == 0 and len(counted) == 1, "nothing is to be kept"
    monkeypatch.undo()
    monkeypatch.setattr(trading, "WORTHWHILE", 0.0)
    work = layer_work(job, turn.candidate)
    assert work is not None and work.kept_bytes == 0, "an offer that saves too little is not prepared"


@pytest.mark.parametrize(
    ("metric", "size", "margin"),
    [("accuracy", "2.0 points of accuracy worse", "1.0"), ("bits_per_byte", "0.020 bits per byte worse", "0.010")],
)
def test_the_metric_and_its_unit_are_named(metric: str, size: str, margin: str) -> None:
    words = _held_against(Interval(value=0.02, low=-0.01, high=0.05), METRICS[metric], 0.01, 60)
    assert words.startswith(size) and words.endswith(f"not shown to be within the margin of {margin}")


def test_the_margin_is_that_of_the_metric_that_training_follows(
    finished: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the verdict rests on written answers, a margin in their points says nothing about bits."""
    run, first = finished, finished_turns(finished)[0]
    recipe = dataclasses.replace(first.recipe, evaluation=dataclasses.replace(first.recipe.evaluation, margin=0.5))
    job = SimpleNamespace(
        run=run,
        recipe=recipe,
        base=run.read("base.json", Base),
        primary_metric="bits_per_byte",
        validation=range(60),
        file=lambda name: f"{run.turn(1)}/{name}",
    )
    seen = list[float]()
    loss = Interval(value=0.001, low=-0.001, high=0.002)

    def remembered(*given: Any) -> Interval:
        seen.append(given[-1])
        return loss

    monkeypatch.setattr(trading, "_loss_of", remembered)
    slow = dataclasses.replace(
        first, resources=dataclasses.replace(first.resources, seconds=first.resources.seconds + 9)
    )
    started = run.lines(job.file("evaluations.jsonl"), Evaluation)[0].metric
    told = {
        name: trading.trade_in_words(job, slow, dataclasses.replace(first, primary_metric=name))  # type: ignore[arg-type]
        for name in ("bits_per_byte", "chrf")
    }
    assert seen == [0.5 * started, METRICS["bits_per_byte"].margin("auto", started)]
    assert "by bits per byte, which training follows: 0.001 bits per byte worse" in told["chrf"]
    assert "which training follows" not in told["bits_per_byte"]


def test_an_old_turn_without_measured_layers_loads_and_gets_no_offer(finished: RunFolder) -> None:
    turn = dataclasses.replace(finished_turns(finished)[0], layers=None, findings=())
    assert not [one for one in rounds.next_changes((turn,)) if one.aim == "speed"]


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (Interval(value=0.01, low=-0.01, high=0.02), "as good in practice"),
        (Interval(value=-0.05, low=-0.08, high=-0.02), "0.050 bits per byte better, beyond chance"),
        (Interval(value=0.20, low=0.15, high=0.25), "worth all layers"),
        (Interval(value=0.02, low=-0.01, high=0.05), "not shown to be within the margin"),
        (None, "too few"),
    ],
    ids=["within", "better", "beyond", "unsure", "few"],
)
def test_as_good_is_only_said_of_what_is_shown_to_be_within_the_margin(loss: Interval | None, said: str) -> None:
    words = _held_against(loss, METRICS["bits_per_byte"], 0.03, 60)
    assert said in words
    assert ("as good" in words or "beyond chance" in words) == (loss is not None and loss.high <= 0.03)


def test_layers_that_share_their_weights_are_told_from_those_that_do_not(tmp_path: Path) -> None:
    from transformers import AlbertConfig, AlbertModel, DistilBertConfig, DistilBertModel

    sizes = {"vocab_size": 50, "hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 16}
    shared = AlbertModel(AlbertConfig(num_hidden_layers=4, embedding_size=16, **sizes))
    shared.save_pretrained(tmp_path / "shared")
    apart = DistilBertModel(DistilBertConfig(vocab_size=50, dim=16, n_heads=2, hidden_dim=16, n_layers=3))
    apart.save_pretrained(tmp_path / "apart")
    assert (num_separate_layers(tmp_path / "shared"), num_separate_layers(tmp_path / "apart")) == (1, 3)
