"""Models of a run combined: what wins on validation becomes a turn and is judged; what does not changes no file."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from sintonia.corridor.doors import combine_turns, seeds_to_train, train_seeds
from sintonia.corridor.turns import candidate_id
from sintonia.errors import RunFailed, UsageError
from sintonia.evaluate import fit_thresholds, fit_to_validation, score_candidate
from sintonia.models.open import open_candidate
from sintonia.pipeline import finished_turns, improve, start
from sintonia.records import Example, Prepared, Turn, Verdict
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, DpSettings, EvaluationSettings, PrivacySettings, Recipe, TrainingSettings
from tests.tiny import make_rows, write_rows


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> Iterator[RunFolder]:
    """A run with its verdict and one more seed of the same recipe."""
    folder = tmp_path_factory.mktemp("combining")
    data = write_rows(folder / "rows.jsonl", make_rows(500, noise=0.15))
    recipe = Recipe(
        data=DataSettings(path=str(data)),
        base=f"file:{tiny_base}",
        training=TrainingSettings(epochs=3.0, learning_rate=2e-3, evaluations=3),
        evaluation=EvaluationSettings(primary_metric="macro_f1"),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SINTONIA_HOME", str(folder / "home"))
        run = start(recipe, folder / "run")
        improve(run)
        changes = seeds_to_train(run, 1)
        assert [one.recipe.seed for one in changes] == [1]
        train_seeds(run, changes)
        assert seeds_to_train(run, 1) == ()
    yield run


@pytest.fixture
def run(finished: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A copy of it for one test."""
    import shutil

    monkeypatch.setenv("SINTONIA_HOME", str(finished.path.parent / "home"))
    shutil.copytree(finished.path, tmp_path / "run")
    return RunFolder.open(tmp_path / "run")


def hashes(run: RunFolder) -> dict[str, str]:
    """Without `ended.json`, which says when it was last worked on."""
    files = (path for path in run.path.rglob("*") if path.is_file() and path.name != "ended.json")
    return {path.relative_to(run.path).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def validation_of(run: RunFolder) -> tuple[Example, ...]:
    prepared = run.read("prepared.json", Prepared)
    assert prepared is not None
    return tuple(run.lines(prepared.parts[0].validation.path, Example))


def spoil(run: RunFolder, number: int, sign: float) -> Turn:
    """Plants noise in the weights of a turn, and records the turn as if it had been trained so."""
    turn = finished_turns(run)[number - 1]
    folder = run.file(turn.candidate.weights)
    path = folder / "3_Dense" / "model.safetensors"
    generator = torch.Generator().manual_seed(5)
    whole = load_file(run.file("planted.safetensors"))
    noise = torch.randn(whole["linear.weight"].shape, generator=generator) * 8 * whole["linear.weight"].std()
    path.unlink()
    save_file(whole | {"linear.weight": whole["linear.weight"] + sign * noise}, path, metadata={"format": "pt"})
    return turn


def record_again(run: RunFolder, turn: Turn) -> None:
    """What the model of a turn says now, as its record."""
    validation = validation_of(run)
    card = fit_to_validation(run.file(turn.candidate.weights), validation)
    run.write(f"{run.turn(turn.number)}/scorecards/validation.json", card)
    files_id = candidate_id(run, (turn,))
    value = next(one.value for one in card.scores if one.metric == "macro_f1")
    candidate = dataclasses.replace(turn.candidate, files_id=files_id)
    turn = dataclasses.replace(turn, validation_metric=value, candidate=candidate)
    run.write(f"{run.turn(turn.number)}/turn.json", turn)


def plant_a_win(run: RunFolder) -> None:
    """Both turns get the same encoder and opposite errors in their heads, so that their mean has none."""
    import shutil

    first, second = (run.file(f"turns/00{number}/model") for number in (1, 2))
    shutil.rmtree(second)
    shutil.copytree(first, second)
    shutil.copyfile(first / "3_Dense" / "model.safetensors", run.file("planted.safetensors"))
    for number, sign in ((1, 1.0), (2, -1.0)):
        record_again(run, spoil(run, number, sign))
    run.file("planted.safetensors").unlink()


def test_a_combination_that_does_not_win_changes_no_file(run: RunFolder) -> None:
    before = hashes(run)
    found = combine_turns(run)
    assert found.kept is None
    assert hashes(run) == before
    kinds = [one.combination.kind for one in found.tried]
    assert kinds == (["mean"] + ["thresholds"] * ("thresholds" in kinds) + ["scaled"] * 5)
    assert max(one.gain for one in found.tried) <= found.needed
    assert found.told[-1].endswith("The run stays as it was")
    best = next(turn for turn in finished_turns(run) if turn.number == found.to_beat)
    assert found.value == pytest.approx(best.validation_metric)


def test_a_mean_that_wins_becomes_a_turn_and_is_judged(run: RunFolder) -> None:
    plant_a_win(run)
    before = run.read("verdict.json", Verdict)
    found = combine_turns(run)
    mean = next(one for one in found.tried if one.combination.kind == "mean")
    assert mean.gain > found.needed > mean.standard_error
    assert found.kept == 3
    turn = finished_turns(run)[-1]
    assert turn.number == 3 and turn.combined == mean.combination
    assert set(mean.combination.turns) == {1, 2}
    assert turn.validation_metric == pytest.approx(mean.value)
    assert "the mean of turns" in turn.purpose
    assert not run.file("cache/combining").exists()
    parts = [load_file(run.file(f"turns/00{k}/model/3_Dense/model.safetensors"))["linear.weight"] for k in (1, 2, 3)]
    assert torch.allclose(parts[2], (parts[0] + parts[1]) / 2, atol=1e-6)
    verdict = improve(run)
    assert before is not None
    assert verdict.turn == 3
    assert verdict.test_openings > before.test_openings
    assert verdict.primary.tuned.value > before.primary.tuned.value - 0.1


def test_an_interrupted_turn_and_changed_weights_are_refused(run: RunFolder) -> None:
    change = dataclasses.replace(seeds_to_train(run, 2)[0])
    run.write(f"{run.turn(3)}/change.json", change)
    with pytest.raises(UsageError, match="interrupted"):
        combine_turns(run)
    run.file(f"{run.turn(3)}/change.json").unlink()
    run.file("turns/001/model/3_Dense/model.safetensors").write_bytes(b"x")
    with pytest.raises(RunFailed, match="changed"):
        combine_turns(run)


def test_turns_trained_with_differential_privacy_are_not_combined(run: RunFolder) -> None:
    recipe = dataclasses.replace(run.recipe(), privacy=PrivacySettings(dp=DpSettings(epsilon=8.0)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunFolder, "recipe", lambda _: recipe)
        with pytest.raises(UsageError, match="no promise is computed for a combination"):
            combine_turns(run, lambda _: None)


def test_thresholds_change_answers_and_no_probability(run: RunFolder, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "model"
    shutil.copytree(run.file("turns/001/model"), folder)
    body = json.loads((folder / "sintonia.json").read_text())
    validation = validation_of(run)
    plain = score_candidate(folder, validation, "validation")
    counts = {label: 10**k for k, label in enumerate(body["labels"])}
    fit_thresholds(folder, validation, "macro_f1", counts)
    assert len(open_candidate(folder).offsets) == len(body["labels"])
    forced = [30.0, *[0.0] * (len(body["labels"]) - 1)]
    (folder / "sintonia.json").write_text(json.dumps(body | {"offsets": forced}))
    moved = score_candidate(folder, validation, "validation")
    assert set(moved.predictions) == {body["labels"][0]} != set(plain.predictions)
    assert moved.losses == plain.losses and moved.squared_errors == plain.squared_errors
    assert np.mean(moved.confidences) < np.mean(plain.confidences)
