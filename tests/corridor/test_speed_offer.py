"""Fewer layers for speed: offered after a turn, taken only when asked for, and told with both numbers."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from sintonia.corridor import rounds
from sintonia.corridor.trading import _held_against, num_separate_layers
from sintonia.pipeline import Progress, finished_turns, improve, start
from sintonia.records import Change, Interval, Prepared, Turn, Verdict
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe, TrainingSettings
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


def test_a_turn_says_what_its_layers_cost(finished: RunFolder) -> None:
    (turn,) = finished_turns(finished)[:1]
    work = turn.layers
    assert work is not None
    assert (work.num_layers, work.num_epochs, work.num_validations) == (4, 2.0, 5)
    assert 0 < work.step_seconds < turn.resources.seconds > work.validation_seconds > 0
    assert 0.2 <= work.forward_fraction <= 0.6
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


def test_no_round_takes_it_by_itself(monkeypatch: pytest.MonkeyPatch, finished: RunFolder) -> None:
    offer = _offer(finished)
    probe = dataclasses.replace(offer, aim="quality", setting="training.learning_rate", after="0.006")

    def planned(turns: tuple[Turn, ...]) -> tuple[Change, ...]:
        return (offer, probe)

    monkeypatch.setattr(rounds, "next_changes", planned)
    assert rounds._for_quality(finished_turns(finished)) == (probe,)
    prepared = finished.read("prepared.json", Prepared)
    assert prepared is not None
    assert rounds.changes_worth_trying(finished_turns(finished), prepared.parts) == (probe, offer)


def test_an_old_turn_without_measured_layers_loads_and_gets_no_offer(finished: RunFolder) -> None:
    turn = dataclasses.replace(finished_turns(finished)[0], layers=None, findings=())
    assert not [one for one in rounds.next_changes((turn,)) if one.aim == "speed"]


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (Interval(value=0.01, low=-0.01, high=0.02), "as good in practice"),
        (Interval(value=-0.05, low=-0.08, high=-0.02), "0.050 better, beyond chance"),
        (Interval(value=0.20, low=0.15, high=0.25), "worth all layers"),
        (Interval(value=0.02, low=-0.01, high=0.05), "not shown to be within the margin"),
        (None, "too few"),
    ],
    ids=["within", "better", "beyond", "unsure", "few"],
)
def test_as_good_is_only_said_of_what_is_shown_to_be_within_the_margin(loss: Interval | None, said: str) -> None:
    words = _held_against(loss, 0.03, 60)
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
